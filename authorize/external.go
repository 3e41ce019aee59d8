package authorize

import (
	"context"
	"errors"
	"fmt"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/policy"
)

// externalCacheSize bounds the external records that are kept as policies read
// them.
const externalCacheSize = 32768

// externals are the external records of the databroker as policies read them,
// made once for each version.
type externals struct {
	sessions Sessions
	made     *cache[externalKey, externalValue]
}

type externalKey struct{ typ, key, value string }

type externalValue struct {
	from   *databroker.External
	record *policy.Record
}

// Records are the external records as decisions read them.
func (s *Server) Records() policy.Records { return s.externals }

// Record is that of policy.Records.
func (x *externals) Record(ctx context.Context, typ string, key policy.RecordKey, value string) (*policy.Record, error) {
	found, err := x.sessions.External(ctx, typ, string(key), value)
	if errors.Is(err, databroker.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read external record: %w", err)
	}
	k := externalKey{typ, string(key), value}
	if known, ok := x.made.get(k); ok && known.from == found {
		return known.record, nil
	}
	record, err := policy.NewRecord(found.Data)
	if err != nil {
		return nil, fmt.Errorf("read external record: %w", err)
	}
	x.made.put(k, externalValue{found, record})
	return record, nil
}
