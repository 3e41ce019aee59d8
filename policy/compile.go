package policy

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// maxEvaluation bounds one evaluation. A thousandth of it is plenty; a
// decision that takes longer is a denial.
const maxEvaluation = 100 * time.Millisecond

// A Program decides about one route. It is safe for concurrent use.
type Program struct {
	rego     string
	digest   string
	reads    Reads
	compiler *ast.Compiler
	query    ast.Body
	memory   *memory // nil where decisions cannot be remembered
	limit    time.Duration
}

// Compile makes a program of a source. It takes well under a millisecond for
// an ordinary route, uses the processor only, and may run on several routes at
// once.
func Compile(ctx context.Context, s Source) (*Program, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("compile policy: %w", err)
	}
	plan, err := newPlan(s)
	if err != nil {
		return nil, fmt.Errorf("compile policy: %w", err)
	}
	p := &Program{rego: plan.rego(), reads: plan.reads, limit: maxEvaluation}
	sum := sha256.Sum256([]byte(p.rego))
	p.digest = base64.RawURLEncoding.EncodeToString(sum[:])
	if !p.reads.Clock {
		p.memory = &memory{}
	}
	if err := p.prepare(); err != nil {
		return nil, fmt.Errorf("compile policy: %w", err)
	}
	return p, nil
}

// prepare turns the text into what is evaluated.
func (p *Program) prepare() error {
	caps := generatedCapabilities()
	module, err := ast.ParseModuleWithOpts("policy.rego", p.rego,
		ast.ParserOptions{Capabilities: caps, RegoVersion: ast.RegoV1})
	if err != nil {
		return err
	}
	p.compiler = ast.NewCompiler().WithCapabilities(caps).WithStrict(true).WithDefaultRegoVersion(ast.RegoV1)
	p.compiler.Compile(map[string]*ast.Module{"policy.rego": module})
	if p.compiler.Failed() {
		return p.compiler.Errors
	}
	question, err := ast.ParseBody("allow = data." + packageName + ".allow; deny = data." + packageName + ".deny")
	if err != nil {
		return err
	}
	p.query, err = p.compiler.QueryCompiler().Compile(question)
	return err
}

// Digest names what the program means: programs of equal digest decide alike.
// It is 43 characters of unpadded URL-safe base64.
func (p *Program) Digest() string { return p.digest }

// Rego returns the module that is evaluated.
func (p *Program) Rego() string { return p.rego }

// Reads returns which facts the program reads. The result must not be changed.
func (p *Program) Reads() Reads { return p.reads }

// generatedCapabilities are the built-in functions that Rego written here may
// use: pure ones, each linear in the policy and the facts. Whatever is not
// named does not exist for it, network, environment and clock included.
var generatedCapabilities = sync.OnceValue(func() *ast.Capabilities {
	used := []string{
		ast.Equality.Name, ast.Assign.Name, ast.Equal.Name, ast.NotEqual.Name,
		ast.Member.Name, ast.MemberWithKey.Name, ast.Union.Name,
		ast.StartsWith.Name, ast.EndsWith.Name, ast.Contains.Name,
		ast.NetCIDRContains.Name,
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
