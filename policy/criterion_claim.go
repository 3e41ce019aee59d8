package policy

import "strings"

// maxClaimDepth bounds how many levels of nested claims a path may name.
const maxClaimDepth = 5

// criterionClaim tests the values of one claim. The name may hold slashes and
// dots ("https://example.com/roles"), and may as well be a path through nested
// claims ("realm_access/roles", "realm_access.roles"). The claim with the
// longest name that begins the path is taken, and what is left is the path
// below it.
var criterionClaim = &kind{
	name:    "claim",
	summary: "Tests a claim of the person: exactly that name, or a path through nested claims, realm/roles or realm.roles, five levels.",
	form:    listForm,
	subPath: true,
	example: "department",
	session: true,
	reads:   Reads{Session: true},
	parse:   parseListMatcher,
	clauses: func(c criterion, l *literals, _ bool) []clause {
		m := c.operand.(listMatcher)
		// The first reference that exists is the claim, also where it does
		// not match and a later one would.
		var out []clause
		for _, ref := range claimRefs(l, c.subPath) {
			out = append(out,
				clause{true, "claim-ok", append([]string{ref}, claimConditions(l, m, ref)...)},
				clause{false, "claim-unauthorized", []string{ref}})
		}
		// A claim that is nowhere is an empty list, which excludes whatever
		// is asked.
		if m.onlyExcludes() {
			return append(out, clause{true, "claim-ok", nil})
		}
		return append(out, clause{false, "claim-unauthorized", nil})
	},
	fold: foldLists,
}

func claimConditions(l *literals, m listMatcher, ref string) []string {
	return m.conditions(l, ref, func(v string) string { return ref + " == {" + v + "}" })
}

// claimRefs are the references that a path may mean, the likeliest first.
func claimRefs(l *literals, path string) []string {
	var cuts []int // where a segment ends
	for i, c := range path {
		if c == '/' || c == '.' {
			cuts = append(cuts, i)
		}
	}
	refs := []string{claimRef(l, path)}
	for i := len(cuts) - 1; i >= 0; i-- {
		below := strings.FieldsFunc(path[cuts[i]+1:], func(c rune) bool { return c == '/' || c == '.' })
		if len(below)+1 > maxClaimDepth || len(below) != len(cuts)-i {
			break // too deep, or an empty segment, which names no claim
		}
		refs = append(refs, claimRef(l, append([]string{path[:cuts[i]]}, below...)...))
	}
	return refs
}

func claimRef(l *literals, names ...string) string {
	var b strings.Builder
	b.WriteString("input.person.claims")
	for _, n := range names {
		b.WriteString("[" + l.text(n) + "]")
	}
	return b.String()
}
