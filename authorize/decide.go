package authorize

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/cardea-proxy/cardea/policy"
)

// A verdict is what is decided about one request, before it is put in words.
type verdict struct {
	outcome  outcome
	asked    bool            // a policy was asked
	decision policy.Decision // what it said
	reason   string          // why, where no policy was asked; for the log
	err      error           // what went wrong, for the log
}

// An outcome is what happens with a request. The zero outcome lets nobody in.
type outcome uint8

const (
	outcomeFault        outcome = iota // cannot be decided: 503
	outcomeAllow                       //
	outcomeDeny                        // the policy says no
	outcomeSignIn                      // nobody is signed in, and it matters who is
	outcomeSignInAgain                 // somebody is, and too long ago
	outcomeDisabled                    // the account is shut
	outcomeSkewed                      // the session is from the future
	outcomeDeviceNeeded                // a device has to show itself
	outcomeDevice                      // those that have will not do
	outcomeCertificate                 // absent or not valid
	outcomeNotFound                    // Envoy names a route that we do not know
	outcomeMalformed                   // path or host can be read in two ways
)

// Reasons of ours, beside those of the policy. The spelling is that of logs.
const (
	reasonInternal      = "pomerium-route"
	reasonRouteNotFound = "route-not-found"
	reasonSignIn        = "user-unauthenticated"
	reasonDevice        = "device-unauthorized"
	reasonDisabled      = "user-disabled"
	reasonClock         = "clock-skew"
	reasonMalformed     = "malformed-request"
	reasonNoState       = "not-configured"
	reasonSessions      = "sessions-unavailable"
	reasonPolicy        = "policy-error"
	reasonPanic         = "internal-error"
)

// String is the outcome as logs name it.
func (o outcome) String() string {
	switch o {
	case outcomeAllow:
		return "allow"
	case outcomeDeny:
		return "deny"
	case outcomeSignIn:
		return "sign-in"
	case outcomeSignInAgain:
		return "sign-in-again"
	case outcomeDisabled:
		return "disabled"
	case outcomeSkewed:
		return "clock-skew"
	case outcomeDevice, outcomeDeviceNeeded:
		return "device"
	case outcomeCertificate:
		return "client-certificate"
	case outcomeNotFound:
		return "not-found"
	case outcomeMalformed:
		return "malformed"
	}
	return "fault"
}

// decideInternal decides about a path of our own. No policy applies there; some
// pages are about the person and make no sense without one.
func decideInternal(g *generation, r *request, id identity) verdict {
	if !needsSession(r.path) || r.hostname == g.signInName {
		return verdict{outcome: outcomeAllow, reason: reasonInternal}
	}
	return unlessKnown(id, verdict{outcome: outcomeAllow, reason: reasonInternal})
}

// needsSession reports whether a path under /.pomerium is about the person who
// asks for it.
func needsSession(path string) bool {
	switch path {
	case "/.pomerium/jwt", "/.pomerium/user", "/.pomerium/webauthn", "/.pomerium/routes", "/.pomerium/api/v1/routes":
		return true
	}
	return false
}

// tellsWho reports whether a path of ours shows the assertion or its claims. It
// gets one as an upstream would.
func tellsWho(path string) bool {
	return path == "/.pomerium/jwt" || path == "/.pomerium/user"
}

// decide asks the policy of e's route, and the shadows beside it.
func (s *Server) decide(ctx context.Context, e *auditEntry, cert clientCert) {
	rt, id := e.route, e.identity
	// A policy that does not ask who is there gives the same answer to all, so
	// that it goes on when sessions cannot be read.
	if id.standing == uncertain && rt.readsSession {
		e.verdict = verdict{outcome: outcomeFault, reason: reasonSessions, err: id.err}
		return
	}
	facts := policy.Facts{Request: e.request.facts(), Now: e.now, Records: s.externals, Print: s.print}
	facts.Request.ClientCertificate = policy.ClientCertificate{
		Presented: cert.presented, Valid: cert.valid, Leaf: cert.leaf, Intermediates: cert.intermediates,
	}
	if rt.readsHeaders {
		facts.Request.Header, facts.Request.Headers = e.request.header, e.request.plainHeaders
	}
	if id.person != nil {
		facts.Person = id.person.facts
	}
	if (s.recorder != nil || e.again) && rt.readsRecords {
		facts.Seen = e.see
	}
	e.facts = facts.Request
	e.verdict = judge(rt.program.Decide(ctx, facts), id)
	if id.person != nil && id.person.acting != nil {
		e.verdict = standingIn(e.verdict)
	}
	if !e.again {
		s.lookOn(ctx, e, facts)
	}
}

// see keeps an external record that a policy or a shadow has looked up.
func (e *auditEntry) see(r policy.RecordSeen) {
	if !slices.Contains(e.records, r) {
		e.records = append(e.records, r)
	}
}

