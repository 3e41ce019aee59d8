package pages

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

func render(s string) string {
	budget := noteBudget
	return string(parseProse(s).html(&budget))
}

func TestMarkdownBecomesAFewElements(t *testing.T) {
	t.Parallel()
	const rel = ` rel="noreferrer noopener nofollow"`
	for _, tc := range []struct{ name, text, html, plain string }{
		{"paragraphs", "Ask *Bob* or\n**Eve**.\n\nThen wait.", "<p>Ask <em>Bob</em> or\n<strong>Eve</strong>.</p>\n<p>Then wait.</p>\n", "Ask Bob or Eve.\n\nThen wait."},
		{"a hard break", "one  \ntwo\\\nthree<br/>four", "<p>one<br>\ntwo<br>\nthree<br>\nfour</p>\n", "one\ntwo\nthree\nfour"},
		{"headings are demoted", "# A\n## B\n###### C\nD\n=", "<h3>A</h3>\n<h4>B</h4>\n<h5>C</h5>\n<h3>D</h3>\n", "A\n\nB\n\nC\n\nD"},
		{"a heading without words", "#\n\nx", "<p>x</p>\n", "x"},
		{"a list", "- a\n- b\n  1. c\n  2. d", "<ul><li>a</li>\n<li>b<ol><li>c</li>\n<li>d</li>\n</ol>\n</li>\n</ul>\n", "- a\n- b\n  1. c\n  2. d"},
		{"a loose list", "3) a\n\n4) b", "<ol start=\"3\"><li><p>a</p>\n</li>\n<li><p>b</p>\n</li>\n</ol>\n", "3. a\n\n4. b"},
		{"code", "run `a <b>`:\n\n    x\ty\n\n```sh\n&amp; \\*\n\nend\n```", "<p>run <code>a &lt;b&gt;</code>:</p>\n<pre><code>x    y</code></pre>\n<pre><code>&amp;amp; \\*\n\nend</code></pre>\n", "run a <b>:\n\nx    y\n\n&amp; \\*\n\nend"},
		{"a quote", "> a\n> b\n>\n> c", "<blockquote><p>a\nb</p>\n<p>c</p>\n</blockquote>", "> a b\n> \n> c"},
		{"a link", "[the *form*](https://a.example/?x=1&y=%22 'title')", `<p><a href="https://a.example/?x=1&amp;y=%22"` + rel + `>the <em>form</em></a></p>` + "\n", "the form (https://a.example/?x=1&y=%22)"},
		{"a link by reference", "[form][1]\n\n[1]: <http://a.example>", `<p><a href="http://a.example"` + rel + `>form</a></p>` + "\n", "form (http://a.example)"},
		{"mail", "<ops@a.example> [us](MAILTO:ops@a.example?subject=Let%20me%20in)", `<p><a href="mailto:ops@a.example"` + rel + `>ops@a.example</a> <a href="MAILTO:ops@a.example?subject=Let%20me%20in"` + rel + `>us</a></p>` + "\n", "ops@a.example us (MAILTO:ops@a.example?subject=Let%20me%20in)"},
		{"an address", "<https://a.example/x>", `<p><a href="https://a.example/x"` + rel + `>https://a.example/x</a></p>` + "\n", "https://a.example/x"},
		{"a link without words", "x [](https://a.example)", "<p>x </p>\n", "x"},
		{"a link in a link", "[a <https://b.example> c](https://d.example)", `<p><a href="https://d.example"` + rel + `>a https://b.example c</a></p>` + "\n", "a https://b.example c (https://d.example)"},
		{"a picture", "![our [map](https://a.example)](https://a.example/x.png) shows", "<p>our map shows</p>\n", "our map shows"},
		{"escapes and references", `\*a\* &amp; &copy; &#x41; &nosuch; AT&T \q &`, "<p>*a* &amp; © A &amp;nosuch; AT&amp;T \\q &amp;</p>\n", `*a* & © A &nosuch; AT&T \q &`},
		{"tags vanish, their text stays", "<div onclick=x>\n*a*</div>\n\nb<b>c</b>\n\n<script>alert(1)</script>", "<p>\n<em>a</em></p>\n<p>bc</p>\n<p>alert(1)</p>\n", "a\n\nbc\n\nalert(1)"},
		{"a comment is not shown", "a\n\n<!-- for\n\nus -->\n\nb <!-- c --> d", "<p>a</p>\n<p>b  d</p>\n", "a\n\nb  d"},
		{"a rule vanishes", "a\n\n---\n\nb", "<p>a</p>\n<p>b</p>\n", "a\n\nb"},
		{"a table is text", "|a|b|\n|-|-|\n|1|2|", "<p>|a|b|\n|-|-|\n|1|2|</p>\n", "|a|b| |-|-| |1|2|"},
		{"line ends of all kinds", "a\r\nb\rc\r\n\r\nd", "<p>a\nb\nc</p>\n<p>d</p>\n", "a b c\n\nd"},
		{"nothing", " \n<!-- x -->\n#\n-\n", "", ""},
	} {
		if got := render(tc.text); got != tc.html {
			t.Errorf("%s: html\n%q, want\n%q", tc.name, got, tc.html)
		}
		if got := parseProse(tc.text).text(); got != tc.plain {
			t.Errorf("%s: text\n%q, want\n%q", tc.name, got, tc.plain)
		}
	}
}

