package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Bounds of one evaluation of one module. Together they keep what it can hold
// at a time under about 64 MiB.
const (
	// maxStepRoom is shared by the steps: each may keep a value as large as the
	// largest that is written in the module.
	maxStepRoom = 40 << 20
	stepRoom    = 800 // bytes that a step takes at the least: bindings, a set's entry, the stack
	nodeRoom    = 120 // bytes of a value in a composite one
	maxSteps    = 50_000
	// maxCalls is instead of maxSteps for a module with functions. What comes
	// after a call stands on the stack above it, about 2 KiB for each step.
	maxCalls = 15_000
	// maxMade bounds what built-in functions make, in bytes of text; an element
	// of a list, a set or an object counts as elementSize.
	maxMade     = 1 << 20
	elementSize = 16
	// maxPrinted bounds lines that are printed, each of maxLine bytes.
	maxPrinted = 100
	maxLine    = 1 << 10
)

// Bounds that an evaluation may exceed. Each is a denial.
var (
	errSteps = errors.New("the evaluation takes too many steps")
	errMade  = fmt.Errorf("the evaluation makes values of more than %d bytes", maxMade)
	errLate  = errors.New("the evaluation takes too long")
	errBusy  = errors.New("too many evaluations are under way")
	errStuck = errors.New("earlier evaluations have not ended yet")
)

// An evaluation is one question to one module, and what it has used up. The
// evaluator asks it before each step whether to go on.
type evaluation struct {
	facts   *Facts
	steps   int64 // left
	made    int
	printed int
	records int // looked up
	late    atomic.Bool
	reason  error // why it was stopped
}

// Cancel makes the evaluation end at its next step.
func (e *evaluation) Cancel() { e.late.Store(true) }

// Cancelled counts a step. All calls but Cancel come from one goroutine.
func (e *evaluation) Cancelled() bool {
	if e.steps--; e.steps < 0 {
		e.reason = errSteps
		return true
	}
	return e.late.Load()
}

// make counts what a built-in function has made or is about to make.
func (e *evaluation) make(size int) error {
	if size > maxMade-e.made {
		e.reason = errMade
		return topdown.Halt{Err: errMade}
	}
	e.made += size
	return nil
}

// room reports whether something of a size could still be made.
func (e *evaluation) room(size int) error {
	if size > maxMade-e.made {
		return e.make(size)
	}
	return nil
}

type evaluationKey struct{}

// evaluationOf finds the evaluation that a built-in function is called in.
func evaluationOf(ctx context.Context) *evaluation {
	e, _ := ctx.Value(evaluationKey{}).(*evaluation)
	return e
}

// stepsFor returns how many steps evaluations of a module may take: fewer where
// large values are written in it, because each step may copy one.
func stepsFor(m *ast.Module) int64 {
	largest := 0
	weigh := func(t *ast.Term) bool {
		switch v := t.Value.(type) {
		case *ast.Array, ast.Object, ast.Set:
			if !v.IsGround() { // what is ground is shared, not copied
				nodes := 0
				ast.WalkTerms(t, func(*ast.Term) bool { nodes++; return false })
				largest = max(largest, nodes)
			}
			return true
		}
		return false
	}
	ast.WalkTerms(m, weigh)
	most := int64(maxSteps)
	if slices.ContainsFunc(m.Rules, func(r *ast.Rule) bool { return len(r.Head.Args) > 0 }) {
		most = maxCalls
	}
	return min(most, int64(maxStepRoom/(stepRoom+nodeRoom*largest)))
}

// measure returns the size of a value written out, as make counts it, and stops
// counting above limit: a value that holds another twice may be small in memory
// and endless when it is written.
func measure(t *ast.Term, limit int) int {
	size := 0
	var add func(t *ast.Term)
	each := func(t *ast.Term) { add(t) }
	add = func(t *ast.Term) {
		if size > limit {
			return
		}
		size += elementSize
		switch v := t.Value.(type) {
		case ast.String:
			size += len(v)
		case ast.Number:
			size += len(v)
		case *ast.Array:
			v.Until(func(t *ast.Term) bool { each(t); return size > limit })
		case ast.Set:
			v.Until(func(t *ast.Term) bool { each(t); return size > limit })
		case ast.Object:
			v.Until(func(k, t *ast.Term) bool { each(k); each(t); return size > limit })
		}
	}
	add(t)
	return size
}

// shallow is the size of a value whose parts are there already.
func shallow(t *ast.Term) int {
	switch v := t.Value.(type) {
	case ast.String:
		return len(v)
	case ast.Number:
		return len(v)
	case *ast.Array:
		return elementSize * v.Len()
	case ast.Set:
		return elementSize * v.Len()
	case ast.Object:
		return 2 * elementSize * v.Len()
	}
	return 0
}

// boundedPrefix begins the names under which the evaluator finds functions of
// ours that stand for those that the author has called.
const boundedPrefix = "bounded."

// bindBounded makes a compiled module call the bounded forms of functions. It
// is done after compilation, so that every message of the compiler shows the
// author's names and what the compiler has put in is bounded too.
func bindBounded(m *ast.Module) {
	rename := func(operator *ast.Term) *ast.Term {
		ref, ok := operator.Value.(ast.Ref)
		if !ok {
			return operator
		}
		if _, ok := writtenFunctions()[boundedPrefix+ref.String()]; !ok {
			return operator
		}
		parts := strings.Split(boundedPrefix+ref.String(), ".")
		renamed := ast.Ref{ast.VarTerm(parts[0])}
		for _, part := range parts[1:] {
			renamed = append(renamed, ast.StringTerm(part))
		}
		return ast.NewTerm(renamed).SetLocation(operator.Loc())
	}
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Expr:
			if terms, ok := x.Terms.([]*ast.Term); ok {
				terms[0] = rename(terms[0])
			}
		case ast.Call:
			x[0] = rename(x[0])
		}
		return false
	}).Walk(m)
}
