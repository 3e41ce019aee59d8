package authorize

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/policy"
	"gopkg.in/yaml.v3"
)

// named is a policy by its PPL.
func named(t testing.TB, name, ppl string) *policy.Policy {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(ppl), &n); err != nil {
		t.Fatal(err)
	}
	doc, err := policy.ParseNode(&n)
	if err != nil {
		t.Fatal(err)
	}
	return &policy.Policy{Name: name, Documents: []*policy.Document{doc}}
}

func TestADeniedPersonReadsWhyAndAStrangerDoesNot(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": "[]", "shown": "[]"}, func(c *config.Config) {
		p := named(t, "ops-only", "allow: {or: [{groups: ops}]}")
		p.Explanation, p.Remediation = "Only **operations** may come here.", "Ask in #ops-access."
		other := named(t, "of-no-matter", "deny: {or: [{http_method: PUT}]}")
		other.Explanation = "Nobody writes."
		for _, r := range c.Routes {
			r.Policy.Policies = []*policy.Policy{p, other}
			r.ShowErrorDetails = r.ID == "shown"
		}
	})
	got := h.ask(question{route: "app", cookie: h.cookie("s-alice", "app.example")})
	for _, want := range []string{"<strong>operations</strong>", "Ask in #ops-access."} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page lacks %q:\n%s", want, got.body)
		}
	}
	for _, leak := range []string{"ops-only", "groups-unauthorized", "Nobody writes"} {
		if strings.Contains(got.body, leak) {
			t.Errorf("the page tells %q", leak)
		}
	}
	if got := h.ask(question{route: "shown", cookie: h.cookie("s-alice", "shown.example")}); !strings.Contains(got.body, "ops-only") || !strings.Contains(got.body, "groups-unauthorized") {
		t.Errorf("show_error_details does not show them:\n%s", got.body)
	}
	if put := h.ask(question{route: "app", method: "PUT", cookie: h.cookie("s-alice", "app.example")}); !strings.Contains(put.body, "Nobody writes.") {
		t.Errorf("the policy that denies is not explained:\n%s", put.body)
	}
	stranger := h.ask(question{route: "shown", headers: map[string]string{"accept": "application/json", "sec-fetch-mode": "cors"}})
	for _, leak := range []string{"operations", "ops", "groups-"} {
		if stranger.allowed || strings.Contains(stranger.body, leak) {
			t.Errorf("a stranger learns %q:\n%s", leak, stranger.body)
		}
	}
}

func TestAnOldSignInIsSentToSignInAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": "allow: {and: [{groups: engineers}, {signed_in_within: 1h}]}"}, nil)
	q := question{route: "app", cookie: h.cookie("s-alice", "app.example")}
	if got := h.ask(q); !got.allowed {
		t.Fatalf("a fresh sign-in: %+v", got)
	}
	h.clock.advance(time.Hour - time.Second)
	if got := h.ask(q); !got.allowed {
		t.Errorf("a second before: %+v", got)
	}
	h.clock.advance(time.Second)
	got := h.ask(q)
	u, err := url.Parse(got.headers["location"])
	if err != nil || got.status != 302 {
		t.Fatalf("an hour later: %+v, %v", got, err)
	}
	in, err := h.handoff.ParseSignIn(u)
	if err != nil || !in.After.Equal(h.clock.now()) {
		t.Errorf("the handoff asks for a sign-in after %v, want %v; %v", in.After, h.clock.now(), err)
	}
	q.headers = map[string]string{"accept": "application/json", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
	if got := h.ask(q); got.status != 401 {
		t.Errorf("a script gets %d, want 401", got.status)
	}
}

