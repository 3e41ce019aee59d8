package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Bounds of what a half of a module may come to, since decisions are
// remembered: its reasons and its object, each in bytes.
const (
	maxReasons = 4 << 10
	maxExtra   = 4 << 10
)

// errShape is returned for a result that has another form than the contract's.
var errShape = errors.New("want a boolean, or an array of a boolean, reasons (an array or set of strings) and an object")

// writtenResult reads what a half of hand-written Rego came to: nothing, which
// is false, a truth, or an array of a truth, reasons as a set or an array, and
// an object. found holds the value of the rule, if it has one.
func writtenResult(name string, found *ast.Term) (half, error) {
	list, ok := found.Value.(*ast.Array)
	switch {
	case !ok || list.Len() > 1:
		return half{}, errNoResult
	case list.Len() == 0:
		return half{}, nil
	}
	t := list.Elem(0)
	if truth, ok := t.Value.(ast.Boolean); ok {
		return half{truth: bool(truth)}, nil
	}
	h, err := arrayResult(t)
	if err != nil {
		return half{}, fmt.Errorf("%s: %w", name, err)
	}
	return h, nil
}

func arrayResult(t *ast.Term) (h half, err error) {
	array, ok := t.Value.(*ast.Array)
	if !ok {
		return half{}, fmt.Errorf("%w, got %s", errShape, article(ast.ValueName(t.Value)))
	}
	if array.Len() == 0 || array.Len() > 3 {
		return half{}, fmt.Errorf("%w, got an array of %d", errShape, array.Len())
	}
	truth, ok := array.Elem(0).Value.(ast.Boolean)
	if !ok {
		return half{}, fmt.Errorf("%w, the first is %s", errShape, article(ast.ValueName(array.Elem(0).Value)))
	}
	h.truth = bool(truth)
	if array.Len() > 1 {
		if h.reasons, err = reasonsOf(array.Elem(1)); err != nil {
			return half{}, err
		}
	}
	if array.Len() > 2 {
		if h.extra, err = extraOf(array.Elem(2)); err != nil {
			return half{}, err
		}
	}
	return h, nil
}

func reasonsOf(t *ast.Term) ([]string, error) {
	switch t.Value.(type) {
	case *ast.Array, ast.Set:
	default:
		return nil, fmt.Errorf("%w, the reasons are %s", errShape, article(ast.ValueName(t.Value)))
	}
	if measure(t, maxReasons) > maxReasons {
		return nil, fmt.Errorf("the reasons are longer than %d bytes", maxReasons)
	}
	var reasons []string
	bad := ""
	t.Value.(interface{ Foreach(func(*ast.Term)) }).Foreach(func(e *ast.Term) {
		s, ok := e.Value.(ast.String)
		if !ok {
			bad = article(ast.ValueName(e.Value))
		}
		// Of its own: it may be a part of a request, which would be kept with it.
		reasons = append(reasons, strings.Clone(string(s)))
	})
	if bad != "" {
		return nil, fmt.Errorf("%w, a reason is %s", errShape, bad)
	}
	slices.Sort(reasons)
	return slices.Compact(reasons), nil
}

func extraOf(t *ast.Term) (map[string]any, error) {
	object, ok := t.Value.(ast.Object)
	if !ok {
		return nil, fmt.Errorf("%w, the third is %s", errShape, article(ast.ValueName(t.Value)))
	}
	if measure(t, maxExtra) > maxExtra {
		return nil, fmt.Errorf("the object is longer than %d bytes", maxExtra)
	}
	plain, err := ast.JSON(object)
	if err != nil {
		return nil, err
	}
	extra, ok := plain.(map[string]any)
	if !ok {
		return nil, errShape
	}
	if len(extra) == 0 {
		return nil, nil
	}
	return extra, nil
}
