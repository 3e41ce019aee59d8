package pages

import (
	"html/template"
	"net/http"
)

// Redirect sends a person on by a page instead of a 302: a cookie with
// SameSite=Strict, set by this very answer, is left out of a redirect that began
// on another site, but not of a navigation that begins here.
func (p *Pages) Redirect(url string) Answer {
	to := href(url)
	if to == "" {
		return p.errorPage(Problem{Kind: RedirectRefused})
	}
	// html/template refuses to fill in a content attribute, rightly: it might be
	// a script. This one is an http address or a path, without a space, escaped.
	refresh := template.HTMLAttr(`content="0; url=` + template.HTMLEscapeString(to) + `"`)
	return p.render(page{
		name: "redirect", status: http.StatusOK, title: say("redirect.title"), view: to, head: refresh,
	})
}

// CookiesOff is told to a browser that does not return the cookie a sign-in
// needs.
type CookiesOff struct {
	Host      string
	RetryURL  string // "" reloads the page
	RequestID string
}

// CookiesOff renders the page, with status 400.
func (p *Pages) CookiesOff(v CookiesOff) Answer {
	return p.render(page{
		name: "cookies", status: http.StatusBadRequest, title: say("cookies.title"), view: v, script: true,
	})
}
