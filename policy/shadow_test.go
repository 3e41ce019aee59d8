package policy

import (
	"testing"
)

// shadowed is an enforcing policy with one that looks on beside it.
func shadowed(t *testing.T, enforcing, looksOn string) *Program {
	t.Helper()
	return compiled(t, Source{
		Documents: []*Document{document(t, enforcing)},
		Policies:  []*Policy{{Name: "trial", Shadow: true, Documents: []*Document{document(t, looksOn)}}},
	})
}

func TestAShadowHasNoEffect(t *testing.T) {
	t.Parallel()
	const members = "allow: {or: [{domain: example.com}]}"
	for _, looksOn := range []string{"deny: {or: [{accept: }]}", "allow: {or: [{accept: }]}", "deny: {or: [{email: x}]}"} {
		p, alone := shadowed(t, members, looksOn), program(t, members)
		if p.Digest() != alone.Digest() || p.Rego() != alone.Rego() {
			t.Errorf("a shadow of %s changes what decides", looksOn)
		}
		for _, f := range []Facts{signedIn(ada()), {Request: get()}, signedIn(PersonData{SessionID: "x", UserID: "x", Email: "x@y.example"})} {
			compare(t, alone.Decide(t.Context(), f), p.Decide(t.Context(), f))
		}
	}
}

func TestAShadowSaysWhereItDisagrees(t *testing.T) {
	t.Parallel()
	visitor := signedIn(PersonData{SessionID: "x", UserID: "x", Email: "x@y.example"})
	for _, tc := range []struct {
		name    string
		looksOn string
		facts   Facts
		want    Outcome // of the disagreement; -1 is none
	}{
		{"it would deny whom the policy allows", "deny: {or: [{email: ada@example.com}]}", signedIn(ada()), Deny},
		{"it would allow whom the policy denies", "allow: {or: [{authenticated_user: }]}", visitor, Allow},
		{"it denies who is denied anyway", "deny: {or: [{email: x@y.example}]}", visitor, -1},
		{"it allows who is allowed anyway", "allow: {or: [{accept: }]}", signedIn(ada()), -1},
		{"a stranger signs in either way", "deny: {or: [{email: ada@example.com}]}", Facts{Request: get()}, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := shadowed(t, "allow: {or: [{domain: example.com}]}", tc.looksOn)
			d := p.Decide(t.Context(), tc.facts)
			got := p.Disagreements(t.Context(), tc.facts, d)
			if tc.want < 0 {
				if len(got) != 0 {
					t.Errorf("Disagreements = %+v, want none", got)
				}
				return
			}
			if len(got) != 1 || got[0].Policy != "trial" || got[0].Would.Outcome != tc.want {
				t.Errorf("Disagreements = %+v, want one: trial %v", got, tc.want)
			}
		})
	}
}

func TestShadowsAreReadFor(t *testing.T) {
	t.Parallel()
	p := shadowed(t, "allow: {or: [{domain: example.com}]}", "deny: {or: [{http_path: {starts_with: /a}}]}")
	if !p.AllReads().Path || p.Reads().Path {
		t.Errorf("AllReads().Path = %v, Reads().Path = %v", p.AllReads().Path, p.Reads().Path)
	}
}