// adversarial are texts that want to be slow, deep, or markup.
var adversarial = append(slices.Clone(hostile),
	strings.Repeat("[", maxMarkdown), strings.Repeat("![", maxMarkdown/2), strings.Repeat(">", maxMarkdown),
	strings.Repeat("> ", 9)+"a\n"+strings.Repeat("> - ", 20)+"b", strings.Repeat("+ ", maxMarkdown/2), strings.Repeat("1. ", 2000),
	strings.Repeat("*a ", 3000), strings.Repeat("**a *b ", 1000), strings.Repeat("*a_ ", 2000), strings.Repeat("_", maxMarkdown)+"a",
	strings.Repeat("*a **b ", 500)+strings.Repeat("c* d** ", 500), strings.Repeat("`", maxMarkdown), ticks(),
	strings.Repeat("[a](", 2000), strings.Repeat("[a](<b", 1500), strings.Repeat("a](b)[", 1300), strings.Repeat("[a]: b\n", 1100)+strings.Repeat("[a]", 200),
	strings.Repeat("<", maxMarkdown), strings.Repeat("<a ", 2500), strings.Repeat("<!--", 2000), strings.Repeat("&", maxMarkdown), strings.Repeat("\\", maxMarkdown),
	strings.Repeat("&#x202e;", 1000), strings.Repeat("&nbsp;", 1300), strings.Repeat("#", maxMarkdown), strings.Repeat("# \n", 2700), strings.Repeat("a\n=\n", 2000),
	strings.Repeat("*a*", 2700), strings.Repeat("[a](http://b)", 600), strings.Repeat("> a\n\n", 1600), strings.Repeat("- a\n", 2000), strings.Repeat("\t", maxMarkdown)+"a",
	strings.Repeat("<http://a>", 800), strings.Repeat("[<http://a>](http://b)", 300), "```\n"+strings.Repeat("<&'\"\n", 1600), nested(),
	"[a](javascript:alert(1))", "[a](JaVaScRiPt&colon;alert(1))", "[a](java\nscript:alert(1))", "[a](&#106;avascript:alert(1))", "[a](\\javascript:x)",
	"<javascript:alert(1)>", "<data:text/html,x>", "<vbscript:x>", "[a](data:text/html;base64,PHNjcmlwdD4=)", "[a](//evil.example)", "[a](/.pomerium/sign_out)",
	"[a](https://user:pass@evil.example)", "[a](https:evil)", "[a](\" onmouseover=alert\\(1\\))", "[a](<https://b.example/\" onclick=\"x>)", "[a](https://b.example/\u202e)",
	"![a](x\" onerror=\"alert(1))", "<a href=javascript:x>y</a>", "<img src=x onerror=alert(1)>", "<svg><script>x</script></svg>", "</div></section><form action=//evil>",
	"```\n</code></pre><script>alert(1)</script>\n```", "`</code><script>`", "&lt;script&gt;alert(1)&lt;/script&gt;", "\\<script\\>", "<style>*{}</style>", "<base href=//evil>",
	"a&#0;b&#xD800;c&#x110000;&#1234567890123;", "a\u2029b\u00a0c\u200bd", "\ufeff# a", "- \u202e\n  - b", "    \u202e\x1b", "[\u202e](http://a)", "\xff*\xfe*",
	"<![CDATA[x]]>", "<?php x ?>", "<!DOCTYPE x>", "<br onclick=x>", "a<br \t/ >b",
)

// ticks are runs of every length, each looking for its end.
func ticks() string {
	var b strings.Builder
	for n := 1; b.Len()+n < maxMarkdown; n++ {
		b.WriteString(strings.Repeat("`", n) + "a")
	}
	return b.String()
}

// nested is a list as deep as the bytes allow.
func nested() string {
	var b strings.Builder
	for depth := 0; b.Len()+depth < maxMarkdown-4; depth++ {
		b.WriteString(strings.Repeat(" ", depth*2) + "- a\n")
	}
	return b.String()
}

func TestHostileMarkdownStaysHarmless(t *testing.T) {
	t.Parallel()
	for _, s := range adversarial {
		checkProse(t, s)
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range adversarial {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkProse(t, s) })
}

// proseElements are what prose may hold, with the attributes of each.
var proseElements = map[string][]string{
	"p": nil, "h3": nil, "h4": nil, "h5": nil, "em": nil, "strong": nil, "code": nil, "pre": nil, "ul": nil, "ol": {"start"},
	"li": nil, "blockquote": nil, "br": nil, "a": {"href", "rel"},
}

