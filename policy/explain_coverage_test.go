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

func TestWhatCannotBeIsNotAskedFor(t *testing.T) {
	t.Parallel()
	c := NewCoverage()
	c.Add(explained(t, program(t, "{allow: {or: [{accept: }]}, deny: {or: [{reject: }]}}"), by(ada())))
	if seen, all := c.Seen(); seen != 2 || all != 2 || len(c.Report()) != 0 {
		t.Errorf("seen %d of %d: %v", seen, all, c.Report())
	}
}
