package xds

import (
	"fmt"
	"strings"
	"testing"
)

// TestAttackWildcardsMultiply: a configuration of some hundred lines, sent to be
// tried, became gigabytes of routes.
func TestAttackWildcardsMultiply(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		n     int
		froms []string // of one round
		want  bool     // it is built
	}{
		{"suffixes", 2000, []string{"*a%d.example.com"}, true},
		{"suffixes below one another", 1, []string{"*.example.com", "*.a.example.com", "*.b.a.example.com", "a*.example.com", "*"}, true},
		{"others", 2000, []string{"a%d*.example.com"}, true},
		{"some of both", 300, []string{"*a%d.example.com", "a%d*.example.com"}, true},
		{"many of both", 460, []string{"*a%d.example.com", "a%d*.example.com"}, false},
		{"ports and some wildcards", 1000, []string{"a%d.example.com:7", "a%d*.example.com"}, true},
		{"ports that wildcards are behind", 460, []string{"a%d.example.com:7", "*.example.com/%d"}, false},
		{"ports of one host", 460, []string{"a.example.com:7/%d", "*.example.com/%d"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			b.WriteString(base + "routes:\n")
			for i := range tc.n {
				for _, from := range tc.froms {
					host, path, below := strings.Cut(strings.ReplaceAll(from, "%d", fmt.Sprint(i)), "/")
					if below {
						path = ", prefix: /" + path
					}
					fmt.Fprintf(&b, "- {from: 'https://%s', to: http://b, allow_any_authenticated_user: true%s}\n", host, path)
				}
			}
			s, err := Build(inputOf(load(t, b.String()), newAuthority(t).issue(t, "*.example.com")))
			if tc.want != (err == nil) || err == nil && len(s.RouteConfigurations) != 1 {
				t.Fatal(err)
			}
			if err != nil && strings.Count(err.Error(), "\n") != 0 {
				t.Error("more than one error:", err)
			}
		})
	}
}
