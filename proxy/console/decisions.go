package console

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// Decisions are those that the program has recorded. Whatever is in one belongs
// to the reader.
type Decisions interface {
	// Newest returns decisions before a time, zero for all, the newest first. An
	// error stands for what cannot be read, and reading goes on behind it; after
	// that of ctx it ends.
	Newest(ctx context.Context, before time.Time) iter.Seq2[*consolepb.Decision, error]
	// Find returns ErrNotFound for a request of which nothing is recorded.
	Find(ctx context.Context, requestID string) (*consolepb.Decision, error)
	// Follow begins to listen for decisions, ErrConflict when too many do.
	Follow() (Follower, error)
}

// A Follower hears of decisions as they are made.
type Follower interface {
	// Next waits for one. missed says how many were made since the one before that
	// could not be kept.
	Next(ctx context.Context) (d *consolepb.Decision, missed uint64, err error)
	Close()
}

// errNotRecorded says how decisions are recorded.
var errNotRecorded = &Conflict{"decisions are not recorded: set decision_log_max_age, to 168h for a week, and start again"}

// Recorded reports whether decisions are.
func (s *Service) recorded() bool { return s.o.Decisions != nil }

// Bounds of one search: entries that are looked at, and time.
const (
	maxSearched    = 200_000
	searchPatience = 5 * time.Second
)

// refused, as an outcome to look for, is all but allow.
const refused = "refused"

// ListDecisions is DecisionService.ListDecisions.
func (s *Service) ListDecisions(ctx context.Context, a Actor, r *consolepb.ListDecisionsRequest) (*consolepb.ListDecisionsResponse, error) {
	if err := s.may(a, "ListDecisions"); err != nil {
		return nil, err
	}
	if !s.recorded() {
		return nil, errNotRecorded
	}
	f, err := newDecisionFilter(r.GetFilter())
	if err != nil {
		return nil, err
	}
	size := defaultPage
	switch n := r.GetSize(); {
	case n < 0:
		return nil, &Invalid{"size", "a number from 1 to 500"}
	case n > 0:
		size = int(min(n, maxPage))
	}
	at, err := readDecisionCursor(r.GetCursor())
	if err != nil {
		return nil, err
	}
	done, err := s.slow.take(ctx, a)
	if err != nil {
		return nil, err
	}
	defer done()
	if f.id != "" {
		return s.findDecision(ctx, f)
	}
	return s.searchDecisions(ctx, f, at, size)
}

func (s *Service) findDecision(ctx context.Context, f *decisionFilter) (*consolepb.ListDecisionsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, explainPatience)
	defer cancel()
	out := &consolepb.ListDecisionsResponse{}
	d, err := s.o.Decisions.Find(ctx, f.id)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return nil, err
	case f.match(d):
		out.Decisions = append(out.Decisions, d)
	}
	return out, nil
}

func (s *Service) searchDecisions(ctx context.Context, f *decisionFilter, at decisionCursor, size int) (*consolepb.ListDecisionsResponse, error) {
	patient, cancel := context.WithTimeout(ctx, searchPatience)
	defer cancel()
	out := &consolepb.ListDecisionsResponse{}
	searched, here := 0, at
	for d, err := range s.o.Decisions.Newest(patient, at.before(f.until)) {
		if patient.Err() != nil && ctx.Err() == nil && searched > 0 {
			out.Next, out.SearchedTo = here.String(), stampNano(here.At)
			return out, nil
		}
		if err != nil {
			if ctx.Err() != nil || patient.Err() != nil {
				return nil, err
			}
			out.Damaged = true
			continue
		}
		when := d.GetTime().AsTime().UnixNano()
		if at.At == when && at.Seen > 0 { // shown on the page before
			at.Seen--
			continue
		}
		if f.since != 0 && when < f.since {
			return out, nil
		}
		if len(out.Decisions) == size || searched == maxSearched {
			out.Next, out.SearchedTo = here.String(), stampNano(here.At)
			return out, nil
		}
		searched++
		here = here.past(when)
		if f.match(d) {
			out.Decisions = append(out.Decisions, d)
		}
	}
	return out, ctx.Err()
}