func TestPoliciesReadExternalRecords(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": "allow: {and: [{authenticated_user: }, {record: {type: hr, key: user.id, field: team, is: blue}}]}"}, nil)
	q := question{route: "app", cookie: h.cookie("s-alice", "app.example")}
	if got := h.ask(q); got.allowed {
		t.Error("allowed without a record")
	}
	set := func(team string) {
		h.records.change(func() {
			h.records.externals = map[string]*databroker.External{"hr|user.id|alice": {Data: map[string]any{"team": team}}}
		})
	}
	for _, team := range []string{"blue", "red", "blue"} {
		set(team)
		if got := h.ask(q); got.allowed != (team == "blue") {
			t.Errorf("team %s: allowed %v", team, got.allowed)
		}
	}
	h.records.change(func() { h.records.fault = errors.New("store away") })
	if got := h.ask(q); got.allowed || got.status != 503 {
		t.Errorf("a store that fails: %+v", got)
	}
}

func TestShadowsAreCountedAndLoggedAndHaveNoEffect(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": "allow: {or: [{groups: engineers}]}"}, func(c *config.Config) {
		p := named(t, "stricter", "deny: {or: [{http_path: {starts_with: /admin}}]}")
		p.Shadow = true
		c.Routes[0].Policy.Policies = []*policy.Policy{p}
	})
	cookie := h.cookie("s-alice", "app.example")
	for _, path := range []string{"/admin", "/;x/admin", "/other", "/admin/2"} {
		if got := h.ask(question{route: "app", path: path, cookie: cookie}); !got.allowed {
			t.Errorf("%s: %+v", path, got)
		}
	}
	want := []ShadowCount{{Policy: "stricter", Route: "app", Outcome: "allow", Would: "deny", Count: 2}}
	if got := h.ShadowCounts(); !slices.Equal(got, want) {
		t.Errorf("ShadowCounts = %+v, want %+v", got, want)
	}
	h.lines.flush()
	if n := strings.Count(h.audit.String(), `"policy":"stricter","route-id":"app","request-id":"request-1","outcome":"allow","would":"deny","would-why":["http-path-ok"`); n != 2 {
		t.Errorf("%d lines tell of it, want 2:\n%s", n, h.audit.String())
	}
}

func TestWhatAShadowCountedEndsWithIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": "allow: {or: [{accept: }]}", "other": "allow: {or: [{accept: }]}"}, func(c *config.Config) {
		for _, r := range c.Routes {
			for _, name := range []string{"one", "two"} {
				p := named(t, name, "deny: {or: [{accept: }]}")
				p.Shadow = true
				r.Policy.Policies = append(r.Policy.Policies, p)
			}
		}
	})
	ask := func() {
		for _, route := range []string{"app", "other"} {
			h.ask(question{route: route})
		}
	}
	ask()
	if got := h.ShadowCounts(); len(got) != 4 {
		t.Fatalf("ShadowCounts = %+v, want those of two policies on two routes", got)
	}
	for _, r := range h.config.Routes {
		if r.Policy.Policies = r.Policy.Policies[1:]; r.ID == "other" {
			r.Policy.Policies = nil
		}
	}
	h.apply()
	want := []ShadowCount{{Policy: "two", Route: "app", Outcome: "allow", Would: "deny", Count: 1}}
	if got := h.ShadowCounts(); !slices.Equal(got, want) {
		t.Errorf("after it ended: %+v, want %+v", got, want)
	}
	// A request that was under way does not bring it back.
	h.shadows.add(ShadowCount{Policy: "one", Route: "app", Outcome: "allow", Would: "deny"}, h.clock.now())
	if got := h.ShadowCounts(); !slices.Equal(got, want) {
		t.Errorf("after a late request: %+v, want %+v", got, want)
	}
}

