package policy

import (
	"context"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// patience is how long an evaluation that was told to end is waited for. The
// evaluator looks up between two steps, and a step takes much less.
const patience = 200 * time.Millisecond

// halves are what allow and deny came to, or why they came to nothing.
type halves struct {
	allow, deny half
	err         error
}

// evaluate asks the module for both halves. Waiting for a turn counts towards
// the limit. It returns in time even if the evaluator does not, which keeps its
// turn until it ends: one such evaluation leaves the others their turns, and
// with maxAdrift of them the module lets nobody in.
func (m *Module) evaluate(ctx context.Context, f *Facts, limit time.Duration) (allow, deny half, err error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	if err := m.turns.take(ctx, timer.C); err != nil {
		return half{}, half{}, fmt.Errorf("%s: %w", m.file, err)
	}
	e := &evaluation{facts: f, steps: m.maxSteps}
	done := make(chan halves, 1)
	go func() {
		came := m.run(ctx, e)
		m.turns.giveBack()
		done <- came
	}()
	var came halves
	select {
	case came = <-done:
	case <-timer.C:
		e.Cancel()
		came = m.await(done)
	case <-ctx.Done():
		e.Cancel()
		came = m.await(done)
	}
	if came.err == errLate && ctx.Err() != nil {
		came.err = ctx.Err()
	}
	if came.err != nil {
		return half{}, half{}, fmt.Errorf("%s: %w", m.file, came.err)
	}
	return came.allow, came.deny, nil
}

// await waits for an evaluation that was told to end, and gives it up.
func (m *Module) await(done <-chan halves) halves {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case came := <-done:
		return came
	case <-timer.C:
	}
	m.turns.adrift.Add(1)
	go func() {
		<-done
		m.turns.adrift.Add(-1)
	}()
	return halves{err: errLate}
}

// run evaluates on a goroutine of its own, whose stack goes with it.
func (m *Module) run(ctx context.Context, e *evaluation) (came halves) {
	// The evaluator panics on what it holds for impossible.
	defer func() {
		if r := recover(); r != nil {
			came = halves{err: fmt.Errorf("%w: %v", errPanic, r)}
		}
	}()
	var allowed, denied *ast.Term
	results := 0
	err := topdown.NewQuery(m.question).WithCompiler(m.compiler).
		WithInput(e.facts.written(&m.reads)).
		WithTime(e.facts.now()).
		WithCancel(e).
		WithBuiltins(writtenFunctions()).
		WithStrictBuiltinErrors(true).
		WithMetrics(metrics.NoOp()).
		Iter(context.WithValue(ctx, evaluationKey{}, e), func(r topdown.QueryResult) error {
			results++
			allowed, denied = r["allow"], r["deny"]
			return nil
		})
	switch {
	case e.reason != nil:
		return halves{err: e.reason}
	case err != nil && e.late.Load():
		return halves{err: errLate}
	case err != nil:
		return halves{err: err}
	case results != 1 || allowed == nil || denied == nil:
		return halves{err: errNoResult}
	}
	if came.allow, came.err = writtenResult("allow", allowed); came.err == nil {
		came.deny, came.err = writtenResult("deny", denied)
	}
	return came
}
