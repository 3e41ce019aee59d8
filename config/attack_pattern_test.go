package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestAttackExpressionsThatGrow: a hundred kilobytes of them took gigabytes, and
// the program with them.
func TestAttackExpressionsThatGrow(t *testing.T) {
	t.Parallel()
	const head = "authenticate_service_url: https://login.example.com\nidp_provider: local\nusers: [{email: a@example.com}]\ndata_dir: /tmp/x\nroutes:\n"
	routes := func(n int, regex string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "- {from: https://a.example.com, to: http://b, allow_any_authenticated_user: true, regex: '/%d%s'}\n", i, regex)
		}
		return b.String()
	}
	sans := func(regex string) string {
		return "downstream_mtls: {match_subject_alt_names: [" + strings.Repeat("{dns: '"+regex+"'},", 1000) + "]}\n"
	}
	large := "(" + strings.Repeat("abcdefghijklmnopqrstuvwxyz", 3) + "){1000}"
	for _, tc := range []struct {
		name, text string
		problem    string // "" is none
	}{
		{"ordinary", routes(200, "[a-z]{1,64}/(edit|view)"), ""},
		{"a large one", routes(1, large), ""},
		{"many", routes(1200, large), wantSmaller},
		{"nested", routes(50, "((((.{10}){10}){10}|b)(c{1,1000}))"), ""},
		{"nested and many", routes(2000, "((((.{10}){10}){10}|b)(c{1,1000}))"), wantSmaller},
		{"in rewrites", strings.ReplaceAll(routes(1200, "x"), "regex: '/", "regex_rewrite_substitution: '/y', regex_rewrite_pattern: '"+large), wantSmaller},
		{"names of certificates", routes(1, "x") + sans(large), wantSmaller},
		{"long", routes(1, strings.Repeat("a", maxPattern)), wantRegexp},
	} {
		_, err := Load(t.Context(), Options{File: "sent.yaml", Text: []byte(head + tc.text)})
		if err == nil != (tc.problem == "") || err != nil && !strings.Contains(err.Error(), tc.problem) {
			t.Errorf("%s: %.300v", tc.name, err)
		}
	}
}
