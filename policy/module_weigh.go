package policy

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"
)

// weighFunction is put into compiled modules after each place that makes a
// value out of others. A list that holds another twice, forty times over, is
// small in memory, but the evaluator compares it part by part on the stack,
// which no step interrupts and which ends the process when it is full.
var weighFunction = &ast.Builtin{
	Name: "bounded.weigh",
	Decl: types.NewFunction(types.Args(types.A), types.B),
}

// weigh refuses a value that is too large when it is written out.
func weigh(bctx topdown.BuiltinContext, args []*ast.Term, yield func(*ast.Term) error) error {
	e := evaluationOf(bctx.Context)
	e.steps++ // the author has not written this one
	if measure(args[0], maxMade) > maxMade {
		e.reason = errMade
		return topdown.Halt{Err: errMade}
	}
	return yield(ast.BooleanTerm(true))
}

// insertWeights puts the calls of weigh into a compiled module.
func insertWeights(m *ast.Module) {
	arity := map[string]int{}
	for _, rule := range m.Rules {
		arity[m.Package.Path.Extend(rule.Head.Ref().GroundPrefix()).String()] = len(rule.Head.Args)
	}
	// given are the arguments of a call without a pattern for its result.
	given := func(call []*ast.Term) []*ast.Term {
		name := call[0].Value.String()
		n, ok := arity[name]
		if known := ast.BuiltinMap[name]; known != nil {
			n, ok = known.Decl.Arity(), true
		}
		if !ok {
			return nil
		}
		return call[1:min(len(call), n+1)]
	}
	weighed := func(body ast.Body, results ...*ast.Term) ast.Body { return weighedBody(given, body, results) }
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Rule:
			x.Body = weighed(x.Body, x.Head.Value)
		case *ast.ArrayComprehension:
			x.Body = weighed(x.Body, x.Term)
		case *ast.SetComprehension:
			x.Body = weighed(x.Body, x.Term)
		case *ast.ObjectComprehension:
			x.Body = weighed(x.Body, x.Key, x.Value)
		case *ast.Every:
			x.Body = weighed(x.Body)
		case *ast.Not:
			x.Body = weighed(x.Body)
		}
		return false
	}).Walk(m)
}

// weighedBody is a body with the values that it makes weighed, and at its end those
// that it is for.
func weighedBody(given func([]*ast.Term) []*ast.Term, body ast.Body, results []*ast.Term) ast.Body {
	var out ast.Body
	add := func(t *ast.Term, at *ast.Location) {
		call := weighFunction.Call(t).Value.(ast.Call)
		out.Append(&ast.Expr{Terms: []*ast.Term(call), Location: at, Generated: true})
	}
	for _, expr := range body {
		terms, isCall := expr.Terms.([]*ast.Term)
		if isCall && !expr.IsEquality() {
			for _, arg := range given(terms) {
				if made(arg) {
					add(arg, expr.Location)
				}
			}
		}
		out.Append(expr)
		if isCall && expr.IsEquality() && !expr.Negated {
			a, b := terms[1], terms[2]
			if _, ok := a.Value.(ast.Var); ok && made(b) {
				add(a, expr.Location)
			} else if _, ok := b.Value.(ast.Var); ok && made(a) {
				add(b, expr.Location)
			}
		}
	}
	for _, t := range results {
		if t != nil && (made(t) || isVar(t)) {
			add(t, t.Location)
		}
	}
	return out
}

func isVar(t *ast.Term) bool {
	_, ok := t.Value.(ast.Var)
	return ok
}

// made reports whether a term makes a value out of others.
func made(t *ast.Term) bool {
	switch v := t.Value.(type) {
	case *ast.Array, ast.Object, ast.Set:
		return !v.IsGround()
	case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
		return true
	}
	return false
}
