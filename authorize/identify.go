package authorize

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// Sessions is the part of the databroker's view that a decision reads. Values
// it returns are shared and immutable: the same pointer is the same version.
// Every error but databroker.ErrNotFound means that nobody knows, and then
// nobody is let in.
type Sessions interface {
	// Session returns the session in version minVersion or later, and
	// databroker.ErrNotFound for an unknown or expired id.
	Session(ctx context.Context, id string, minVersion uint64) (*databroker.Session, error)
	// User returns databroker.ErrNotFound for a key without a record.
	User(ctx context.Context, key string) (*databroker.User, error)
	// DirectoryUser returns databroker.ErrNotFound when no directory knows the
	// person, which is the ordinary case.
	DirectoryUser(ctx context.Context, key string) (*databroker.DirectoryUser, error)
	// Device and Grant return databroker.ErrNotFound for what was deleted or has
	// ended.
	Device(ctx context.Context, id string) (*databroker.Device, error)
	Grant(ctx context.Context, id string) (*databroker.Grant, error)
	// External returns what somebody else knows, and databroker.ErrNotFound where
	// nothing is known.
	External(ctx context.Context, typ, key, value string) (*databroker.External, error)
	// LastAccess returns when the session was last touched by any replica; the
	// zero time when it never was.
	LastAccess(ctx context.Context, id string) (time.Time, error)
	// Touch notes that the session is in use. It does not block.
	Touch(id string)
	// Live reports whether changes are heard of as they happen. While they are
	// not, who wants to know of one has to look.
	Live() bool
}

// A standing says what is known about who asks.
type standing uint8

const (
	nobody    standing = iota // no ticket, or none that counts
	known                     // a person
	disabled                  // a person whose account is shut
	skewed                    // a session from the future: a clock is wrong
	uncertain                 // the sessions cannot be read
)

// An identity is who asks.
type identity struct {
	standing standing
	person   *person // nil unless known
	token    bool    // a handle or bearer token came along: a program
	handle   bool    // that token was meant for us
	err      error   // why uncertain; for the log
	by       settled // whether they stand in for another
}

// clockLeeway is how far ahead of ours the clock of the replica that signed a
// person in may be.
const clockLeeway = 2 * time.Minute

// limits of what is remembered, over all people.
const (
	ticketCacheSize = 65536
	personCacheSize = 32768
)

// A ticketKey is a ticket as presented, and the host it was presented to.
type ticketKey struct{ value, host string }

// identify finds out who asks for rt; nil stands for our own paths, which take
// the sessions of every provider.
func (s *Server) identify(ctx context.Context, g *generation, r *request, rt *route) identity {
	found := ticket.Find(r.carrier(), g.cookieName)
	var id identity
	id.token = strings.HasPrefix(strings.ToLower(r.headers.get("authorization")), "bearer ")
	for _, c := range found {
		if c.Source == ticket.FromHeader || c.Source == ticket.FromQuery && !r.browser {
			id.token, id.handle = true, true
		}
	}
	if len(found) == 0 {
		return id
	}
	scope := g.scopeOf(r, rt)
	r.readBinder(scope.Binder)
	provider := ""
	if rt != nil {
		provider = rt.provider
	}
	for _, c := range found {
		t, ok := s.openTicket(c, scope.Host)
		if !ok || !t.Presented(c.Source, r.binder, r.browser) {
			continue
		}
		whose := provider
		if t.Kind == ticket.ForAccount {
			whose = databroker.AccountProvider // whatever provider the route's people have
		}
		standing, p, err := s.recall(ctx, g, t, whose)
		switch standing {
		case known:
			if p.session.Impersonates != nil && g.mayStandIn(r, rt) {
				var by settled // here, so that it costs nobody else anything
				if p, err = s.standIn(ctx, p, provider, &by); err != nil {
					id.standing, id.err = uncertain, err
					return id
				}
				id.by = by
			}
			id.standing, id.person = known, p
			return id
		case uncertain:
			id.standing, id.err = uncertain, err
			return id
		case disabled, skewed:
			id.standing = standing // a later candidate may still do
		}
	}
	return id
}

