package authenticate

import (
	"errors"
	"net/http"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/pages"
)

// home shows a person their session, on the one host where it can be changed.
func (s *Server) home(v visit) {
	session, err := s.current(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	if session == nil {
		s.o.Pages.WhoAmI(pages.WhoAmI{Frame: pages.Frame{RequestID: v.requestID()}}).Send(v.w)
		return
	}
	user, err := s.o.Broker.User(v.r.Context(), session.UserKey())
	if err != nil && !errors.Is(err, databroker.ErrNotFound) {
		s.fail(v, err)
		return
	}
	who := pages.WhoAmI{
		SessionID: session.ID, Provider: v.config.IDPProvider, SignedInAt: session.IssuedAt, ExpiresAt: session.ExpiresAt,
		Claims: session.Claims,
	}
	who.RequestID = v.requestID()
	who.Person.ID = session.UserID
	if user != nil {
		who.Person.Name, who.Person.Email, who.Groups = user.Name, user.Email, user.Groups
	}
	who.SignOutURL = signOutPathHere
	if limit := v.config.SessionIdleTimeout; limit > 0 {
		who.IdleUntil = s.o.Now().Add(limit)
	}
	s.o.Pages.WhoAmI(who).Send(v.w)
}

const signOutPathHere = "/.pomerium/sign_out"

func (v visit) requestID() string { return v.r.Header.Get("X-Request-Id") }

// clearCookie makes the browser forget its ticket.
func (s *Server) clearCookie(v visit) {
	http.SetCookie(v.w, s.ticketCookie(v, "", -time.Second))
}
