package pages

import (
	"html"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	gmtext "github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Bounds of what an administrator writes. A page stays under 40 KB, so all notes
// of one answer share a budget, in bytes of HTML.
const (
	maxMarkdown = 8 << 10 // of one text, in bytes of source
	maxNest     = 8       // of lists, quotes and emphasis; deeper ones are plain
	noteBudget  = 14 << 10
)

// markdown reads CommonMark 0.31 without blocks of HTML: what stands in them is
// an ordinary paragraph, whose tags vanish and whose text stays. Only a comment
// is still a block, so that an author's remark to themselves is never shown.
var markdown = parser.NewParser(
	parser.WithBlockParsers(
		util.Prioritized(parser.NewSetextHeadingParser(), 100),
		util.Prioritized(parser.NewThematicBreakParser(), 200),
		util.Prioritized(parser.NewListParser(), 300),
		util.Prioritized(parser.NewListItemParser(), 400),
		util.Prioritized(parser.NewCodeBlockParser(), 500),
		util.Prioritized(parser.NewATXHeadingParser(), 600),
		util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
		util.Prioritized(parser.NewBlockquoteParser(), 800),
		util.Prioritized(comments{parser.NewHTMLBlockParser()}, 900),
		util.Prioritized(parser.NewParagraphParser(), 1000),
	),
	parser.WithInlineParsers(parser.DefaultInlineParsers()...),
	parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
)

// comments reads of all blocks of HTML only comments.
type comments struct{ parser.BlockParser }

func (c comments) Open(parent ast.Node, r gmtext.Reader, pc parser.Context) (ast.Node, parser.State) {
	line, _ := r.PeekLine()
	if !strings.HasPrefix(strings.TrimLeft(string(line), " "), "<!--") {
		return nil, parser.NoChildren
	}
	return c.BlockParser.Open(parent, r, pc)
}

// prose is a text in Markdown, parsed.
type prose struct {
	source []byte
	root   ast.Node
	cut    bool // longer than maxMarkdown
}

// parseProse parses s, as far as maxMarkdown goes. Every text is Markdown, so
// there is no error; time and memory are bounded by the length.
func parseProse(s string) prose {
	cut := len(s) > maxMarkdown
	s = s[:min(len(s), maxMarkdown)]
	s = strings.ToValidUTF8(s, "\ufffd")
	source := []byte(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s))
	return prose{source, markdown.Parse(gmtext.NewReader(source)), cut}
}

// said is the text of a node that is one, as the reader shall see it.
func (p prose) said(n ast.Node) string {
	switch n := n.(type) {
	case *ast.Text:
		s := string(n.Value(p.source))
		if !n.IsRaw() {
			s = unescape(s)
		}
		return oneLine(s)
	case *ast.AutoLink:
		return oneLine(string(n.Label(p.source)))
	}
	return ""
}

// code is the text of a block of code.
func (p prose) code(n ast.Node) string {
	var b strings.Builder
	lines := n.Lines()
	for i := range lines.Len() {
		segment := lines.At(i)
		text := strings.TrimSuffix(string(segment.Value(p.source)), "\n")
		b.WriteString(clean(strings.ReplaceAll(text, "\t", "    "), maxMarkdown))
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n")
}

// address is where a link leads, "" for one that no page may hold.
func (p prose) address(n ast.Node) string {
	switch n := n.(type) {
	case *ast.Link:
		return outside(string(util.URLEscape(n.Destination, true)))
	case *ast.AutoLink:
		address := string(n.URL(p.source))
		if n.AutoLinkType == ast.AutoLinkEmail {
			address = "mailto:" + address
		}
		return outside(string(util.URLEscape([]byte(address), false)))
	}
	return ""
}

// isBreak reports whether n is a <br>, the one tag that is not passed over: it
// would glue two words together.
func (p prose) isBreak(n *ast.RawHTML) bool {
	tag := strings.ToLower(string(n.Segments.Value(p.source)))
	return strings.HasPrefix(tag, "<br") && strings.Trim(tag[3:], " /") == ">"
}

// outside returns s if it is an http, https or mailto address.
func outside(s string) string {
	if !plain(s, maxURL) || strings.HasPrefix(s, "/") {
		return ""
	}
	if scheme, _, ok := strings.Cut(s, ":"); ok && strings.EqualFold(scheme, "mailto") {
		return s
	}
	return href(s)
}

// oneLine cleans a text whose line ends mean no more than a space.
func oneLine(s string) string {
	return clean(strings.NewReplacer("\n", " ", "\t", " ").Replace(s), maxMarkdown)
}

// unescape takes the backslashes before punctuation away and resolves character
// references (CommonMark 0.31, sections 2.4 and 2.5).
func unescape(s string) string {
	if !strings.ContainsAny(s, `\&`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && util.IsPunct(s[i+1]):
			i++
			b.WriteByte(s[i])
		case s[i] == '&':
			// The longest name is shorter than 34 characters.
			end := strings.IndexByte(s[i:min(len(s), i+34)], ';') + 1
			b.WriteString(html.UnescapeString(s[i : i+max(end, 1)]))
			i += max(end, 1) - 1
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