// openTicket opens a ticket once and remembers it: the second time costs no
// decryption. Only what opened is remembered. A service account's token is
// looked for in headers alone.
func (s *Server) openTicket(c ticket.Candidate, host string) (ticket.Ticket, bool) {
	key := ticketKey{c.Value, host}
	if t, ok := s.opened.get(key); ok {
		return t, true
	}
	t, err := s.tickets.Open(c.Value, host)
	if err != nil && c.Source == ticket.FromHeader {
		t, err = s.tickets.OpenAccount(c.Value)
	}
	if err != nil {
		return ticket.Ticket{}, false
	}
	// Clones: the value is part of a Cookie header, which would stay in memory.
	s.opened.put(ticketKey{strings.Clone(c.Value), strings.Clone(host)}, t)
	return t, true
}

// recall returns the person that t stands for, if the session still counts. The
// session has to be one of that provider; "" stands for that of any people.
func (s *Server) recall(ctx context.Context, g *generation, t ticket.Ticket, provider string) (standing, *person, error) {
	session, err := s.sessions.Session(ctx, t.SessionID, t.Version)
	if errors.Is(err, databroker.ErrNotFound) {
		return nobody, nil, nil
	}
	if err != nil {
		return uncertain, nil, fmt.Errorf("read session: %w", err)
	}
	now := s.now()
	switch {
	case session.ID != t.SessionID || session.Version < t.Version:
		return nobody, nil, nil // not what the ticket names
	case session.Expired(now):
		return nobody, nil, nil
	case provider != "" && session.IDPID != provider:
		return nobody, nil, nil
	case provider == "" && session.IDPID == databroker.AccountProvider:
		return nobody, nil, nil // it counts with its own token alone
	case session.IssuedAt.After(now.Add(clockLeeway)):
		return skewed, nil, nil
	}
	// A program that runs once a month is not idle: its account has an end of its own.
	if g.idle > 0 && provider != databroker.AccountProvider {
		last, err := s.sessions.LastAccess(ctx, session.ID)
		if err != nil {
			return uncertain, nil, fmt.Errorf("read last access: %w", err)
		}
		if session.Idle(last, now, g.idle) {
			return nobody, nil, nil
		}
	}
	return s.meet(ctx, session)
}

// meet reads the records of session's owner and returns the person they make.
func (s *Server) meet(ctx context.Context, session *databroker.Session) (standing, *person, error) {
	p, met := s.people.get(session.ID)
	key := ""
	if met && p.session == session {
		key = p.key // spares building it
	} else {
		key = session.UserKey()
	}
	user, err := s.sessions.User(ctx, key)
	if errors.Is(err, databroker.ErrNotFound) {
		return nobody, nil, nil // the account was removed
	}
	if err != nil {
		return uncertain, nil, fmt.Errorf("read user: %w", err)
	}
	if user.Disabled {
		return disabled, nil, nil
	}
	directory, err := s.sessions.DirectoryUser(ctx, key)
	if err != nil && !errors.Is(err, databroker.ErrNotFound) {
		return uncertain, nil, fmt.Errorf("read directory user: %w", err)
	}
	if err != nil {
		directory = nil
	}
	same := met && p.session == session && p.user == user && p.directory == directory
	if same {
		if same, err = s.unchanged(ctx, p); err != nil {
			return uncertain, nil, err
		}
	}
	if !same {
		held, err := s.held(ctx, key, session, user)
		if err != nil {
			return uncertain, nil, err
		}
		p = newPerson(session, user, directory, held)
		s.people.put(session.ID, p)
	}
	return known, p, nil
}

// scopeOf says what host a ticket for r must have been issued for, and which
// binder goes with it. It is ticket.ScopeOf, without its cost where hosts share
// nothing. A tunnel's CONNECT names where it leads, which need not be where one
// signed in: its tickets are those of the route's own host.
func (g *generation) scopeOf(r *request, rt *route) ticket.Scope {
	host := ticket.HostName(r.host)
	if rt != nil && rt.tunnel != "" {
		host = rt.tunnel
	}
	if g.cookieDomain == "" {
		return ticket.Scope{Host: host, Binder: g.binderName}
	}
	return ticket.ScopeOf(g.cookieName, g.cookieDomain, host)
}
