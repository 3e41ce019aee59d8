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

// A valuation is what each rule of an explainer has come to, by its index.
type valuation struct {
	halves []half
	input  *ast.Term
	// Of hand-written modules, by the place of their rule, and what they read.
	errs    map[int]error
	written map[*Module]*ast.Term
}

func (e *explainer) value(ctx context.Context, f *Facts) (v *valuation, err error) {
	defer func() {
		if r := recover(); r != nil {
			v, err = nil, fmt.Errorf("explain policy: %w: %v", errPanic, r)
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("explain policy: %w", err)
	}
	records, err := f.lookUp(ctx, &e.reads, nil)
	if err != nil {
		return nil, fmt.Errorf("explain policy: %w", err)
	}
	v = &valuation{
		halves: make([]half, len(e.rules)), input: f.input(&e.reads, records, e.literals),
		errs: map[int]error{}, written: map[*Module]*ast.Term{},
	}
	rules, err := e.ask(ctx, v.input)
	if err != nil {
		return nil, fmt.Errorf("explain policy: %w", err)
	}
	next := 0
	for _, r := range e.rules {
		if r.rego == "" {
			continue
		}
		if v.halves[r.index], err = result(rules.Elem(next)); err != nil {
			return nil, fmt.Errorf("explain policy: %w", err)
		}
		next++
	}
	e.valueWritten(ctx, f, v)
	return v, nil
}

// ask evaluates all rules at once.
func (e *explainer) ask(ctx context.Context, input *ast.Term) (*ast.Array, error) {
	limit := e.limit
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	cancel := topdown.NewCancel()
	defer time.AfterFunc(limit, cancel.Cancel).Stop()
	var rules *ast.Array
	err := topdown.NewQuery(e.shape.query).WithCompiler(e.shape.compiler).WithInput(input).WithCancel(cancel).
		WithStrictBuiltinErrors(true).WithMetrics(metrics.NoOp()).
		Iter(ctx, func(r topdown.QueryResult) error {
			if t := r["rules"]; t != nil {
				rules, _ = t.Value.(*ast.Array)
			}
			return nil
		})
	if err == nil && (rules == nil || rules.Len() != len(e.written())) {
		err = errNoResult
	}
	return rules, err
}

// says reports whether the module has a rule allow, or deny.
func (m *Module) says(deny bool) bool {
	rule := "allow"
	if deny {
		rule = "deny"
	}
	return m.compiler.GetRulesExact(ast.MustParseRef("data."+packageName+"."+rule)) != nil
}

// valueWritten adds what hand-written Rego has come to, to the modules and to
// all that stands above them.
func (e *explainer) valueWritten(ctx context.Context, f *Facts, v *valuation) {
	type results struct{ allow, deny half }
	known := map[*Module]results{}
	// Children come after their parents, so that backwards each is ready when
	// it is asked for.
	for _, r := range slices.Backward(e.rules) {
		if !r.written {
			continue
		}
		if r.module == nil {
			for _, child := range r.children {
				if child.written {
					v.halves[r.index] = v.halves[r.index].or(v.halves[child.index])
				}
			}
			continue
		}
		h, ok := known[r.module]
		if !ok {
			v.written[r.module] = f.written(&r.module.reads)
			var err error
			if h.allow, h.deny, err = r.module.evaluate(ctx, f, e.limit); err != nil {
				v.errs[r.index] = err
			}
			known[r.module] = h
		}
		v.halves[r.index] = h.allow
		if r.deny {
			v.halves[r.index] = h.deny
		}
	}
}

// decision is what the rules together come to.
func (v *valuation) decision(e *explainer) Decision {
	allow, deny := v.halves[e.allow.index], v.halves[e.deny.index]
	d := Decision{Allow: allow.truth, AllowReasons: allow.reasons, Deny: deny.truth, DenyReasons: deny.reasons}
	if len(v.errs) > 0 {
		for _, i := range slices.Sorted(maps.Keys(v.errs)) {
			d.Err = errors.Join(d.Err, v.errs[i])
		}
		return d
	}
	d.Outcome = d.outcome()
	return d
}
