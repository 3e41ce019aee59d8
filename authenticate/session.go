package authenticate

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/authenticate/idp"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// host is the name under which tickets of this host are made.
func (v visit) host() string { return strings.ToLower(v.base.Hostname()) }

// ticketName is the cookie of the sessions of one provider. A route with a
// client of its own has a provider of its own: signing in there must not cost
// the session that the other routes take.
func (v visit) ticketName(providerID string) string {
	name := v.config.CookieName + "_authenticate"
	if providerID != config.ProviderID(v.config, nil) {
		name += "_" + providerID[:min(len(providerID), 8)]
	}
	return name
}

// current returns the session that this browser has on the sign-in host with
// one provider, and nil for none. An error means that nobody can tell.
func (s *Server) current(v visit, providerID string) (*databroker.Session, error) {
	header := strings.Join(v.r.Header.Values("Cookie"), "; ")
	for _, c := range ticket.Find(ticket.Carrier{Cookie: header}, v.ticketName(providerID)) {
		t, err := s.o.Tickets.Open(c.Value, v.host())
		if err != nil || !t.Presented(c.Source, v.binder(), v.browser()) {
			continue
		}
		session, err := s.alive(v, t.SessionID)
		if err != nil {
			return nil, err
		}
		if session != nil && session.IDPID == providerID {
			return session, nil
		}
	}
	return nil, nil
}

// mine returns all sessions that this browser has on the sign-in host, that of
// the provider that most routes use first.
func (s *Server) mine(v visit) ([]*databroker.Session, error) {
	first := config.ProviderID(v.config, nil)
	ids := slices.Sorted(maps.Keys(v.providers))
	slices.SortStableFunc(ids, func(a, b string) int {
		switch first {
		case a:
			return -1
		case b:
			return 1
		}
		return 0
	})
	var sessions []*databroker.Session
	for _, id := range ids {
		session, err := s.current(v, id)
		if err != nil {
			return nil, err
		}
		if session != nil {
			sessions = append(sessions, session)
		}
	}
	return sessions, nil
}

// alive returns the session if it may still be used.
func (s *Server) alive(v visit, id string) (*databroker.Session, error) {
	ctx := v.r.Context()
	session, err := s.o.Broker.Session(ctx, id)
	switch {
	case errors.Is(err, databroker.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read session: %w", err)
	}
	now := s.o.Now()
	if session.Expired(now) || v.providers[session.IDPID] == nil {
		return nil, nil
	}
	if limit := v.config.SessionIdleTimeout; limit > 0 {
		last, err := s.o.Sessions.LastAccess(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("read last access: %w", err)
		}
		if session.Idle(last, now, limit) {
			return nil, nil
		}
	}
	user, err := s.o.Broker.User(ctx, session.UserKey())
	switch {
	case errors.Is(err, databroker.ErrNotFound) || err == nil && user.Disabled:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read user: %w", err)
	}
	s.o.Sessions.Touch(id)
	return session, nil
}

// signIn writes the person and their session, and gives this browser its
// ticket. The id is new, so that no session can be planted beforehand, but for
// one case: another tab of this browser has just signed the same person in.
// Ending that session would cost the other tab its page. A session from before
// after does not do: who asks for a new sign-in gets one.
func (s *Server) signIn(v visit, providerID string, identity *idp.Identity, after time.Time) (*databroker.Session, error) {
	ctx := v.r.Context()
	if err := s.putUser(ctx, providerID, identity, true); err != nil {
		return nil, err
	}
	old, err := s.current(v, providerID)
	if err != nil {
		return nil, err
	}
	if old != nil && old.UserID == identity.Subject && !old.IssuedAt.Before(after) {
		return old, nil
	}
	session, err := s.newSession(v, providerID, identity)
	if err != nil {
		return nil, err
	}
	if old != nil {
		// Nobody comes back to that session: somebody else sat at this browser, or
		// it was too old. If this fails it expires by itself.
		_ = s.o.Broker.DeleteSession(ctx, old.ID)
	}
	http.SetCookie(v.w, s.ticketCookie(v.ticketName(providerID), s.o.Tickets.Issue(ticket.Ticket{
		SessionID: session.ID, Version: session.Version, Host: v.host(),
		Binder: ticket.BinderHash(v.binder()), IssuedAt: session.IssuedAt,
	}), v.config.CookieExpire))
	s.o.Log.Info().Str("user", identity.Subject).Str("email", identity.Email).Str("session_id", session.ID).
		Str("request_id", v.requestID()).Msg("signed in")
	return session, nil
}

// newSession writes a session of identity's.
func (s *Server) newSession(v visit, providerID string, identity *idp.Identity) (*databroker.Session, error) {
	now := s.o.Now()
	session := &databroker.Session{
		ID: rand.Text(), UserID: identity.Subject, IDPID: providerID,
		IssuedAt: now, ExpiresAt: now.Add(v.config.CookieExpire),
		From: clientAddress(v.r), UserAgent: bounded(v.r.UserAgent()),
	}
	fill(session, identity)
	if identity.Tokens.Refresh == "" && !identity.Tokens.AccessExpires.IsZero() && identity.Tokens.AccessExpires.Before(session.ExpiresAt) {
		session.ExpiresAt = identity.Tokens.AccessExpires // nobody can ask again whether the person still may
	}
	if !now.Before(session.ExpiresAt) {
		return nil, &idp.ClockError{Ours: now, Theirs: session.ExpiresAt, What: "expired at"}
	}
	if err := s.o.Broker.PutSession(v.r.Context(), session); err != nil {
		return nil, fmt.Errorf("write session: %w", err)
	}
	return session, nil
}

// maxUserAgent bounds what is kept of what a browser says of itself, in bytes.
const maxUserAgent = 256

func bounded(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxUserAgent)], "") }

