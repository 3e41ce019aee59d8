package policy

import (
	"fmt"
	"testing"
)

const ordinary = `
allow:
  or:
    - email: {is: someone@example.com}
    - domain: {is: example.org}
    - groups: {has: admins}
`

func BenchmarkEvaluate(b *testing.B) {
	for _, bc := range []struct{ name, text string }{
		{"email, domain, group", ordinary},
		{"one e-mail address", "allow: {or: [{email: ada@example.com}]}"},
		{"with path, method, address", "allow: {and: [{domain: example.com}, {http_method: GET}, {http_path: {starts_with: /reports}}, {source_ip: 192.0.2.0/24}]}"},
		{"with a deny and a claim", "[{allow: {or: [{claim/realm_access/roles: writer}]}}, {deny: {or: [{claim/department: sales}]}}]"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			p := program(b, bc.text)
			f := Facts{Request: get(), Person: NewPerson(ada())}
			b.ReportAllocs()
			for b.Loop() {
				if d := p.Evaluate(b.Context(), f); d.Outcome != Allow {
					b.Fatalf("outcome %v: %+v", d.Outcome, d)
				}
			}
		})
	}
}

func BenchmarkRemembered(b *testing.B) {
	for _, bc := range []struct{ name, text string }{
		{"session", ordinary},
		{"session, path, address", "allow: {and: [{domain: example.com}, {http_path: {starts_with: /reports}}, {source_ip: 192.0.2.0/24}]}"},
		{"headers", "allow: {or: [{cors_preflight: true}, {domain: example.com}]}"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			p := program(b, bc.text)
			f := Facts{Request: get(), Person: NewPerson(ada())}
			b.ReportAllocs()
			for b.Loop() {
				if d := p.Decide(b.Context(), f); d.Outcome != Allow {
					b.Fatalf("outcome %v", d.Outcome)
				}
			}
		})
	}
}

// BenchmarkCompile compiles routes that differ in names: each on its own, and
// with what they share.
func BenchmarkCompile(b *testing.B) {
	docs := make([]*Document, 64)
	for i := range docs {
		docs[i] = document(b, fmt.Sprintf("allow: {or: [{email: user%d@example.com}, {domain: example.org}, {groups: admins}]}", i))
	}
	run := func(b *testing.B, compiler func() *Compiler) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if _, err := compiler().Compile(b.Context(), Source{Documents: []*Document{docs[i%len(docs)]}}); err != nil {
				b.Fatal(err)
			}
			i++
		}
	}
	b.Run("alone", func(b *testing.B) { run(b, func() *Compiler { return new(Compiler) }) })
	var c Compiler
	b.Run("shared", func(b *testing.B) { run(b, func() *Compiler { return &c }) })
}

func BenchmarkNewPerson(b *testing.B) {
	d := ada()
	b.ReportAllocs()
	for b.Loop() {
		NewPerson(d)
	}
}
