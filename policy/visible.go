package policy

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Visible returns s as it may be shown on a terminal or in one line of a
// message, whoever wrote it. What ends the line, moves the cursor, turns the
// direction of writing or is not UTF-8 would let a claim, a path or a policy
// write what looks like our own words: each such character is escaped as Go
// writes it (\n, \x1b, \u202e), and then every backslash and quotation mark of
// s as well, so that the two can be told apart. Any other s is returned as it
// is, and so is what Visible returned.
func Visible(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}

func allVisible(texts []string) []string {
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = Visible(s)
	}
	return out
}