// printed is a line that hand-written Rego prints.
func (s *Server) printed(file string, line int, text string) {
	s.log.Debug().Str("file", file).Int("line", line).Str("text", text).Msg("policy prints")
}

// facts are what policies read of the request; its certificate and headers are
// set where they are needed.
func (r *request) facts() policy.Request {
	return policy.Request{
		Method: r.method, Scheme: "https", Host: r.host, Hostname: r.hostname,
		Path: r.path, RawPath: r.rawPath, RawQuery: r.rawQuery, IP: r.ip,
	}
}

// plainHeaders yields the headers that are no secrets, by their canonical names.
func (r *request) plainHeaders(yield func(name, value string) bool) {
	for _, h := range r.headers {
		if policy.SecretHeader(h.name) || strings.HasPrefix(h.name, ":") {
			continue
		}
		if !yield(http.CanonicalHeaderKey(h.name), h.value) {
			return
		}
	}
}

// judge says what a decision of a policy means for who asks.
func judge(d policy.Decision, id identity) verdict {
	v := verdict{asked: true, decision: d, err: d.Err}
	switch d.Outcome {
	case policy.Allow:
		v.outcome = outcomeAllow
	case policy.SignIn:
		v.outcome = outcomeSignIn
		if id.person != nil {
			v.outcome = outcomeDeny // signing in once more would change nothing
		}
		return unlessKnown(id, v)
	case policy.SignInAgain:
		v.outcome = outcomeSignInAgain
	case policy.DeviceNeeded:
		v.outcome = outcomeDeviceNeeded
		return unlessKnown(id, v) // hand-written Rego may ask nobody for a device
	case policy.ClientCertificateRequired, policy.ClientCertificateInvalid:
		v.outcome = outcomeCertificate
	default:
		v.outcome = outcomeDeny
		switch {
		case d.Err != nil:
			v.outcome, v.reason = outcomeFault, reasonPolicy
		case slices.Contains(d.DenyReasons, reasonDevice) || slices.Contains(d.AllowReasons, reasonDevice):
			v.outcome = outcomeDevice
		}
	}
	return v
}

// OutcomeOf is the word of logs for what a decision means to somebody who is
// signed in, or is not.
func OutcomeOf(d policy.Decision, signedIn bool) string {
	id := identity{}
	if signedIn {
		id = identity{standing: known, person: &person{}}
	}
	return judge(d, id).outcome.String()
}

// unlessKnown returns v for a person, and for everybody else what keeps them
// from being one.
func unlessKnown(id identity, v verdict) verdict {
	switch id.standing {
	case known:
		return v
	case disabled:
		v.outcome, v.reason = outcomeDisabled, reasonDisabled
	case skewed:
		v.outcome, v.reason = outcomeSkewed, reasonClock
	case uncertain:
		v.outcome, v.reason, v.err = outcomeFault, reasonSessions, id.err
	default:
		v.outcome = outcomeSignIn
		if v.reason == "" || v.reason == reasonInternal {
			v.reason = reasonSignIn
		}
	}
	return v
}

// header returns a header by its canonical name.
func (r *request) header(name string) (string, bool) {
	return r.headers.find(strings.ToLower(name))
}

// policyPerson returns p as policies are told of it.
func policyPerson(p *person) policy.PersonData {
	d := policy.PersonData{
		SessionID: p.session.ID, UserID: p.session.UserID,
		Email: p.email, Name: p.name, Groups: p.user.Groups, Claims: p.claims, SignedInAt: p.session.IssuedAt,
	}
	if p.directory != nil {
		d.DirectoryGroups = directoryGroups(p.directory.GroupIDs, p.directory.GroupNames)
	}
	for device, proof := range p.shown {
		d.Devices = append(d.Devices, policy.Device{
			ID: device.ID, Type: device.Type, Approved: device.Approved, ShownAt: proof.At, UserVerified: proof.UserVerified,
		})
	}
	for _, g := range p.held.grants {
		if g != nil {
			d.Grants = append(d.Grants, policy.Grant{Name: g.Name, ExpiresAt: g.ExpiresAt})
		}
	}
	return d
}

// directoryGroups pairs ids with names where there is a name for each id;
// otherwise they are groups of their own.
func directoryGroups(ids, names []string) []policy.DirectoryGroup {
	var groups []policy.DirectoryGroup
	paired := len(ids) == len(names)
	for i, id := range ids {
		g := policy.DirectoryGroup{ID: id}
		if paired {
			g.Name = names[i]
		}
		groups = append(groups, g)
	}
	if !paired {
		for _, name := range names {
			groups = append(groups, policy.DirectoryGroup{Name: name})
		}
	}
	return groups
}
