package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"gopkg.in/yaml.v3"
)

// opsProgram is a route with shorthand keys, an enforced policy, hand-written
// Rego and a shadow.
func opsProgram(t testing.TB) *Program {
	t.Helper()
	rego, err := ParseRego("policies/hours.rego", "package pomerium.policy\nallow := [false, {\"closed\"}]\n")
	if err != nil {
		t.Fatal(err)
	}
	return compiled(t, Source{
		Shorthand:                    Shorthand{Users: []string{"eve@example.com"}},
		DenyInvalidClientCertificate: true,
		Policies: []*Policy{
			{Name: "ops", File: "policies/ops.yaml", Line: 1, Enforced: true, Documents: []*Document{document(t, opsPolicy)}},
			{Name: "hours", File: "policies/hours.rego", Line: 1, Rego: []*Module{rego}},
			{Name: "trial", Shadow: true, Documents: []*Document{document(t, "allow: {or: [{groups: engineers}]}")}},
		},
	})
}

const opsPolicy = `
- allow:
    and:
    - groups: {has: ops}
    - source_ip: 10.0.0.0/8
    or:
    - email: root@example.com
  deny:
    or:
    - http_path: {starts_with: /secret}
`

func valid(s Scenario) Scenario {
	s.Request.ClientCertificate = ClientCertificate{Presented: true, Valid: true, Leaf: leaf()}
	return s
}

func TestTheRuleThatDecided(t *testing.T) {
	t.Parallel()
	secret := valid(by(ada()))
	secret.Request.Path = "/secret/1"
	root := ada()
	root.Email = "root@example.com"
	tooLong := by(ada())
	tooLong.Person.SignedInAt = someTime.Add(-2 * time.Hour)
	for _, tc := range []struct {
		name     string
		p        *Program
		scenario Scenario
		outcome  Outcome
		decided  []string
	}{
		{"an allow", opsProgram(t), valid(by(root)), Allow, []string{"policies/ops.yaml:7: allow email: {is: root@example.com}"}},
		{"a deny", opsProgram(t), secret, Deny, []string{"policies/ops.yaml:10: deny http_path: {starts_with: /secret}"}},
		{"no certificate", opsProgram(t), by(ada()), ClientCertificateRequired, []string{"downstream_mtls: deny invalid_client_certificate: true"}},
		{"nobody", program(t, "allow: {or: [{email: a}, {source_ip: 10.0.0.0/8}]}"), stranger(), SignIn, []string{"line 1: allow email: {is: a}"}},
		{"an old sign-in", program(t, "allow: {and: [{domain: example.com}, {signed_in_within: 1h}]}"), tooLong, SignInAgain, []string{"line 1: allow signed_in_within: 1h"}},
		{"no device", program(t, "allow: {or: [{device: true}]}"), by(ada()), DeviceNeeded, []string{"line 1: allow device: {type: any}"}},
		{"a negation as a whole", program(t, "{allow: {or: [{accept: }]}, deny: {not: [{email: x}, {http_method: PUT}]}}"), by(ada()), Deny,
			[]string{"line 1: deny not of email: {is: x}, http_method: {is: PUT}"}},
		{"nothing at all", program(t, "[]"), by(ada()), Deny, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := explained(t, tc.p, tc.scenario)
			if x.Outcome != tc.outcome.String() || !slices.Equal(x.Decided, tc.decided) {
				t.Errorf("%s by %q, want %v by %q", x.Outcome, x.Decided, tc.outcome, tc.decided)
			}
		})
	}
}

// A defect in the explanation must be seen, and the decision stands.
func TestADisagreementIsLoud(t *testing.T) {
	t.Parallel()
	p := program(t, "allow: {or: [{http_method: GET}]}")
	p.source = Source{Documents: []*Document{document(t, "allow: {or: [{http_method: PUT}]}")}}
	x, err := p.Explain(t.Context(), by(ada()))
	if err != nil {
		t.Fatal(err)
	}
	if !x.Disagrees || x.Outcome != "allow" || !strings.Contains(explainedText(t, x), "WARNING") {
		t.Errorf("Explain = %+v", x)
	}
}

