package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	// On the stack, records and key: a request that is remembered costs no
	// allocation.
	var found [4]*Record
	records, err := p.ready(ctx, &f, found[:0])
	if err != nil {
		return Decision{Err: err}
	}
	if p.memory == nil {
		return p.fresh(ctx, f, slices.Clone(records))
	}
	var space [maxKey]byte
	key := f.key(space[:0], &p.reads, records)
	if len(key) > maxKey {
		return p.fresh(ctx, f, slices.Clone(records))
	}
	person := f.Person
	if !p.reads.Session {
		person = nil
	}
	if d, ok := p.memory.get(person, key); ok && (!p.reads.Clock || d.holds(f.Now)) {
		return *d
	}
	d := p.fresh(ctx, f, slices.Clone(records))
	if d.Reusable {
		p.memory.put(person, string(key), &d)
	}
	return d
}

// fresh evaluates. It takes the facts by value so that those of a remembered
// request need no room on the heap.
func (p *Program) fresh(ctx context.Context, f Facts, records []*Record) Decision {
	return p.evaluate(ctx, &f, records)
}

// Evaluate decides like Decide, and neither asks the memory nor adds to it. It
// is for a Person made for one question alone, under whom nobody would look a
// decision up again.
func (p *Program) Evaluate(ctx context.Context, f Facts) Decision {
	records, err := p.ready(ctx, &f, nil)
	if err != nil {
		return Decision{Err: err}
	}
	return p.evaluate(ctx, &f, records)
}

// ready settles what changes by itself, the time and external records, so that
// the whole decision is about one moment. The records are appended to found.
func (p *Program) ready(ctx context.Context, f *Facts, found []*Record) ([]*Record, error) {
	if p.reads.Clock {
		f.Now = f.now().Round(0) // the clock on the wall alone, as Rego reads it
	}
	records, err := f.lookUp(ctx, &p.reads, found)
	if err != nil {
		return nil, fmt.Errorf("evaluate policy: %w", err)
	}
	return records, nil
}

// A half is what allow or deny came to.
type half struct {
	truth   bool
	reasons []string       // sorted, each once
	extra   map[string]any // of hand-written Rego; never changed
}

// or is what the union of the rules of both comes to: the reasons are those of
// what is true, or of everything where nothing is.
func (h half) or(o half) half {
	switch {
	case h.truth && !o.truth:
		return h
	case o.truth && !h.truth:
		return o
	}
	reasons := slices.Concat(h.reasons, o.reasons)
	slices.Sort(reasons)
	return half{h.truth, slices.Compact(reasons), merged(h.extra, o.extra)}
}

// merged holds what is in either; of what is in both, that of b.
func merged(a, b map[string]any) map[string]any {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func (p *Program) evaluate(ctx context.Context, f *Facts, records []*Record) Decision {
	allow, deny, err := p.run(ctx, f, records)
	if err != nil {
		return Decision{Err: fmt.Errorf("evaluate policy: %w", err)}
	}
	d := Decision{
		Allow: allow.truth, AllowReasons: allow.reasons, Deny: deny.truth, DenyReasons: deny.reasons,
		Extra: merged(allow.extra, deny.extra), Reusable: !p.reads.Volatile,
	}
	if p.reads.Clock {
		d.Since, d.Until = f.Now, p.until(f)
	}
	if d.hasReason(reasonDeviceUnauthenticated) || d.hasReason(reasonDeviceUnauthorized) {
		d.DeviceType, d.DeviceVerify, d.DeviceApproval = p.device.typ, p.device.verify, p.device.approval
	}
	d.Outcome = d.outcome()
	return d
}

// until returns when the decision may turn out otherwise by itself.
func (p *Program) until(f *Facts) (at time.Time) {
	for _, c := range p.clocked {
		at = earliest(at, c.kind.until(c, f))
	}
	return at
}

// run asks the Rego for allow and deny.
func (p *Program) run(ctx context.Context, f *Facts, records []*Record) (allow, deny half, err error) {
	limit := p.limit
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	if err := ctx.Err(); err != nil {
		return half{}, half{}, err
	}
	if limit <= 0 {
		return half{}, half{}, context.DeadlineExceeded
	}
	// The evaluator panics on what it holds for impossible. One request is
	// denied then, and the others go on.
	defer func() {
		if r := recover(); r != nil {
			allow, deny, err = half{}, half{}, fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	if allow, deny, err = p.runOwn(ctx, f, records, limit); err != nil {
		return half{}, half{}, err
	}
	for _, m := range p.modules {
		a, d, err := m.evaluate(ctx, f, limit)
		if err != nil {
			return half{}, half{}, err
		}
		allow, deny = allow.or(a), deny.or(d)
	}
	return allow, deny, nil
}

// runOwn asks the Rego that is written here.
func (p *Program) runOwn(ctx context.Context, f *Facts, records []*Record, limit time.Duration) (allow, deny half, err error) {
	cancel := topdown.NewCancel()
	defer time.AfterFunc(limit, cancel.Cancel).Stop()

	// A built-in function that fails is an error and not "undefined", which a
	// negation would turn into true.
	query := topdown.NewQuery(p.shape.query).
		WithCompiler(p.shape.compiler).
		WithInput(f.input(&p.reads, records, p.literals)).
		WithCancel(cancel).
		WithStrictBuiltinErrors(true).
		WithMetrics(metrics.NoOp())
	var allowed, denied *ast.Term
	results := 0
	err = query.Iter(ctx, func(r topdown.QueryResult) error {
		results++
		allowed, denied = r["allow"], r["deny"]
		return nil
	})
	switch {
	case err != nil:
		return half{}, half{}, err
	case results != 1 || allowed == nil || denied == nil:
		return half{}, half{}, errNoResult
	}
	var allowErr, denyErr error
	allow, allowErr = result(allowed)
	deny, denyErr = result(denied)
	return allow, deny, errors.Join(allowErr, denyErr)
}

// result reads what a rule came to: a truth and its reasons.
func result(t *ast.Term) (half, error) {
	pair, ok := t.Value.(*ast.Array)
	if !ok || pair.Len() != 2 {
		return half{}, errNoResult
	}
	truth, ok := pair.Elem(0).Value.(ast.Boolean)
	if !ok {
		return half{}, errNoResult
	}
	set, ok := pair.Elem(1).Value.(ast.Set)
	if !ok {
		return half{}, errNoResult
	}
	var reasons []string
	bad := set.Until(func(t *ast.Term) bool {
		s, ok := t.Value.(ast.String)
		reasons = append(reasons, string(s))
		return !ok
	})
	if bad {
		return half{}, errNoResult
	}
	slices.Sort(reasons)
	return half{truth: bool(truth), reasons: reasons}, nil
}
