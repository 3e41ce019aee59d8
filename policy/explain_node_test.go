package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nodeOf is the first node of a kind and a name or text, in the order of Text.
func nodeOf(x *Explanation, kind, name string) *Node {
	var in func(*Node) *Node
	in = func(n *Node) *Node {
		if n == nil {
			return nil
		}
		if n.Kind == kind && (n.Name == name || n.Text == name) {
			return n
		}
		for _, child := range n.Children {
			if f := in(child); f != nil {
				return f
			}
		}
		return nil
	}
	roots := []*Node{x.Allow, x.Deny}
	for _, s := range x.Shadows {
		roots = append(roots, s.Allow, s.Deny)
	}
	for _, root := range roots {
		if f := in(root); f != nil {
			return f
		}
	}
	return nil
}

// explainedModule is hand-written Rego that is right.
func explainedModule(t testing.TB, text string) *Module {
	t.Helper()
	m, err := ParseRego("policies/hand.rego", text)
	if err != nil {
		t.Fatalf("ParseRego: %v", err)
	}
	return m
}

// everyNode is a source with a node of every kind.
func everyNode(t testing.TB) Source {
	return Source{
		Shorthand: Shorthand{Users: []string{"eve@example.com"}, Claims: map[string][]string{"team": {"blue"}}},
		Documents: []*Document{document(t, "allow:\n  nor:\n  - http_method: GET\n")},
		Policies: []*Policy{
			{Name: "ops", File: "policies/ops.yaml", Line: 1, Enforced: true, Documents: []*Document{document(t, `
- allow:
    and:
    - groups: {has: engineers}
    - source_ip: 10.0.0.0/8
    not:
    - claim/level: {has: "9"}
  deny:
    or:
    - http_path: {starts_with: /secret}
    - http_header/X-Team: {is: red}
`)}},
			{Name: "hand", File: "policies/hand.rego", Rego: []*Module{explainedModule(t,
				"package pomerium.policy\nallow := [input.person.email == \"root@example.com\", {\"hand-made\"}]")}},
			{Name: "trial", Shadow: true, File: "policies/trial.yaml", Line: 1, Documents: []*Document{document(t, "deny: {or: [{http_method: GET}]}")}},
		},
		DenyInvalidClientCertificate: true,
	}
}

// A request by ada with a valid certificate and without headers.
func everyScenario() Scenario {
	s := by(ada())
	s.Request.ClientCertificate = ClientCertificate{Presented: true, Valid: true, Leaf: leaf()}
	return s
}

func TestExplainedNodes(t *testing.T) {
	t.Parallel()
	x := explained(t, compiled(t, everyNode(t)), everyScenario())
	for _, tc := range []struct {
		kind, name string
		want       Node // children aside
	}{
		{KindAction, "allow", Node{Value: true, Reasons: reasons("claim-unauthorized")}},
		{KindAction, "deny", Node{Reasons: reasons("http-header-unauthorized", "http-path-unauthorized", "valid-client-certificate")}},
		{KindShorthand, "allowed_users", Node{Reasons: reasons("email-unauthorized", "user-unauthorized")}},
		{KindCriterion, "user", Node{Text: "user: {in: [eve@example.com]}", Reasons: reasons("user-unauthorized"), Read: []Read{{Name: "user id", Value: "u-1"}}}},
		{KindShorthand, "allowed_idp_claims", Node{Reasons: reasons("claim-unauthorized")}},
		{KindCriterion, "claim", Node{Text: "claim/team: {has: blue}", Reasons: reasons("claim-unauthorized"), Read: []Read{{Name: "claim team", Absent: true}}}},
		{KindOperator, "nor", Node{Line: 2, Column: 3, Reasons: reasons("http-method-ok")}},
		{KindPolicy, "ops", Node{File: "policies/ops.yaml", Line: 1, Enforced: true, Value: true, Reasons: reasons("claim-unauthorized")}},
		{KindOperator, "and", Node{File: "policies/ops.yaml", Line: 3, Column: 5, Reasons: reasons("source-ip-unauthorized")}},
		{KindCriterion, "groups: {has: engineers}", Node{Name: "groups", Text: "groups: {has: engineers}", File: "policies/ops.yaml", Line: 4, Column: 7, Value: true,
			Reasons: reasons("groups-ok"), Read: []Read{{Name: "groups", Value: "[admins, engineers, g-7]"}}}},
		{KindOperator, "not", Node{File: "policies/ops.yaml", Line: 6, Column: 5, Value: true, Reasons: reasons("claim-unauthorized"), Decided: true}},
		{KindCriterion, "claim/level: {has: 9}", Node{Name: "claim", Text: "claim/level: {has: 9}", File: "policies/ops.yaml", Line: 7, Column: 7,
			Reasons: reasons("claim-unauthorized"), Read: []Read{{Name: "claim level", Value: "[3]"}}}},
		{KindCriterion, "http_header", Node{Text: "http_header/X-Team: {is: red}", File: "policies/ops.yaml", Line: 11, Column: 7,
			Reasons: reasons("http-header-unauthorized"), Read: []Read{{Name: "header X-Team", Absent: true}}}},
		{KindPolicy, "hand", Node{File: "policies/hand.rego", Reasons: reasons("hand-made")}},
		{KindRego, "policies/hand.rego", Node{Text: "allow = false", File: "policies/hand.rego", Reasons: reasons("hand-made"),
			Read: []Read{{Name: "email", Value: "ada@example.com"}}}},
		{KindShorthand, "downstream_mtls", Node{Reasons: reasons("valid-client-certificate")}},
		{KindCriterion, "invalid_client_certificate", Node{Text: "invalid_client_certificate: true", Reasons: reasons("valid-client-certificate"),
			Read: []Read{{Name: "client certificate valid", Value: "true"}, {Name: "client certificate presented", Value: "true"}}}},
		{KindPolicy, "trial", Node{File: "policies/trial.yaml", Line: 1, Value: true, Reasons: reasons("http-method-ok")}},
	} {
		t.Run(tc.kind+" "+tc.name, func(t *testing.T) {
			t.Parallel()
			n := nodeOf(x, tc.kind, tc.name)
			if n == nil {
				t.Fatalf("it is not there:\n%s", explainedText(t, x))
			}
			got := *n
			got.Children = nil
			tc.want.Kind = tc.kind
			if tc.want.Name == "" {
				tc.want.Name = tc.name
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if len(x.Shadows) != 1 || x.Shadows[0].Would != "deny" || x.Shadows[0].Allow != nil {
		t.Errorf("shadows %+v", x.Shadows)
	}
}
