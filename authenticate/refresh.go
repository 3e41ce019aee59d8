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
	// refreshTime is what one refresh may take, also after the end of Run: a
	// provider that rotates refresh tokens has voided the old one by the time
	// that its answer could be thrown away.
	refreshTime = 30 * time.Second
	// putPause is how long to wait for a broker that is away.
	putPause = 250 * time.Millisecond
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
	g.Go(func() error { return s.followPeople(ctx) })
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
	s.scheduled.plan(appointment{id: session.ID, at: at, expires: s.tokensExpire(session)})
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
	if at, soonest := expires.Add(-lead), now.Add(minPause); at.After(soonest) {
		return at, true
	}
	// Also for tokens that have expired, as after a long stop: a provider whose
	// tokens hold for seconds must not be asked without a pause.
	return now.Add(minPause), true
}

// keepAppointments refreshes what is due.
func (s *Server) keepAppointments(ctx context.Context) error {
	var g errgroup.Group
	g.SetLimit(refreshesAtOnce)
	defer func() { _ = g.Wait() }() // its functions return nil
	for ctx.Err() == nil {
		due, wait := s.scheduled.next(s.o.Now())
		if due != nil {
			g.Go(func() error {
				whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTime)
				defer cancel()
				s.refresh(whole, *due)
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
	return nil
}

// refresh renews one session, unless another replica is at it or has just done
// so. It leaves the session as it is or scheduled again.
func (s *Server) refresh(ctx context.Context, due appointment) {
	due.at = s.o.Now().Add(minPause) // of the next try, should this one come to nothing
	lease, err := s.o.Broker.AcquireLease(ctx, "refresh/"+due.id, refreshLease)
	if err != nil {
		s.scheduled.set(due) // held, or the broker is away
		return
	}
	defer func() { _ = s.o.Broker.ReleaseLease(ctx, lease) }() // it runs out by itself
	session, err := s.o.Broker.Session(ctx, due.id)
	switch {
	case errors.Is(err, databroker.ErrNotFound):
		return
	case err != nil:
		s.scheduled.set(due)
		return
	case !s.tokensExpire(session).Equal(due.expires):
		s.plan(session) // renewed by another meanwhile
		return
	}
	err = s.rested(ctx, session)
	if err == nil {
		err = s.renew(ctx, session)
	}
	if err != nil {
		s.notRenewed(ctx, session, due, err)
	}
}

// rested returns errIdle for a session that nobody can use any more because it
// was not used for too long: it is not kept alive at the provider either.
func (s *Server) rested(ctx context.Context, session *databroker.Session) error {
	active := s.active.Load()
	if active == nil || active.config.SessionIdleTimeout <= 0 {
		return nil
	}
	last, err := s.o.Sessions.LastAccess(ctx, session.ID)
	if err != nil {
		return fmt.Errorf("read last access: %w", err)
	}
	if session.Idle(last, s.o.Now(), active.config.SessionIdleTimeout) {
		return errIdle
	}
	return nil
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
	return s.putUser(ctx, session.IDPID, identity, false)
}

// putRenewed writes the new tokens. When somebody else changed the session
// meanwhile they are added to that; when somebody deleted it, it stays deleted.
// While the broker is away it tries on: with the tokens the session would be lost.
func (s *Server) putRenewed(ctx context.Context, session *databroker.Session, identity *idp.Identity) error {
	for {
		fill(session, identity)
		err := s.o.Broker.PutSession(ctx, session)
		if err == nil {
			s.o.Log.Debug().Str("session_id", session.ID).Msg("session refreshed")
			return nil
		}
		if errors.Is(err, databroker.ErrConflict) {
			var now *databroker.Session
			if now, err = s.o.Broker.Session(ctx, session.ID); err == nil {
				*session = *now
				continue
			}
		}
		if !errors.Is(err, databroker.ErrUnavailable) {
			return fmt.Errorf("write session: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("write session: %w", err)
		case <-time.After(putPause):
		}
	}
}

// notRenewed decides what a failed refresh means for the session.
func (s *Server) notRenewed(ctx context.Context, session *databroker.Session, due appointment, err error) {
	if errors.Is(err, databroker.ErrNotFound) {
		return
	}
	now := s.o.Now()
	pause := min(minPause<<min(due.tries, 3), time.Minute)
	again := appointment{id: session.ID, at: now.Add(pause), expires: s.tokensExpire(session), tries: due.tries + 1}
	log := s.o.Log.Warn().Err(err).Str("session_id", session.ID)
	if !ends(err) && now.Before(again.expires.Add(outageGrace)) {
		s.scheduled.set(again)
		log.Dur("retry_in_ms", pause).Msg("session refresh postponed")
		return
	}
	// Only this version: a session that another replica renewed meanwhile lives.
	deleteErr := s.o.Broker.Delete(ctx, databroker.TypeSession, session.ID, session.Version)
	switch {
	case deleteErr == nil:
		log.Msg("session ended: nobody vouches for it any more")
	case !errors.Is(deleteErr, databroker.ErrNotFound) && !errors.Is(deleteErr, databroker.ErrConflict):
		s.scheduled.set(again)
		log.AnErr("delete_error", deleteErr).Msg("session that has ended cannot be deleted yet")
	}
}

// ends reports whether err is the last word on a session.
func ends(err error) bool {
	var refused *idp.Refusal
	return errors.Is(err, idp.ErrRevoked) || errors.As(err, &refused) ||
		errors.Is(err, errDisabled) || errors.Is(err, errRemoved) || errors.Is(err, errIdle)
}
