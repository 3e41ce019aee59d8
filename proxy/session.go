package proxy

import (
	"errors"
	"fmt"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// A person is who is asking: both, or nobody, the zero value.
type person struct {
	session *databroker.Session
	user    *databroker.User
}

// who returns the person whose ticket the request bears. An error means that
// nobody can tell; nobody at all is no error.
func (s *Server) who(v visit) (person, error) {
	carrier := ticket.Carrier{
		Cookie: v.cookies(), XPomerium: v.r.Header.Get("X-Pomerium-Authorization"),
		Authorization: v.r.Header.Get("Authorization"), RawQuery: v.r.URL.RawQuery,
	}
	for _, c := range ticket.Find(carrier, v.Config.CookieName) {
		t, err := s.o.Tickets.Open(c.Value, v.scope.Host)
		if err != nil || !t.Presented(c.Source, v.binder(), v.browser()) {
			continue
		}
		p, err := s.living(v, t)
		if err != nil || p.session != nil {
			return p, err
		}
	}
	return person{}, nil
}

// living returns whom t names if their session may still be used.
func (s *Server) living(v visit, t ticket.Ticket) (person, error) {
	ctx := v.r.Context()
	session, err := s.o.Sessions.Session(ctx, t.SessionID, t.Version)
	switch {
	case errors.Is(err, databroker.ErrNotFound):
		return person{}, nil
	case err != nil:
		return person{}, fmt.Errorf("read session: %w", err)
	}
	now := s.o.Now()
	if session.Expired(now) {
		return person{}, nil
	}
	if limit := v.Config.SessionIdleTimeout; limit > 0 {
		last, err := s.o.Sessions.LastAccess(ctx, session.ID)
		if err != nil {
			return person{}, fmt.Errorf("read last access: %w", err)
		}
		if session.Idle(last, now, limit) {
			return person{}, nil
		}
	}
	user, err := s.o.Sessions.User(ctx, session.UserKey())
	switch {
	case errors.Is(err, databroker.ErrNotFound) || err == nil && user.Disabled:
		return person{}, nil // the account was removed or shut: the application would not open either
	case err != nil:
		return person{}, fmt.Errorf("read user: %w", err)
	}
	return person{session: session, user: user}, nil
}
