package policy

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// blankMark stands for a blank line while the YAML goes through the library,
// which keeps comments and no blank lines.
const blankMark = "#\u2063blank line"

// markBlank puts a mark in place of each run of blank lines between two nodes
// or comments. Those inside a text stay.
func markBlank(text []byte, doc *yaml.Node) []byte {
	lines := strings.Split(string(text), "\n")
	inside := textLines(lines, doc)
	var out []string
	for i := 0; i < len(lines); i++ {
		if inside[i] || strings.TrimSpace(lines[i]) != "" {
			out = append(out, lines[i])
			continue
		}
		next := i
		for next < len(lines) && !inside[next] && strings.TrimSpace(lines[next]) == "" {
			next++
		}
		if next < len(lines) && !inside[next] && len(out) > 0 {
			out = append(out, indentOf(lines[next])+blankMark)
		}
		i = next - 1
	}
	return []byte(strings.TrimRight(strings.Join(out, "\n"), "\n") + "\n")
}

func indentOf(line string) string { return line[:len(line)-len(strings.TrimLeft(line, " "))] }

// unmarkBlank puts the blank lines back: none at either end, never two.
func unmarkBlank(text string) []byte {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	var out []string
	for _, line := range lines {
		if strings.TrimSpace(line) != blankMark {
			out = append(out, line)
			continue
		}
		if len(out) > 0 && out[len(out)-1] != "" {
			out = append(out, "")
		}
	}
	return []byte(strings.TrimRight(strings.Join(out, "\n"), "\n") + "\n")
}

// textLines tells which lines belong to a text that goes over several: what
// looks blank or like a comment there is neither.
func textLines(lines []string, doc *yaml.Node) map[int]bool {
	var scalars []*yaml.Node
	var starts []int
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		starts = append(starts, n.Line)
		if n.Kind == yaml.ScalarNode {
			scalars = append(scalars, n)
		}
		for _, item := range n.Content {
			walk(item)
		}
	}
	walk(doc)
	slices.Sort(starts)
	inside := map[int]bool{}
	for _, n := range scalars {
		end := len(lines) // where the next node begins
		if i := slices.IndexFunc(starts, func(line int) bool { return line > n.Line }); i >= 0 {
			end = starts[i] - 1
		}
		switch {
		case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
			markBlock(inside, lines, n.Line, end)
		case strings.Contains(n.Value, "\n"):
			for i := n.Line; i < end; i++ {
				inside[i] = true
			}
		}
	}
	return inside
}

// markBlock marks the lines of a block text, of which first is the index of the
// first line: all that are as far in as that one. Blank lines at its end belong
// to it where it keeps them.
func markBlock(inside map[int]bool, lines []string, first, end int) {
	if first == 0 || first > len(lines) {
		return
	}
	keeps := strings.Contains(lines[first-1], "|+") || strings.Contains(lines[first-1], ">+") || strings.HasSuffix(strings.TrimSpace(lines[first-1]), "+")
	in, last := -1, first-1
	for i := first; i < end; i++ {
		if strings.TrimSpace(lines[i]) == "" {
			continue
		}
		if in < 0 {
			in = len(indentOf(lines[i]))
		}
		if len(indentOf(lines[i])) < in {
			break
		}
		last = i
	}
	for i := first; i < end && (i <= last || keeps && strings.TrimSpace(lines[i]) == ""); i++ {
		inside[i] = true
	}
}

// comments are all comments of a text, sorted, wherever they stand.
func comments(text []byte, doc *yaml.Node) []string {
	var out []string
	lines := strings.Split(string(text), "\n")
	inside := textLines(lines, doc)
	for i, line := range lines {
		if comment := commentOf(line); comment != "" && !inside[i] {
			out = append(out, comment)
		}
	}
	slices.Sort(out)
	return out
}

// missing is the first comment of which there are more in want than in kept;
// both are sorted. "" where kept has more.
func missing(want, kept []string) string {
	i := 0
	for _, comment := range want {
		for i < len(kept) && kept[i] < comment { // one too many
			i++
		}
		if i == len(kept) || kept[i] != comment {
			return comment
		}
		i++
	}
	return ""
}

// errLost says where a comment stands that would be lost: the first of those
// that say the same.
func errLost(source []byte, comment string) error {
	line, column := 1, 1
	for i, text := range strings.Split(string(source), "\n") {
		if comment != "" && commentOf(text) == comment {
			line, column = i+1, 1+strings.LastIndex(text, comment)
			break
		}
	}
	return Errors{newError(line, column, "policy", "this comment would be lost", "plain block style, with comments on lines of their own")}
}

// commentOf returns the comment at the end of a line: it begins with a # after
// a space, outside quotes. A quote within a word is none.
func commentOf(line string) string {
	quote, before := byte(0), byte(' ')
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '"' && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '#' && (before == ' ' || before == '\t'):
			return strings.TrimSpace(line[i:])
		case (c == '"' || c == '\'') && strings.IndexByte(" \t[{,:", before) >= 0:
			quote = c
		}
		before = c
	}
	return ""
}

// liftComments puts a comment behind a key with nothing else on its line above
// it, where the library always keeps it.
func liftComments(text []byte, doc *yaml.Node) []byte {
	lines := strings.Split(string(text), "\n")
	inside := textLines(lines, doc)
	var out []string
	for i, line := range lines {
		comment := commentOf(line)
		if rest := strings.TrimRight(strings.TrimSuffix(strings.TrimRight(line, " \t\r"), comment), " \t"); comment != "" && !inside[i] && strings.HasSuffix(rest, ":") {
			out = append(out, indentOf(line)+comment)
			line = rest
		}
		out = append(out, line)
	}
	return []byte(strings.Join(out, "\n"))
}
