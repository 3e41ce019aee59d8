package authorize

import (
	"context"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/policy"
)

// maxOffered bounds the grants that one denial tries and offers: each costs a
// decision.
const maxOffered = 8

// askURL is the address on the sign-in host at which the person of e can ask for
// what would let them in, "" where no grant would.
func (s *Server) askURL(ctx context.Context, g *generation, rt *route, e *auditEntry) string {
	p := e.identity.person
	if e.verdict.outcome != outcomeDeny || p == nil || g == nil || g.signIn == nil || len(rt.grants) == 0 ||
		p.acting != nil || p.session.IDPID == databroker.AccountProvider {
		return ""
	}
	var would []string
	for _, name := range rt.grants[:min(len(rt.grants), maxOffered)] {
		if s.letsIn(ctx, rt, e, name) {
			would = append(would, name)
		}
	}
	if len(would) == 0 {
		return ""
	}
	return s.handoff.AccessURL(g.signIn, handoff.AskAccess{
		SessionID: p.session.ID, ProviderID: p.session.IDPID, RouteID: rt.id, Grants: would,
	})
}

// letsIn reports whether a grant of that name would make a difference: it lets
// the person in, or as far as to show a device or to sign in once more.
func (s *Server) letsIn(ctx context.Context, rt *route, e *auditEntry, name string) bool {
	with := e.identity.person.data.With(policy.Grant{Name: name, ExpiresAt: e.now.Add(time.Hour)})
	d := rt.program.Decide(ctx, policy.Facts{Request: e.facts, Person: policy.NewPerson(with), Now: e.now, Records: s.externals})
	switch judge(d, e.identity).outcome {
	case outcomeAllow, outcomeDeviceNeeded, outcomeSignInAgain:
		return true
	}
	return false
}
