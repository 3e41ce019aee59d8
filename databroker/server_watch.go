package databroker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"github.com/cardea-proxy/cardea/databroker/brokerpb"
)

// HeartbeatInterval is how often a watch gives a sign of life. A view that
// hears nothing for a few of them stops trusting what it knows.
const HeartbeatInterval = 200 * time.Millisecond

// watchBatch is how many changes are read from the store at once.
const watchBatch = 256

// Watch implements the service.
func (s *Server) Watch(req *brokerpb.WatchRequest, stream grpc.ServerStreamingServer[brokerpb.WatchResponse]) error {
	ctx := stream.Context()
	if err := s.watch(ctx, req, stream.Send); err != nil {
		return s.fail(ctx, "watch", err)
	}
	return nil
}

func (s *Server) watch(ctx context.Context, req *brokerpb.WatchRequest, send func(*brokerpb.WatchResponse) error) error {
	kinds, err := s.kinds(req.GetTypes())
	if err != nil {
		return err
	}
	after, err := s.startOf(ctx, req)
	if err != nil {
		return err
	}
	if err := send(&brokerpb.WatchResponse{Position: s.at(after).proto()}); err != nil {
		return err
	}
	for caughtUp := false; ; {
		entries, reached, err := s.vault.store.Changes(ctx, after, watchBatch)
		if err != nil {
			return err
		}
		told := after
		for _, e := range entries {
			if kinds != nil && !kinds[[KindSize]byte(e.Key.Kind())] {
				continue
			}
			r, err := s.vault.open(ctx, e)
			if err != nil {
				return err
			}
			told = e.Position
			if err := send(&brokerpb.WatchResponse{Position: s.at(told).proto(), Record: r.proto()}); err != nil {
				return err
			}
		}
		more := len(entries) == watchBatch
		if !more && (reached == after || told != reached || !caughtUp) {
			caughtUp = true
			if err := send(&brokerpb.WatchResponse{Position: s.at(reached).proto()}); err != nil {
				return err
			}
		}
		after = reached
		if more {
			continue
		}
		if err := s.pause(ctx, after); err != nil {
			return err
		}
	}
}

// pause returns when there is something to tell: a change, or that the time
// for a sign of life has come.
func (s *Server) pause(ctx context.Context, after uint64) error {
	wait, cancel := context.WithTimeout(ctx, HeartbeatInterval)
	defer cancel()
	err := s.vault.store.Wait(wait, after)
	select {
	case <-s.done:
		return fmt.Errorf("%w: the databroker is shutting down", ErrUnavailable)
	default:
	}
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// startOf returns the position a watch begins after.
func (s *Server) startOf(ctx context.Context, req *brokerpb.WatchRequest) (uint64, error) {
	if req.GetPosition() == nil {
		return s.vault.store.Position(ctx)
	}
	p := positionFrom(req.GetPosition())
	if p.Epoch != s.vault.store.Epoch() {
		return 0, ErrRelist
	}
	return p.Number, nil
}

// kinds returns the keyed hashes of types; nil stands for all.
func (s *Server) kinds(types []string) (map[[KindSize]byte]bool, error) {
	if len(types) == 0 {
		return nil, nil
	}
	kinds := make(map[[KindSize]byte]bool, len(types))
	for _, t := range types {
		if err := checkName("record type", t, MaxTypeSize); err != nil {
			return nil, err
		}
		kinds[[KindSize]byte(s.vault.kind(t))] = true
	}
	return kinds, nil
}
