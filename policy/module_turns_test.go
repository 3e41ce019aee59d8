package policy

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// One evaluation that does not end leaves the others their turns; a few of them
// are told at once, without waiting.
func TestEvaluationsThatAreAdrift(t *testing.T) {
	t.Parallel()
	m := handWritten(t, "allow := true")
	release := make(chan halves)
	for n := range maxAdrift {
		if allow, _, err := m.evaluate(t.Context(), &Facts{}, time.Hour); err != nil || !allow.truth {
			t.Fatalf("evaluate beside %d adrift: %v, %v", n, allow, err)
		}
		if got := m.await(release); !errors.Is(got.err, errLate) {
			t.Errorf("await = %+v", got)
		}
	}
	if allow, _, err := m.evaluate(t.Context(), &Facts{}, time.Hour); !errors.Is(err, errStuck) || allow.truth {
		t.Errorf("evaluate beside %d adrift: %v", maxAdrift, err)
	}
	for range maxAdrift {
		release <- halves{}
	}
	for m.turns.adrift.Load() > 0 {
		runtime.Gosched()
	}
	if allow, _, err := m.evaluate(t.Context(), &Facts{}, time.Hour); err != nil || !allow.truth {
		t.Errorf("evaluate after them: %v, %v", allow, err)
	}
}

// Whoever gets no turn in time is denied, and the next one is not.
func TestNoTurnIsADenial(t *testing.T) {
	t.Parallel()
	m := handWritten(t, "allow := true")
	for range maxParallel {
		m.turns.taken <- struct{}{}
	}
	if allow, _, err := m.evaluate(t.Context(), &Facts{}, time.Millisecond); !errors.Is(err, errBusy) || allow.truth {
		t.Errorf("after the limit: %v, %v", allow, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if allow, _, err := m.evaluate(ctx, &Facts{}, time.Hour); !errors.Is(err, context.Canceled) || allow.truth {
		t.Errorf("after its caller has gone: %v, %v", allow, err)
	}
	m.turns.giveBack()
	for range 3 * maxParallel {
		if allow, _, err := m.evaluate(t.Context(), &Facts{}, time.Hour); err != nil || !allow.truth {
			t.Fatalf("with a turn: %v, %v", allow, err)
		}
	}
	if n := len(m.turns.taken); n != maxParallel-1 {
		t.Errorf("%d turns are taken, want those that the test holds", n)
	}
}

// A gate lets evaluations in and holds them until it is opened.
type gate struct {
	open      chan struct{}
	now, most atomic.Int32
}

func (g *gate) Record(context.Context, string, RecordKey, string) (*Record, error) {
	n := g.now.Add(1)
	for most := g.most.Load(); n > most && !g.most.CompareAndSwap(most, n); most = g.most.Load() {
	}
	<-g.open
	g.now.Add(-1)
	return nil, nil
}

func TestEvaluationsOfOneModuleAreBounded(t *testing.T) {
	t.Parallel()
	m := handWritten(t, `allow if get_databroker_record("a", input.session.user_id) == null`)
	g := &gate{open: make(chan struct{})}
	facts := signedIn(ada())
	facts.Records = g
	var all sync.WaitGroup
	var allowed atomic.Int32
	const asked = 5 * maxParallel
	for range asked {
		all.Go(func() {
			f := facts
			allow, _, err := m.evaluate(t.Context(), &f, time.Hour)
			if err != nil {
				t.Errorf("evaluate: %v", err)
			}
			if allow.truth {
				allowed.Add(1)
			}
		})
	}
	for g.now.Load() < maxParallel {
		runtime.Gosched()
	}
	close(g.open)
	all.Wait()
	if most := g.most.Load(); most != maxParallel {
		t.Errorf("%d at a time, want %d", most, maxParallel)
	}
	if n := allowed.Load(); n != asked {
		t.Errorf("%d of %d were allowed", n, asked)
	}
}
