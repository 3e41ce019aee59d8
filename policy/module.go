package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
)

// maxModule bounds the text of a module in bytes.
const maxModule = 256 << 10

// A Module is one text of hand-written Rego, compiled. It is immutable and safe
// for concurrent use.
type Module struct {
	file     string
	text     string
	metadata Metadata
	compiler *ast.Compiler
	question ast.Body // for both halves at once
	reads    Reads
	maxSteps int64 // of one evaluation
	turns    *turns
}

// Metadata is what the comments under "# METADATA" say about the whole text:
// the title and the description, and of custom what a named policy has too.
type Metadata struct {
	Title       string
	Description string
	Explanation string
	Remediation string
	Shadow      bool
	Enforced    bool
}

// ParseRego reads one text of Rego v1. Without a package line it is in
// pomerium.policy, and it may be in no other. file names it in messages. What
// is wrong is in the returned Errors, with lines and columns of the text.
func ParseRego(file, text string) (*Module, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	parsed, err := parseWritten(file, text)
	if err != nil {
		return nil, regoErrors(err)
	}
	var found findings
	if found.checkSize(parsed); len(found.all) > 0 {
		return nil, found.errors()
	}
	found.checkRules(parsed)
	found.checkCalls(parsed)
	found.checkReferences(parsed, false)
	metadata := found.metadata(parsed)

	m := &Module{file: file, text: text, metadata: metadata, turns: newTurns()}
	m.compiler = newWrittenCompiler()
	if err := m.compile(parsed); err != nil {
		return nil, err
	}
	for _, e := range m.compiler.Errors {
		found.compilerError(e)
	}
	if len(m.compiler.Errors) == 0 {
		found.checkReferences(m.compiler.Modules[file], true)
	}
	if err := found.errors(); err != nil {
		return nil, err
	}
	compiled := m.compiler.Modules[file]
	m.reads = readsOf(compiled)
	m.maxSteps = stepsFor(compiled)
	insertWeights(compiled)
	bindBounded(compiled)
	if m.question, err = m.ask(); err != nil {
		return nil, regoErrors(err)
	}
	return m, nil
}

// maxCompile bounds the compilation of one text. A value that holds another
// twice has a type that does so too, which some texts make the compiler compare
// without end.
const maxCompile = 10 * time.Second

// compile compiles the module, or gives it up.
func (m *Module) compile(parsed *ast.Module) error {
	problem := make(chan string, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				problem <- fmt.Sprintf("the compiler panicked: %v", r)
			}
		}()
		m.compiler.Compile(map[string]*ast.Module{m.file: parsed})
		problem <- ""
	}()
	timer := time.NewTimer(maxCompile)
	defer timer.Stop()
	said := "the text takes too long to compile"
	select {
	case said = <-problem:
	case <-timer.C:
	}
	if said == "" {
		return nil
	}
	return Errors{newError(1, 1, regoPath, said, "")}
}

// Metadata returns what the text says about itself.
func (m *Module) Metadata() Metadata { return m.metadata }

// File returns the name that the module was given.
func (m *Module) File() string { return m.file }

// Text returns the text as it was written.
func (m *Module) Text() string { return m.text }

// Reads returns which facts the module reads. The result must not be changed.
func (m *Module) Reads() Reads { return m.reads }

func newWrittenCompiler() *ast.Compiler {
	return ast.NewCompiler().WithCapabilities(writtenCapabilities()).WithStrict(true).
		WithDefaultRegoVersion(ast.RegoV1).WithEnablePrintStatements(true).SetErrorLimit(maxErrors)
}

// ask makes the question for both halves. Each is in a list of its own, which
// is empty where the rule is undefined.
func (m *Module) ask() (ast.Body, error) {
	var parts []string
	for _, rule := range []string{"allow", "deny"} {
		if m.compiler.GetRulesExact(ast.MustParseRef("data."+packageName+"."+rule)) == nil {
			parts = append(parts, rule+" = []")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s = [x | x = data.%s.%s]", rule, packageName, rule))
	}
	body, err := ast.ParseBodyWithOpts(strings.Join(parts, "; "), ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, err
	}
	return m.compiler.QueryCompiler().Compile(body)
}

// checkText refuses what is not worth parsing.
func checkText(text string) error {
	problem := func(line, column int, text string) error {
		return Errors{{Line: line, Column: column, Path: regoPath, Problem: text}}
	}
	if len(text) > maxModule {
		return problem(1, 1, fmt.Sprintf("%d bytes are too much, want at most %d", len(text), maxModule))
	}
	if !utf8.ValidString(text) {
		return problem(1, 1, "the text is not valid UTF-8")
	}
	if line, column := tooDeep(text); line > 0 {
		return problem(line, column, fmt.Sprintf("nested too deeply, want at most %d levels", maxNesting))
	}
	return nil
}

// maxNesting bounds brackets in brackets: the parser and the compiler recurse
// into them.
const maxNesting = 100

// tooDeep returns the first place where a text is nested deeper than allowed,
// or 0. It knows texts and comments, in which brackets mean nothing.
func tooDeep(text string) (line, column int) {
	line, depth := 1, 0
	quote, comment, escaped := byte(0), false, false
	for i := range len(text) {
		c := text[i]
		column++
		switch {
		case c == '\n':
			line, column, comment = line+1, 0, false
			if quote == '"' {
				quote = 0 // a text does not go on in the next line
			}
		case comment:
		case escaped:
			escaped = false
		case quote == '"' && c == '\\':
			escaped = true
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '`':
			quote = c
		case c == '#':
			comment = true
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		}
		if depth > maxNesting {
			return line, max(column, 1)
		}
	}
	return 0, 0
}

// regoErrors turns what OPA says into our errors.
func regoErrors(err error) error {
	var found findings
	found.add(nil, "%s", err.Error())
	if all, ok := err.(ast.Errors); ok { // as the parser returns them
		found = findings{}
		for _, e := range all {
			found.compilerError(e)
		}
	}
	return found.errors()
}

// regoPath is the Path of errors in Rego, which has no keys.
const regoPath = "rego"

// maxErrors bounds the errors told at once.
const maxErrors = 50

// findings are the errors of one text.
type findings struct{ all Errors }

func (f *findings) add(at *ast.Location, format string, args ...any) {
	line, column := 0, 0
	if at != nil {
		line, column = at.Row, at.Col
	}
	f.all = append(f.all, newError(line, column, regoPath, fmt.Sprintf(format, args...), ""))
}

// compilerError adds what OPA says, unless we have said something about the
// same place: ours is clearer.
func (f *findings) compilerError(e *ast.Error) {
	if e.Location != nil && slices.ContainsFunc(f.all, func(o *Error) bool {
		return o.Line == e.Location.Row && (o.Column == e.Location.Col || strings.Contains(e.Message, "undefined function"))
	}) {
		return
	}
	lines := strings.Split(strings.TrimSpace(e.Message), "\n")
	f.add(e.Location, "%s", strings.TrimSpace(lines[0]))
}

func (f *findings) errors() error {
	if len(f.all) == 0 {
		return nil
	}
	slices.SortStableFunc(f.all, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	f.all = slices.CompactFunc(f.all, func(a, b *Error) bool { return *a == *b })
	return f.all[:min(len(f.all), maxErrors)]
}
