package local

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// errBusy is returned when so many guesses are waiting that one more would not
// be answered in time.
var errBusy = errors.New("too many sign-ins at once")

const (
	atOnce  = 2  // guesses worked on: the memory taken is this times that of one hash
	mayWait = 16 // guesses that wait: at a tenth of a second each, about a second
)

// busyRetry is when somebody who was turned away should come back.
const busyRetry = 2 * time.Second

// A gate bounds how many password hashes are computed at once. Without it a
// handful of connections could take all memory and both cores.
type gate struct {
	slots   chan struct{}
	waiting atomic.Int32
}

func newGate() *gate { return &gate{slots: make(chan struct{}, atOnce)} }

// enter waits for a slot; leave must follow. It returns errBusy at once when
// mayWait others wait already, and the context's error when the caller leaves.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	if g.waiting.Add(1) > mayWait {
		g.waiting.Add(-1)
		return errBusy
	}
	defer g.waiting.Add(-1)
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) leave() { <-g.slots }
