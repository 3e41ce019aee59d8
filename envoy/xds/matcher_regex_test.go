package xds

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
)

func TestExpressionsMatchTheWhole(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, s string
		want       bool
	}{
		{"/a", "/a", true},
		{"/a", "/ab", false},
		{"/a", "x/a", false},
		{"/a|/ab", "/ab", true}, // the first choice is not the last word
		{"/a??b??", "/ab", true},
		{"/a*?", "/aaa", true},
		{"(?i)/KSa", "/ksA", true},
		{"(?i:/a)B", "/Ab", false},
		{`/q\Q.)`, "/q.)", true}, // a quote that nobody closes
		{`/q\Q.)`, "/qx)", false},
		{"(?:/a(?:x|y))+b", "/ax/ayb", true},
		{"", "", true},
		{"", "a", false},
		{"^/a$", "/a", true},
	} {
		e, err := newExpression(tc.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.matches(tc.s); got != tc.want {
			t.Errorf("%q and %q: %v", tc.pattern, tc.s, got)
		}
	}
}

// FuzzExpression holds matches against anchors around the pattern, written anew
// so that no quote stays open.
func FuzzExpression(f *testing.F) {
	f.Add("(?i)in-.+\\.example\\.com(?::[0-9]+)?", "in-a.example.com:1")
	f.Add("/(?:\\.pomerium)(?:/.*)?|/ping", "/ping")
	f.Add("a+?(b|c)*\\Qx", "abcx")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		e, err := newExpression(pattern)
		if err != nil || strings.ContainsFunc(s, func(c rune) bool { return c > '~' }) {
			t.Skip()
		}
		tree, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		re, err := regexp.Compile(`\A(?:` + tree.String() + `)\z`)
		if err != nil {
			t.Skip()
		}
		if got, want := e.matches(s), re.MatchString(s); got != want {
			t.Errorf("%q and %q: got %v, want %v", pattern, s, got, want)
		}
	})
}
