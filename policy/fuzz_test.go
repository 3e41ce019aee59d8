package policy

import (
	"errors"
	"fmt"
	"testing"

	"gopkg.in/yaml.v3"
)

func sprint(v any) string { return fmt.Sprintf("%+v", v) }

// FuzzParse: whatever is taken compiles, prints back to itself, means the same
// then, and decides without an error.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"allow: {or: [{email: {is: a@example.com}}]}",
		"- allow: {and: [{domain: {in: [a, B]}}, {claim/a.b/C: {has: 3}}], nor: [{accept: }]}\n  deny: {not: [{source_ip: ['::ffff:1.2.3.0/120', 10.0.0.1]}]}",
		"- &a {allow: {or: [{groups: {is: x, exclude: y}}]}}\n- {<<: *a}\n- *a",
		"deny: {or: [{client_certificate: {san_uri: {contains: x}, fingerprint: 0000000000000000000000000000000000000000000000000000000000000000}}]}",
		`allow: {or: [{"claim/\"\u2028\\": "${x}"}, {http_path: {starts_with: "/\0\n"}}, {http_method: {not_in: [GET]}}]}`,
		"allow: {or: [{invalid_client_certificate: }, {cors_preflight: 1}, {user: {not: x}}, {reject: []}, {authenticated_user: {}}]}",
		"[]", "null", "{}", "allow", "? {a: b}\n: c",
	} {
		f.Add([]byte(seed))
	}
	person := NewPerson(ada())
	f.Fuzz(func(t *testing.T, text []byte) {
		var n yaml.Node
		if yaml.Unmarshal(text, &n) != nil {
			return
		}
		doc, err := ParseNode(&n)
		if err != nil {
			var all Errors
			if !errors.As(err, &all) || len(all) == 0 || err.Error() == "" {
				t.Fatalf("an error that says nothing: %#v", err)
			}
			return
		}
		first, err := doc.Format()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseText(string(first))
		if err != nil {
			t.Fatalf("its own form is refused: %v\n%s", err, first)
		}
		second, err := again.Format()
		if err != nil || string(first) != string(second) {
			t.Fatalf("two forms: %v\n%s\n%s", err, first, second)
		}
		p, err := Compile(t.Context(), Source{Documents: []*Document{doc}})
		if err != nil {
			t.Fatalf("Compile: %v\n%s", err, first)
		}
		q, err := Compile(t.Context(), Source{Documents: []*Document{again}})
		if err != nil || p.Digest() != q.Digest() {
			t.Fatalf("two meanings: %v\n%s\n%s", err, p.Rego(), q.Rego())
		}
		for _, facts := range []Facts{{Request: get()}, {Request: get(), Person: person}} {
			if d := p.Decide(t.Context(), facts); d.Err != nil {
				t.Fatalf("Decide: %v\n%s", d.Err, p.Rego())
			}
		}
	})
}

// FuzzFacts: whatever a request and an identity provider send, a decision of
// ours comes out, and the same from memory.
func FuzzFacts(f *testing.F) {
	f.Add("GET", "/a", "x@y.example", "g", "v")
	f.Add("", "", "", "", "")
	f.Add("\xff", "/\x00\xff", "a@b@c", "\"", "\xf0")
	doc, err := parseText(`
- allow:
    and: [{domain: {ends_with: example}}, {http_path: {starts_with: /a, contains: b}}, {http_method: {not: PUT}}]
    nor: [{groups: {is: g}}, {claim/c/d: {has: v}}, {email: {not_in: [x@y.example]}}]
`)
	if err != nil {
		f.Fatal(err)
	}
	p, err := Compile(f.Context(), Source{Documents: []*Document{doc}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, email, group, claim string) {
		facts := Facts{Request: get(), Person: NewPerson(PersonData{
			UserID: claim, Email: email, Groups: []string{group},
			Claims: map[string]any{"c": map[string]any{"d": claim, claim: group}, group: []any{claim, email}},
		})}
		facts.Request.Method, facts.Request.Path = method, path
		want := p.Evaluate(t.Context(), facts)
		if want.Err != nil {
			t.Fatalf("Decide: %v", want.Err)
		}
		compare(t, want, p.Decide(t.Context(), facts))
		compare(t, want, p.Decide(t.Context(), facts))
	})
}
