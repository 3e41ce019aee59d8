package authenticate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-proxy/cardea/authenticate/idp"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"golang.org/x/sync/errgroup"
)

const (
	// minLead and maxLead bound how long before its tokens expire a session is
	// refreshed; in between it is a fifth of what is left.
	minLead, maxLead = time.Minute, 10 * time.Minute
	// minPause is the least time between two refreshes of one session.
	minPause = 10 * time.Second
	// outageGrace is how long a session outlives its tokens while the provider
	// does not answer. Then it ends: nobody vouches for the person any more.
	outageGrace = 5 * time.Minute
	// refreshLease is longer than a refresh can take.
	refreshLease = 45 * time.Second
	// refreshesAtOnce bounds what one replica asks of the provider.
	refreshesAtOnce = 8
)

// Run keeps sessions fresh until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.follow(ctx) })
	g.Go(func() error { return s.keepAppointments(ctx) })
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// follow fills the schedule from the sessions there are and from every change.
func (s *Server) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		err := s.followOnce(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, databroker.ErrRelist) {
			s.o.Log.Warn().Err(err).Msg("watch of sessions interrupted")
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return nil
}

func (s *Server) followOnce(ctx context.Context) error {
	position, err := s.listSessions(ctx, func(session *databroker.Session) error {
		s.plan(session)
		return nil
	})
	if err != nil {
		return err
	}
	return s.o.Broker.Watch(ctx, []string{databroker.TypeSession}, position, func(c databroker.Change) error {
		switch {
		case c.Record == nil:
		case c.Record.Deleted:
			s.scheduled.drop(c.Record.ID)
		default:
			if session, err := s.sessionFrom(c.Record); err == nil {
				s.plan(session)
			}
		}
		return nil
	})
}

// eachSession calls fn for every session there is.
func (s *Server) eachSession(ctx context.Context, fn func(*databroker.Session) error) error {
	_, err := s.listSessions(ctx, fn)
	return err
}

func (s *Server) listSessions(ctx context.Context, fn func(*databroker.Session) error) (from databroker.Position, err error) {
	var after []byte
	for first := true; first || len(after) > 0; first = false {
		page, err := s.o.Broker.List(ctx, databroker.TypeSession, 0, after)
		if err != nil {
			return from, fmt.Errorf("list sessions: %w", err)
		}
		if first {
			from = page.Position
		}
		for _, r := range page.Records {
			session, err := s.sessionFrom(r)
			if err != nil {
				s.o.Log.Error().Err(err).Msg("session record does not open")
				continue
			}
			if err := fn(session); err != nil {
				return from, err
			}
		}
		after = page.Next
	}
	return from, nil
}

func (s *Server) sessionFrom(r *databroker.Record) (*databroker.Session, error) {
	session := &databroker.Session{ID: r.ID, Version: r.Version}
	return session, s.o.Broker.Decode(r, session)
}

// plan puts session into the schedule, or out of it.
func (s *Server) plan(session *databroker.Session) {
	at, ok := s.dueAt(session)
	if !ok {
		s.scheduled.drop(session.ID)
		return
	}
	s.scheduled.set(session.ID, at, 0)
}

// tokensExpire returns when the first of the session's tokens does, zero for never.
func (s *Server) tokensExpire(session *databroker.Session) time.Time {
	first := session.TokenExpiresAt
	a := s.active.Load()
	byIDToken := a == nil || a.config.Flag(config.FlagRefreshAtIDToken)
	if id := session.IDTokenExpiresAt; byIDToken && !id.IsZero() && (first.IsZero() || id.Before(first)) {
		first = id
	}
	return first
}

// dueAt returns when session should be refreshed; ok is false when it never should.
func (s *Server) dueAt(session *databroker.Session) (at time.Time, ok bool) {
	expires := s.tokensExpire(session)
	if expires.IsZero() || session.RefreshToken.IsZero() || session.RefreshDisabled || !expires.Before(session.ExpiresAt) {
		return time.Time{}, false
	}
	now := s.o.Now()
	lead := min(max(expires.Sub(now)/5, minLead), maxLead)
	at = expires.Add(-lead)
	if soonest := now.Add(minPause); at.Before(soonest) && expires.After(soonest) {
		at = soonest
	}
	return at, true
}

