package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// errNoResult is returned where the Rego has not come to exactly one result.
var errNoResult = errors.New("policy has no result")

// errPanic is returned where the evaluator has panicked.
var errPanic = errors.New("evaluator panicked")

// Decide decides about one request, from memory where it can. Whatever goes
// wrong is a denial with its Err set. The deadline of ctx holds, and a limit of
// our own; that ctx is cancelled is seen at the latest when that limit is
// over.
func (p *Program) Decide(ctx context.Context, f Facts) Decision {
	if p.memory == nil {
		return p.evaluate(ctx, &f)
	}
	// On the stack: the key of a request that is remembered costs no
	// allocation.
	var space [maxKey]byte
	key := f.key(space[:0], &p.reads)
	if len(key) > maxKey {
		return p.evaluate(ctx, &f)
	}
	person := f.Person
	if !p.reads.Session {
		person = nil
	}
	if d, ok := p.memory.get(person, key); ok {
		return *d
	}
	d := p.evaluate(ctx, &f)
	if d.Reusable {
		p.memory.put(person, string(key), &d)
	}
	return d
}

// Evaluate decides like Decide, and neither asks the memory nor adds to it. It
// is for a Person made for one question alone, under whom nobody would look a
// decision up again.
func (p *Program) Evaluate(ctx context.Context, f Facts) Decision { return p.evaluate(ctx, &f) }

func (p *Program) evaluate(ctx context.Context, f *Facts) Decision {
	allow, deny, err := p.run(ctx, f)
	if err != nil {
		return Decision{Err: fmt.Errorf("evaluate policy: %w", err)}
	}
	d := Decision{Reusable: !p.reads.Clock}
	var allowErr, denyErr error
	d.Allow, d.AllowReasons, allowErr = result(allow)
	d.Deny, d.DenyReasons, denyErr = result(deny)
	if err := errors.Join(allowErr, denyErr); err != nil {
		return Decision{Err: fmt.Errorf("evaluate policy: %w", err)}
	}
	d.Outcome = d.outcome()
	return d
}

// run asks the Rego for allow and deny.
func (p *Program) run(ctx context.Context, f *Facts) (allow, deny *ast.Term, err error) {
	limit := p.limit
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if limit <= 0 {
		return nil, nil, context.DeadlineExceeded
	}
	// The evaluator panics on what it holds for impossible. One request is
	// denied then, and the others go on.
	defer func() {
		if r := recover(); r != nil {
			allow, deny, err = nil, nil, fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	cancel := topdown.NewCancel()
	defer time.AfterFunc(limit, cancel.Cancel).Stop()

	// A built-in function that fails is an error and not "undefined", which a
	// negation would turn into true.
	query := topdown.NewQuery(p.shape.query).
		WithCompiler(p.shape.compiler).
		WithInput(f.input(&p.reads, p.literals)).
		WithCancel(cancel).
		WithStrictBuiltinErrors(true).
		WithMetrics(metrics.NoOp())
	results := 0
	err = query.Iter(ctx, func(r topdown.QueryResult) error {
		results++
		allow, deny = r["allow"], r["deny"]
		return nil
	})
	switch {
	case err != nil:
		return nil, nil, err
	case results != 1 || allow == nil || deny == nil:
		return nil, nil, errNoResult
	}
	return allow, deny, nil
}

// result reads what a rule came to: a truth and its reasons.
func result(t *ast.Term) (bool, []string, error) {
	pair, ok := t.Value.(*ast.Array)
	if !ok || pair.Len() != 2 {
		return false, nil, errNoResult
	}
	truth, ok := pair.Elem(0).Value.(ast.Boolean)
	if !ok {
		return false, nil, errNoResult
	}
	set, ok := pair.Elem(1).Value.(ast.Set)
	if !ok {
		return false, nil, errNoResult
	}
	var reasons []string
	bad := set.Until(func(t *ast.Term) bool {
		s, ok := t.Value.(ast.String)
		reasons = append(reasons, string(s))
		return !ok
	})
	if bad {
		return false, nil, errNoResult
	}
	slices.Sort(reasons)
	return bool(truth), reasons, nil
}
