package proxy

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/handoff"
)

// signOut sends the browser to the sign-in host to end its session. A request
// that another site began gets there without our signature, and the person is
// asked first.
func (s *Server) signOut(v visit) {
	p, err := s.who(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	if p.session == nil {
		v.redirect(v.base().String() + "/.pomerium/signed_out")
		return
	}
	if s.foreign(v) {
		v.redirect(v.base().String() + handoff.SignOutPath)
		return
	}
	http.SetCookie(v.w, v.ticketCookie("", -time.Second))
	v.redirect(s.o.Handoff.SignOutURL(v.base(), handoff.SignOut{SessionID: p.session.ID, RedirectURI: v.afterSignOut()}))
}

// foreign reports whether another site made the browser send this request.
func (s *Server) foreign(v visit) bool {
	if strings.Contains(v.r.Header.Get("Sec-Purpose"), "prefetch") {
		return true // a link that was looked at and not followed
	}
	switch v.r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		// An old browser, or none. A POST names its origin (Fetch, section 3.2).
		origin, err := url.Parse(v.r.Header.Get("Origin"))
		return v.r.Method == http.MethodPost && (err != nil || origin.Scheme != "https" || !strings.EqualFold(origin.Host, v.r.Host))
	}
	return true
}

// afterSignOut returns where the person wants to land, where that is allowed.
func (v visit) afterSignOut() string {
	raw := v.r.URL.Query().Get("pomerium_redirect_uri")
	if raw == "" || !v.Config.Flag(config.FlagAnySignOutRedirect) {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	if checked, err := handoff.CheckRedirect(raw, u.Host); err == nil {
		return checked.String()
	}
	return ""
}
