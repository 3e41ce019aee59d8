package local

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/cardea-proxy/cardea/internal/pages"
)

// maxForm bounds the login form in bytes; the sealed request is the large part.
const maxForm = 32 << 10

// showLogin answers a sealed request: with a code when the browser has a
// sitting that is good enough, with the page otherwise.
func (p *Provider) showLogin(w http.ResponseWriter, r *http.Request) {
	sealed := r.URL.Query().Get("request")
	q, err := p.openRequest(sealed)
	if err != nil {
		p.problem(w, r, pages.LinkExpired)
		return
	}
	id, s, err := p.sittingOf(r)
	switch {
	case err != nil && !errors.Is(err, errNoSitting):
		p.fault(w, r, err, "read the sitting")
	case err == nil && p.enough(q, s):
		p.grant(w, r, q, id, s)
	case q.Silent:
		p.reply(w, r, q, url.Values{"error": {"login_required"}})
	default:
		p.showForm(w, r, sealed, pages.SignIn{Email: q.Hint})
	}
}

// enough reports whether the sitting answers q without a password.
func (p *Provider) enough(q request, s sitting) bool {
	if q.Fresh {
		return false
	}
	age := p.o.Now().Sub(time.Unix(s.AuthTime, 0))
	return q.MaxAge < 0 || age <= time.Duration(q.MaxAge)*time.Second
}

// takeLogin answers the form.
func (p *Provider) takeLogin(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if !p.sameOrigin(r) || r.ParseForm() != nil {
		p.problem(w, r, pages.CrossSite)
		return
	}
	sealed := r.PostForm.Get("request")
	q, err := p.openRequest(sealed)
	if err != nil {
		p.problem(w, r, pages.LinkExpired)
		return
	}
	if !p.formTokenMatches(r, sealed, r.PostForm.Get("csrf")) {
		p.problem(w, r, pages.CrossSite)
		return
	}
	email := r.PostForm.Get("email")
	who, refused := p.guess(r, email, r.PostForm.Get("password"))
	if who == nil {
		refused.Email = shown(email)
		p.showForm(w, r, sealed, refused)
		return
	}
	id, s, err := p.sit(r.Context(), w, who)
	if err != nil {
		p.fault(w, r, err, "record the sitting")
		return
	}
	p.grant(w, r, q, id, s)
}

// guess holds a password against a person. It costs the same whether the
// e-mail is known or not, and says the same: who is nil and why, in words that
// fit both.
func (p *Provider) guess(r *http.Request, email, password string) (*person, pages.SignIn) {
	canonical, ok := canonicalEmail(email)
	if !ok {
		canonical = "\x00" + email // nobody; counted like an address
	}
	account, from := accountKey(canonical), network(p.o.ClientAddress(r))
	if wait := p.takeBoth(account, from); wait > 0 {
		p.o.Log.Info().Str("from", from).Dur("wait_ms", wait).Msg("sign-in throttled")
		return nil, pages.SignIn{Failure: pages.Throttled, Wait: wait}
	}
	if err := p.gate.enter(r.Context()); err != nil {
		p.accounts.giveBack(account)
		p.networks.giveBack(from)
		p.o.Log.Warn().Err(err).Msg("sign-in not tried")
		return nil, pages.SignIn{Failure: pages.Busy, Wait: busyRetry}
	}
	defer p.gate.leave()
	all := p.people.Load()
	who := all.byEmail[canonical]
	h := all.decoy(p.keys, canonical)
	if who != nil {
		h = who.hash
	}
	if !h.matches(password) || who == nil {
		// Not the e-mail: people type passwords into the wrong field.
		p.o.Log.Info().Bool("known", who != nil).Str("from", from).Msg("sign-in refused")
		return nil, pages.SignIn{Failure: pages.Wrong}
	}
	p.accounts.forget(account)
	p.networks.giveBack(from)
	p.o.Log.Info().Str("user", who.Sub).Str("from", from).Msg("sign-in with a password")
	return who, pages.SignIn{}
}

// takeBoth counts a guess for the account and for where it comes from, or for
// neither when one of them has to wait.
func (p *Provider) takeBoth(account, from string) (wait time.Duration) {
	if wait = p.networks.take(from); wait > 0 {
		return wait
	}
	if wait = p.accounts.take(account); wait > 0 {
		p.networks.giveBack(from)
	}
	return wait
}

// accountKey is of one size whatever was typed.
func accountKey(canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return string(sum[:16])
}

// grant sends the browser back to the client with a code.
func (p *Provider) grant(w http.ResponseWriter, r *http.Request, q request, id string, s sitting) {
	code := p.keys.seal(sealCode, p.newGrant(q, id, s))
	p.reply(w, r, q, url.Values{"code": {code}})
}

// showForm draws the page with a form token for this request in this browser.
func (p *Provider) showForm(w http.ResponseWriter, r *http.Request, sealed string, v pages.SignIn) {
	v.Action, v.RequestID = Path+"/login", requestID(r)
	v.Hidden = []pages.Field{{Name: "request", Value: sealed}, {Name: "csrf", Value: p.formToken(sealed, p.browser(w, r))}}
	p.o.Pages.SignIn(v).Send(w)
}

// browser returns the value of the form cookie, made when there is none. Twenty
// tabs share it, so that each of their forms is good.
func (p *Provider) browser(w http.ResponseWriter, r *http.Request) string {
	if found := r.CookiesNamed(p.formCookie()); len(found) == 1 && len(found[0].Value) == len(rand.Text()) {
		return found[0].Value
	}
	value := rand.Text()
	p.setCookie(w, p.formCookie(), value, 0)
	return value
}

func (p *Provider) formToken(sealed, browser string) string {
	return base64.RawURLEncoding.EncodeToString(mac(p.keys.formKey, sealed, browser))
}

// formTokenMatches reports whether token was drawn into a form for this request
// in this browser: a form on another site, or one made for another browser, is
// not.
func (p *Provider) formTokenMatches(r *http.Request, sealed, token string) bool {
	found := r.CookiesNamed(p.formCookie())
	if len(found) != 1 || token == "" {
		return false
	}
	want := p.formToken(sealed, found[0].Value)
	return subtle.ConstantTimeCompare([]byte(want), []byte(token)) == 1
}

// sameOrigin reports whether a POST comes from a page of ours, as far as the
// browser says. Origin is "null" under a strict referrer policy; then
// Sec-Fetch-Site has to vouch. A client that sends neither is no browser of
// today, and has the form token to show all the same.
func (p *Provider) sameOrigin(r *http.Request) bool {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	if site != "" && site != "same-origin" {
		return false
	}
	switch origin {
	case "":
		return true
	case "null":
		return site == "same-origin"
	default:
		return origin == p.origin()
	}
}
