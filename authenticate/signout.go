package authenticate

import (
	"context"
	"errors"
	"net/http"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
)

// signOut ends the session at once when a route host asks for it in the name of
// this very session; otherwise it asks the person first: a link alone must not
// sign anybody out.
func (s *Server) signOut(v visit) {
	session, err := s.current(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	out, err := s.o.Handoff.ParseSignOut(v.asked())
	signed := err == nil
	if v.r.URL.Query().Has("pomerium_signature") && !signed && !errors.Is(err, handoff.ErrExpired) {
		s.fail(v, err)
		return
	}
	switch {
	case signed && out.SessionID != "" && (session == nil || session.ID == out.SessionID):
		// Also without a session here: the route host had it, and its browser
		// was bound to it there.
		s.end(v, out.SessionID, out.RedirectURI)
	case session == nil:
		s.leave(v, "")
	default:
		s.o.Pages.SignOutConfirm(pages.SignOutConfirm{Action: handoff.SignOutPath, StayURL: homePath}).Send(v.w)
	}
}

// signOutNow takes the form of the question above.
func (s *Server) signOutNow(v visit) {
	if !v.ownForm() {
		s.fail(v, errForeignForm)
		return
	}
	session, err := s.current(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	if session == nil {
		s.leave(v, "")
		return
	}
	s.end(v, session.ID, "")
}

// signOutEverywhere ends every session of the person.
func (s *Server) signOutEverywhere(v visit) {
	if !v.ownForm() {
		s.fail(v, errForeignForm)
		return
	}
	session, err := s.current(v)
	if err == nil && session != nil {
		err = s.endAll(v.r.Context(), session)
	}
	if err != nil {
		s.fail(v, err)
		return
	}
	s.clearCookie(v)
	s.leave(v, "")
}

// endAll deletes every session of the person that own belongs to, own last, so
// that a fault on the way leaves them able to try again.
func (s *Server) endAll(ctx context.Context, own *databroker.Session) error {
	err := s.eachSession(ctx, func(other *databroker.Session) error {
		if other.UserKey() != own.UserKey() || other.ID == own.ID {
			return nil
		}
		return s.o.Broker.DeleteSession(ctx, other.ID)
	})
	if err != nil {
		return err
	}
	return s.o.Broker.DeleteSession(ctx, own.ID)
}

// end deletes the session and sends the browser to the provider, so that its
// own session ends too.
func (s *Server) end(v visit, id, returnTo string) {
	ctx := v.r.Context()
	session, err := s.o.Broker.Session(ctx, id)
	if err != nil && !errors.Is(err, databroker.ErrNotFound) {
		s.fail(v, err)
		return
	}
	if err := s.o.Broker.DeleteSession(ctx, id); err != nil {
		s.fail(v, err)
		return
	}
	s.clearCookie(v)
	s.o.Log.Info().Str("session_id", id).Str("request_id", v.requestID()).Msg("signed out")
	if session == nil {
		s.leave(v, returnTo)
		return
	}
	provider := v.providers[session.IDPID]
	if provider == nil {
		s.leave(v, returnTo)
		return
	}
	to, err := provider.EndSession(ctx, config.Secret(session.IDToken.Reveal()), v.base.String()+signedOutPath)
	if err != nil || to == "" {
		// Here the person is signed out, which was asked for; the provider is
		// down or has no such address.
		s.leave(v, returnTo)
		return
	}
	redirect(v, to)
}

// leave shows where a sign-out ends.
func (s *Server) leave(v visit, returnTo string) {
	switch {
	case returnTo != "":
		redirect(v, returnTo) // signed by a route host, which checked it
	case !v.config.SignoutRedirectURL.IsZero():
		redirect(v, v.config.SignoutRedirectURL.String())
	default:
		redirect(v, signedOutPath)
	}
}

func (s *Server) signedOut(v visit) {
	if !v.config.SignoutRedirectURL.IsZero() {
		http.Redirect(v.w, v.r, v.config.SignoutRedirectURL.String(), http.StatusFound)
		return
	}
	s.o.Pages.SignedOut(pages.SignedOut{}).Send(v.w)
}
