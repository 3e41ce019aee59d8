package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCoverage(t *testing.T) {
	t.Parallel()
	p := compiled(t, Source{
		Shorthand: Shorthand{Domains: []string{"example.org"}},
		Policies:  []*Policy{{Name: "ops", File: "policies/ops.yaml", Line: 1, Documents: []*Document{document(t, opsPolicy)}}},
	})
	c := NewCoverage()
	if seen, all := c.Seen(); seen != 0 || all != 0 || len(c.Report()) != 0 {
		t.Errorf("nothing has been seen, and it is %d of %d: %v", seen, all, c.Report())
	}
	report := func() []string {
		var lines []string
		for _, u := range c.Report() {
			lines = append(lines, u.String())
		}
		return lines
	}
	c.Add(explained(t, p, by(ada())))
	want := []string{
		"allowed_domains: domain: {in: [example.org]}: never true",
		"policies/ops.yaml:3: rules: never true",
		"policies/ops.yaml:3: and: never true",
		"policies/ops.yaml:4: groups: {has: ops}: never true",
		"policies/ops.yaml:5: source_ip: [10.0.0.0/8]: never true",
		"policies/ops.yaml:7: email: {is: root@example.com}: never true",
		"policies/ops.yaml:10: http_path: {starts_with: /secret}: never true",
	}
	if diff := cmp.Diff(want, report()); diff != "" {
		t.Errorf("after one (-want +got):\n%s", diff)
	}
	if seen, all := c.Seen(); seen != 7 || all != 14 {
		t.Errorf("seen %d of %d", seen, all)
	}
	d := ada()
	d.Groups, d.Email = []string{"ops"}, "ada@example.org"
	s := by(d)
	s.Request.Path = "/secret"
	c.Add(explained(t, p, s))
	want = []string{
		"policies/ops.yaml:3: rules: never true",
		"policies/ops.yaml:3: and: never true",
		"policies/ops.yaml:5: source_ip: [10.0.0.0/8]: never true",
		"policies/ops.yaml:7: email: {is: root@example.com}: never true",
	}
	if diff := cmp.Diff(want, report()); diff != "" {
		t.Errorf("after two (-want +got):\n%s", diff)
	}
	c.Add(&Explanation{Err: "away", Allow: &Node{Kind: KindCriterion, Text: "x"}})
	if diff := cmp.Diff(want, report()); diff != "" {
		t.Errorf("no decision shows something (-want +got):\n%s", diff)
	}
}

