package proxy

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// callback ends a sign-in: it gives this browser the ticket of this host.
func (s *Server) callback(v visit) {
	c, err := s.o.Handoff.ParseCallback(v.asked())
	if err != nil {
		s.fail(v, err)
		return
	}
	if c.Programmatic {
		s.programCallback(v, c)
		return
	}
	to, err := s.returnTo(v, c.RedirectURI)
	if err != nil {
		s.fail(v, err)
		return
	}
	binder := v.binder()
	switch {
	case binder == "":
		s.noCookies(v, to)
		return
	case !ticket.SameBinder(c.Binder, binder):
		// Another browser's callback, or this one's before several tabs raced for
		// its first binder. Nothing of it is used; the address first asked for
		// begins again, and opens at once if another tab has finished.
		v.redirect(to)
		return
	}
	if err := s.o.Once.UseOnce(v.r.Context(), "callback", c.ID, c.Expires); err != nil {
		if errors.Is(err, databroker.ErrUsed) {
			v.redirect(to) // a reload: the ticket is there already, or the sign-in begins again
			return
		}
		s.fail(v, err)
		return
	}
	session, err := s.o.Sessions.Session(v.r.Context(), c.SessionID, c.SessionVersion)
	if err != nil {
		s.fail(v, err)
		return
	}
	s.giveTicket(v, session, c.Binder)
	if v.Config.CookieSameSite == config.SameSiteStrict {
		// This navigation began on another site, so the browser would leave the
		// new cookie out of a redirect. From a page of ours it sends it.
		s.o.Pages.Redirect(to).Send(v.w)
		return
	}
	v.redirect(to)
}

func (s *Server) giveTicket(v visit, session *databroker.Session, binder string) {
	now := s.o.Now()
	http.SetCookie(v.w, v.ticketCookie(s.o.Tickets.Issue(ticket.Ticket{
		SessionID: session.ID, Version: session.Version, Host: v.scope.Host, Binder: binder, IssuedAt: now,
	}), session.ExpiresAt.Sub(now)))
}

// ticketCookie is the session cookie of this host; a lifetime below 0 deletes it.
func (v visit) ticketCookie(value string, lifetime time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: v.Config.CookieName, Value: value, Domain: v.scope.Domain, Path: "/", Secure: true,
		HttpOnly: v.Config.CookieHTTPOnly, MaxAge: max(int(lifetime/time.Second), 1),
	}
	if lifetime < 0 {
		c.MaxAge = -1
	}
	switch v.Config.CookieSameSite {
	case config.SameSiteStrict:
		c.SameSite = http.SameSiteStrictMode
	case config.SameSiteLax:
		c.SameSite = http.SameSiteLaxMode
	case config.SameSiteNone:
		c.SameSite = http.SameSiteNoneMode
	}
	return c
}

// returnTo checks where a callback leads: to this host, or on to the sign-in
// host with a request that we have signed (the hosts of depends_on go round so).
func (s *Server) returnTo(v visit, raw string) (string, error) {
	if u, err := handoff.CheckRedirect(raw, v.r.Host); err == nil {
		return u.String(), nil
	}
	u, err := handoff.CheckRedirect(raw, v.base().Host)
	if err != nil {
		return "", err
	}
	if _, err := s.o.Handoff.ParseSignIn(u); err != nil {
		return "", handoff.ErrRedirect
	}
	return u.String(), nil
}

// programCallback gives a program on the person's own machine its handle.
func (s *Server) programCallback(v visit, c handoff.Callback) {
	to, err := handoff.CheckProgramRedirect(c.RedirectURI, v.Config.ProgrammaticRedirectDomainWhitelist)
	if err != nil {
		s.fail(v, err)
		return
	}
	ctx := v.r.Context()
	if err := s.o.Once.UseOnce(ctx, "callback", c.ID, c.Expires); err != nil {
		s.fail(v, err)
		return
	}
	session, err := s.o.Sessions.Session(ctx, c.SessionID, c.SessionVersion)
	if err != nil {
		s.fail(v, err)
		return
	}
	handle := s.o.Tickets.Issue(ticket.Ticket{
		SessionID: session.ID, Version: session.Version, Host: v.scope.Host, IssuedAt: s.o.Now(),
	})
	v.redirect(withParameter(to, "pomerium_jwt", handle))
}

// withParameter adds a query parameter and leaves the rest of the query as the
// program wrote it.
func withParameter(u *url.URL, name, value string) string {
	out := *u
	out.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+name+"="+url.QueryEscape(value), "&")
	return out.String()
}
