package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"time"
)

//go:embed templates/*.html assets/base.css assets/app.css assets/device.css assets/console.css assets/page.js assets/live.js assets/dialog.js assets/webauthn.js assets/mark.svg
var files embed.FS

// Options are the parts of Pages. The zero value is ready to use.
type Options struct {
	Branding Branding
	Now      func() time.Time // nil means time.Now
}

// Pages renders pages and errors. It holds no state; calls may overlap.
type Pages struct {
	brand     brand
	now       func() time.Time
	templates map[string]*template.Template
	base, app sheet
	device    sheet // app, and what the pages of devices need
	script    sheet
	ceremony  sheet // script, and what runs a ceremony
	live      sheet // script, and what fills a live table
	dialog    sheet // script, and the key that closes a dialog

	consoleSheet sheet
}

// A sheet is an inline element and the source by which the policy allows it.
type sheet struct {
	element template.HTML
	source  string // 'sha256-...'
}

// names are the templates, one for each page.
var names = [...]string{
	"error", "whoami", "routes", "signin", "signedout", "signout", "redirect", "cookies", "received",
	"webauthn", "devices", "enrolled", "ask", "requests",
	"console_list", "console_detail", "console_form", "console_note", "console_explain", "console_overview",
}

// New returns the pages in the look of o.Branding; what Branding.Check refuses
// is left out. It panics only when a template of ours is broken.
func New(o Options) *Pages {
	p := &Pages{brand: newBrand(o.Branding), now: o.Now, templates: map[string]*template.Template{}}
	if p.now == nil {
		p.now = time.Now
	}
	style := own("base.css") + o.Branding.properties()
	p.base = newSheet("style", style)
	p.app = newSheet("style", style+own("app.css"))
	p.device = newSheet("style", style+own("app.css")+own("device.css"))
	p.consoleSheet = newSheet("style", style+own("app.css")+own("console.css"))
	p.script = newSheet(`script type="module"`, own("page.js"))
	p.ceremony = newSheet(`script type="module"`, own("page.js")+"\n"+own("webauthn.js"))

	p.dialog = newSheet(`script type="module"`, own("page.js")+"\n"+own("dialog.js"))
	p.live = newSheet(`script type="module"`, own("page.js")+"\n"+own("live.js"))

	layout := template.Must(template.New("layout").Funcs(p.funcs()).
		ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/console_parts.html", "templates/console_rules.html"))
	for _, name := range names {
		p.templates[name] = template.Must(template.Must(layout.Clone()).ParseFS(files, "templates/"+name+".html"))
	}
	return p
}

// own returns one of our assets, trimmed, so that what is hashed is what is
// written. A missing file is a programmer's mistake.
func own(name string) string {
	b, err := files.ReadFile("assets/" + name)
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(b))
}

// newSheet wraps text, which is ours, into an element. The browser hashes what
// stands between the tags, byte for byte (Content Security Policy 3, section
// 6.7.3.4), so the same page works from wherever it is sent.
func newSheet(tag, text string) sheet {
	sum := sha256.Sum256([]byte(text))
	name, _, _ := strings.Cut(tag, " ")
	return sheet{
		element: template.HTML("<" + tag + ">" + text + "</" + name + ">"),
		source:  "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
	}
}

// funcs are the words of the templates. Whatever came from outside passes
// through line or value.
func (p *Pages) funcs() template.FuncMap {
	return template.FuncMap{
		"say":      say,
		"line":     line,
		"value":    func(s string) string { return clean(s, maxValue) },
		"code":     code,
		"href":     href,
		"image":    image,
		"monogram": monogram,
		"ago":      func(t time.Time) string { return ago(t, p.now()) },
		"exact":    exact,
		"stamp":    stamp,
		"mark":     func() template.HTML { return template.HTML(own("mark.svg")) },
		"icon":     func() template.URL { return icon },
	}
}

// icon is the mark as the icon of a tab: a data: address, since a file of ours
// on a route host would shadow the application's own.
var icon = template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(
	`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 28"><path fill="#0b5c63" d="M3 4h13.5v6H11v8h5.5v6H3z"/>`+
		`<path fill="#8a857a" d="M25 4v20h-6.5v-7.5h-6v-5h6V4z"/></svg>`)))

// A Frame is what surrounds a page: who reads it, and where they can go.
type Frame struct {
	Person     Person // the zero value leaves the menu out
	SessionURL string // "" leaves the link out, here and below
	RoutesURL  string
	SignOutURL string
	RequestID  string
	Host       string // the host that was asked for
}

// A page is one rendering: a template, its view, and what its policy must allow.
type page struct {
	name   string
	status int
	title  string // of the tab
	view   any
	frame  Frame
	app    bool   // needs the larger stylesheet
	sheet  *sheet // a stylesheet of its own, instead of both
	script bool
	// ceremony says that the script also runs WebAuthn ceremonies.
	ceremony bool
	head     template.HTMLAttr // content attribute of a meta refresh, "" is none
	policy   policy
}

// A document is what the layout sees.
type document struct {
	Title   string
	Class   string
	Brand   brand
	Style   template.HTML
	Script  template.HTML
	Refresh template.HTMLAttr
	Frame   Frame
	// Sections are the navigation of the console, nil elsewhere.
	Sections []Section
	Over     *Over // what a dialog of the console lies on, nil elsewhere
	Acting   Acting
	View     any
}

// render makes the answer of a page. Templates are ours and their views cannot
// fail, so an error here is a mistake of ours, and tests walk every page; a
// reader would still get a plain sentence.
func (p *Pages) render(g page) Answer {
	style := p.base
	if g.app {
		style = p.app
	}
	if g.sheet != nil {
		style = *g.sheet
	}
	d := document{
		Title: g.title, Class: g.name, Brand: p.brand, Style: style.element,
		Refresh: g.head, Frame: g.frame, View: g.view,
	}
	if v, ok := g.view.(interface{ around() Console }); ok {
		c := v.around()
		d.Sections, d.Acting, d.Over = c.Sections, c.Acting, c.Over
	}
	csp := g.policy
	csp.style = style.source
	if g.script {
		d.Script, csp.script = p.script.element, p.script.source
	}
	if g.ceremony {
		d.Script, csp.script = p.ceremony.element, p.ceremony.source
	}
	if d.Over != nil {
		d.Script, csp.script = p.dialog.element, p.dialog.source
	}
	if l, ok := g.view.(interface{ live() bool }); ok && l.live() {
		d.Script, csp.script, csp.connects = p.live.element, p.live.source, true
	}
	csp.sameImages = csp.sameImages || strings.HasPrefix(string(p.brand.Logo), "/")
	var b bytes.Buffer
	if err := p.templates[g.name].ExecuteTemplate(&b, "layout.html", d); err != nil {
		return newAnswer(http.StatusInternalServerError, typePlain, bareCSP, plainText(Problem{}))
	}
	return newAnswer(g.status, typeHTML, csp.String(), b.Bytes())
}
