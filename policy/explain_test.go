package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// explained explains a request that is right to ask about.
func explained(t testing.TB, p *Program, s Scenario) *Explanation {
	t.Helper()
	x, err := p.Explain(t.Context(), s)
	if err != nil {
		t.Fatalf("Explain: %v", err)
	}
	if x.Disagrees {
		t.Errorf("the rules disagree with the decision:\n%s", explainedText(t, x))
	}
	return x
}

func explainedText(t testing.TB, x *Explanation) string {
	t.Helper()
	var b bytes.Buffer
	if err := x.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// someTime is when the scenarios of these tests are.
var someTime = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) // a Monday

// by is a plain request by the person.
func by(d PersonData) Scenario { return Scenario{Request: get(), Person: &d, Now: someTime} }

func stranger() Scenario { return Scenario{Request: get(), Now: someTime} }

func TestDemo(t *testing.T) {
	ops := &Policy{Name: "ops", File: "policies/ops.yaml", Line: 1, Enforced: true, Documents: []*Document{document(t, "\n\n- allow:\n    and:\n    - groups: {has: ops}\n    - source_ip: 10.0.0.0/8\n    or:\n    - email: root@example.com\n  deny:\n    or:\n    - http_path: {starts_with: /secret}\n")}}
	p := compiled(t, Source{Shorthand: Shorthand{Users: []string{"eve@example.com"}}, Policies: []*Policy{ops, {Name: "shadowy", Shadow: true, Documents: []*Document{document(t, "{allow: {or: [{groups: engineers}]}}")}}}})
	fmt.Println(explainedText(t, explained(t, p, by(ada()))))
	fmt.Println(explainedText(t, explained(t, p, stranger())))
	s := by(ada())
	s.Request.Path = "/secret/x"
	x := explained(t, p, s)
	fmt.Println(explainedText(t, x))
	b, _ := json.MarshalIndent(x.Allow, "", " ")
	_ = b
}

var _ = context.Background
var _ = rand.New
var _ = netip.Addr{}
var _ = strings.Cut
var _ = cmp.Diff
