package policy

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// maxEvaluation bounds one evaluation; a decision that takes longer is a
// denial. It is a hundred thousand times what an ordinary one takes, because
// it is measured by the clock on the wall, which goes on while a busy machine
// lets the evaluation wait.
const maxEvaluation = 2 * time.Second

// A Program decides about one route. It is safe for concurrent use.
type Program struct {
	source Source
	rego   string
	digest string
	reads  Reads // of everything that decides

	shape    *shape
	literals *ast.Term   // what the shape takes from the input; nil where it takes nothing
	modules  []*Module   // hand-written
	clocked  []criterion // those that read the time
	shadows  []shadow
	device   deviceAsked // see Decision
	memory   *memory     // nil where decisions cannot be remembered
	limit    time.Duration

	compiler  *Compiler // which shares what explaining takes as well
	explainer lazyExplainer
}

// A Compiler compiles sources and keeps what those of the same shape can
// share, which is nearly all: with one Compiler for all routes, and for all
// generations of them, a thousand routes take the time and the room of a few.
// The zero Compiler is ready for use, by several goroutines at once.
type Compiler struct {
	mu     sync.Mutex
	shapes map[string]*shape
}

// maxShapes bounds the shapes that a Compiler keeps. Programs keep their own.
const maxShapes = 4096

// Compile makes a program of a source on its own. It takes less than a
// millisecond for an ordinary route.
func Compile(ctx context.Context, s Source) (*Program, error) { return new(Compiler).Compile(ctx, s) }

// Compile makes a program of a source.
func (c *Compiler) Compile(ctx context.Context, s Source) (*Program, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("compile policy: %w", err)
	}
	plan, err := newPlan(s)
	if err != nil {
		return nil, fmt.Errorf("compile policy: %w", err)
	}
	p := &Program{
		source: s, rego: plan.rego(&literals{}), reads: plan.reads,
		clocked: plan.clocked, device: plan.device, limit: maxEvaluation, compiler: c,
	}
	meaning := sha256.New()
	_, _ = io.WriteString(meaning, p.rego) // a hash takes everything
	for _, named := range s.Policies {
		if named.Shadow {
			continue
		}
		for _, m := range named.Rego {
			p.modules = append(p.modules, m)
			p.reads = p.reads.union(m.reads)
			_, _ = io.WriteString(meaning, "\x00"+m.text)
		}
	}
	p.digest = base64.RawURLEncoding.EncodeToString(meaning.Sum(nil))
	if !p.reads.Volatile {
		p.memory = &memory{}
	}
	if p.shadows, err = c.shadowsOf(ctx, s); err != nil {
		return nil, err
	}
	gathered := &literals{gather: true}
	p.shape, err = c.shape(plan.rego(gathered), enforcedQuestion)
	if err != nil {
		return nil, fmt.Errorf("compile policy: %w", err)
	}
	if len(gathered.terms) > 0 {
		p.literals = ast.ArrayTerm(gathered.terms...)
	}
	return p, nil
}

// shape returns the shape of the text, a new one if it is not known.
func (c *Compiler) shape(text, question string) (*shape, error) {
	c.mu.Lock()
	known := c.shapes[text]
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	s, err := newShapeFor(text, question)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shapes == nil || len(c.shapes) >= maxShapes {
		c.shapes = map[string]*shape{}
	}
	c.shapes[text] = s
	return s, nil
}

// A shape is a compiled module. It is immutable.
type shape struct {
	compiler *ast.Compiler
	query    ast.Body
}

// enforcedQuestion is what is asked of the module that decides.
const enforcedQuestion = "allow = data." + packageName + ".allow; deny = data." + packageName + ".deny"

// newShape compiles a module that decides.
func newShape(text string) (*shape, error) { return newShapeFor(text, enforcedQuestion) }

// newShapeFor compiles a module and the question that is asked of it.
func newShapeFor(text, question string) (*shape, error) {
	caps := generatedCapabilities()
	module, err := ast.ParseModuleWithOpts("policy.rego", text,
		ast.ParserOptions{Capabilities: caps, RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, err
	}
	s := &shape{compiler: ast.NewCompiler().WithCapabilities(caps).WithStrict(true).WithDefaultRegoVersion(ast.RegoV1)}
	s.compiler.Compile(map[string]*ast.Module{"policy.rego": module})
	if s.compiler.Failed() {
		return nil, s.compiler.Errors
	}
	body, err := ast.ParseBody(question)
	if err != nil {
		return nil, err
	}
	s.query, err = s.compiler.QueryCompiler().Compile(body)
	return s, err
}

// Inherit makes p remember what old does, where both mean the same. It must be
// called before p decides.
func (p *Program) Inherit(old *Program) {
	if old == nil {
		return
	}
	if old.digest == p.digest {
		p.memory = old.memory
	}
	for _, s := range p.shadows {
		for _, before := range old.shadows {
			s.program.Inherit(before.program)
		}
	}
}

// Digest names what the program means: programs of equal digest decide alike.
// It is 43 characters of unpadded URL-safe base64.
func (p *Program) Digest() string { return p.digest }

// Rego returns the module that is evaluated, with its literals in place.
func (p *Program) Rego() string { return p.rego }

// Modules returns the hand-written Rego that decides beside it. The result must
// not be changed.
func (p *Program) Modules() []*Module { return p.modules }

// Reads returns which facts decisions read. The result must not be changed.
func (p *Program) Reads() Reads { return p.reads }

// AllReads returns which facts decisions and the shadows beside them read.
func (p *Program) AllReads() Reads {
	all := p.reads
	for _, s := range p.shadows {
		all = all.union(s.program.reads)
	}
	return all
}

// generatedCapabilities are the built-in functions that Rego written here may
// use: pure ones, each linear in the policy and the facts. Whatever is not
// named does not exist for it, network, environment and clock included.
var generatedCapabilities = sync.OnceValue(func() *ast.Capabilities {
	used := []string{
		ast.Equality.Name, ast.Assign.Name, ast.Equal.Name, ast.NotEqual.Name,
		ast.Member.Name, ast.MemberWithKey.Name, ast.Union.Name,
		ast.StartsWith.Name, ast.EndsWith.Name, ast.Contains.Name,
		ast.NetCIDRContains.Name,
		ast.LessThan.Name, ast.LessThanEq.Name, ast.GreaterThan.Name, ast.GreaterThanEq.Name, ast.Plus.Name,
		ast.IsString.Name, ast.IsNumber.Name, ast.IsBoolean.Name, ast.IsArray.Name, ast.IsObject.Name,
	}
	all := ast.CapabilitiesForThisVersion()
	caps := &ast.Capabilities{
		FutureKeywords: all.FutureKeywords,
		Features:       all.Features,
		AllowNet:       []string{}, // empty means no host; nil would mean all
	}
	for _, b := range all.Builtins {
		if slices.Contains(used, b.Name) {
			caps.Builtins = append(caps.Builtins, b)
		}
	}
	return caps
})
