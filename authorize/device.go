package authorize

import (
	"net"
	"net/url"

	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/policy"
)

// enrolledPath is a page that says that all is done, for somebody whose program
// was asked for a device.
const enrolledPath = "/.pomerium/device-enrolled"

// prompt is the signed address on the route's own host that leads a person to
// where they show the device that v asks for, and then to back.
func (s *Server) prompt(g *generation, r *request, rt *route, v verdict, back string) string {
	p := handoff.Prompt{Type: v.decision.DeviceType, RedirectURI: back, UserVerification: v.decision.DeviceVerify}
	if p.Type == "" {
		p.Type = policy.DeviceAny
	}
	return s.handoff.PromptURL(r.ownHost(g, rt), p)
}

// ownHost is the host that serves r's route to browsers, with its port. A
// tunnel's CONNECT names where it leads instead; the port of the sign-in host,
// which is behind the same listener, is the best that is known then.
func (r *request) ownHost(g *generation, rt *route) string {
	switch {
	case rt == nil || rt.tunnel == "":
		return r.host
	case g.signIn.Port() != "":
		return net.JoinHostPort(rt.tunnel, g.signIn.Port())
	}
	return rt.tunnel
}

// deviceProblem is what a page tells, to somebody who is signed in, of the
// devices that are asked for and that they have shown.
func (s *Server) deviceProblem(g *generation, rt *route, e *auditEntry, page pages.Request) pages.DeviceProblem {
	r, d := e.request, &e.verdict.decision
	out := pages.DeviceProblem{Type: d.DeviceType, Verification: d.DeviceVerify, Approval: d.DeviceApproval}
	if out.Type == "" {
		out.Type = policy.DeviceAny
	}
	for one, proof := range e.identity.person.shown {
		out.Shown = append(out.Shown, pages.DeviceRow{
			ID: one.ID, Name: one.Name, Enclave: one.Type == policy.DeviceEnclave, Model: one.Model, Attested: one.Attested,
			Approved: one.Approved, Suspicious: !one.CounterWentBackAt.IsZero(), EnrolledAt: one.EnrolledAt, LastUsedAt: proof.At,
		})
	}
	if g.signIn == nil {
		return out
	}
	back := r.comeBack()
	if !page.MaySignIn() {
		back = r.pageBefore(g, rt)
	}
	out.URL = s.prompt(g, r, rt, e.verdict, back)
	return out
}

// pageBefore is where to go on to after a request that was no navigation, and
// so asked for no page: the one that made it, where it is on this host.
func (r *request) pageBefore(g *generation, rt *route) string {
	if rt.tunnel == "" {
		u, err := handoff.CheckRedirect(r.headers.get("referer"), r.host)
		if err == nil && len(url.QueryEscape(u.String())) <= maxRedirect {
			return u.String()
		}
	}
	return "https://" + r.ownHost(g, rt) + enrolledPath
}
