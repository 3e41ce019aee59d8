package authorize

import (
	"cmp"
	"context"
	"slices"
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

// shadowCounts counts since the start of the process. Safe for concurrent use.
type shadowCounts struct {
	mu     sync.Mutex
	counts map[ShadowCount]uint64 // by a ShadowCount whose Count is 0
}

func (c *shadowCounts) add(of ShadowCount) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = make(map[ShadowCount]uint64)
	}
	if _, known := c.counts[of]; known || len(c.counts) < maxShadowCounts {
		c.counts[of]++
	}
}

// ShadowCounts returns how often shadow policies disagreed since the start, by
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
		s.shadows.add(ShadowCount{Policy: d.Policy, Route: rt.id, Outcome: outcome, Would: would})
		if !e.generation.logged {
			continue
		}
		b := append(make([]byte, 0, 512), `{"level":"info","service":"authorize"`...)
		for _, field := range [][2]string{
			{"policy", d.Policy}, {"route-id", rt.id}, {"request-id", e.request.id}, {"outcome", outcome}, {"would", would},
		} {
			b = appendText(append(append(append(b, `,"`...), field[0]...), `":`...), field[1])
		}
		b = append(b, `,"would-why":[`...)
		for i, reason := range slices.Concat(d.Would.DenyReasons, d.Would.AllowReasons) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, reason)
		}
		b = append(b, `],"time":"`...)
		b = e.now.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
		s.lines.add(append(b, `","message":"policy shadow disagrees"}`+"\n"...))
	}
}
