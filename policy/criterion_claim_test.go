package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestClaim(t *testing.T) {
	t.Parallel()
	const ok, no = "claim-ok", "claim-unauthorized"
	runCriterion(t, []criterionCase{
		{"a single value is a list of one", "claim/department: research", signedIn(ada()), true, reasons(ok)},
		{"which it is alone", "claim/department: {is: research}", signedIn(ada()), true, reasons(ok)},
		{"another value", "claim/department: sales", signedIn(ada()), false, reasons(no)},
		{"the case of a name is kept", "claim/Case: kept", signedIn(ada()), true, reasons(ok)},
		{"and matters", "claim/case: kept", signedIn(ada()), false, reasons(no)},
		{"a number by its text", "claim/level: '3'", signedIn(ada()), true, reasons(ok)},
		{"a number", "claim/level: 3", signedIn(ada()), true, reasons(ok)},
		{"a boolean", "claim/staff: true", signedIn(ada()), true, reasons(ok)},
		{"the other boolean", "claim/staff: false", signedIn(ada()), false, reasons(no)},
		{"one of a list", "claim/tags: {has: b}", signedIn(ada()), true, reasons(ok)},
		{"a number in a list", "claim/tags: 7", signedIn(ada()), true, reasons(ok)},
		{"an object in a list is no value", "claim/tags: y", signedIn(ada()), false, reasons(no)},
		{"is, with several", "claim/tags: {is: a}", signedIn(ada()), false, reasons(no)},
		{"is, with a list of one", "claim/one: {is: only}", signedIn(ada()), true, reasons(ok)},
		{"exclude what is not there", "claim/tags: {exclude: z}", signedIn(ada()), true, reasons(ok)},
		{"exclude what is there", "claim/tags: {exclude: a}", signedIn(ada()), false, reasons(no)},
		{"has and exclude", "claim/tags: {has: a, exclude: z}", signedIn(ada()), true, reasons(ok)},
		{"an empty list has nothing", "claim/none: a", signedIn(ada()), false, reasons(no)},
		{"an empty list is not one", "claim/none: {is: a}", signedIn(ada()), false, reasons(no)},
		{"an empty list excludes all", "claim/none: {exclude: a}", signedIn(ada()), true, reasons(ok)},
		{"null has nothing", "claim/nothing: a", signedIn(ada()), false, reasons(no)},
		{"a claim that is not there has nothing", "claim/missing: a", signedIn(ada()), false, reasons(no)},
		{"and excludes all", "claim/missing: {exclude: a}", signedIn(ada()), true, reasons(ok)},
		{"and so at a path", "claim/missing/path: {exclude: a}", signedIn(ada()), true, reasons(ok)},
		{"but has not what it excludes", "claim/missing/path: {exclude: a, has: b}", signedIn(ada()), false, reasons(no)},
		{"an object has no values", "claim/realm_access: reader", signedIn(ada()), false, reasons(no)},
		{"not even those of its members", "claim/realm_access: {is: reader}", signedIn(ada()), false, reasons(no)},
		{"a path with slashes", "claim/realm_access/roles: writer", signedIn(ada()), true, reasons(ok)},
		{"a path with dots", "claim/realm_access.roles: writer", signedIn(ada()), true, reasons(ok)},
		{"a path that excludes", "claim/realm_access/roles: {exclude: writer}", signedIn(ada()), false, reasons(no)},
		{"a name with slashes and dots", "'claim/https://example.com/roles': owner", signedIn(ada()), true, reasons(ok)},
		{"a path below such a name", "'claim/https://example.com/team': {is: blue}", signedIn(ada()), true, reasons(ok)},
		{"the exact name beats the path", "claim/a/b: flat", signedIn(ada()), true, reasons(ok)},
		{"five levels, past a claim with a shorter name", "claim/a/b/c/d/e: deep", signedIn(ada()), true, reasons(ok)},
		{"five levels with dots", "claim/a.b.c.d.e: deep", signedIn(ada()), true, reasons(ok)},
		{"six levels are too many", "claim/a.b.c.d.f.g: deeper", signedIn(ada()), false, reasons(no)},
		{"a path into a list ends there", "claim/tags/a: a", signedIn(ada()), false, reasons(no)},
		{"a path of slashes", "'claim/a//b': flat", signedIn(ada()), false, reasons(no)},
		{"a stranger signs in", "claim/department: research", Facts{Request: get()}, false, reasons(nobody)},
		{"also at a path", "claim/a/b: {exclude: x}", Facts{Request: get()}, false, reasons(nobody)},
	})
}

func TestClaimText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		value any
		want  string
	}{
		{"x", "x"}, {true, "true"}, {false, "false"},
		{float64(1000), "1000"}, {1e21, "1000000000000000000000"}, {0.5, "0.5"}, {-3, "-3"}, {uint64(7), "7"},
		{json.Number("1e3"), "1000"}, {json.Number("1000.0"), "1000"}, {json.Number("12345678901234567890"), "12345678901234567890"},
	} {
		if got, ok := claimText(tc.value); !ok || got != tc.want {
			t.Errorf("claimText(%#v) = %q, %v, want %q", tc.value, got, ok, tc.want)
		}
	}
	for _, v := range []any{nil, []any{}, map[string]any{}, json.Number("x.y"), struct{}{}} {
		if got, ok := claimText(v); ok {
			t.Errorf("claimText(%#v) = %q", v, got)
		}
	}
}

func TestClaimsOfOtherTypes(t *testing.T) {
	t.Parallel()
	type roles []string
	var deep any = "x"
	for range 1000 {
		deep = map[string]any{"n": deep}
	}
	f := signedIn(PersonData{UserID: "u", Claims: map[string]any{
		"strings": []string{"a", "b"},
		"named":   roles{"c"},
		"map":     map[string]string{"k": "v"},
		"channel": make(chan int),
		"deep":    deep,
	}})
	for _, ppl := range []string{"claim/strings: b", "claim/named: {is: c}", "claim/map/k: v", "claim/channel: {exclude: x}"} {
		if d := program(t, "allow: {or: [{"+ppl+"}]}").Decide(t.Context(), f); d.Outcome != Allow {
			t.Errorf("%s: %+v", ppl, d)
		}
	}
}

// A name that says nothing but slashes must not make a module that is slow to
// compile or one that asks for each of its parts.
func TestClaimPathsAreBounded(t *testing.T) {
	t.Parallel()
	for _, path := range []string{strings.Repeat("/", 5000), strings.Repeat("a.", 5000), strings.Repeat("a/", 5000) + "b"} {
		refs := claimRefs(&literals{}, path)
		if len(refs) > maxClaimDepth {
			t.Errorf("%d references for a path of %d bytes", len(refs), len(path))
		}
	}
	want := []string{
		`input.person.claims["a/b.c"]`,
		`input.person.claims["a/b"]["c"]`,
		`input.person.claims["a"]["b"]["c"]`,
	}
	if got := claimRefs(&literals{}, "a/b.c"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("claimRefs = %v, want %v", got, want)
	}
}
