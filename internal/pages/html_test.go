package pages

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

func newPages() *Pages { return New(Options{Now: func() time.Time { return sampleNow }}) }

// Bounds of a page and its stylesheet, in bytes.
const (
	maxPage  = 40 << 10
	maxStyle = 20 << 10
)

func TestEveryPageIsSound(t *testing.T) {
	t.Parallel()
	for name, a := range samples(newPages()) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkPage(t, a)
		})
	}
}

// checkPage holds an HTML answer against everything that a page of ours
// promises, with a parser instead of a pattern.
func checkPage(t *testing.T, a Answer) {
	t.Helper()
	checkHeaders(t, a)
	if len(a.Body) > maxPage {
		t.Errorf("the page has %d bytes, want at most %d", len(a.Body), maxPage)
	}
	doc, err := html.Parse(strings.NewReader(string(a.Body)))
	if err != nil {
		t.Fatal(err)
	}
	p := parsed{t: t, csp: a.Header.Get("Content-Security-Policy"), ids: map[string]int{}, labels: map[string]bool{}}
	p.walk(doc)
	p.check()
}

func checkHeaders(t *testing.T, a Answer) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "same-origin",
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	csp := a.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("policy %q lacks %q", csp, want)
		}
	}
	for _, bad := range []string{"unsafe", "*", "http:"} {
		if strings.Contains(csp, bad) {
			t.Errorf("policy %q holds %q", csp, bad)
		}
	}
}

// parsed collects what a walk over a page sees.
type parsed struct {
	t      *testing.T
	csp    string
	h1     int
	levels []int
	ids    map[string]int
	refs   []string // ids that must exist
	labels map[string]bool
	inputs []string
	lang   string
	title  string
	main   int
}

func (p *parsed) walk(n *html.Node) {
	if n.Type == html.ElementNode {
		p.element(n)
	}
	if n.Type == html.TextNode && strings.Contains(n.Data, "ZgotmplZ") {
		p.t.Error("a value was refused by the template")
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		p.walk(c)
	}
}

// urlAttributes lead somewhere.
var urlAttributes = map[string]bool{"href": true, "src": true, "action": true, "formaction": true, "srcset": true, "poster": true}

func (p *parsed) element(n *html.Node) {
	attr := map[string]string{}
	for _, a := range n.Attr {
		attr[a.Key] = a.Val
		if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
			p.t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
		}
		if urlAttributes[a.Key] {
			p.address(n.Data, a.Key, a.Val)
		}
		if strings.Contains(a.Val, "ZgotmplZ") {
			p.t.Errorf("<%s %s>: a value was refused by the template", n.Data, a.Key)
		}
	}
	if id, ok := attr["id"]; ok {
		p.ids[id]++
	}
	for _, k := range []string{"for", "aria-labelledby", "aria-describedby", "data-copy"} {
		if v := attr[k]; v != "" {
			p.refs = append(p.refs, strings.Fields(v)...)
		}
	}
	switch n.Data {
	case "html":
		p.lang = attr["lang"]
	case "title":
		p.title = text(n)
	case "main":
		p.main++
	case "h1", "h2", "h3", "h4", "h5":
		level := int(n.Data[1] - '0')
		if level == 1 {
			p.h1++
		}
		p.levels = append(p.levels, level)
		if strings.TrimSpace(text(n)) == "" {
			p.t.Errorf("an empty <%s>", n.Data)
		}
	case "label":
		p.labels[attr["for"]] = true
	case "input":
		if attr["type"] != "hidden" {
			p.inputs = append(p.inputs, attr["id"])
		}
	case "a", "button", "summary":
		if strings.TrimSpace(text(n)) == "" {
			p.t.Errorf("a <%s> without words", n.Data)
		}
	case "img":
		if _, ok := attr["alt"]; !ok {
			p.t.Error("an <img> without alt")
		}
	case "th":
		if attr["scope"] == "" {
			p.t.Error("a <th> without scope")
		}
	case "style", "script":
		p.inline(n.Data, text(n), attr)
	case "iframe", "object", "embed", "base", "meta", "form", "link":
		p.special(n.Data, attr)
	}
}

