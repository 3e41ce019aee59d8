package policy

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"letters of any language", "Zoë 李 \U0001f600", "Zoë 李 \U0001f600"},
		{"backslashes and quotes alone are plain", `a\b "c"`, `a\b "c"`},
		{"the end of a line", "a\nb", `a\nb`},
		{"an escape sequence", "\x1b[2J", `\x1b[2J`},
		{"a control of one byte in two", "\u009b2J", `\u009b2J`},
		{"the other direction", "a\u202eb\u2066c", `a\u202eb\u2066c`},
		{"what has no width", "a\u200bb\ufeff", `a\u200bb\ufeff`},
		{"a line end of Unicode", "a\u2028b", `a\u2028b`},
		{"a space that is not the usual one", "a\u00a0b", `a\u00a0b`},
		{"no UTF-8", "a\xffb", `a\xffb`},
		{"a backslash beside one of ours", "\\n\n", `\\n\n`},
	} {
		if got := Visible(tc.in); got != tc.want {
			t.Errorf("%s: Visible(%q) = %s, want %s", tc.name, tc.in, got, tc.want)
		}
	}
}

func FuzzVisible(f *testing.F) {
	for _, s := range []string{"", "plain", "a\nb", `\"`, `\\"`, "\xff\u202e", "\x1b]0;title\a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Visible(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !strconv.IsPrint(r) }) {
			t.Errorf("Visible(%q) = %q", s, got)
		}
		if again := Visible(got); again != got {
			t.Errorf("Visible(%q) = %q, and again %q", s, got, again)
		}
		if back, err := strconv.Unquote(`"` + got + `"`); got != s && (err != nil || back != s) {
			t.Errorf("Visible(%q) = %q, which reads as %q, %v", s, got, back, err)
		}
	})
}
