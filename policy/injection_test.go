package policy

import (
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// hostile are texts that would mean something outside of their quotes.
var hostile = []string{
	"\"\nallow := [true, set()]\n#",
	`"] } allow := [true, {"accept"}] if { true`,
	`\`, `\"`, `\\"`, "`", "${input}", `$"{input.person}"`, "{input.person}",
	"a\nb", "a\r\nb", "a\x00b", "a\u2028b", "\ufeffa", "\u202eevil", "a\tb", "😀", "\U000e0001tag",
	"# comment", "data.pomerium.policy.allow", "%s%d%!", "*", "true", "null",
	"package x", "*/", "<script>", "' or 1=1",
}

func TestTextStaysText(t *testing.T) {
	t.Parallel()
	for _, text := range hostile {
		doc := &Document{rules: []ruleSet{{allow: []group{
			{operator: operatorAnd, criteria: []criterion{
				{kind: criterionClaim, subPath: text, operand: listMatcher{{"has", []string{text}}}},
				{kind: criterionEmail, operand: stringMatcher{{"is", []string{text}}}},
				{kind: criterionUser, operand: stringMatcher{{"in", []string{"x", text}}}},
				{kind: criterionGroups, operand: listMatcher{{"has", []string{text}}}},
				{kind: criterionHTTPPath, operand: stringMatcher{{"ends_with", []string{text}}}},
			}},
		}}}}
		p := compiled(t, Source{Documents: []*Document{doc}})
		f := Facts{Request: get(), Person: NewPerson(PersonData{
			UserID: text, Email: text, Groups: []string{text}, Claims: map[string]any{text: text},
		})}
		f.Request.Path = "/" + text
		if d := p.Decide(t.Context(), f); d.Outcome != Allow {
			t.Errorf("%q is not itself: %+v", text, d)
		}
		f.Person = NewPerson(PersonData{UserID: text, Email: text, Groups: []string{text}, Claims: map[string]any{text: "other"}})
		if d := p.Decide(t.Context(), f); d.Outcome != Deny {
			t.Errorf("%q is something else: %+v", text, d)
		}
		module, err := ast.ParseModuleWithOpts("x", p.Rego(), ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(module.Rules); got != 8 { // allow, deny, one group, five criteria
			t.Errorf("%q makes %d rules:\n%s", text, got, p.Rego())
		}
		if len(module.Comments) > 0 || len(module.Imports) > 0 {
			t.Errorf("%q makes comments or imports:\n%s", text, p.Rego())
		}
	}
}

func TestHostileTextKeepsItsForm(t *testing.T) {
	t.Parallel()
	for _, text := range hostile {
		doc := &Document{rules: []ruleSet{{deny: []group{{operator: operatorOr, criteria: []criterion{
			{kind: criterionClaim, subPath: text, operand: listMatcher{{"has", []string{text}}}},
			{kind: criterionEmail, operand: stringMatcher{{"not_in", []string{text}}}},
		}}}}}}
		first, err := doc.Format()
		if err != nil {
			t.Fatal(err)
		}
		second, err := document(t, string(first)).Format()
		if err != nil || string(first) != string(second) {
			t.Errorf("%q: %v\n%s\n%s", text, err, first, second)
		}
	}
}

func TestTextThatIsNoTextIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []Shorthand{
		{Users: []string{"a\xff"}}, {Domains: []string{"\xff"}},
		{Claims: map[string][]string{"\xff": {"x"}}}, {Claims: map[string][]string{"x": {"\xff"}}},
	} {
		if _, err := Compile(t.Context(), Source{Shorthand: s}); err == nil || !strings.Contains(err.Error(), "UTF-8") {
			t.Errorf("Compile(%+v): %v", s, err)
		}
	}
}

func TestCapabilitiesAreFew(t *testing.T) {
	t.Parallel()
	caps := generatedCapabilities()
	for _, b := range caps.Builtins {
		if b.IsNondeterministic() {
			t.Errorf("%s is not a function of its arguments", b.Name)
		}
		for _, door := range []string{"http.", "opa.", "rego.", "net.lookup", "time.", "rand.", "uuid.", "crypto.", "io.", "trace", "walk", "regex."} {
			if strings.HasPrefix(b.Name, door) {
				t.Errorf("%s is a door", b.Name)
			}
		}
	}
	if caps.AllowNet == nil || len(caps.AllowNet) > 0 {
		t.Errorf("allowed hosts: %v", caps.AllowNet)
	}
	for _, call := range []string{
		`http.send({"method": "GET", "url": "http://127.0.0.1"})`, `opa.runtime()`, `net.lookup_ip_addr("localhost")`,
		`rego.parse_module("x", "package x")`, `time.now_ns()`, `rand.intn("x", 2)`, `regex.match("a", "a")`,
	} {
		if _, err := newShape("package pomerium.policy\nallow := [true, {\"x\"}] if " + call + "\ndeny := [false, set()]\n"); err == nil {
			t.Errorf("%s compiles", call)
		}
	}
}
