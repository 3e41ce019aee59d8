package policy

import (
	"context"
	"sync/atomic"
	"time"
)

// maxParallel bounds the evaluations of one module at a time, and with them
// what they hold at a time: they share the processors anyway. The others wait,
// each within its own limit.
const maxParallel = 8

// maxAdrift bounds the evaluations of one module that nobody waits for any more
// while others may still begin. Each takes a processor until it ends; past
// these few it is the module that does not end, not the one request.
const maxAdrift = 4

// turns are the evaluations of one module that are under way.
type turns struct {
	taken  chan struct{} // one for each, those adrift included
	adrift atomic.Int32  // those that have not ended although they were told to
}

func newTurns() *turns { return &turns{taken: make(chan struct{}, maxParallel)} }

// take waits for a turn. An error means that none came: errStuck at once where
// too many are adrift, errBusy after the limit, that of ctx when it is over.
func (t *turns) take(ctx context.Context, limit <-chan time.Time) error {
	if t.adrift.Load() >= maxAdrift {
		return errStuck
	}
	select {
	case t.taken <- struct{}{}:
		return nil
	default:
	}
	select {
	case t.taken <- struct{}{}:
		return nil
	case <-limit:
		return errBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) giveBack() { <-t.taken }