// ticketCookie is a cookie of the sign-in host; a lifetime below 0 deletes it.
func (s *Server) ticketCookie(name, value string, lifetime time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // handoffs arrive by navigation from other hosts
		MaxAge:   int(lifetime / time.Second),
	}
	if lifetime < 0 {
		c.MaxAge = -1
	}
	return c
}

// fill puts what the provider said into the session.
func fill(session *databroker.Session, identity *idp.Identity) {
	t := identity.Tokens
	session.IDToken, session.IDTokenExpiresAt = databroker.NewSecret(t.ID.Reveal()), t.IDExpires
	session.AccessToken, session.TokenExpiresAt = databroker.NewSecret(t.Access.Reveal()), t.AccessExpires
	session.RefreshToken = databroker.NewSecret(t.Refresh.Reveal())
	session.Claims = identity.Claims
}

func tokensOf(session *databroker.Session) idp.Tokens {
	return idp.Tokens{
		ID: config.Secret(session.IDToken.Reveal()), IDExpires: session.IDTokenExpiresAt,
		Access: config.Secret(session.AccessToken.Reveal()), AccessExpires: session.TokenExpiresAt,
		Refresh: config.Secret(session.RefreshToken.Reveal()),
	}
}

// sameUser compares as the records are written.
func sameUser(a, b *databroker.User) bool {
	textA, errA := json.Marshal(a)
	textB, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(textA, textB)
}

// putUser writes what the provider last said about the person, and keeps what
// others have set. Two sign-ins at once may collide; the later one wins. A
// refresh makes no new record: a person who was removed stays so until they
// sign in again.
func (s *Server) putUser(ctx context.Context, providerID string, identity *idp.Identity, create bool) error {
	key := databroker.UserKey(providerID, identity.Subject)
	for range 100 { // twenty tabs may come back from the provider at once
		user, err := s.o.Broker.User(ctx, key)
		switch {
		case errors.Is(err, databroker.ErrNotFound) && !create:
			return errRemoved
		case errors.Is(err, databroker.ErrNotFound):
			user = &databroker.User{Key: key}
		case err != nil:
			return fmt.Errorf("read user: %w", err)
		case user.Disabled:
			return errDisabled
		}
		said := user.Clone()
		said.ID, said.Email, said.Name = identity.Subject, identity.Email, identity.Name
		said.Groups, said.Claims = identity.Groups, identity.Claims
		if user.Version > 0 && sameUser(user, said) {
			return nil // a write would make everybody read it again
		}
		err = s.o.Broker.PutUser(ctx, said)
		if errors.Is(err, databroker.ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write user: %w", err)
		}
		return nil
	}
	return fmt.Errorf("write user: %w", databroker.ErrConflict)
}
