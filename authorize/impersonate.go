package authorize

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/policy"
)

// claimActor is the claim that says who acts for the subject of an assertion
// (RFC 8693, section 4.1). It is nobody's but ours.
const claimActor = "act"

// acting is what a person has beside the rest who is another one's stand-in: an
// administrator who looks at what the other may open. Policies and upstreams are
// told of the other: session, records, directory. What proves that somebody is
// there in person is left out, since they are not: devices, and grants, which
// were given to one person; the tokens of the session too, with which an upstream
// could act elsewhere.
type acting struct {
	key    string  // of both sessions: that of neither
	own    *person // whose session it is
	target *person // who they stand in for, with all that was left out
	until  time.Time

	by        string      // who acts, for people
	quoted    string      // the same, in JSON
	targetLog logIdentity // person.log is of own: they have sent the request
}

// A settled is what it was settled by whether somebody stands in for another: the
// external records that the roles were read from, and until when those hold by
// themselves; zero is for ever.
type settled struct {
	records []policy.RecordSeen
	until   time.Time
}

// self is whose session p is: p, unless it stands in for another.
func (p *person) self() *person {
	if p.acting != nil {
		return p.acting.own
	}
	return p
}

// told is whose identity an upstream is told of: a session's, or that of who
// stands in for its owner, whose streams are not the owner's.
func (p *person) told() string {
	if p.acting != nil {
		return p.acting.key
	}
	return p.session.ID
}

// mayStandIn reports whether somebody may be another one at the path of r on rt.
// They stay themself in the console, where they end it, on our own paths, which
// change their own session, and on the sign-in host.
func (g *generation) mayStandIn(r *request, rt *route) bool {
	return rt != nil && !rt.console && !r.internal && r.hostname != g.signInName && !strings.HasPrefix(r.path, "/.pomerium")
}

// standIn returns whom own acts as, who is own unless everything is as it was
// when that began. Consent is of the configuration in force, not of one that
// still counts for a route that is gone. What it was settled by goes into by. An
// error means that nobody can tell.
func (s *Server) standIn(ctx context.Context, own *person, provider string, by *settled) (*person, error) {
	i, now, state := own.session.Impersonates, s.now(), s.state.Load()
	if state == nil || state.current.actors == nil || own.session.IDPID == databroker.AccountProvider || !i.Lasting(now, clockLeeway) ||
		i.By != own.key || i.UserKey == own.key || i.SessionID == own.session.ID {
		return own, nil
	}
	g := state.current
	if may, err := s.mayAct(ctx, g, own, by); err != nil || !may {
		return own, err
	}
	standing, target, err := s.recall(ctx, g, ticket.Ticket{SessionID: i.SessionID}, provider)
	switch {
	case err != nil:
		return nil, err
	case standing != known || target.key != i.UserKey, target.session.Impersonates.Lasting(now, clockLeeway): // no chains
		return own, nil
	}
	if above, err := s.mayAct(ctx, g, target, by); err != nil || above {
		return own, err
	}
	key := own.session.ID + " as " + target.session.ID
	p, met := s.people.get(key)
	if !met || p.acting.own != own || p.acting.target != target {
		p = newStandIn(key, own, target, i.Until)
		s.people.put(key, p)
	}
	return p, nil
}

// mayAct reports whether p is an administrator of the console by the records of
// now: who is one no more acts as nobody, and nobody acts as one.
func (s *Server) mayAct(ctx context.Context, g *generation, p *person, by *settled) (bool, error) {
	d := g.actors.Decide(ctx, policy.Facts{
		Person: p.facts, Now: s.now(), Records: s.externals, Print: s.print,
		Seen: func(r policy.RecordSeen) { by.records = append(by.records, r) },
	})
	if !d.Until.IsZero() && (by.until.IsZero() || d.Until.Before(by.until)) {
		by.until = d.Until
	}
	if d.Err != nil {
		return false, fmt.Errorf("role of who acts as another: %w", d.Err)
	}
	return d.Outcome == policy.Allow, nil
}

func newStandIn(key string, own, target *person, until time.Time) *person {
	session, user := target.session.Clone(), target.user.Clone()
	session.Devices, session.Impersonates = nil, nil
	session.IDToken, session.AccessToken, session.RefreshToken = databroker.Secret{}, databroker.Secret{}, databroker.Secret{}
	user.DeviceIDs, user.GrantIDs = nil, nil
	p := newPerson(session, user, target.directory, holdings{})
	by := cmp.Or(own.email, own.key)
	p.acting = &acting{key: key, own: own, target: target, until: until, by: by, quoted: string(appendText(nil, by)), targetLog: p.log}
	p.log = own.log
	return p
}

// standingIn is what v means for a stand-in: what only the person can do, such as
// to show a device, is no way out.
func standingIn(v verdict) verdict {
	switch v.outcome {
	case outcomeDeviceNeeded, outcomeDevice, outcomeSignInAgain:
		v.outcome = outcomeDeny
	}
	return v
}

// StandInOutcome is what an outcome, by the word of logs, comes to for somebody
// who acts as another: standingIn for what was recorded.
func StandInOutcome(word string) string {
	switch word {
	case outcomeDevice.String(), outcomeSignInAgain.String():
		return outcomeDeny.String()
	}
	return word
}

// An ActsAs is whom a session acts as, and until when at most.
type ActsAs struct {
	UserKey string
	Email   string
	Name    string
	Until   time.Time
}

// Label is what people call them.
func (a *ActsAs) Label() string { return cmp.Or(a.Email, a.Name, a.UserKey) }

// actsAs is nil for nobody.
func (p *person) actsAs() *ActsAs {
	if p.acting == nil {
		return nil
	}
	return &ActsAs{UserKey: p.key, Email: p.email, Name: p.name, Until: p.acting.until}
}
