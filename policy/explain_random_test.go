package policy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/topdown"
)

// explainedCriteria are those of the model and of what it does not have.
func explainedCriteria() []string {
	out := []string{
		"date: {after: '2026-03-01'}", "date: {before: '2026-03-03'}", "date: {after: '2027-01-01'}",
		"day_of_week: mon", "day_of_week: {days: tue-fri, timezone: America/New_York}",
		"time_of_day: {timezone: Europe/Berlin, after: '09:00', before: '17:00'}", "time_of_day: {timezone: UTC, after: '22:00', before: '06:00'}",
		"http_header/X-Team: {starts_with: a}", "http_header/X-Team: {not: b}",
		"http_query/tab: open", "http_query/tab: {not_in: [open]}",
		"signed_in_within: 1h", "signed_in_within: 8h",
		"grant: on-call", "grant: {is: breakglass}",
		"device: true", "device: {approved: true, type: enclave_only}", "device: {is: d-1}",
		"device: {within: 90m}", "device: {approved: true, within: 1h, user_verified: true}",
		"record: {type: posture, field: score, '>=': 5}", "record: {type: posture, key: user.id, field: os, starts_with: mac}",
		"record: {type: posture, field: score, exists: false}",
		"client_certificate: {san_dns: {ends_with: .example.com}}",
	}
	for _, c := range modelCriteria {
		out = append(out, c.ppl)
	}
	return out
}

// randomText is a document of the criteria, at most so many of each kind.
func randomText(r *rand.Rand, criteria []string, sets, each int) string {
	var b strings.Builder
	for range 1 + r.IntN(sets) {
		var actions []string
		for _, action := range []string{"allow", "deny"} {
			var groups []string
			for _, i := range r.Perm(len(operators))[:r.IntN(3)] {
				var items []string
				for range 1 + r.IntN(each) {
					items = append(items, "{"+criteria[r.IntN(len(criteria))]+"}")
				}
				groups = append(groups, operators[i]+": ["+strings.Join(items, ", ")+"]")
			}
			if len(groups) > 0 {
				actions = append(actions, action+": {"+strings.Join(groups, ", ")+"}")
			}
		}
		if len(actions) > 0 {
			fmt.Fprintf(&b, "- {%s}\n", strings.Join(actions, ", "))
		}
	}
	if b.Len() == 0 {
		return "[]"
	}
	return b.String()
}

var randomRego = []string{
	"allow := true if input.person.user_id == \"u-1\"",
	"package pomerium.policy\nallow := [false, {\"custom\"}]\ndeny := [true, {\"from-rego\"}] if input.http.method == \"PUT\"",
	"deny := false",
	"allow := [input.person.user_id]", // is broken
}

func randomSource(t testing.TB, r *rand.Rand, criteria []string) Source {
	s := Source{Documents: []*Document{document(t, randomText(r, criteria, 2, 3))}, DenyInvalidClientCertificate: r.IntN(4) == 0}
	if r.IntN(2) == 0 {
		s.Shorthand = Shorthand{
			CORSPreflight: r.IntN(2) == 0, AnyUser: r.IntN(4) == 0, Users: []string{"u-1", "b@y.example"},
			Domains: []string{"x.example"}, Claims: map[string][]string{"k": {"v", "w"}, "l": {"v"}},
		}
	}
	for i := range r.IntN(3) {
		p := &Policy{Name: fmt.Sprint("p", i), File: fmt.Sprintf("policies/p%d.yaml", i), Line: 1, Shadow: r.IntN(3) == 0,
			Documents: []*Document{document(t, randomText(r, criteria, 2, 2))}}
		if r.IntN(3) == 0 {
			m, err := ParseRego("p.rego", randomRego[r.IntN(len(randomRego))])
			if err != nil {
				t.Fatal(err)
			}
			p.Rego = append(p.Rego, m)
		}
		s.Policies = append(s.Policies, p)
	}
	return s
}

// oneRecord is there for everybody.
type oneRecord struct{ record *Record }

func (o oneRecord) Record(context.Context, string, RecordKey, string) (*Record, error) {
	return o.record, nil
}