func (p *parsed) special(name string, attr map[string]string) {
	switch name {
	case "iframe", "object", "embed", "base":
		p.t.Errorf("<%s> has no place here", name)
	case "form":
		if strings.Contains(p.csp, "form-action 'none'") {
			p.t.Error("a form that the policy would stop")
		}
	case "link":
		if attr["rel"] != "icon" {
			p.t.Errorf("<link rel=%q>", attr["rel"])
		}
	}
}

// address accepts what a page may link to: our own host, a data: image, and in
// <a> another https address or a mailbox.
func (p *parsed) address(element, key, v string) {
	u, err := url.Parse(v)
	switch {
	case err != nil:
		p.t.Errorf("<%s %s=%q>: %v", element, key, v, err)
	case strings.HasPrefix(v, "data:image/") && element != "a":
	case u.Scheme == "" && u.Host == "":
	case element == "a" && key == "href" && (u.Scheme == "https" || u.Scheme == "http" || u.Scheme == "mailto"):
	default:
		p.t.Errorf("<%s %s=%q> leads away", element, key, v)
	}
}

// inline holds a style or script against the hash in the policy.
func (p *parsed) inline(name, content string, attr map[string]string) {
	if name == "script" && attr["type"] == "application/json" {
		// Data, which no browser runs. What ends it early would be markup.
		if !json.Valid([]byte(content)) || strings.ContainsAny(content, "<>") {
			p.t.Errorf("the data of the page is not safe: %s", content)
		}
		return
	}
	sum := sha256.Sum256([]byte(content))
	want := fmt.Sprintf("%s-src 'sha256-%s'", name, base64.StdEncoding.EncodeToString(sum[:]))
	if !strings.Contains(p.csp, want) {
		p.t.Errorf("policy %q does not allow the <%s>: want %s", p.csp, name, want)
	}
	if name == "style" && len(content) > maxStyle {
		p.t.Errorf("the stylesheet has %d bytes", len(content))
	}
	if name == "style" && regexp.MustCompile(`url\(|@import|expression`).MatchString(content) {
		p.t.Error("the stylesheet loads something")
	}
	if attr["src"] != "" {
		p.t.Error("a script from elsewhere")
	}
}

func (p *parsed) check() {
	if p.h1 != 1 || p.main != 1 || p.lang != "en" || p.title == "" {
		p.t.Errorf("%d <h1>, %d <main>, lang %q, title %q", p.h1, p.main, p.lang, p.title)
	}
	if len(p.levels) > 0 && p.levels[0] != 1 {
		p.t.Errorf("headings begin at level %d", p.levels[0])
	}
	for id, n := range p.ids {
		if n > 1 {
			p.t.Errorf("id %q stands %d times", id, n)
		}
	}
	for _, ref := range p.refs {
		if p.ids[ref] == 0 {
			p.t.Errorf("id %q is referred to and missing", ref)
		}
	}
	for _, id := range p.inputs {
		if !p.labels[id] {
			p.t.Errorf("input %q has no label", id)
		}
	}
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(text(c))
	}
	return b.String()
}

// hostile are texts that somebody would like to see on a page.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title></style><script>alert(1)</script>`,
	`javascript:alert(1)`, "a\u202ebc\u2066d", "nul\x00bell\x07esc\x1b[31m", "\xff\xfe", "{{.}}", "%REQ(COOKIE)%",
	strings.Repeat("long ", 2000), strings.Repeat("\u0627", 5000), strings.Repeat("+<", 5000), "a\u200bb\ufeffc\U000e0041", "\u2028\u2029",
	"https://evil.example/", "//evil.example", `/\evil.example`, "data:text/html,<script>alert(1)</script>",
}