type awayRecords struct{}

func (awayRecords) Record(context.Context, string, RecordKey, string) (*Record, error) {
	return nil, errors.New("away\n\x1b[2J")
}

func TestNoDecisionIsExplainedAsSuch(t *testing.T) {
	t.Parallel()
	s := by(ada())
	s.Records = awayRecords{}
	x := explained(t, program(t, "allow: {or: [{record: {type: a, field: b, is: c}}]}"), s)
	if x.Outcome != "deny" || !strings.Contains(x.Err, "away") || x.Change != nil || strings.ContainsAny(x.Err, "\n\x1b") {
		t.Errorf("Explain = %+v", x)
	}
}

func TestSecretHeadersAreNotShown(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Authorization", "cookie", "Proxy-Authorization", "X-Pomerium-Jwt-Assertion"} {
		for _, place := range []string{"headers", "header_values"} {
			if got := factValue([]string{"http", place, name}, ast.String("s3cret")); got != "[redacted]" {
				t.Errorf("%s of %s is shown as %q", name, place, got)
			}
		}
		all := ast.NewObject(ast.Item(ast.StringTerm(name), ast.StringTerm("s3cret")))
		if got := factValue([]string{"http", "headers"}, all); strings.Contains(got, "s3cret") {
			t.Errorf("all headers are shown as %q", got)
		}
	}
}

// The work is bounded by the size of the policy, not by its combinations.
func TestALargePolicyIsExplained(t *testing.T) {
	t.Parallel()
	var any, all []string
	for i := range 700 {
		any = append(any, fmt.Sprintf("{groups: g%d}", i), fmt.Sprintf("{http_path: /p%d}", i))
		all = append(all, fmt.Sprintf("{claim/c%d: v}", i))
	}
	p := program(t, "{allow: {and: ["+strings.Join(all, ", ")+"], or: ["+strings.Join(any, ", ")+"]}, deny: {or: [{http_method: GET}]}}")
	x := explained(t, p, by(ada()))
	if x.Err != "" {
		t.Skip("the machine is too busy for a decision in time: ", x.Err)
	}
	if x.Change == nil || x.Change.Cost != costGroup+costRequest {
		t.Errorf("change %+v, %s", x.Change, x.NoChange)
	}
}

// BenchmarkExplain explains a denial with its search for a change, an allow,
// which needs none, and the denial of a policy with a little of everything.
func BenchmarkExplain(b *testing.B) {
	somebody := by(PersonData{SessionID: "s", UserID: "u", Email: "a@b.example"})
	ordinary := program(b, ordinary)
	allowed := by(PersonData{SessionID: "s", UserID: "u", Email: "a@example.org"})
	for _, bc := range []struct {
		name string
		p    *Program
		s    Scenario
	}{{"denied", ordinary, somebody}, {"allowed", ordinary, allowed}, {"of everything", opsProgram(b), valid(somebody)}} {
		b.Run(bc.name, func(b *testing.B) {
			explained(b, bc.p, bc.s)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bc.p.Explain(b.Context(), bc.s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Rules of one source may stand in several files; each is told with its own.
func TestRulesAreToldWithTheirFile(t *testing.T) {
	t.Parallel()
	in := func(file string) *Document {
		var n yaml.Node
		if err := yaml.Unmarshal([]byte("allow: {or: [{groups: nobody}]}"), &n); err != nil {
			t.Fatal(err)
		}
		doc, err := ParseFile(file, &n)
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	x := explained(t, compiled(t, Source{
		Documents: []*Document{in("config.yaml")},
		Policies: []*Policy{
			{Name: "a", File: "config.yaml", Line: 7, Documents: []*Document{in("a.yaml")}},
			{Name: "b", File: "b.yaml", Line: 1, Documents: []*Document{in("")}},
		},
	}), by(ada()))
	text := explainedText(t, x)
	for _, want := range []string{"has: nobody}  config.yaml:1", "policy a  config.yaml:7", "has: nobody}  a.yaml:1", "policy b  b.yaml:1", "has: nobody}  b.yaml:1"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
