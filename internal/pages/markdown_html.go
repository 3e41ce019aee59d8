package pages

import (
	"html/template"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// html is p as markup of at most budget bytes or so, which it takes from the
// budget. It is "" where nothing of p can be seen.
//
// Elements are p, h3 to h5, em, strong, code, pre, ul, ol, li, blockquote, br
// and a; attributes are start of ol, and href and rel of a. They are written
// here, letter for letter; everything else goes through one escaping.
func (p prose) html(budget *int) template.HTML {
	m := markup{prose: p, left: *budget}
	m.children(p.root, 0)
	*budget = max(m.left, 0)
	if m.seen == 0 {
		return ""
	}
	if m.left <= 0 || p.cut {
		m.out = append(m.out, "<p>…</p>\n"...)
	}
	return template.HTML(m.out)
}

// markup is the writing of one prose.
type markup struct {
	prose
	out    []byte
	left   int  // of the budget
	seen   int  // bytes of text so far that are not blank
	linked bool // inside a link, which may hold no other (HTML, section 4.5.1)
}

func (m *markup) children(n ast.Node, depth int) {
	for c := n.FirstChild(); c != nil && m.left > 0; c = c.NextSibling() {
		m.node(c, depth)
	}
}

// node writes n, which stands inside depth lists, quotes and emphases. What it
// does not know is passed over for what is in it.
func (m *markup) node(n ast.Node, depth int) {
	switch n := n.(type) {
	case *ast.HTMLBlock, *ast.ThematicBreak, *ast.LinkReferenceDefinition:
	case *ast.Paragraph:
		m.block("p", "", func() { m.children(n, depth) })
	case *ast.TextBlock:
		m.textBlock(n, depth)
	case *ast.Heading:
		m.block("h"+strconv.Itoa(min(n.Level+2, 5)), "", func() { m.children(n, depth) })
	case *ast.Blockquote:
		m.nested("blockquote", n, depth)
	case *ast.List:
		m.list(n, depth)
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		m.block("pre", "", func() { m.element("code", "", func() { m.text(m.code(n)) }) })
	case *ast.CodeSpan:
		m.element("code", "", func() { m.children(n, depth) })
	case *ast.Emphasis:
		m.nested([...]string{"em", "strong"}[min(n.Level, 2)-1], n, depth)
	case *ast.Link, *ast.AutoLink:
		m.link(n, depth)
	case *ast.Image:
		m.unlinked(n, depth)
	case *ast.Text:
		m.line(n)
	case *ast.RawHTML:
		if m.isBreak(n) {
			m.raw("<br>\n")
		}
	default:
		m.children(n, depth)
	}
}

func (m *markup) line(n *ast.Text) {
	m.text(m.said(n))
	if n.HardLineBreak() {
		m.raw("<br>")
	}
	if n.HardLineBreak() || n.SoftLineBreak() {
		m.raw("\n")
	}
}

// nested writes an element that may hold its like.
func (m *markup) nested(name string, n ast.Node, depth int) {
	if depth >= maxNest {
		m.children(n, depth+1)
		return
	}
	m.element(name, "", func() { m.children(n, depth+1) })
}

// textBlock writes the words of a tight list's item. Where the list is too deep
// to be one, they need an element of their own.
func (m *markup) textBlock(n ast.Node, depth int) {
	if depth > maxNest {
		m.block("p", "", func() { m.children(n, depth) })
		return
	}
	m.children(n, depth)
}

func (m *markup) list(n *ast.List, depth int) {
	if depth >= maxNest {
		m.children(n, depth+1)
		return
	}
	name, attributes := "ul", ""
	if n.IsOrdered() {
		name = "ol"
		if n.Start != 1 {
			attributes = ` start="` + strconv.Itoa(n.Start) + `"`
		}
	}
	m.block(name, attributes, func() {
		for c := n.FirstChild(); c != nil && m.left > 0; c = c.NextSibling() {
			m.block("li", "", func() { m.children(c, depth+1) })
		}
	})
}

// link writes a link, or its words alone where it may not lead.
func (m *markup) link(n ast.Node, depth int) {
	words := func() {
		if a, ok := n.(*ast.AutoLink); ok {
			m.text(m.said(a))
			return
		}
		m.children(n, depth)
	}
	address := m.address(n)
	if m.linked || address == "" {
		words()
		return
	}
	m.linked = true
	m.element("a", ` href="`+template.HTMLEscapeString(address)+`" rel="noreferrer noopener nofollow"`, words)
	m.linked = false
}

// unlinked writes the words of n without links: of a picture, what it shows.
func (m *markup) unlinked(n ast.Node, depth int) {
	before := m.linked
	m.linked = true
	m.children(n, depth)
	m.linked = before
}

// block is element on a line of its own.
func (m *markup) block(name, attributes string, inner func()) {
	seen := m.seen
	m.element(name, attributes, inner)
	if m.seen > seen {
		m.raw("\n")
	}
}

// element writes inner between the tags of name, or nothing if inner has no
// words: an empty heading or link is a trap for those who do not see it.
func (m *markup) element(name, attributes string, inner func()) {
	start, seen := len(m.out), m.seen
	m.raw("<" + name + attributes + ">")
	inner()
	if m.seen == seen {
		m.out = m.out[:start]
		return
	}
	m.raw("</" + name + ">")
}

// raw writes markup. It may overdraw the budget: an open element must end.
func (m *markup) raw(s string) {
	m.left -= len(s)
	m.out = append(m.out, s...)
}

// text writes s, which is clean, escaped, as far as the budget goes.
func (m *markup) text(s string) {
	if cost(s) > m.left {
		s = s[:fit(s, m.left)]
		defer func() { m.left = 0 }()
	}
	m.seen += len(strings.TrimSpace(s))
	m.raw(template.HTMLEscapeString(s))
}

// fit returns the length of the longest beginning of s that costs at most
// budget.
func fit(s string, budget int) int {
	for i, r := range s {
		budget -= cost(string(r))
		if budget < 0 {
			return i
		}
	}
	return len(s)
}