func scenarios(t testing.TB) []Scenario {
	posture, err := NewRecord(map[string]any{"score": 3, "os": "macos 15"})
	if err != nil {
		t.Fatal(err)
	}
	var out []Scenario
	for i, r := range modelRequests() {
		for j, d := range modelPeople {
			s := Scenario{Request: r, Now: someTime.Add(time.Duration(i*j) * 7 * time.Hour)}
			if i%3 == 0 {
				s.Request.RawQuery = "tab=open&x=1"
			}
			if i%2 == 0 {
				s.Records = oneRecord{posture}
			}
			if r.Header == nil {
				s.Request.Header = headers(map[string]string{"X-Team": "alpha"})
			}
			if r.ClientCertificate.Valid {
				s.Request.ClientCertificate.Presented, s.Request.ClientCertificate.Leaf = true, leaf()
			}
			if d != nil {
				p := *d
				p.SignedInAt = s.Now.Add(-time.Duration(i) * time.Hour)
				if (i+j)%2 == 0 {
					p.Devices = []Device{{ID: "d-1", Type: DeviceEnclave, Approved: i%4 == 0, ShownAt: s.Now.Add(-time.Duration(i) * time.Hour), UserVerified: i%3 == 0}}
					p.Grants = []Grant{{Name: "on-call", ExpiresAt: s.Now.Add(time.Duration(3-i) * time.Hour)}}
				}
				s.Person = &p
			}
			out = append(out, s)
		}
	}
	return out
}

// What is explained is what is enforced: the rules one by one, with nothing
// joined, come to the same truths, reasons and outcome. And what is offered as
// a change is allowed.
func TestExplanationsAgreeWithDecisions(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	criteria, all := explainedCriteria(), scenarios(t)
	policies := 20
	if testing.Short() {
		policies = 8
	}
	changes, outcomes := 0, map[string]int{}
	for range policies {
		src := randomSource(t, r, criteria)
		p := compiled(t, src)
		for range 8 {
			s := all[r.IntN(len(all))]
			x, err := p.Explain(t.Context(), s)
			if err != nil {
				t.Fatalf("seed %d: Explain: %v", seed, err)
			}
			d := p.Evaluate(t.Context(), s.Facts())
			if x.Disagrees || x.Outcome != d.Outcome.String() || (x.Err != "") != (d.Err != nil) {
				t.Fatalf("seed %d: explained as %s, decided as %+v\n%s\n%s", seed, x.Outcome, d, explainedText(t, x), p.Rego())
			}
			if d.Err == nil && (x.Allow.Value != d.Allow || x.Deny.Value != d.Deny || !slices.Equal(x.Allow.Reasons, d.AllowReasons)) {
				t.Fatalf("seed %d: the roots are not the decision:\n%s", seed, explainedText(t, x))
			}
			if (d.Outcome == Allow || d.Err != nil) && x.Change != nil || d.Outcome != Allow && d.Err == nil && (x.Change == nil) == (x.NoChange == "") {
				t.Errorf("seed %d: %s with change %+v, no change %q", seed, x.Outcome, x.Change, x.NoChange)
			}
			if d.Outcome != Deny && len(x.Decided) == 0 {
				t.Errorf("seed %d: nothing decided:\n%s", seed, explainedText(t, x))
			}
			outcomes[x.Outcome]++
			if x.Change == nil {
				continue
			}
			changes++
			if len(x.Change.Satisfies) == 0 || len(x.Change.Needs) == 0 {
				t.Errorf("seed %d: change %+v", seed, x.Change)
			}
		}
	}
	t.Logf("%v, %d changes", outcomes, changes)
	if changes == 0 || len(outcomes) < 4 {
		t.Errorf("seed %d: %d changes, outcomes %v", seed, changes, outcomes)
	}
}

