package authorize

import (
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/policy"
)

// A Recorder keeps decisions, so that they can be explained and replayed later.
type Recorder interface {
	// Record must not block. r is used again when it returns, Headers with it;
	// it may keep everything else that r holds, and must not change it.
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
	// Headers are those of HeaderNames that were there, in that order.
	Headers     []RecordedHeader
	HeaderNames []string // canonical, all that were looked for; sorted and shared
	// ImpersonatedBy is who acted as Person, for people; "" for Person themself.
	ImpersonatedBy string
	Person         *policy.PersonData // the same address is the same version; nil for nobody
	Outcome        string             // as logs name it
	Decision       policy.Decision    // zero where no policy was asked
	Records        []policy.RecordSeen
	Reason         string // why, where none was
}

// A RecordedHeader is a header by its canonical name.
type RecordedHeader struct{ Name, Value string }

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
			if !policy.SecretHeader(name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// lowerAll returns names as a request's headers have them.
func lowerAll(names []string) []string {
	lower := make([]string, len(names))
	for i, name := range names {
		lower[i] = strings.ToLower(name)
	}
	return lower
}

// An apart takes copies of texts, all in one piece of memory. Texts of a request
// are parts of the one that Envoy's message is, secrets and all, and whoever
// keeps one keeps them all.
type apart struct{ b strings.Builder }

func (a *apart) text(s string) string {
	start := a.b.Len()
	a.b.WriteString(s)
	return a.b.String()[start:]
}

// settle copies the texts of r, and takes from it what leads to the request.
func (r *Recorded) settle() {
	q := &r.Request
	q.Header, q.Headers = nil, nil
	size := len(r.RequestID) + len(q.Method) + len(q.Host) + len(q.Hostname) + len(q.Path) + len(q.RawPath) + len(q.RawQuery)
	for i := range r.Headers {
		size += len(r.Headers[i].Value)
	}
	var own apart
	own.b.Grow(size)
	for _, s := range []*string{&r.RequestID, &q.Method, &q.Host, &q.Hostname, &q.Path, &q.RawPath, &q.RawQuery} {
		*s = own.text(*s)
	}
	for i := range r.Headers {
		r.Headers[i].Value = own.text(r.Headers[i].Value)
	}
}

// record hands the decision to the recorder, if there is one. What is let
// through to our own pages is of no interest.
func (s *Server) record(e *auditEntry, r *Recorded) {
	if s.recorder == nil || e.generation == nil || e.request.internal && e.verdict.outcome == outcomeAllow {
		return
	}
	q := e.request
	r.RequestID, r.Time, r.Generation = q.id, e.now, e.generation.number
	r.Outcome, r.Decision, r.Reason = e.verdict.outcome.String(), e.verdict.decision, e.verdict.reason
	r.Records, r.HeaderNames = e.records, e.generation.recorded
	if r.Request = e.facts; !e.verdict.asked {
		r.Request = q.facts()
	}
	if plainQuery(q.path, q.rawQuery) != q.rawQuery {
		r.HideQuery, r.Request.RawQuery = true, ""
	}
	for i, name := range e.generation.recordedLower {
		if value, ok := q.headers.find(name); ok {
			r.Headers = append(r.Headers, RecordedHeader{r.HeaderNames[i], value})
		}
	}
	r.settle()
	if e.route != nil {
		r.RouteID, r.Digest, r.CertificateKnown = e.route.id, e.route.digest, e.route.needsCert
	}
	if e.identity.person != nil {
		r.Person = &e.identity.person.data
		if a := e.identity.person.acting; a != nil {
			r.ImpersonatedBy = a.by
		}
	}
	s.recorder.Record(r)
}