func TestCoverageOfOneProgramAmongOthers(t *testing.T) {
	t.Parallel()
	ops := &Policy{Name: "ops", File: "policies/ops.yaml", Line: 1, Documents: []*Document{document(t, opsPolicy)}}
	alone := compiled(t, Source{Policies: []*Policy{ops}})
	whole := compiled(t, Source{Shorthand: Shorthand{Domains: []string{"example.org"}}, Policies: []*Policy{ops}})
	c := NewCoverage()
	d := ada()
	d.Groups = []string{"ops"}
	c.Add(explained(t, alone, by(d)))
	c.Add(explained(t, program(t, "{allow: {or: [{email: {is: somebody@else.example}}]}}"), by(ada()))) // not of the program
	of := c.Of(explained(t, whole, by(ada())))
	if seen, all := of.Seen(); seen != 6 || all != 14 {
		t.Errorf("seen %d of %d", seen, all)
	}
	never := map[string]string{}
	for _, u := range of.Report() {
		never[u.Rule] = u.Never
	}
	want := map[string]string{
		"domain: {in: [example.org]}": "true or false", "groups: {has: ops}": "false", "source_ip: [10.0.0.0/8]": "true", "rules": "true", "and": "true",
		"email: {is: root@example.com}": "true", "http_path: {starts_with: /secret}": "true",
	}
	if diff := cmp.Diff(want, never); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeIsNotAskedFor(t *testing.T) {
	t.Parallel()
	c := NewCoverage()
	c.Add(explained(t, program(t, "{allow: {or: [{accept: }]}, deny: {or: [{reject: }]}}"), by(ada())))
	if seen, all := c.Seen(); seen != 2 || all != 2 || len(c.Report()) != 0 {
		t.Errorf("seen %d of %d: %v", seen, all, c.Report())
	}
}

func TestCoverageOfHandWrittenRego(t *testing.T) {
	t.Parallel()
	m, err := ParseRego("x.rego", "deny if input.http.method == \"PUT\"\n\nallow if input.http.path == \"/reports/1\"")
	if err != nil {
		t.Fatal(err)
	}
	p := compiled(t, Source{Policies: []*Policy{{Name: "x", Rego: []*Module{m}}}})
	c := NewCoverage()
	s := by(ada())
	c.Add(explained(t, p, s))
	if seen, all := c.Seen(); seen != 2 || all != 4 {
		t.Errorf("after one test %d of %d branches, want 2 of 4: %v", seen, all, c.Report())
	}
	s.Request.Method, s.Request.Path = "PUT", "/"
	c.Add(explained(t, p, s))
	if got := c.Report(); len(got) != 0 {
		t.Errorf("both values of both halves are seen, and the report is %v", got)
	}
}

// coverageOf are the lines of a report after the explanations.
func coverageOf(xs ...*Explanation) (lines []string, seen, all int) {
	c := NewCoverage()
	for _, x := range xs {
		c.Add(x)
	}
	for _, u := range c.Report() {
		lines = append(lines, u.String())
	}
	seen, all = c.Seen()
	return lines, seen, all
}

func TestWhatCoverageCounts(t *testing.T) {
	t.Parallel()
	named := func(p Policy, ppl string) Source {
		p.Documents = []*Document{document(t, ppl)}
		return Source{Policies: []*Policy{&p}}
	}
	// On two routes it is still one.
	twice := &Policy{Name: "ops", File: "ops.yaml", Line: 1, Documents: []*Document{document(t, "allow: {or: [{groups: ops}]}")}}
	put := by(ada())
	put.Request.Method = "PUT"
	for _, tc := range []struct {
		name      string
		sources   []Source
		scenarios []Scenario
		seen, all int
		want      []string
	}{
		{"of a file", []Source{named(Policy{Name: "ops", File: "ops.yaml", Line: 1}, "allow:\n  or:\n  - groups: ops")}, []Scenario{by(ada())}, 1, 2,
			[]string{"ops.yaml:3: groups: {has: ops}: never true"}},
		{"of the configuration itself", []Source{named(Policy{Name: "ops", Line: 1}, "allow:\n  or:\n  - groups: ops")}, []Scenario{by(ada())}, 1, 2,
			[]string{"line 3: groups: {has: ops}: never true"}},
		{"of a shorthand key in a named policy", []Source{named(Policy{Name: "ops", File: "ops.yaml", Shorthand: Shorthand{Domains: []string{"x.example"}}}, "[]")}, []Scenario{by(ada())}, 1, 2,
			[]string{"policy ops allowed_domains: domain: {in: [x.example]}: never true"}},
		{"of a shadow", []Source{named(Policy{Name: "try", File: "try.yaml", Line: 1, Shadow: true}, "deny: {or: [{http_method: PUT}]}")}, []Scenario{by(ada()), put}, 2, 2, nil},
		{"a policy of two routes is one", []Source{{Policies: []*Policy{twice}}, {Shorthand: Shorthand{Public: true}, Policies: []*Policy{twice}}}, []Scenario{by(ada())}, 2, 3,
			[]string{"ops.yaml:1: groups: {has: ops}: never true"}},
		{"two policies with the same lines are two", []Source{named(Policy{Name: "a", File: "a.yaml"}, "allow: {or: [{http_method: PUT}]}"), named(Policy{Name: "b", File: "b.yaml"}, "allow: {or: [{http_method: PUT}]}")},
			[]Scenario{by(ada())}, 2, 4, []string{"a.yaml:1: http_method: {is: PUT}: never true", "b.yaml:1: http_method: {is: PUT}: never true"}},
		{"two criteria at one place are two", []Source{named(Policy{Name: "a", File: "a.yaml"}, "{allow: {or: [&c {http_method: PUT}]}, deny: {or: [*c]}}")}, []Scenario{by(ada())}, 2, 4,
			[]string{"a.yaml:1: http_method: {is: PUT}: never true", "a.yaml:1: http_method: {is: PUT}: never true"}},
		{"criteria that a decision joins are two", []Source{named(Policy{Name: "a", File: "a.yaml"}, "allow:\n  or:\n  - groups: engineers\n  - groups: ops")}, []Scenario{by(ada())}, 3, 6,
			[]string{"a.yaml:2: or: never false", "a.yaml:3: groups: {has: engineers}: never false", "a.yaml:4: groups: {has: ops}: never true"}},
		{"constants, and what they settle", []Source{named(Policy{Name: "a", File: "a.yaml"}, "allow:\n  or: [{accept: }, {http_method: GET}]\n  and: [{reject: }, {http_method: GET}]\n  not: [{reject: }, {reject: }]")},
			[]Scenario{by(ada()), put}, 12, 12, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var xs []*Explanation
			for _, src := range tc.sources {
				p := compiled(t, src)
				for _, s := range tc.scenarios {
					xs = append(xs, explained(t, p, s))
				}
			}
			lines, seen, all := coverageOf(xs...)
			if diff := cmp.Diff(tc.want, lines); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if seen != tc.seen || all != tc.all {
				t.Errorf("seen %d of %d, want %d of %d", seen, all, tc.seen, tc.all)
			}
		})
	}
}

func TestADisagreementShowsNothing(t *testing.T) {
	t.Parallel()
	x := explained(t, program(t, "allow: {or: [{groups: ops}]}"), by(ada()))
	x.Disagrees = true
	if lines, seen, all := coverageOf(x); len(lines) > 0 || seen != 0 || all != 0 {
		t.Errorf("seen %d of %d: %q", seen, all, lines)
	}
}