// The change that is offered is allowed, and none of one edit or of two costs
// less.
func TestTheSmallestChangeIsTheSmallest(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	criteria, all := explainedCriteria(), scenarios(t)
	policies := 20
	if testing.Short() {
		policies = 8
	}
	found, none := 0, 0
	for range policies {
		text := randomText(r, criteria, 2, 2)
		p := program(t, text)
		e, err := p.explaining()
		if err != nil {
			t.Fatal(err)
		}
		s := all[r.IntN(len(all))]
		if p.Evaluate(t.Context(), s.Facts()).Outcome == Allow {
			continue
		}
		x := newSearcher(t.Context(), p, e, s)
		got := x.smallestChange(t.Context())
		if got == nil {
			none++
		} else {
			found++
			if changed := got.edits.applied(&s); changed == nil || p.Evaluate(t.Context(), changed.Facts()).Outcome != Allow {
				t.Errorf("seed %d: %q is not allowed:\n%s", seed, got.needs(), text)
			}
			if got.cost != got.edits.cost() {
				t.Errorf("cost %d of %q", got.cost, got.needs())
			}
		}
		best, how := x.bruteForce(t.Context())
		if best > 0 && (got == nil || got.cost > best) {
			t.Errorf("seed %d: %q costs %d; offered was %+v:\n%s%+v", seed, how.name(), best, got, text, s.Person)
		}
	}
	t.Logf("%d found, %d not", found, none)
	if found == 0 {
		t.Error("no change was found")
	}
}

// bruteForce tries one edit and two edits, each after signing in where nobody
// is; cost 0 is none.
func (x *searcher) bruteForce(ctx context.Context) (cost int, how edits) {
	pool := x.pool(ctx)
	try := func(es ...edit) {
		var all edits
		for _, e := range es {
			var ok bool
			if all, ok = all.with(edits{e}); !ok {
				return
			}
		}
		if (cost == 0 || all.cost() < cost) && x.allows(ctx, all) {
			cost, how = all.cost(), all
		}
	}
	first := edits{}
	if x.stranger {
		first = edits{signInEdit()}
	}
	for _, a := range pool {
		try(a)
		try(append(slices.Clone(first), a)...)
		for _, b := range pool {
			try(a, b)
			try(append(slices.Clone(first), a, b)...)
		}
	}
	return cost, how
}

// Rule by rule and as a whole it is one decision: over hand-written Rego, named
// policies, shadows, records and the time, without the search for a change,
// which takes nearly all of what explaining takes.
func TestRulesOneByOneDecideAlike(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	criteria, all := explainedCriteria(), scenarios(t)
	policies, each := 100, 20
	if testing.Short() {
		policies = 20
	}
	decisions, outcomes, broken := 0, map[Outcome]int{}, 0
	agree := func(p *Program, s Scenario) {
		decisions++
		f := s.Facts()
		d := p.Evaluate(t.Context(), f)
		e, err := p.explaining()
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		v, err := e.value(t.Context(), &f)
		if topdown.IsCancel(err) {
			return // the machine is busy
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got := v.decision(e)
		outcomes[d.Outcome]++
		if d.Err != nil {
			broken++
		}
		if !d.agrees(got) {
			t.Fatalf("seed %d: one by one %+v, as a whole %+v:\n%s", seed, got, d, p.Rego())
		}
		for _, named := range e.policies {
			for action, mine := range map[*rule]*rule{e.allow: named.allow, e.deny: named.deny} {
				// One without a rule for the action is not in the tree.
				if len(mine.children) > 0 && v.halves[mine.index].truth && !v.halves[action.index].truth {
					t.Fatalf("seed %d: policy %s is true and its %s is not", seed, named.policy.Name, action.name)
				}
			}
		}
	}
	for range policies {
		p := compiled(t, randomSource(t, r, criteria))
		for range each {
			s := all[r.IntN(len(all))]
			agree(p, s)
			for _, shadow := range p.shadows {
				agree(shadow.program, s)
			}
		}
	}
	t.Logf("%d decisions, %v, %d without one", decisions, outcomes, broken)
	// The few of a short run may be all of one kind.
	if !testing.Short() && (decisions < 2000 || len(outcomes) < 5 || broken == 0) {
		t.Errorf("seed %d: %d decisions, %v, %d without one", seed, decisions, outcomes, broken)
	}
}
