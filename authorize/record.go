package authorize

import (
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/policy"
)

// A Recorder keeps decisions, so that they can be explained and replayed later.
type Recorder interface {
	// Record must not block. It may keep r and all it holds, and must not change
	// it.
	Record(r *Recorded)
}

// A Recorded is one decision with the facts that it was made from. It holds no
// cookie, token or ticket.
type Recorded struct {
	RequestID  string
	Time       time.Time
	Generation uint64
	RouteID    string
	Digest     string // of the policy
	Request    policy.Request
	// CertificateKnown says that the client's certificate was looked at; where it
	// was not, nothing is known of it.
	CertificateKnown bool
	// HideQuery says that the query may hold secrets; it is not in Request then.
	HideQuery bool
	// Headers are those of recordedHeaders that were there, by canonical name.
	Headers     map[string]string
	HeaderNames []string           // all that were looked for; sorted and shared
	Person      *policy.PersonData // the same address is the same version; nil for nobody
	Outcome     string             // as logs name it
	Decision    policy.Decision    // zero where no policy was asked
	Records     []policy.RecordSeen
	Reason      string // why, where none was
}

// usualHeaders are recorded whatever the policies in force read, so that one
// which reads them can be tried on what happened.
var usualHeaders = []string{
	"Accept", "Access-Control-Request-Method", "Content-Type", "Origin", "User-Agent", "X-Requested-With",
}

// recordedHeaders are the names of the headers that are recorded: the usual ones
// and what the programs read.
func recordedHeaders(programs map[string]*policy.Program) []string {
	names := slices.Clone(usualHeaders)
	for _, p := range programs {
		for _, name := range p.AllReads().Headers {
			if !secretHeader(strings.ToLower(name)) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// alone returns q without anything that leads to the whole request: its texts
// are parts of the one that Envoy's message is, secrets and all, and whoever
// keeps one keeps them all.
func alone(q policy.Request) policy.Request {
	q.Header, q.Headers = nil, nil
	for _, s := range []*string{&q.Method, &q.Host, &q.Hostname, &q.Path, &q.RawPath, &q.RawQuery} {
		*s = strings.Clone(*s)
	}
	return q
}

// record hands the decision to the recorder, if there is one. What is let
// through to our own pages is of no interest.
func (s *Server) record(e *auditEntry) {
	if s.recorder == nil || e.generation == nil || e.request.internal && e.verdict.outcome == outcomeAllow {
		return
	}
	q := e.request
	r := &Recorded{
		Time: e.now, Generation: e.generation.number,
		Outcome: e.verdict.outcome.String(), Decision: e.verdict.decision, Reason: e.verdict.reason,
		HeaderNames: e.generation.recorded, Request: e.facts, Records: e.records,
	}
	if !e.verdict.asked {
		r.Request = q.facts()
	}
	r.RequestID = strings.Clone(q.id)
	r.Request = alone(r.Request)
	if plainQuery(q.path, q.rawQuery) != q.rawQuery {
		r.HideQuery, r.Request.RawQuery = true, ""
	}
	for _, name := range r.HeaderNames {
		if value, ok := q.header(name); ok {
			if r.Headers == nil {
				r.Headers = make(map[string]string, 4)
			}
			r.Headers[name] = strings.Clone(value)
		}
	}
	if e.route != nil {
		r.RouteID, r.Digest, r.CertificateKnown = e.route.id, e.route.digest, e.route.needsCert
	}
	if e.identity.person != nil {
		r.Person = &e.identity.person.data
	}
	s.recorder.Record(r)
}
