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
	return s.fail(ctx, "watch", s.watch(ctx, req, stream.Send)) // it ends with an error, always
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
	w := watcher{server: s, kinds: kinds, send: send, after: after}
	for {
		more, err := w.tell(ctx)
		if err != nil {
			return err
		}
		if more {
			continue
		}
		if err := s.pause(ctx, w.after); err != nil {
			return err
		}
	}
}

// A watcher is one watch under way.
type watcher struct {
	server   *Server
	kinds    map[[KindSize]byte]bool // nil for all
	send     func(*brokerpb.WatchResponse) error
	after    uint64 // the position up to which everything has been told
	caughtUp bool
}

// tell sends one batch of changes, and reports whether there are more. When
// there are none it says so with a message that has no record: the first time
// always, then unless the last record said as much.
func (w *watcher) tell(ctx context.Context) (more bool, err error) {
	entries, reached, err := w.server.vault.store.Changes(ctx, w.after, watchBatch)
	if err != nil {
		return false, err
	}
	told := w.after
	for _, e := range entries {
		if w.kinds != nil && !w.kinds[[KindSize]byte(e.Key.Kind())] {
			continue
		}
		r, err := w.server.vault.open(ctx, e)
		if err != nil {
			return false, err
		}
		told = e.Position
		if err := w.send(&brokerpb.WatchResponse{Position: w.server.at(told).proto(), Record: r.proto()}); err != nil {
			return false, err
		}
	}
	if len(entries) == watchBatch {
		w.after = reached
		return true, nil
	}
	silent := w.caughtUp && told == reached && told != w.after
	w.after, w.caughtUp = reached, true
	if silent {
		return false, nil
	}
	return false, w.send(&brokerpb.WatchResponse{Position: w.server.at(reached).proto()})
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
