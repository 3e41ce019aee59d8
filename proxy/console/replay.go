package console

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

const (
	// maxConfig bounds a configuration that is tried, in bytes.
	maxConfig = 1 << 20
	// replayPatience bounds a replay; what was not tried by then is not.
	replayPatience = 30 * time.Second
	// replayed is how far back it goes where nothing is said.
	replayed = 24 * time.Hour
)

// ReplayConfig is ReplayService.ReplayConfig.
func (s *Service) ReplayConfig(ctx context.Context, a Actor, r *consolepb.ReplayConfigRequest) (*consolepb.ReplayConfigResponse, error) {
	if err := s.may(a, "ReplayConfig"); err != nil {
		return nil, err
	}
	switch {
	case !s.recorded():
		return nil, errNotRecorded
	case len(r.GetConfig()) == 0 || len(r.GetConfig()) > maxConfig:
		return nil, &Invalid{"config", "a configuration of at most 1 MiB"}
	case r.GetSince() != nil && r.GetSince().CheckValid() != nil:
		return nil, &Invalid{"since", "a time"}
	}
	if !s.replaying.TryLock() {
		return nil, &Conflict{"another replay is under way: wait for its end"}
	}
	defer s.replaying.Unlock()
	if r.GetSince() == nil {
		r = proto.Clone(r).(*consolepb.ReplayConfigRequest)
		r.Since = timestamppb.New(s.o.Now().Add(-replayed))
	}
	ctx, cancel := context.WithTimeout(ctx, replayPatience)
	defer cancel()
	return s.o.Configuration.Replay(ctx, r)
}
