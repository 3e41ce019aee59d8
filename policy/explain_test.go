package policy

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden explanations; review the diff")

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

// everyKind is a route with every kind of rule.
func everyKind(t *testing.T) *Program {
	t.Helper()
	written, err := ParseRego("policies/hand.rego", "deny := [true, {\"too-late\"}, {\"x\": 1}] if input.http.method == \"DELETE\"")
	if err != nil {
		t.Fatal(err)
	}
	ops := &Policy{Name: "ops", File: "policies/ops.yaml", Line: 1, Documents: []*Document{document(t, `
- allow:
    and:
    - groups: {has: ops}
    - source_ip: 10.0.0.0/8
    or:
    - email: root@example.com
`)}}
	guard := &Policy{Name: "guard", File: "policies/guard.yaml", Line: 1, Enforced: true,
		Documents: []*Document{document(t, "deny: {or: [{http_path: {starts_with: /secret}}]}")}}
	return compiled(t, Source{
		Shorthand: Shorthand{Users: []string{"eve@example.com"}},
		Documents: []*Document{document(t, "allow: {nor: [{claim/department: research}, {http_method: GET}]}")},
		Policies: []*Policy{guard, ops, {Name: "hand", Rego: []*Module{written}},
			{Name: "trial", Shadow: true, Documents: []*Document{document(t, "allow: {or: [{groups: engineers}]}")}}},
		DenyInvalidClientCertificate: true,
	})
}

// The pictures that people see, whole: testdata/explain holds them as text and
// as JSON.
func TestExplanationsReadWell(t *testing.T) {
	t.Parallel()
	p := everyKind(t)
	valid := func(s Scenario) Scenario {
		s.Request.ClientCertificate = ClientCertificate{Presented: true, Valid: true}
		return s
	}
	secret := valid(by(ada()))
	secret.Request.Path = "/secret/x"
	deleted := valid(by(ada()))
	deleted.Request.Method = "DELETE"
	eve := ada()
	eve.Email = "eve@example.com"
	for name, s := range map[string]Scenario{
		"nothing-allows": valid(by(ada())), "sign-in": valid(stranger()), "allowed": valid(by(eve)),
		"denied": secret, "denied-by-rego": deleted, "no-certificate": by(eve),
	} {
		t.Run(name, func(t *testing.T) {
			x := explained(t, p, s)
			tree, err := json.MarshalIndent(x, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			for ending, got := range map[string]string{".txt": explainedText(t, x), ".json": string(tree) + "\n"} {
				file := filepath.Join("testdata", "explain", name+ending)
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("%s (-want +got); -update rewrites it:\n%s", file, diff)
				}
			}
		})
	}
}

// For each criterion: a scenario that only it keeps out, and what is to be done.
func TestTheSmallestChangeOfEachCriterion(t *testing.T) {
	t.Parallel()
	soon := by(ada())
	soon.Now = time.Date(2026, 3, 2, 23, 30, 0, 0, time.UTC)
	tired := ada()
	tired.SignedInAt = someTime.Add(-9 * time.Hour)
	for _, tc := range []struct {
		ppl  string
		s    Scenario
		want string // begins one of the needs
	}{
		{"authenticated_user: true", stranger(), "signed in"},
		{"user: u-9", by(ada()), `user id "u-9"`},
		{"email: bob@example.com", by(ada()), `e-mail address "bob@example.com"`},
		{"domain: other.example", by(ada()), "e-mail address in the domain"},
		{"groups: ops", by(ada()), `member of group "ops"`},
		{"groups: {exclude: engineers}", by(ada()), `not a member of group "engineers"`},
		{"claim/team: blue", by(ada()), "claim team"},
		{"source_ip: 10.0.0.0/8", by(ada()), "from 10."},
		{"http_method: POST", by(ada()), `method "POST"`},
		{"http_path: {starts_with: /x}", by(ada()), `path "/x`},
		{"http_header/X-Env: prod", by(ada()), "header X-Env"},
		{"http_query/a: b", by(ada()), "parameter a"},
		{"signed_in_within: 8h", by(tired), "signed in again"},
		{"grant: db", by(ada()), `granted "db"`},
		{"device: {type: enclave_only}", by(ada()), "device"},
		{"device: {approved: true}", by(ada()), "device"},
		{"date: {after: 2026-03-03}", by(ada()), "at 00:00"},
		{"day_of_week: tue", by(ada()), "at 00:00"},
		{"time_of_day: {timezone: Europe/Berlin, after: 06:00, before: 22:00}", soon, "at 06:00"},
		{"record: {type: hr, key: user.id, field: team, is: blue}", by(ada()), "record hr"},
		{"cors_preflight: true", by(ada()), ""},
		{"client_certificate: {san_dns: a.example}", by(ada()), ""},
	} {
		t.Run(tc.ppl, func(t *testing.T) {
			t.Parallel()
			p := program(t, "allow: {and: [{accept: true}, {"+tc.ppl+"}]}")
			x := explained(t, p, tc.s)
			if x.Outcome == Allow.String() {
				t.Fatalf("it is allowed:\n%s", explainedText(t, x))
			}
			if x.Change == nil {
				if tc.want == "" {
					return // there may be none
				}
				t.Fatalf("no change is offered: %s", x.NoChange)
			}
			if tc.want != "" && (len(x.Change.Needs) != 1 || !strings.Contains(x.Change.Needs[0], tc.want)) {
				t.Errorf("needs %q, want one with %q", x.Change.Needs, tc.want)
			}
		})
	}
}

func TestALongPolicyIsExplainedInBounds(t *testing.T) {
	t.Parallel()
	var rules []string
	for i := range 150 {
		rules = append(rules, fmt.Sprintf("{allow: {and: [{email: u%d@x.example}, {groups: g%d}, {claim/c%d: v}], nor: [{http_path: /p%d}, {user: x%d}]}}", i, i, i, i, i))
	}
	p := program(t, "["+strings.Join(rules, ", ")+"]")
	x := explained(t, p, by(ada()))
	// On a busy machine even the decision may be late, and then there is none.
	if x.Outcome != "allow" && x.Change == nil && x.NoChange == "" && x.Err == "" {
		t.Errorf("%s, and nothing is said of what would allow", x.Outcome)
	}
}
