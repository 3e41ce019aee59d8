package authenticate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
)

// signOut ends the session at once when a route host asks for it in the name of
// this very session; otherwise it asks the person first: a link alone must not
// sign anybody out.
func (s *Server) signOut(v visit) {
	mine, err := s.mine(v)
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
	if signed && out.SessionID != "" {
		named, err := s.named(v, out.SessionID, mine)
		if err != nil {
			s.fail(v, err)
			return
		}
		if len(mine) == 0 || named != nil {
			s.end(v, out.SessionID, named, mine, out.RedirectURI)
			return
		}
	}
	if len(mine) == 0 {
		s.leave(v, "")
		return
	}
	s.o.Pages.SignOutConfirm(pages.SignOutConfirm{Action: handoff.SignOutPath, StayURL: homePath, Everywhere: everywhere}).Send(v.w)
}

// named returns the session that a route host asks to end, if it is this
// browser's to end: one of mine, or one of the same person's, as two tabs that
// signed in at once leave behind. Without any session here it is this browser's
// too: the route host had it, and the browser was bound to it there.
func (s *Server) named(v visit, id string, mine []*databroker.Session) (*databroker.Session, error) {
	for _, m := range mine {
		if m.ID == id {
			return m, nil
		}
	}
	session, err := s.o.Broker.Session(v.r.Context(), id)
	switch {
	case errors.Is(err, databroker.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read session: %w", err)
	case len(mine) == 0 || slices.ContainsFunc(mine, func(m *databroker.Session) bool { return m.UserKey() == session.UserKey() }):
		return session, nil
	}
	return nil, nil
}

// signOutNow takes the form of the question above.
func (s *Server) signOutNow(v visit) {
	if !v.ownForm() {
		s.fail(v, errForeignForm)
		return
	}
	mine, err := s.mine(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	if len(mine) == 0 {
		s.leave(v, "")
		return
	}
	s.end(v, mine[0].ID, mine[0], mine, "")
}

// signOutEverywhere ends every session of the person.
func (s *Server) signOutEverywhere(v visit) {
	if !v.ownForm() {
		s.fail(v, errForeignForm)
		return
	}
	mine, err := s.mine(v)
	for _, own := range mine {
		err = errors.Join(err, s.endAll(v.r.Context(), own))
	}
	if err != nil {
		s.fail(v, err)
		return
	}
	if len(mine) > 0 {
		s.o.Log.Info().Str("user", mine[0].UserID).Str("request_id", v.requestID()).Msg("signed out everywhere")
	}
	s.clearCookies(v)
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

// end deletes the session id, which is named if it still exists, with all that
// this browser has here, and sends the browser to the provider, so that its own
// session ends too.
func (s *Server) end(v visit, id string, named *databroker.Session, mine []*databroker.Session, returnTo string) {
	ids := []string{id}
	for _, m := range mine {
		if m.ID != id {
			ids = append(ids, m.ID)
		}
	}
	for _, id := range ids {
		if err := s.o.Broker.DeleteSession(v.r.Context(), id); err != nil {
			s.fail(v, err)
			return
		}
		s.o.Log.Info().Str("session_id", id).Str("request_id", v.requestID()).Msg("signed out")
	}
	s.clearCookies(v)
	if named == nil || v.providers[named.IDPID] == nil {
		s.leave(v, returnTo)
		return
	}
	state := ""
	if returnTo != "" {
		state = s.state.sealReturn(returnTo)
	}
	to, err := v.providers[named.IDPID].EndSession(v.r.Context(), config.Secret(named.IDToken.Reveal()), v.base.String()+signedOutPath, state)
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

// signedOut is where a sign-out ends, and where a provider sends the browser
// back to with the state of sealReturn.
func (s *Server) signedOut(v visit) {
	if state := v.r.URL.Query().Get("state"); state != "" {
		if to, err := s.state.openReturn(state); err == nil {
			redirect(v, to)
			return
		}
	}
	if !v.config.SignoutRedirectURL.IsZero() {
		redirect(v, v.config.SignoutRedirectURL.String())
		return
	}
	s.o.Pages.SignedOut(pages.SignedOut{}).Send(v.w)
}
