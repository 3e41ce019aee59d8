package authorize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/rs/zerolog"

	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// Options are the parts a Server is built from. Fields are required unless
// said otherwise.
type Options struct {
	Sessions Sessions
	Tickets  *ticket.Box // of the cookie on route hosts
	Handoff  *handoff.Signer
	Pages    *pages.Pages
	Log      zerolog.Logger
	// Audit takes one line of JSON for each decision, in pieces of whole lines.
	Audit io.Writer
	// Recorder keeps decisions for explanations; nil keeps none.
	Recorder Recorder
	Now      func() time.Time // nil means time.Now
}

// A Server answers Envoy's questions. It may be asked concurrently.
type Server struct {
	authv3.UnimplementedAuthorizationServer

	sessions       Sessions
	tickets        *ticket.Box
	handoff        *handoff.Signer
	pages          *pages.Pages
	log            zerolog.Logger
	now            func() time.Time
	lines          *lines
	fallbackFields []logField
	recorder       Recorder
	print          func(file string, line int, text string) // of hand-written Rego
	externals      *externals
	shadows        shadowCounts
	leashes        *leashes

	state  atomic.Pointer[succession] // nil before the first Apply
	opened *cache[ticketKey, ticket.Ticket]
	people *cache[string, *person] // by session id
}

// New returns a Server that denies everything until the first Apply. It starts
// no goroutine.
func New(o Options) (*Server, error) {
	if o.Sessions == nil || o.Tickets == nil || o.Handoff == nil || o.Pages == nil || o.Audit == nil {
		return nil, errors.New("authorize: sessions, tickets, handoff, pages and audit are all needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		sessions: o.Sessions, tickets: o.Tickets, handoff: o.Handoff, pages: o.Pages,
		log: o.Log, recorder: o.Recorder, now: o.Now,
		externals: &externals{o.Sessions, newCache[externalKey, externalValue](externalCacheSize)},
		lines:     newLines(o.Audit), fallbackFields: parseLogFields(nil),
		opened:  newCache[ticketKey, ticket.Ticket](ticketCacheSize),
		people:  newCache[string, *person](personCacheSize),
		leashes: newLeashes(),
	}
	s.print = s.printed // once: a method value for each decision would be made anew
	return s, nil
}

// Run keeps watch over long-lived streams and writes the audit lines until ctx
// ends, and then what is left of them. Call it once.
func (s *Server) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	watching.Go(func() { s.watchLeashes(ctx) })
	s.lines.run(ctx)
	watching.Wait()
	return nil
}

// Prepare readies st without putting it in force: what can go wrong goes wrong
// here. The returned function puts it in force and cannot fail. Calls of such
// functions must not overlap.
func (s *Server) Prepare(st State) (apply func(), err error) {
	g, err := newGeneration(st, s.now)
	if err != nil {
		return nil, err
	}
	return func() {
		next := &succession{current: g}
		if last := s.state.Load(); last != nil {
			next.previous, next.until = last.current, s.now().Add(overlap)
		}
		s.shadows.keep(g.shadows)
		s.state.Store(next)
		s.leashes.changedAll()
	}, nil
}

// Apply puts st in force. Routes that only the generation before had count for
// five seconds more, or until Acknowledged. Calls must not overlap.
func (s *Server) Apply(st State) error {
	apply, err := s.Prepare(st)
	if err != nil {
		return err
	}
	apply()
	return nil
}

// Acknowledged says that Envoy has taken the configuration of that generation:
// the one before is void from now on.
func (s *Server) Acknowledged(generation uint64) {
	for {
		last := s.state.Load()
		if last == nil || last.previous == nil || last.current.number != generation {
			return
		}
		if s.state.CompareAndSwap(last, &succession{current: last.current}) {
			for id := range last.previous.routes {
				if _, kept := last.current.routes[id]; !kept {
					s.leashes.changed(dependency{dependsRoute, id})
				}
			}
			return
		}
	}
}

// maxCheck bounds one decision where Envoy set no deadline.
const maxCheck = 10 * time.Second

// ask decides about the request of x. It returns no error: whatever goes wrong
// is a denial with status 503.
func (s *Server) ask(ctx context.Context, x *exchange) (out *response) {
	start := s.now()
	r, e := &x.request, &x.entry
	e.request, e.now = r, start
	defer func() {
		if fault := recover(); fault != nil {
			s.log.Error().Str("request_id", r.id).Str("fault", fmt.Sprint(fault)).Bytes("stack", debug.Stack()).Msg("authorize check broke")
			e.verdict = verdict{reason: reasonPanic}
			out = &response{message: s.refuseBroken(r)}
		}
		e.took = s.now().Sub(start)
		s.audit(e)
		s.record(e, &x.recorded)
	}()
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, maxCheck)
		defer cancel()
	}
	return s.check(ctx, e)
}

// check fills in e on its way, so that the audit line is about what happened
// however it ends.
func (s *Server) check(ctx context.Context, e *auditEntry) *response {
	r := e.request
	readable := r.derive()
	state := s.state.Load()
	if state == nil {
		e.verdict = verdict{reason: reasonNoState}
		return s.no(ctx, nil, nil, e)
	}
	e.generation, e.route = state.find(r.routeID, e.now)
	g, rt := e.generation, e.route
	var cert clientCert
	switch {
	case r.internal && readable:
		if needsSession(r.path) && r.hostname != g.signInName {
			e.identity = s.identify(ctx, g, r, nil)
		}
		e.verdict = decideInternal(g, r, e.identity)
	default:
		cert = s.settle(ctx, e, readable)
	}
	if e.identity.person != nil {
		s.sessions.Touch(e.identity.person.self().session.ID)
	}
	if r.internal && e.verdict.outcome == outcomeAllow {
		if e.identity.person == nil || !tellsWho(r.path) {
			return plain
		}
		rt = g.ownPages
	}
	if e.verdict.outcome != outcomeAllow {
		return s.no(ctx, g, rt, e)
	}
	out, err := s.answerAllowed(g, rt, r, e.identity.person, cert)
	if err != nil {
		e.verdict = verdict{reason: reasonPolicy, err: err}
		return s.no(ctx, g, rt, e)
	}
	if r.internal {
		return out // our own pages need the cookies
	}
	out = r.cleaned(out, rt, g.cookieName)
	if !r.lasts() {
		return out
	}
	var told *person
	if rt.personal {
		told = e.identity.person
	}
	return r.withFacts(out, told)
}

// settle decides about a request to a route. It is all that a decision is: what
// is decided again later, on a leash, is decided here.
func (s *Server) settle(ctx context.Context, e *auditEntry, readable bool) (cert clientCert) {
	r, rt := e.request, e.route
	switch {
	case !readable:
		e.verdict = verdict{outcome: outcomeMalformed, reason: reasonMalformed}
	case rt == nil:
		e.verdict = verdict{outcome: outcomeNotFound, reason: reasonRouteNotFound}
	case rt.pathDecides && hasParameters(r.path):
		e.verdict = verdict{outcome: outcomeMalformed, reason: reasonMalformed}
	default:
		e.identity = s.identify(ctx, e.generation, r, rt)
		if rt.needsCert {
			cert = rt.certs.judge(r.leaf, r.chain)
		}
		s.decide(ctx, e, cert)
	}
	return cert
}

// no is a refusal, which is made for one request.
func (s *Server) no(ctx context.Context, g *generation, rt *route, e *auditEntry) *response {
	return &response{message: s.refuse(ctx, g, rt, e)}
}
