package config

import (
	"bytes"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// byteOrderMark may stand before a text and is no part of it.
var byteOrderMark = []byte("\xef\xbb\xbf")

// An origin is a file and what it holds.
type origin struct {
	file  string // as errors name it
	text  []byte
	lines []string // of the text, made when somebody asks
}

// enter says that everything below key stands in a file of its own.
func (l *loading) enter(key, file string, content []byte) *origin {
	o := &origin{file: file, text: bytes.TrimPrefix(content, byteOrderMark)}
	l.origins[key] = o
	return o
}

// origin returns where key stands, and from which key on; "" is the document.
// What the environment says has no place, and its origin no text.
func (l *loading) origin(key string) (above string, o *origin) {
	for at := key; at != ""; at = parent(at) {
		if o := l.origins[at]; o != nil {
			return at, o
		}
	}
	for set := range l.vars {
		if below(key, set) {
			return "", &origin{}
		}
	}
	if o := l.origins[""]; o != nil {
		return "", o
	}
	return "", &origin{}
}

// A spot is where a text that is a value of a document begins there.
type spot struct {
	line   int  // of its first line
	indent int  // what stands to the left of each of its lines
	exact  bool // its lines are lines of the document; else only line is known
}

// of returns the place in the document of a place in the text; column 0 is
// unknown, in both.
func (s spot) of(line, column int) (int, int) {
	switch {
	case !s.exact || line == 0:
		return s.line, 0
	case column == 0:
		return s.line + line - 1, 0
	}
	return s.line + line - 1, s.indent + column
}

// spot finds the text of n in the document, line by line, so that a text with
// escapes or folded lines is never given a place that is not its own.
func (o *origin) spot(n *yaml.Node) spot {
	if o.lines == nil {
		o.lines = strings.Split(string(o.text), "\n")
	}
	text := strings.Split(strings.TrimRight(n.Value, "\n"), "\n")
	block := n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if len(text) == 1 && !block && n.Line > 0 && n.Line <= len(o.lines) {
		line := o.lines[n.Line-1]
		from := min(max(n.Column-1, 0), len(line))
		if at := strings.Index(line[from:], text[0]); at >= 0 {
			return spot{line: n.Line, indent: from + at, exact: true}
		}
	}
	// A block begins on the line after the one that announces it.
	if n.Line+len(text) > len(o.lines) {
		return spot{line: n.Line}
	}
	first := max(slices.IndexFunc(text, func(s string) bool { return strings.TrimSpace(s) != "" }), 0)
	indent := len(strings.TrimRight(o.lines[n.Line+first], "\r")) - len(text[first])
	for i, s := range text {
		line := strings.TrimRight(o.lines[n.Line+i], "\r")
		if strings.TrimSpace(s) != "" && (!strings.HasSuffix(line, s) || len(line)-len(s) != indent) {
			return spot{line: n.Line}
		}
	}
	return spot{line: n.Line + 1, indent: indent, exact: true}
}

// shift gives the nodes of a text the places they have in the document.
func (s spot) shift(n *yaml.Node, done map[*yaml.Node]bool) {
	if done[n] {
		return
	}
	done[n] = true
	n.Line, n.Column = s.of(n.Line, n.Column)
	for _, c := range n.Content {
		s.shift(c, done)
	}
}