// keepAppointments refreshes what is due.
func (s *Server) keepAppointments(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(refreshesAtOnce)
	defer func() { _ = g.Wait() }() // its functions return nil
	for {
		id, tries, wait := s.scheduled.next(s.o.Now())
		if id != "" {
			g.Go(func() error {
				s.refresh(gctx, id, tries)
				return nil
			})
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.scheduled.wake:
		case <-time.After(wait):
		}
	}
}

// refresh renews one session, unless another replica is at it or has just done
// so. It leaves the session as it is or scheduled again.
func (s *Server) refresh(ctx context.Context, id string, tries int) {
	lease, err := s.o.Broker.AcquireLease(ctx, "refresh/"+id, refreshLease)
	if err != nil {
		s.scheduled.set(id, s.o.Now().Add(minPause), tries) // held, or the broker is away
		return
	}
	defer func() { _ = s.o.Broker.ReleaseLease(ctx, lease) }() // it runs out by itself
	session, err := s.o.Broker.Session(ctx, id)
	if errors.Is(err, databroker.ErrNotFound) {
		return
	}
	if err != nil {
		s.scheduled.set(id, s.o.Now().Add(minPause), tries)
		return
	}
	if at, ok := s.dueAt(session); !ok || at.Sub(s.o.Now()) > minPause {
		s.plan(session) // renewed by another meanwhile
		return
	}
	if err := s.renew(ctx, session); err != nil {
		s.notRenewed(ctx, session, tries, err)
	}
}

// renew asks the provider and writes what it says. Tokens are written before
// all else: the old ones may be void from here on.
func (s *Server) renew(ctx context.Context, session *databroker.Session) error {
	active := s.active.Load()
	if active == nil || active.providers[session.IDPID] == nil {
		return errNoProvider
	}
	identity, refreshErr := active.providers[session.IDPID].Refresh(ctx, tokensOf(session), session.UserID)
	if identity == nil {
		return refreshErr
	}
	if refreshErr != nil {
		identity.Claims = session.Claims
	}
	if err := s.putRenewed(ctx, session, identity); err != nil {
		return err
	}
	if refreshErr != nil {
		return refreshErr
	}
	return s.putUser(ctx, session.IDPID, identity)
}

// putRenewed writes the new tokens. When somebody else changed the session
// meanwhile they are added to that; when somebody deleted it, it stays deleted.
func (s *Server) putRenewed(ctx context.Context, session *databroker.Session, identity *idp.Identity) error {
	for range 10 {
		fill(session, identity)
		err := s.o.Broker.PutSession(ctx, session)
		if err == nil {
			s.o.Log.Debug().Str("session_id", session.ID).Msg("session refreshed")
			return nil
		}
		if !errors.Is(err, databroker.ErrConflict) {
			return fmt.Errorf("write session: %w", err)
		}
		now, err := s.o.Broker.Session(ctx, session.ID)
		if err != nil {
			return fmt.Errorf("read session: %w", err)
		}
		*session = *now
	}
	return fmt.Errorf("write session: %w", databroker.ErrConflict)
}

// notRenewed decides what a failed refresh means for the session.
func (s *Server) notRenewed(ctx context.Context, session *databroker.Session, tries int, err error) {
	now := s.o.Now()
	log := s.o.Log.Warn().Err(err).Str("session_id", session.ID)
	switch {
	case errors.Is(err, databroker.ErrNotFound):
		return
	case !ends(err) && now.Before(s.tokensExpire(session).Add(outageGrace)):
		pause := min(minPause<<min(tries, 3), time.Minute)
		s.scheduled.set(session.ID, now.Add(pause), tries+1)
		log.Dur("retry_in_ms", pause).Msg("session refresh postponed")
		return
	}
	// Only this version: a session that another replica renewed meanwhile lives.
	if err := s.o.Broker.Delete(ctx, databroker.TypeSession, session.ID, session.Version); err != nil &&
		!errors.Is(err, databroker.ErrNotFound) && !errors.Is(err, databroker.ErrConflict) {
		s.scheduled.set(session.ID, now.Add(minPause), tries+1)
	}
	log.Msg("session ended: the identity provider does not vouch for it any more")
}

// ends reports whether err is the provider's last word on a session.
func ends(err error) bool {
	var refused *idp.Refusal
	var clock *idp.ClockError
	return errors.Is(err, idp.ErrRevoked) || errors.As(err, &refused) && !errors.As(err, &clock) || errors.Is(err, errDisabled)
}
