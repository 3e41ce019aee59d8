package authorize

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cardea-proxy/cardea/policy"
)

// A ShadowCount says how often a shadow policy would have decided otherwise on
// one route, and in which way.
type ShadowCount struct {
	Policy  string `json:"policy"`
	Route   string `json:"route"` // its id
	Outcome string `json:"outcome"`
	Would   string `json:"would"`
	Count   uint64 `json:"count"`
}

// maxShadowCounts bounds the counts that are kept, however many routes and
// policies come and go.
const maxShadowCounts = 20000

// A shadowOn is a shadow policy on a route.
type shadowOn struct{ policy, route string }

// shadowCounts counts since a policy became a shadow, at the earliest since the
// start of the process. Safe for concurrent use.
type shadowCounts struct {
	mu     sync.Mutex
	live   map[shadowOn]bool      // of the generation in force
	counts map[ShadowCount]uint64 // by a ShadowCount whose Count is 0
	lines  map[string]*shadowLines
}

// keep forgets what is not live: a policy that looks on no more.
func (c *shadowCounts) keep(live map[shadowOn]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = live
	maps.DeleteFunc(c.counts, func(of ShadowCount, _ uint64) bool { return !live[shadowOn{of.Policy, of.Route}] })
	names := make(map[string]bool)
	for on := range live {
		names[on.policy] = true
	}
	maps.DeleteFunc(c.lines, func(name string, _ *shadowLines) bool { return !names[name] })
}

// add counts a disagreement, unless its policy looks on no more. It returns
// whether a line may tell of it at now, and how many before had none.
func (c *shadowCounts) add(of ShadowCount, now time.Time) (tell bool, untold uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.live[shadowOn{of.Policy, of.Route}] {
		return false, 0
	}
	if c.counts == nil {
		c.counts, c.lines = make(map[ShadowCount]uint64), make(map[string]*shadowLines)
	}
	if _, known := c.counts[of]; known || len(c.counts) < maxShadowCounts {
		c.counts[of]++
	}
	l := c.lines[of.Policy]
	if l == nil {
		l = &shadowLines{since: now}
		c.lines[of.Policy] = l
	}
	return l.next(now)
}

// maxShadowLines bounds the lines of one shadow policy in shadowSpan: where it
// disagrees about everything, as one does that was just written, it must not
// crowd out the log.
const (
	maxShadowLines = 10
	shadowSpan     = time.Second
)

// shadowLines are the lines of one shadow policy.
type shadowLines struct {
	since  time.Time // of the span
	told   int       // in it
	untold uint64    // since the last line
}

func (l *shadowLines) next(now time.Time) (tell bool, untold uint64) {
	if gone := now.Sub(l.since); gone >= shadowSpan || gone <= -shadowSpan { // clocks are set back
		l.since, l.told = now, 0
	}
	if l.told >= maxShadowLines {
		l.untold++
		return false, 0
	}
	l.told++
	untold, l.untold = l.untold, 0
	return true, untold
}

// ShadowCounts returns how often the policies that are shadows now disagreed, by
// policy and route.
func (s *Server) ShadowCounts() []ShadowCount {
	c := &s.shadows
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]ShadowCount, 0, len(c.counts))
	for of, n := range c.counts {
		of.Count = n
		out = append(out, of)
	}
	slices.SortFunc(out, func(a, b ShadowCount) int {
		return cmp.Or(strings.Compare(a.Policy, b.Policy), strings.Compare(a.Route, b.Route),
			strings.Compare(a.Outcome, b.Outcome), strings.Compare(a.Would, b.Would))
	})
	return out
}

// maxLookOn bounds what the shadow policies of one request take together: it waits
// for them, and Envoy does not wait for ever.
const maxLookOn = 250 * time.Millisecond

// lookOn asks the shadow policies of e's route what they would have decided.
// Where sessions could not be read, they have nothing to judge by.
func (s *Server) lookOn(ctx context.Context, e *auditEntry, f policy.Facts) {
	rt := e.route
	if !rt.program.HasShadows() || e.identity.standing == uncertain || e.verdict.decision.Err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, maxLookOn)
	defer cancel()
	for _, d := range rt.program.Disagreements(ctx, f, e.verdict.decision) {
		would := d.Would.Outcome.String()
		if d.Would.Err != nil {
			would = "error"
		}
		outcome := e.verdict.decision.Outcome.String()
		tell, untold := s.shadows.add(ShadowCount{Policy: d.Policy, Route: rt.id, Outcome: outcome, Would: would}, e.now)
		if tell && e.generation.logged {
			s.tellShadow(e, &d, outcome, would, untold)
		}
	}
}

// tellShadow writes the line of a disagreement; untold is how many before it had
// none.
func (s *Server) tellShadow(e *auditEntry, d *policy.Disagreement, outcome, would string, untold uint64) {
	b := append(make([]byte, 0, 512), lineStart...)
	b = appendMember(b, "policy", d.Policy)
	b = appendMember(b, "route-id", e.route.id)
	b = appendMember(b, "request-id", e.request.id)
	b = appendMember(b, "outcome", outcome)
	b = appendMember(b, "would", would)
	b = appendList(append(b, `,"would-why":`...), slices.Concat(d.Would.DenyReasons, d.Would.AllowReasons))
	if untold > 0 {
		b = strconv.AppendUint(append(b, `,"not-logged":`...), untold, 10)
	}
	s.lines.add(appendEnd(b, e.now, "policy shadow disagrees"))
}