// checkProse holds both forms of s against what they promise.
func checkProse(t *testing.T, s string) {
	t.Helper()
	got := render(s)
	if len(got) > noteBudget+1<<10 {
		t.Errorf("%.60q: %d bytes", s, len(got))
	}
	context := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := html.ParseFragment(strings.NewReader(got), context)
	if err != nil {
		t.Fatal(err)
	}
	var again strings.Builder
	for _, n := range nodes {
		for d := range n.Descendants() {
			checkProseNode(t, s, d)
		}
		checkProseNode(t, s, n)
		if err := html.Render(&again, n); err != nil {
			t.Fatal(err)
		}
	}
	// What a browser makes of it is what we wrote: nothing was left open.
	if back := strings.ReplaceAll(again.String(), "<br/>", "<br>"); back != got {
		t.Errorf("%.60q is read otherwise than written:\n%.300q\n%.300q", s, got, back)
	}
	plainText := parseProse(s).text()
	if !utf8.ValidString(plainText) || strings.ContainsFunc(plainText, func(r rune) bool { return r != '\n' && deceives(r) }) {
		t.Errorf("%.60q: the plain form deceives: %.300q", s, plainText)
	}
}

func checkProseNode(t *testing.T, s string, n *html.Node) {
	t.Helper()
	if n.Type == html.TextNode {
		if !utf8.ValidString(n.Data) || strings.ContainsFunc(n.Data, func(r rune) bool { return r != '\n' && deceives(r) }) {
			t.Errorf("%.60q: the text deceives: %.300q", s, n.Data)
		}
		return
	}
	attributes, ok := proseElements[n.Data]
	if n.Type != html.ElementNode || !ok || n.Namespace != "" {
		t.Errorf("%.60q: <%s> has no place here", s, n.Data)
	}
	if words := strings.TrimSpace(text(n)); words == "" && n.Data != "br" {
		t.Errorf("%.60q: <%s> is empty", s, n.Data)
	}
	for _, a := range n.Attr {
		if !slices.Contains(attributes, a.Key) {
			t.Errorf("%.60q: <%s> has %s=%q", s, n.Data, a.Key, a.Val)
		}
		u, err := url.Parse(a.Val)
		if a.Key == "href" && (err != nil || !slices.Contains([]string{"http", "https", "mailto"}, u.Scheme) || u.User != nil || (u.Scheme != "mailto" && u.Host == "")) {
			t.Errorf("%.60q: a link to %q", s, a.Val)
		}
	}
	if n.Data == "a" && (len(n.Attr) != 2 || n.Attr[1].Val != "noreferrer noopener nofollow") {
		t.Errorf("%.60q: a link with %v", s, n.Attr)
	}
}

func TestProseKeepsToItsBudget(t *testing.T) {
	t.Parallel()
	for _, budget := range []int{0, 1, 5, 20, 100, 1000} {
		left := budget
		got := string(parseProse(strings.Repeat("- **a** [<&](http://b.example) *c*\n", 200)).html(&left))
		if left != 0 || len(got) > budget+200 {
			t.Errorf("budget %d: %d bytes, %d left", budget, len(got), left)
		}
		if budget >= 20 && !strings.HasSuffix(got, "<p>…</p>\n") {
			t.Errorf("budget %d: does not say that it was cut: %q", budget, got)
		}
	}
	left := noteBudget
	if got := parseProse("a").html(&left); left != noteBudget-len(got) {
		t.Errorf("%q cost %d", got, noteBudget-left)
	}
	if got := render(strings.Repeat("a b ", maxMarkdown)); !strings.HasSuffix(got, "</p>\n<p>…</p>\n") || len(got) > maxMarkdown+30 {
		t.Errorf("a long source is not cut: %d bytes, %q", len(got), got[len(got)-30:])
	}
}

// ordinary is about what an administrator writes.
const ordinary = "Payroll holds **salaries and bank details**, so only `payroll-office` opens it.\n\n" +
	"- Ask with the [form](https://forms.analytical.example/access?to=payroll).\n- Wait for the mail.\n\n> It takes *a day*.\n"

// BenchmarkMarkdown reads the slowest of the adversarial texts, and an ordinary
// one.
func BenchmarkMarkdown(b *testing.B) {
	for name, s := range map[string]string{
		"ordinary": ordinary, "brackets": strings.Repeat("[", maxMarkdown), "quotes": strings.Repeat(">", maxMarkdown),
		"lists": strings.Repeat("+ ", maxMarkdown/2), "emphasis": strings.Repeat("*a **b ", 500) + strings.Repeat("c* d** ", 500), "ticks": ticks(),
		"links": strings.Repeat("[a](<b", 1500),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p, budget := parseProse(s), noteBudget
				_, _ = p.html(&budget), p.text()
			}
		})
	}
}
