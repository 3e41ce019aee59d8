package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// found is what lint says of a document, one line each.
func found(fs []Finding) string {
	var b strings.Builder
	for _, f := range fs {
		fmt.Fprintf(&b, "%s %s %s\n", f.Severity, f.Code, f.Path)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestLint(t *testing.T) {
	t.Parallel()
	const domain = "allow: {or: [{domain: example.com}]}"
	for _, tc := range []struct {
		name string
		ppl  string
		want string
	}{
		{"nothing to say", "{allow: {and: [{domain: example.com}, {groups: ops}]}, deny: {or: [{http_path: {starts_with: /admin/}}]}}", ""},
		{"a text that is two", "allow: {and: [{email: a@x.example}, {email: b@x.example}]}", "error nobody policy\nerror never-true policy[0].allow.and"},
		{"an address of another domain", "allow: {and: [{email: {in: [a@x.example, b@y.example]}}, {domain: z.example}]}", "error nobody policy\nerror never-true policy[0].allow.and"},
		{"an address with two at signs has no domain", "allow: {and: [{email: {ends_with: 'a@b@x.example'}}, {domain: {not: z}}]}", "error nobody policy\nerror never-true policy[0].allow.and"},
		{"the case of a domain does not matter", "allow: {and: [{email: a@X.Example}, {domain: x.EXAMPLE}]}", "note email-case policy[0].allow.and[0].email"},
		{"a prefix and another text", "allow: {or: [{http_path: {starts_with: /a/, is: /b}}, {domain: example.com}]}", "error never-true policy[0].allow.or[0].http_path"},
		{"two prefixes", "allow: {or: [{user: {starts_with: a, contains: b}}], and: [{user: {starts_with: ab}}, {user: {starts_with: ba}}]}", "error never-true policy[0].allow.and"},
		{"two suffixes", "allow: {and: [{user: {ends_with: ab}}, {user: {ends_with: cb}}, {user: {contains: b}}]}", "error nobody policy\nerror never-true policy[0].allow.and"},
		{"a part that is excluded", "allow: {or: [{domain: x.example}], not: [{authenticated_user: }]}", "error never-true policy[0].allow.not"},
		{"a list that nothing is left of", "allow: {or: [{domain: x.example}, {user: {in: [a, b], not_in: [b, a, c]}}]}", "error never-true policy[0].allow.or[1].user"},
		{"two methods", "{allow: {and: [{http_method: GET}, {http_method: POST}]}}", "error nobody policy\nerror never-true policy[0].allow.and"},
		{"a preflight is no GET", "allow: {or: [{domain: x}], and: [{cors_preflight: }, {http_method: GET}]}", "error never-true policy[0].allow.and"},
		{"networks apart", "allow: {or: [{domain: x}], and: [{source_ip: [10.0.0.0/8, 192.0.2.0/24]}, {source_ip: '2001:db8::/32'}]}", "error never-true policy[0].allow.and"},
		{"networks that overlap", "allow: {and: [{source_ip: 10.0.0.0/8}, {source_ip: 10.1.0.0/16}, {authenticated_user: }]}", ""},
		{"a claim that is two values", "allow: {or: [{domain: x}, {claim/k: {is: a, has: b}}]}", "error never-true policy[0].allow.or[1].claim"},
		{"one group may have two names", "allow: {or: [{groups: {is: a, has: b}}]}", ""},
		{"a group that is excluded", "allow: {or: [{domain: x}, {groups: {has: a, exclude: a}}]}", "error never-true policy[0].allow.or[1].groups"},
		{"not of everybody", "allow: {or: [{domain: x}], not: [{accept: }]}", "error never-true policy[0].allow.not"},
		{"a certificate that is valid and not", "allow: {or: [{domain: x}], and: [{client_certificate: {san_dns: a}}, {invalid_client_certificate: }]}", "error never-true policy[0].allow.and"},
		{"two certificates", "allow: {or: [{domain: x}], and: [{client_certificate: {fingerprint: " + strings.Repeat("0", 64) + "}}, {client_certificate: {fingerprint: " + strings.Repeat("1", 64) + "}}]}", "error never-true policy[0].allow.and"},

		{"an address of the domain", "allow: {or: [{domain: example.com}, {email: a@example.com}]}", "warning shadowed policy[0].allow.or[1].email"},
		{"an address of another domain beside", "allow: {or: [{domain: example.com}, {email: a@example.org}]}", ""},
		{"everybody who is signed in", "allow: {or: [{email: a@example.com}, {authenticated_user: }]}", "warning shadowed policy[0].allow.or[0].email"},
		{"everybody", "allow: {or: [{accept: }, {groups: x}], and: [{http_method: GET}, {groups: y}]}", "warning shadowed policy[0].allow.or[1].groups\nwarning shadowed policy[0].allow.and"},
		{"less beside more", "- allow: {or: [{groups: x}]}\n- allow: {and: [{groups: x}, {http_method: GET}]}", "warning shadowed policy[1].allow.and"},
		{"the same twice", "- allow: {or: [{groups: x}]}\n- allow: {or: [{groups: x}]}", "warning shadowed policy[1].allow.or[0].groups"},
		{"a deny within a deny", domain + "\ndeny: {or: [{http_path: {starts_with: /a/}}, {http_path: /a/b}]}", "warning shadowed policy[0].deny.or[1].http_path"},
		{"a network within a network", domain + "\ndeny: {or: [{source_ip: 10.1.0.0/16}, {source_ip: [10.0.0.0/9, 10.128.0.0/9]}]}", "warning shadowed policy[0].deny.or[0].source_ip"},
		{"an allow within a deny", "{allow: {or: [{domain: a.example}, {email: x@b.example}]}, deny: {or: [{domain: b.example}]}}", "warning outranked policy[0].allow.or[1].email"},

		{"a method alone", "allow: {or: [{domain: example.com}, {http_method: GET}]}", "warning public-by-accident policy[0].allow.or[1].http_method"},
		{"an address alone", "allow: {or: [{source_ip: 10.0.0.0/8}]}", "warning public-by-accident policy[0].allow.or[0].source_ip"},
		{"not of a request", "allow: {not: [{http_path: {starts_with: /admin/}}]}", "warning public-by-accident policy[0].allow.not"},
		{"with a person beside", "allow: {and: [{http_method: GET}, {authenticated_user: }]}", ""},
		{"a preflight is meant", "allow: {or: [{cors_preflight: }, {domain: example.com}]}", ""},
		{"a certificate is somebody", "allow: {and: [{client_certificate: {san_dns: a.example}}, {http_method: GET}]}", ""},
		{"accept is meant", "allow: {or: [{accept: }]}", ""},
		{"strangers are kept out", "{allow: {or: [{http_method: GET}]}, deny: {not: [{domain: example.com}]}}", "note sign-in-trap policy[0].deny.not"},
		{"nor is not none", "allow: {nor: [{email: a@x.example}, {email: b@x.example}]}", "warning everybody-signed-in policy[0].allow.nor"},
		{"either way", "allow: {nor: [{groups: x}, {groups: {exclude: x}}]}", "warning everybody-signed-in policy[0].allow.nor"},

		{"a deny of reject", domain + "\ndeny: {or: [{reject: }]}", "error reject-trap policy[0].deny.or[0].reject"},
		{"a deny of nothing", domain + "\ndeny: {and: [{http_method: GET}, {http_method: PUT}]}", "error deny-never-fires policy[0].deny.and"},
		{"a deny of nobody's address", domain + "\ndeny: {or: [{email: {is: a@x.example, starts_with: b}}]}", "error deny-never-fires policy[0].deny.or[0].email"},
		{"a deny of not reject", domain + "\ndeny: {not: [{reject: }]}", "error deny-everybody policy[0].deny.not\nwarning reject-trap policy[0].deny.not[0].reject"},
		{"an allow of not reject", "allow: {not: [{reject: }]}", "warning public-by-accident policy[0].allow.not\nwarning reject-trap policy[0].allow.not[0].reject"},
		{"a deny of everybody", domain + "\ndeny: {or: [{accept: }]}", "error deny-everybody policy[0].deny.or[0].accept"},
		{"a deny of everybody who signs in", domain + "\ndeny: {or: [{authenticated_user: }]}", "error deny-everybody policy[0].deny.or[0].authenticated_user"},
		{"two denies that leave nobody", domain + "\ndeny: {or: [{http_method: GET}], not: [{http_method: GET}]}", "error deny-everybody policy[0].deny.or[0].http_method"},
		{"a public route that asks", "{allow: {or: [{accept: }]}, deny: {or: [{email: eve@x.example}]}}", "warning sign-in-trap policy[0].deny.or[0].email"},
		{"nobody at all", "[]", "error nobody policy"},
		{"nobody but a deny", "deny: {or: [{http_method: GET}]}", "error nobody policy"},

		{"upper case", "allow: {or: [{email: Ada@example.com}]}", "note email-case policy[0].allow.or[0].email"},
		{"a domain by its end", "allow: {or: [{email: {ends_with: '@example.com'}}]}", "warning email-domain policy[0].allow.or[0].email"},
		{"a domain anywhere", "allow: {or: [{email: {contains: example.com}}]}", "warning email-domain policy[0].allow.or[0].email"},
		{"a star in a path", domain + "\ndeny: {or: [{http_path: {starts_with: /admin/*}}]}", "warning wildcard policy[0].deny.or[0].http_path"},
		{"a path that begins more", domain + "\ndeny: {or: [{http_path: {starts_with: /admin}}]}", "note path-prefix policy[0].deny.or[0].http_path"},
		{"the claim of groups", "allow: {or: [{claim/groups: x}]}", "note claim-groups policy[0].allow.or[0].claim"},
		{"nor of one", domain + "\ndeny: {nor: [{http_method: GET}]}", "note nor policy[0].deny.nor"},
		{"nor beside not", domain + "\ndeny: {nor: [{http_method: GET}, {groups: x}], not: [{groups: y}, {http_path: /}]}", "note nor policy[0].deny.nor"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			fs := Lint(Source{Documents: []*Document{document(t, tc.ppl)}})
			if diff := cmp.Diff(tc.want, found(fs)); diff != "" {
				t.Errorf("Lint(%s) (-want +got):\n%s\n%+v", tc.ppl, diff, fs)
			}
		})
	}
}

func TestLintOfRoutesAndPolicies(t *testing.T) {
	t.Parallel()
	named := func(name, ppl string) *Policy {
		return &Policy{Name: name, Documents: []*Document{document(t, ppl)}}
	}
	for _, tc := range []struct {
		name   string
		source Source
		want   string
	}{
		{"shorthand keys", Source{Shorthand: Shorthand{AnyUser: true, Domains: []string{"example.com"}, Users: []string{"Ada@example.com"}}},
			"warning shadowed allowed_domains\nnote email-case allowed_users\nwarning shadowed allowed_users"},
		{"public in short", Source{Shorthand: Shorthand{Public: true}}, ""},
		{"a user may have the id of an address", Source{Shorthand: Shorthand{Domains: []string{"x.example"}, Users: []string{"a@x.example"}}}, ""},
		{"an enforced deny keeps the route's own rule out",
			Source{Documents: []*Document{document(t, "allow: {or: [{domain: x.example}]}")}, Policies: []*Policy{named("no-x", "deny: {or: [{domain: {ends_with: example}}]}")}},
			"error nobody policy\nwarning outranked policy[0].allow.or[0].domain"},
		{"a policy that shadows does nothing", Source{Policies: []*Policy{{Name: "p", Shadow: true, Shorthand: Shorthand{Public: true}}}}, "error nobody policy"},
		{"who knows what hand-written Rego allows", Source{Policies: []*Policy{{Name: "p", Rego: []*Module{{}}}}}, ""},
		{"the faults of a policy are told once, not for each route",
			Source{Policies: []*Policy{named("p", "allow: {or: [{domain: x}, {email: {is: a, starts_with: b}}]}")}}, ""},
		{"what it comes to is told", Source{Policies: []*Policy{named("p", "{allow: {or: [{domain: x}]}, deny: {or: [{accept: }]}}")}}, "error deny-everybody policy[0].deny.or[0].accept"},
		{"certificates that are asked for twice",
			Source{DenyInvalidClientCertificate: true, Documents: []*Document{document(t, "{allow: {or: [{domain: x}]}, deny: {or: [{invalid_client_certificate: }]}}")}},
			"warning shadowed policy[0].deny.or[0].invalid_client_certificate"},
	} {
		if diff := cmp.Diff(tc.want, found(Lint(tc.source))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	p := named("ops", "allow: {or: [{email: {is: a, starts_with: b}}]}")
	want := []Finding{{
		Code: "never-true", Severity: SeverityError, Policy: "ops", Line: 1, Column: 15, Path: "policy[0].allow.or[0].email",
		Message: `no request can meet email: {is: "a", starts_with: "b"}, so this lets nobody in`,
		Advice:  "several tests in one criterion must all hold; for one of several, write a list under in or criteria under or",
	}}
	if diff := cmp.Diff(want, LintPolicy(p)); diff != "" {
		t.Errorf("LintPolicy (-want +got):\n%s", diff)
	}
	if got := found(LintPolicy(named("d", "deny: {or: [{http_method: PUT}]}"))); got != "" {
		t.Errorf("a policy that only denies: %s", got)
	}
}

// Many rules, each with much to choose from, end soon and prove nothing wrong.
func TestLintEnds(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 400 {
		fmt.Fprintf(&b, "- allow: {and: [{email: {starts_with: a%d, contains: b, ends_with: c}}, {groups: {has: g%d, exclude: h}}]}\n", i, i)
		fmt.Fprintf(&b, "  deny: {nor: [{http_path: {starts_with: /%d/, contains: b, ends_with: c}}, {groups: {has: g%d, exclude: h}}]}\n", i, i)
	}
	for _, f := range Lint(Source{Documents: []*Document{document(t, b.String())}}) {
		if f.Code == codeNeverTrue {
			t.Errorf("%+v", f)
		}
	}
}
