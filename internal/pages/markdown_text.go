package pages

import (
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// text is p for those who read no HTML: a terminal, a log, a program. Blocks
// stand apart by an empty line, a link bears its address in parentheses, and
// lists and quotes keep their marks.
func (p prose) text() string {
	s := p.blocks(p.root, 0, "\n\n")
	if p.cut {
		s += "…"
	}
	return s
}

// blocks joins what stands in n, which is inside depth lists and quotes.
func (p prose) blocks(n ast.Node, depth int, between string) string {
	var parts []string
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if s := p.block(c, depth); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, between)
}

func (p prose) block(n ast.Node, depth int) string {
	switch n := n.(type) {
	case *ast.Paragraph, *ast.TextBlock, *ast.Heading:
		return strings.TrimSpace(p.words(n, false))
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		return p.code(n)
	case *ast.Blockquote:
		return indent(p.blocks(n, depth+1, "\n\n"), "> ", "> ", depth)
	case *ast.List:
		return p.items(n, depth)
	}
	return ""
}

func (p prose) items(n *ast.List, depth int) string {
	between := "\n\n"
	if n.IsTight {
		between = "\n"
	}
	var items []string
	number := n.Start
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		mark := "- "
		if n.IsOrdered() {
			mark = strconv.Itoa(number) + ". "
			number++
		}
		if s := p.blocks(c, depth+1, between); s != "" {
			items = append(items, indent(s, mark, strings.Repeat(" ", len(mark)), depth))
		}
	}
	return strings.Join(items, between)
}

// indent puts first before the first line of s and rest before the others. Too
// deep, it leaves s as it is: the marks would outgrow the words.
func indent(s, first, rest string, depth int) string {
	if s == "" || depth >= maxNest {
		return s
	}
	return first + strings.ReplaceAll(s, "\n", "\n"+rest)
}

// words is what stands in n, a line or more of it. Inside a link, none bears its
// address.
func (p prose) words(n ast.Node, linked bool) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			b.WriteString(p.said(c))
			if c.HardLineBreak() {
				b.WriteByte('\n')
			} else if c.SoftLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.RawHTML:
			if p.isBreak(c) {
				b.WriteByte('\n')
			}
		case *ast.AutoLink:
			b.WriteString(p.said(c))
		case *ast.Link:
			b.WriteString(p.linkText(c, linked))
		case *ast.Image:
			b.WriteString(p.words(c, true))
		default:
			b.WriteString(p.words(c, linked))
		}
	}
	return b.String()
}

func (p prose) linkText(n *ast.Link, linked bool) string {
	words := p.words(n, true)
	address := strings.TrimPrefix(p.address(n), "mailto:")
	if linked || address == "" || address == words || strings.TrimSpace(words) == "" {
		return words
	}
	return words + " (" + address + ")"
}
