package policy

import (
	"testing"

	"gopkg.in/yaml.v3"
)

func TestRulesAreCountedAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	var n yaml.Node
	text := "[{allow: {or: [{email: {is: a@b}}, {accept: true}], not: [{domain: {is: b}}]}}, {deny: {and: [{reject: true}]}}]"
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	doc, err := ParseNode(&n)
	if err != nil {
		t.Fatal(err)
	}
	named := &Policy{Name: "p", Documents: []*Document{doc}, Shorthand: Shorthand{AnyUser: true}}
	shadow := *named
	shadow.Shadow = true
	for want, s := range map[int]Source{
		0: {}, 4: {Documents: []*Document{doc}}, 2: {Shorthand: Shorthand{Public: true, Users: []string{"a", "b"}}},
		5: {Policies: []*Policy{named, &shadow}}, 1: {DenyInvalidClientCertificate: true},
	} {
		if got := s.Rules(); got != want {
			t.Errorf("%d rules, want %d", got, want)
		}
	}
}
