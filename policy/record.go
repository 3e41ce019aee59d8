package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A RecordKey says what an external record is about: the value it is looked up
// by. Two kinds of keys never meet, so that nobody is taken for an address by
// having an id that looks like one.
type RecordKey string

// The keys of external records.
const (
	KeyUserID      RecordKey = "user.id"
	KeyUserEmail   RecordKey = "user.email"
	KeyRequestIP   RecordKey = "request.ip"
	KeyFingerprint RecordKey = "request.client_certificate.fingerprint"
)

// RecordKeys are all of them, in the order in which a look-up without a key
// tries them.
var RecordKeys = []RecordKey{KeyUserID, KeyUserEmail, KeyRequestIP, KeyFingerprint}

// Records is where external records are looked up. Values it returns are
// shared: the same pointer is the same version of the same record.
type Records interface {
	// Record returns nil, without an error, where there is no such record. An
	// error means that nobody knows, and then nobody is let in.
	Record(ctx context.Context, typ string, key RecordKey, value string) (*Record, error)
}

// A Record is one version of an external record as the values that Rego reads.
// It is immutable and safe for concurrent use.
type Record struct {
	term  *ast.Term
	data  map[string]any
	stamp uint64 // tells versions apart; never 0
}

// Data is what the record holds, which must not be changed.
func (r *Record) Data() map[string]any { return r.data }

var recordStamps atomic.Uint64

// NewRecord prepares what policies read of a record. It keeps data, which is as
// JSON decodes it and must not change any more.
func NewRecord(data map[string]any) (*Record, error) {
	v, err := ast.InterfaceToValue(data)
	if err != nil {
		return nil, fmt.Errorf("prepare record: %w", err)
	}
	return &Record{term: ast.NewTerm(v), data: data, stamp: recordStamps.Add(1)}, nil
}

// A RecordSeen is one external record that a decision asked for.
type RecordSeen struct {
	Type   string
	Key    RecordKey
	Value  string
	Record *Record // nil: there is none
}

// A storeError is what a store of records said instead of answering.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// lookUp appends to out the records that r reads, in the order of r.Records;
// nil stands for one that is absent.
func (f *Facts) lookUp(ctx context.Context, r *Reads, out []*Record) ([]*Record, error) {
	for _, want := range r.Records {
		found, err := f.find(ctx, want, f.Seen)
		if err != nil {
			return nil, err
		}
		out = append(out, found)
	}
	return out, nil
}

// find looks one record up; nil is none. seen is told of every try; it may be
// nil.
func (f *Facts) find(ctx context.Context, want RecordRead, seen func(RecordSeen)) (*Record, error) {
	keys := RecordKeys
	if want.Key != "" {
		keys = []RecordKey{want.Key}
	}
	for _, key := range keys {
		value := f.recordValue(key)
		if value == "" || f.Records == nil {
			continue
		}
		found, err := f.Records.Record(ctx, want.Type, key, value)
		if err != nil {
			return nil, fmt.Errorf("read record %q: %w", want.Type, storeError{err})
		}
		if seen != nil {
			seen(RecordSeen{want.Type, key, value, found})
		}
		if found != nil {
			return found, nil
		}
	}
	return nil, nil
}

// recordValue is what a key comes to for these facts; "" where it is not known.
func (f *Facts) recordValue(key RecordKey) string {
	switch key {
	case KeyUserID:
		if f.Person != nil {
			return f.Person.userID
		}
	case KeyUserEmail:
		if f.Person != nil {
			return f.Person.email
		}
	case KeyRequestIP:
		if ip := f.Request.clientIP(); ip.IsValid() {
			return ip.String()
		}
	case KeyFingerprint:
		if c := f.Request.ClientCertificate; c.Presented && c.Leaf != nil {
			sum := sha256.Sum256(c.Leaf.Raw)
			return hex.EncodeToString(sum[:])
		}
	}
	return ""
}