// A decisionCursor is how far a search has come: everything after At, and the
// first Seen of those at that very time.
type decisionCursor struct {
	At   int64 `json:"t"` // Unix time in nanoseconds; 0 is the beginning
	Seen int   `json:"n"`
}

func readDecisionCursor(s string) (c decisionCursor, err error) {
	if s == "" {
		return c, nil
	}
	wrong := &Invalid{"cursor", "the cursor of a page"}
	if len(s) > maxCursor {
		return c, wrong
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(raw, &c) != nil || c.At <= 0 || c.Seen < 0 {
		return decisionCursor{}, wrong
	}
	return c, nil
}

func (c decisionCursor) String() string {
	raw, err := json.Marshal(c)
	if err != nil { // two numbers: cannot be
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// past is c after one more at a time.
func (c decisionCursor) past(at int64) decisionCursor {
	if c.At == at {
		return decisionCursor{at, c.Seen + 1}
	}
	return decisionCursor{at, 1}
}

// before is where the search goes on: those at the cursor's own time are counted
// again. until is the filter's, 0 for none.
func (c decisionCursor) before(until int64) time.Time {
	bound := until
	if c.At != 0 && (until == 0 || c.At+1 < until) {
		bound = c.At + 1
	}
	if bound == 0 {
		return time.Time{}
	}
	return time.Unix(0, bound)
}

func stampNano(at int64) *timestamppb.Timestamp {
	if at == 0 {
		return nil
	}
	return timestamppb.New(time.Unix(0, at))
}

// A decisionFilter is a DecisionFilter made ready. Times are Unix times in
// nanoseconds, 0 for none.
type decisionFilter struct {
	since, until                       int64
	person, route, outcome, id, search string
}

func newDecisionFilter(r *consolepb.DecisionFilter) (*decisionFilter, error) {
	f := &decisionFilter{outcome: r.GetOutcome(), id: r.GetRequestId()}
	if t := r.GetSince(); t != nil {
		f.since = t.AsTime().UnixNano()
	}
	if t := r.GetUntil(); t != nil {
		f.until = t.AsTime().UnixNano()
	}
	for _, one := range []struct {
		field, text string
		into        *string
	}{{"person", r.GetPerson(), &f.person}, {"route", r.GetRoute(), &f.route}, {"search", r.GetSearch(), &f.search}} {
		text, err := searchText(one.text)
		if err != nil {
			return nil, &Invalid{one.field, "at most 256 bytes"}
		}
		*one.into = text
	}
	if f.outcome != "" && f.outcome != refused && !slices.Contains(outcomes, f.outcome) {
		return nil, &Invalid{"outcome", refused + " or one of " + strings.Join(outcomes, ", ")}
	}
	return f, nil
}

// outcomes are what a decision can come to, as they are recorded.
var outcomes = []string{
	"allow", "deny", "sign-in", "sign-in-again", "device", "client-certificate", "disabled", "clock-skew", "not-found", "malformed", "fault",
}

// match looks at everything but the times.
func (f *decisionFilter) match(d *consolepb.Decision) bool {
	has := func(want string, texts ...string) bool {
		return want == "" || slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(strings.ToLower(s), want) })
	}
	return (f.outcome == "" || f.outcome == d.Outcome || f.outcome == refused && d.Outcome != "allow") &&
		(f.id == "" || f.id == d.RequestId) &&
		has(f.person, d.Email, d.UserId, d.ImpersonatedBy) &&
		(f.route == d.RouteId || has(f.route, d.Route)) &&
		has(f.search, d.Email, d.UserId, d.ImpersonatedBy, d.Route, d.Host, d.Path, d.RequestId)
}