func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	for i, s := range hostile {
		t.Run(fmt.Sprintf("text %d", i), func(t *testing.T) {
			t.Parallel()
			for name, a := range hostilePages(New(Options{Branding: Branding{Name: s, LogoURL: s, AccentLight: s, AccentDark: s, ErrorText: s}}), s) {
				checkPage(t, a)
				body := string(a.Body)
				for _, bad := range []string{"<script>alert", "<img src=x", `href="javascript`, "\u202e", "\u2066", "\x00", "\x1b", "\u200b", "\u2028", "\U000e0041", `href="//evil`, `href="/\`, `href="data:text`, `src="data:text`} {
					if strings.Contains(body, bad) {
						t.Errorf("%s holds %q", name, bad)
					}
				}
			}
		})
	}
}

// hostilePages are all pages with s in every place that takes text.
func hostilePages(p *Pages, s string) map[string]Answer {
	many := func(n int) []string { return slices.Repeat([]string{s}, n) }
	person := Person{Name: s, Email: s, ID: s}
	frame := Frame{Person: person, SessionURL: s, RoutesURL: s, SignOutURL: s, RequestID: s, Host: s}
	claims := map[string]any{s: s, "list": many(200), "nested": map[string]any{s: many(3)}}
	for i := range 300 {
		claims[fmt.Sprint("claim", i)] = s
	}
	routes := slices.Repeat([]Route{
		{Name: s, Description: s, URL: s, LogoURL: s}, {Name: s, URL: "https://a.example", ConnectCommand: s},
	}, 2)
	var devices []DeviceRow
	for i := range 50 {
		devices = append(devices, DeviceRow{ID: fmt.Sprint("id", i), Name: s, Model: s, EnrolledAt: sampleNow, LastUsedAt: sampleNow})
	}
	headers := slices.Repeat([]Header{{s, s}}, 300)
	hidden := []Field{{"name", "opaque"}} // ours, byte for byte
	all := map[string]Answer{
		"whoami": p.WhoAmI(WhoAmI{Frame: frame, SignInURL: s, SessionID: s, Provider: s, Groups: many(500), Claims: claims, Devices: devices, WebAuthnURL: s, DevicesURL: s, RequestsURL: s,
			ActsAs: s, ActsUntil: sampleNow, StopURL: s, Impersonated: []ImpersonatedRow{{s, sampleNow, sampleNow}}}),
		"nobody":   p.WhoAmI(WhoAmI{SignInURL: s}),
		"routes":   p.Routes(Routes{Frame: frame, Routes: routes}),
		"search":   p.Routes(Routes{Frame: frame, Query: s, Routes: routes}),
		"signin":   p.SignIn(SignIn{RequestID: s, Host: s, Action: "/local/login", Hidden: hidden, Email: s, Failure: Wrong, FormOrigins: []string{s}}),
		"signout":  p.SignOutConfirm(SignOutConfirm{Frame: frame, Action: "/a", Hidden: hidden, StayURL: s, FormOrigins: []string{s}}),
		"done":     p.SignedOut(SignedOut{SignInURL: s}),
		"cookies":  p.CookiesOff(CookiesOff{Host: s, RetryURL: s, RequestID: s}),
		"received": p.Received(Received{Person: person, Checks: []Check{{s, Failed, s}}, Claims: claims, Method: s, Path: s, Host: s, Protocol: s, Peer: s, Identity: headers, Standard: headers, Other: headers, JSONURL: s, RequestID: s}),
		"error":    p.Error(Request{}, Problem{Kind: Denied, RequestID: s, Host: s, Person: s, Detail: s, Title: s, Next: s, Action: Action{s, s}, Other: Action{s, s}}),
		"device":   p.Error(Request{}, Problem{Kind: DeviceNotAllowed, Person: s, RequestID: s, Host: s, Reasons: many(9), Notes: []Note{{s, s, s}}, Details: true, Device: DeviceProblem{Type: s, URL: s, Shown: devices}}),
		"notes":    p.Error(Request{}, Problem{Kind: Denied, Person: s, Reasons: many(9), Notes: []Note{{s, s, s}}, Details: true}),
	}
	maps.Copy(all, hostileAccess(p, frame, s))
	if a := p.Redirect(s); a.Status == http.StatusOK {
		all["redirect"] = a
	}
	return all
}

func TestAPageShowsNoToken(t *testing.T) {
	t.Parallel()
	const token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
	body := string(newPages().WhoAmI(WhoAmI{Frame: sampleFrame(), Claims: map[string]any{
		"innocent": token, "listed": []any{"a", token}, "nested": map[string]any{"x": token},
		"refresh_token": "opaque-secret", "client_secret": "opaque-secret",
	}}).Body)
	for _, bad := range []string{token, "opaque-secret"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page shows %q", bad)
		}
	}
	if n := strings.Count(body, "not shown"); n != 5 {
		t.Errorf("%d values are marked as not shown, want 5", n)
	}
}
