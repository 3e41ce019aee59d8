package authorize

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/policy"
)

// How a stream ends, beside the outcomes of a decision.
const (
	reasonClosed       = "closed"   // by its client or its upstream
	reasonStopping     = "stopping" // we are
	reasonLeashRefused = "refused"  // it was not taken on
)

const (
	// maxRest is after which time a stream is decided about anew though nothing
	// is known to have changed: lists of revoked certificates run out, and clocks
	// are set.
	maxRest = time.Minute
	// minRest keeps a moment that is always just ahead from keeping us busy.
	minRest = 10 * time.Millisecond
	// feedLook is how often the streams are decided about while nobody tells of
	// changes, which have to be in force within two seconds.
	feedLook = 500 * time.Millisecond
)

// Changed is told of a change of the record with that type and id; an empty id
// says that anything may have changed. It does not block.
func (s *Server) Changed(typ, id string) {
	if id == "" {
		s.leashes.changedAll()
		return
	}
	s.leashes.changed(dependency{typ, id})
}

// watchLeashes decides about streams anew until ctx ends, and ends them then. A
// few at a time: a reload concerns them all, and the requests that come in
// meanwhile go first.
func (s *Server) watchLeashes(ctx context.Context) {
	var workers sync.WaitGroup
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		workers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-s.leashes.work:
				}
				for l := s.leashes.next(); l != nil && ctx.Err() == nil; l = s.leashes.next() {
					s.decideAgain(ctx, l)
				}
			}
		})
	}
	s.lookWhileSilent(ctx)
	workers.Wait()
	if n := s.leashes.close(); n > 0 {
		s.log.Warn().Int("streams", n).Msg("long-lived streams end: authorize stops")
	}
}

// lookWhileSilent has all streams decided anew, again and again, while nobody
// tells of changes. It returns when ctx ends.
func (s *Server) lookWhileSilent(ctx context.Context) {
	tick := time.NewTicker(feedLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if !s.sessions.Live() {
				s.leashes.changedAll()
			}
		}
	}
}

// decideAgain decides about the stream of l with the code that let it in, and
// ends it unless it would be let in again. l must be in the state deciding.
func (s *Server) decideAgain(ctx context.Context, l *leash) {
	x := newExchange()
	defer x.done()
	e := &x.entry
	e.request, e.now, e.again = &x.request, s.now(), true
	e.lasted = e.now.Sub(l.began)
	seen := s.leashes.seen()
	rest := s.judgeLeash(ctx, l, e)
	if e.verdict.outcome == outcomeAllow {
		s.leashes.tie(l, e.dependsOn(), rest, seen)
		return
	}
	if s.leashes.end(l, e.verdict.outcome.String()) {
		e.took = s.now().Sub(e.now)
		s.audit(e)
		s.record(e, &x.recorded)
	}
}

// judgeLeash fills in the verdict about l, and returns for how long it holds at
// most.
func (s *Server) judgeLeash(ctx context.Context, l *leash, e *auditEntry) (rest time.Duration) {
	defer func() {
		if fault := recover(); fault != nil {
			s.log.Error().Str("request_id", e.request.id).Str("fault", fmt.Sprint(fault)).Bytes("stack", debug.Stack()).Msg("authorize leash broke")
			e.verdict = verdict{reason: reasonPanic}
		}
	}()
	// That a client leaves, or that we stop, is no reason to decide otherwise.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxCheck)
	defer cancel()
	state := s.state.Load()
	if err := e.request.readMessage(l.wire); err != nil || state == nil {
		e.verdict = verdict{reason: reasonNoState, err: err}
		return 0
	}
	readable := e.request.derive()
	e.generation, e.route = state.find(e.request.routeID, e.now)
	s.settle(ctx, e, readable)
	if e.verdict.outcome != outcomeAllow {
		return 0
	}
	if p := e.identity.person; l.session != "" && (p == nil || p.told() != l.session) {
		// Its upstream takes it for somebody who has left.
		e.verdict = verdict{outcome: outcomeSignIn, reason: reasonSignIn}
		return 0
	}
	next, err := s.holdsUntil(ctx, e, state)
	if err != nil {
		e.verdict = verdict{reason: reasonSessions, err: err}
		return 0
	}
	return min(max(next.Sub(e.now), minRest), maxRest)
}

// holdsUntil returns when the decision of e may become another without anything
// being changed.
func (s *Server) holdsUntil(ctx context.Context, e *auditEntry, state *succession) (time.Time, error) {
	next := e.now.Add(maxRest)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	sooner(e.verdict.decision.Until)
	sooner(e.identity.by.until)
	if e.generation != state.current {
		sooner(state.until)
	}
	p := e.identity.person
	if p == nil {
		return next, nil
	}
	for one := range p.sessions {
		sooner(one.session.ExpiresAt)
		if e.generation.idle > 0 && one.session.IDPID != databroker.AccountProvider {
			last, err := s.sessions.LastAccess(ctx, one.session.ID)
			if err != nil {
				return next, fmt.Errorf("read last access: %w", err)
			}
			if last.Before(one.session.IssuedAt) {
				last = one.session.IssuedAt
			}
			sooner(last.Add(e.generation.idle))
		}
	}
	if p.acting != nil {
		sooner(p.acting.until)
	}
	return next, nil
}

// sessions yields p, or both whose sessions it takes to be p.
func (p *person) sessions(yield func(*person) bool) {
	switch {
	case p.acting == nil:
		yield(p)
	case yield(p.acting.own):
		yield(p.acting.target)
	}
}

// dependsOn returns what the decision of e was made from, one line for each
// type.
func (e *auditEntry) dependsOn() []dependency {
	deps := make([]dependency, 0, 4+len(e.records))
	deps = append(deps, dependency{dependsRoute, e.route.id})
	if p := e.identity.person; p != nil {
		for one := range p.sessions {
			deps = one.dependsOn(deps)
		}
	}
	for _, records := range [...][]policy.RecordSeen{e.records, e.identity.by.records} {
		for _, seen := range records {
			deps = append(deps, dependency{databroker.TypeExternal, databroker.ExternalID(seen.Type, string(seen.Key), seen.Value)})
		}
	}
	return deps
}

// dependsOn adds to deps the records that p was made from.
func (p *person) dependsOn(deps []dependency) []dependency {
	deps = append(deps,
		dependency{databroker.TypeSession, p.session.ID},
		dependency{databroker.TypeUser, p.key},
		dependency{databroker.TypeDirectoryUser, p.key}) // also where there is none
	for _, proof := range p.session.Devices {
		deps = append(deps, dependency{databroker.TypeDevice, proof.DeviceID})
	}
	for _, id := range p.user.GrantIDs {
		deps = append(deps, dependency{databroker.TypeGrant, id})
	}
	return deps
}