func TestLinesOfAShadowAreFewAndTellWhatTheyLeaveOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": "allow: {or: [{accept: }]}"}, func(c *config.Config) {
		for _, name := range []string{"one", "two"} {
			p := named(t, name, "deny: {or: [{accept: }]}")
			p.Shadow = true
			c.Routes[0].Policy.Policies = append(c.Routes[0].Policy.Policies, p)
		}
	})
	lines := func(policy string) (n int, last string) {
		h.lines.flush()
		for line := range strings.Lines(h.audit.String()) {
			if strings.Contains(line, `"policy":"`+policy+`"`) {
				n, last = n+1, line
			}
		}
		return n, last
	}
	for range 3 * maxShadowLines {
		h.ask(question{route: "app"})
	}
	for _, policy := range []string{"one", "two"} {
		if n, last := lines(policy); n != maxShadowLines || strings.Contains(last, "not-logged") {
			t.Errorf("%d lines of %s, want %d; the last is %s", n, policy, maxShadowLines, last)
		}
	}
	h.clock.advance(shadowSpan)
	h.ask(question{route: "app"})
	if n, last := lines("one"); n != maxShadowLines+1 || !strings.Contains(last, `,"not-logged":20,`) {
		t.Errorf("%d lines, the last is %s", n, last)
	}
	h.ask(question{route: "app"})
	if _, last := lines("one"); strings.Contains(last, "not-logged") {
		t.Errorf("told twice: %s", last)
	}
	if got := h.ShadowCounts(); len(got) != 2 || got[0].Count != 3*maxShadowLines+2 {
		t.Errorf("ShadowCounts = %+v: counts are of all", got)
	}
}

// kept is a Recorder that keeps everything.
type kept struct {
	mu  sync.Mutex
	all []*Recorded
}

func (k *kept) Record(r *Recorded) {
	k.mu.Lock()
	defer k.mu.Unlock()
	own := *r
	own.Headers = slices.Clone(r.Headers)
	k.all = append(k.all, &own)
}

func TestDecisionsAreRecordedWithoutSecrets(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": "allow: {and: [{groups: engineers}, {http_header/X-Env: prod}, {record: {type: hr, field: team, is: blue}}]}"}, nil)
	k := &kept{}
	h.recorder = k
	h.records.change(func() {
		h.records.externals = map[string]*databroker.External{"hr|user.id|alice": {Data: map[string]any{"team": "blue"}}}
	})
	cookie := h.cookie("s-alice", "app.example")
	h.ask(question{route: "app", path: "/a%20b?c=d", cookie: cookie, headers: map[string]string{"x-env": "prod", "authorization": "Bearer xyz"}})
	h.ask(question{route: "app", path: "/?pomerium_session=ticket", cookie: cookie})
	h.ask(question{route: "app", internal: true, path: "/.pomerium/", cookie: cookie})
	h.ask(question{route: "gone"})
	if len(k.all) != 3 {
		t.Fatalf("%d decisions recorded, want 3: not those about our own pages", len(k.all))
	}
	first := k.all[0]
	if first.Outcome != "allow" || first.Request.Path != "/a b" || first.Request.RawQuery != "c=d" || first.Person == nil || first.Person.Email != "alice@corp.example" {
		t.Errorf("recorded %+v", first)
	}
	if !slices.Contains(first.Headers, RecordedHeader{"X-Env", "prod"}) || !slices.Contains(first.HeaderNames, "X-Env") || slices.Contains(first.HeaderNames, "Authorization") {
		t.Errorf("headers %v of %v", first.Headers, first.HeaderNames)
	}
	if len(first.Records) != 1 || first.Records[0].Record == nil || first.Records[0].Value != "alice" {
		t.Errorf("records %+v", first.Records)
	}
	if first.Request.Header != nil || first.Request.Headers != nil {
		t.Error("the whole request is kept")
	}
	if second := k.all[1]; !second.HideQuery || second.Request.RawQuery != "" || second.Outcome != "deny" {
		t.Errorf("a query with a ticket: %+v", second)
	}
	if third := k.all[2]; third.Outcome != "not-found" || third.Reason != reasonRouteNotFound || third.Person != nil {
		t.Errorf("an unknown route: %+v", third)
	}
	if k.all[1].Person != first.Person {
		t.Error("one version of a person has two addresses")
	}
}
