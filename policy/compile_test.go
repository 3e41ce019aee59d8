package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

func TestRoutesThatDifferInNamesShareAShape(t *testing.T) {
	t.Parallel()
	var c Compiler
	digests := map[string]bool{}
	for i := range 300 {
		doc := document(t, fmt.Sprintf("{allow: {or: [{email: user%d@example.com}, {claim/team%d: x}]}, deny: {or: [{source_ip: 10.0.%d.0/24}]}}", i, i, i%256))
		p, err := c.Compile(t.Context(), Source{Documents: []*Document{doc}})
		if err != nil {
			t.Fatal(err)
		}
		digests[p.Digest()] = true
		for _, who := range []int{i, i + 1} {
			d := p.Decide(t.Context(), signedIn(PersonData{UserID: "u", Email: fmt.Sprintf("user%d@example.com", who)}))
			if (d.Outcome == Allow) != (who == i) {
				t.Fatalf("route %d, user %d: %+v", i, who, d)
			}
		}
	}
	if len(c.shapes) != 1 {
		t.Errorf("%d shapes", len(c.shapes))
	}
	if len(digests) != 300 {
		t.Errorf("%d digests of 300 routes", len(digests))
	}
}

func TestACompilerKeepsAFewShapes(t *testing.T) {
	t.Parallel()
	c := Compiler{shapes: map[string]*shape{}}
	for i := range maxShapes {
		c.shapes[fmt.Sprint(i)] = nil
	}
	if _, err := c.Compile(t.Context(), Source{}); err != nil || len(c.shapes) != 1 {
		t.Errorf("%d shapes, %v", len(c.shapes), err)
	}
}

// What Rego shows and what is evaluated must be one thing.
func TestTheModuleThatIsShownDecidesAlike(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(rand.Uint64(), 1))
	requests := modelRequests()
	for range 100 {
		_, text := randomDocument(r)
		p := program(t, text)
		shown, err := newShape(p.Rego())
		if err != nil {
			t.Fatalf("%v:\n%s", err, p.Rego())
		}
		q := &Program{shape: shown, reads: p.reads, clocked: p.clocked, device: p.device, limit: maxEvaluation}
		for _, d := range modelPeople {
			f := Facts{Request: requests[r.IntN(len(requests))], Now: time.Unix(1_780_000_000, 0)}
			if d != nil {
				f.Person = NewPerson(*d)
			}
			compare(t, p.Evaluate(t.Context(), f), q.Evaluate(t.Context(), f))
		}
		if t.Failed() {
			t.Fatal(p.Rego())
		}
	}
}

func TestTheModuleIsOneOfItsPackage(t *testing.T) {
	t.Parallel()
	p := program(t, ordinary)
	module, err := ast.ParseModuleWithOpts("x", p.Rego(), ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		t.Fatal(err)
	}
	if got := module.Package.String(); got != "package pomerium.policy" {
		t.Errorf("it begins %q", got)
	}
	for _, want := range []string{`"someone@example.com"`, `"example.org"`, `"admins"`} {
		if !strings.Contains(p.Rego(), want) {
			t.Errorf("%s is not in it:\n%s", want, p.Rego())
		}
	}
	if strings.Contains(p.Rego(), "literals") {
		t.Errorf("it takes literals from elsewhere:\n%s", p.Rego())
	}
}
