package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGrantsAreWhatOneCanAskFor(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"none", "allow: {or: [{domain: example.com}]}", nil},
		{"one", "allow: {or: [{grant: ops}]}", []string{"ops"}},
		{"beside something else", "allow: {and: [{grant: {has: ops}}, {domain: example.com}]}", []string{"ops"}},
		{"several, each once", "[{allow: {or: [{grant: ops}, {grant: dba}]}}, {allow: {and: [{grant: ops}]}}]", []string{"dba", "ops"}},
		{"held alone", "allow: {or: [{grant: {is: ops}}]}", []string{"ops"}},
		{"one that must be lacked", "allow: {or: [{grant: {has: ops, exclude: dba}}]}", []string{"ops"}},
		{"one that keeps out", "[{allow: {or: [{domain: example.com}]}}, {deny: {or: [{grant: suspended}]}}]", nil},
		{"under not", "allow: {not: [{grant: ops}]}", nil},
		{"groups are no grants", "allow: {or: [{groups: {has: ops}}]}", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, program(t, tc.text).Grants()); diff != "" {
				t.Errorf("Grants (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("named and enforced policies count, shadows do not", func(t *testing.T) {
		t.Parallel()
		ops := []*Document{document(t, "allow: {or: [{grant: ops}]}")}
		p := compiled(t, Source{Policies: []*Policy{
			{Name: "named", Documents: ops},
			{Name: "enforced", Enforced: true, Documents: []*Document{document(t, "allow: {or: [{grant: break-glass}]}")}},
			{Name: "trial", Shadow: true, Documents: []*Document{document(t, "allow: {or: [{grant: trial}]}")}},
		}})
		if diff := cmp.Diff([]string{"break-glass", "ops"}, p.Grants()); diff != "" {
			t.Errorf("Grants (-want +got):\n%s", diff)
		}
	})
}

func TestWithLeavesTheOtherAlone(t *testing.T) {
	t.Parallel()
	one := PersonData{Grants: make([]Grant, 1, 8)}
	a, b := one.With(Grant{Name: "a"}), one.With(Grant{Name: "b"})
	if a.Grants[1].Name != "a" || b.Grants[1].Name != "b" || len(one.Grants) != 1 {
		t.Errorf("%v, %v of %v", a.Grants, b.Grants, one.Grants)
	}
}
