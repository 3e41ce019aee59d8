package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// A Module is one text of hand-written Rego, compiled. It is immutable and safe
// for concurrent use.
type Module struct {
	file     string
	text     string
	compiler *ast.Compiler
	allow    ast.Body // the question for each half; nil where the text has no such rule
	deny     ast.Body
	reads    Reads
}

// ParseRego reads one text of Rego v1. Without a package line it is in
// pomerium.policy, and it may be in no other. file names it in messages. What
// is wrong is in the returned Errors, with lines and columns of the text.
func ParseRego(file, text string) (*Module, error) {
	caps := writtenCapabilities()
	options := ast.ParserOptions{Capabilities: caps, RegoVersion: ast.RegoV1}
	parsed, err := parseWritten(file, text, options)
	if err != nil {
		return nil, regoErrors(err)
	}
	m := &Module{file: file, text: text}
	m.compiler = ast.NewCompiler().WithCapabilities(caps).WithStrict(true).WithDefaultRegoVersion(ast.RegoV1)
	m.compiler.Compile(map[string]*ast.Module{file: parsed})
	if m.compiler.Failed() {
		return nil, regoErrors(m.compiler.Errors)
	}
	m.reads = Reads{Volatile: true}
	if m.allow, err = m.question("allow"); err != nil {
		return nil, regoErrors(err)
	}
	if m.deny, err = m.question("deny"); err != nil {
		return nil, regoErrors(err)
	}
	return m, nil
}

func (m *Module) question(rule string) (ast.Body, error) {
	body, err := ast.ParseBody("result = data." + packageName + "." + rule)
	if err != nil {
		return nil, err
	}
	return m.compiler.QueryCompiler().Compile(body)
}

// parseWritten parses a text that may leave out its package line. The line that
// is added stands on the first line of the text, so that lines stay true.
func parseWritten(file, text string, o ast.ParserOptions) (*ast.Module, error) {
	parsed, err := ast.ParseModuleWithOpts(file, text, o)
	if err == nil && parsed != nil {
		return parsed, nil
	}
	again, secondErr := ast.ParseModuleWithOpts(file, "package "+packageName+"; "+text, o)
	if secondErr == nil {
		return again, nil
	}
	return nil, err
}

// regoErrors turns what OPA says into our errors.
func regoErrors(err error) error {
	var all ast.Errors
	if !errors.As(err, &all) {
		return Errors{{Path: "rego", Problem: err.Error()}}
	}
	out := make(Errors, len(all))
	for i, e := range all {
		out[i] = &Error{Path: "rego", Problem: strings.TrimSpace(e.Message)}
		if e.Location != nil {
			out[i].Line, out[i].Column = e.Location.Row, e.Location.Col
		}
	}
	return out
}

// evaluate asks the module for both halves.
func (m *Module) evaluate(ctx context.Context, f *Facts, records []*Record, limit time.Duration) (allow, deny half, err error) {
	input := f.written(&m.reads, records)
	if allow, err = m.ask(ctx, m.allow, input, limit); err == nil {
		deny, err = m.ask(ctx, m.deny, input, limit)
	}
	if err != nil {
		return half{}, half{}, fmt.Errorf("%s: %w", m.file, err)
	}
	return allow, deny, nil
}

func (m *Module) ask(ctx context.Context, question ast.Body, input *ast.Term, limit time.Duration) (half, error) {
	cancel := topdown.NewCancel()
	defer time.AfterFunc(limit, cancel.Cancel).Stop()
	var result *ast.Term
	results := 0
	err := topdown.NewQuery(question).WithCompiler(m.compiler).WithInput(input).WithCancel(cancel).
		WithStrictBuiltinErrors(true).WithMetrics(metrics.NoOp()).
		Iter(ctx, func(r topdown.QueryResult) error {
			results++
			result = r["result"]
			return nil
		})
	switch {
	case err != nil:
		return half{}, err
	case results == 0:
		return half{}, nil // undefined is false
	case results > 1 || result == nil:
		return half{}, errNoResult
	}
	return writtenResult(result)
}

// writtenResult reads what a hand-written rule may be: a truth, or an array of
// a truth, reasons as a set or an array, and an object.
func writtenResult(t *ast.Term) (half, error) {
	if truth, ok := t.Value.(ast.Boolean); ok {
		return half{truth: bool(truth)}, nil
	}
	array, ok := t.Value.(*ast.Array)
	if !ok || array.Len() == 0 || array.Len() > 3 {
		return half{}, errNoResult
	}
	truth, ok := array.Elem(0).Value.(ast.Boolean)
	if !ok {
		return half{}, errNoResult
	}
	h := half{truth: bool(truth)}
	if array.Len() > 1 {
		reasons, err := reasonsOf(array.Elem(1))
		if err != nil {
			return half{}, err
		}
		h.reasons = reasons
	}
	return h, nil
}

func reasonsOf(t *ast.Term) ([]string, error) {
	iterable, ok := t.Value.(interface{ Foreach(func(*ast.Term)) })
	if !ok {
		return nil, errNoResult
	}
	var reasons []string
	bad := false
	iterable.Foreach(func(e *ast.Term) {
		s, ok := e.Value.(ast.String)
		bad = bad || !ok
		reasons = append(reasons, string(s))
	})
	if bad {
		return nil, errNoResult
	}
	slices.Sort(reasons)
	return slices.Compact(reasons), nil
}

// written is the input of hand-written Rego.
func (f *Facts) written(r *Reads, records []*Record) *ast.Term {
	return f.input(r, records, nil)
}

// writtenCapabilities are the built-in functions of hand-written Rego.
func writtenCapabilities() *ast.Capabilities { return generatedCapabilities() }
