package authorize

import (
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/policy"
)

// change gives the route id another rule and applies the next generation; an
// empty rule takes the route away.
func (h *house) change(id, rule string) {
	h.t.Helper()
	next := *h.config
	next.Generation++
	next.Routes = nil
	if rule != "" {
		next.Routes = newConfig(h.t, map[string]string{id: rule}).Routes
	}
	for _, r := range h.config.Routes {
		if r.ID != id {
			next.Routes = append(next.Routes, r)
		}
	}
	h.config = &next
	h.apply()
}

func TestTightenedRuleBitesAtOnce(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	q := question{route: "app", cookie: h.cookie("s-alice", "app.example")}
	if !h.ask(q).allowed {
		t.Fatal("denied by the first rule")
	}
	h.change("app", ruleBob)
	if h.ask(q).allowed {
		t.Error("allowed by a rule that is no longer there")
	}
}

func TestRouteOfTheGenerationBefore(t *testing.T) {
	for _, tc := range []struct {
		name string
		then func(*house)
		want bool
	}{
		{"counts while Envoy may still use it", func(*house) {}, true},
		{"counts until five seconds are over", func(h *house) { h.clock.advance(overlap - time.Millisecond) }, true},
		{"counts no longer after five seconds", func(h *house) { h.clock.advance(overlap) }, false},
		{"counts no longer once Envoy has the newest", func(h *house) { h.Acknowledged(2) }, false},
		{"is not ended by an acknowledgement of itself", func(h *house) { h.Acknowledged(1) }, true},
		{"counts no longer two generations later", func(h *house) { h.change("other", ruleAnyone) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, map[string]string{"app": ruleAlice, "other": rulePublic}, nil)
			q := question{route: "app", cookie: h.cookie("s-alice", "app.example")}
			h.change("app", "")
			tc.then(h)
			if got := h.ask(q); got.allowed != tc.want {
				t.Errorf("allowed = %v with %d, want %v", got.allowed, got.status, tc.want)
			}
			q.cookie = ""
			if h.ask(q).allowed {
				t.Error("its own rule does not count")
			}
		})
	}
}

func TestRouteThatWasNeverThereIsDeniedInEveryGeneration(t *testing.T) {
	h := newHouse(t, map[string]string{"app": rulePublic}, nil)
	h.change("app", rulePublic)
	if got := h.ask(question{route: "later"}); got.allowed || got.status != 404 {
		t.Errorf("allowed %v with %d, want 404", got.allowed, got.status)
	}
}

func TestApplyRefusesWhatCannotBeDecided(t *testing.T) {
	h := newHouse(t, map[string]string{"app": rulePublic}, nil)
	for _, tc := range []struct {
		name  string
		state func() State
		want  string
	}{
		{"no configuration", func() State { return State{Minter: h.minter} }, "a configuration"},
		{"no minter", func() State { return State{Config: h.config} }, "a minter"},
		{"a route without a policy", func() State {
			return State{Config: h.config, Minter: h.minter, Programs: map[string]*policy.Program{}}
		}, `route "app": no policy`},
		{"authorities that are none", func() State {
			c := *h.config
			c.ClientCA = []byte("no PEM")
			return State{Config: &c, Minter: h.minter, Programs: h.programs}
		}, "no certificate in the PEM text"},
		{"a revocation list that is none", func() State {
			c := *h.config
			c.ClientCA = newAuthority(t, "root").pem()
			c.ClientCRL = []byte("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
			return State{Config: &c, Minter: h.minter, Programs: h.programs}
		}, "revocation list"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := h.Apply(tc.state())
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Apply = %v, want %q", err, tc.want)
			}
			if !h.ask(question{route: "app"}).allowed {
				t.Error("a refused configuration has put the one in force out of it")
			}
		})
	}
}

func TestOwnPaths(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleBob}, nil)
	alice := h.cookie("s-alice", "app.example")
	for _, tc := range []struct {
		name   string
		q      question
		status int // 0: allowed
	}{
		{"the page about the session needs none", question{path: "/.pomerium/"}, 0},
		{"the health check needs none", question{path: "/ping"}, 0},
		{"the keys are public", question{path: "/.well-known/pomerium/jwks.json"}, 0},
		{"the end of a sign-in needs none", question{path: "/.pomerium/callback/?pomerium_signature=x"}, 0},
		{"the assertion is for those signed in", question{path: "/.pomerium/jwt"}, 302},
		{"the claims are for those signed in", question{path: "/.pomerium/user"}, 302},
		{"the portal is for those signed in", question{path: "/.pomerium/routes"}, 302},
		{"the portal's data is for those signed in", question{path: "/.pomerium/api/v1/routes",
			headers: map[string]string{"accept": "application/json", "sec-fetch-mode": "", "sec-fetch-dest": ""}}, 401},
		{"devices are for those signed in", question{path: "/.pomerium/webauthn"}, 302},
		{"an escaped name is the same name", question{path: "/.pomerium/us%65r"}, 302},
		{"who is signed in gets there, whatever the route's rule", question{path: "/.pomerium/user", cookie: alice}, 0},
		{"the sign-in host looks after its own sessions", question{path: "/.pomerium/user", host: "sign-in.example"}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.q.internal = true
			if tc.q.host == "" {
				tc.q.host = "app.example"
			}
			got := h.ask(tc.q)
			if got.allowed != (tc.status == 0) || got.status != tc.status {
				t.Errorf("allowed %v with %d, want %d", got.allowed, got.status, tc.status)
			}
			if told := got.headers["x-pomerium-jwt-assertion"] != ""; told != (tc.q.path == "/.pomerium/user" && tc.q.cookie != "") {
				t.Errorf("told our own part %v", got.headers)
			}
		})
	}
	if got := h.ask(question{route: "app", path: "/.pomerium/user", cookie: alice}); got.allowed {
		t.Error("a path of ours counts as ours although Envoy does not say so")
	}
}

func TestRouteWithAClientOfItsOwn(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAnyone, "own": ruleAnyone}, func(c *config.Config) {
		for _, r := range c.Routes {
			if r.ID == "own" {
				r.IDPClientID = "own-client"
			}
		}
	})
	s := *h.records.sessions["s-alice"]
	s.ID, s.IDPID = "s-own", config.ProviderID(h.config, routeOf(h.config, "own"))
	h.records.sessions["s-own"] = &s
	h.records.users[s.UserKey()] = h.records.users[h.records.sessions["s-alice"].UserKey()]
	for _, tc := range []struct {
		session, route string
		want           bool
	}{{"s-alice", "app", true}, {"s-alice", "own", false}, {"s-own", "own", true}, {"s-own", "app", false}} {
		got := h.ask(question{route: tc.route, cookie: h.cookie(tc.session, tc.route+".example")})
		if got.allowed != tc.want {
			t.Errorf("%s on %s: allowed = %v, want %v", tc.session, tc.route, got.allowed, tc.want)
		}
	}
	in := h.signInOf(h.ask(question{internal: true, host: "own.example", path: "/.pomerium/user"}))
	if want := config.ProviderID(h.config, routeOf(h.config, "own")); in.ProviderID != want {
		t.Errorf("our own path asks for provider %q, want that of the host's route, %q", in.ProviderID, want)
	}
}

func routeOf(c *config.Config, id string) *config.Route {
	for _, r := range c.Routes {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// TestReloadUnderLoad asks while configurations change: each answer is that of
// some generation, and never a fault.
func TestReloadUnderLoad(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	states := [2]State{}
	for i, rule := range []string{ruleAlice, ruleBob} {
		h.change("app", rule)
		states[i] = State{Config: h.config, Programs: maps.Clone(h.programs), Minter: h.minter}
	}
	var all sync.WaitGroup
	done := make(chan struct{})
	for i := range 4 {
		q := question{route: "app", cookie: h.cookie("s-alice", "app.example")}
		if i == 3 {
			q.cookie = ""
		}
		in := q.check()
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				out, err := h.Check(t.Context(), in)
				if got := replyOf(out); err != nil || got.status == 503 || got.allowed && q.cookie == "" {
					t.Errorf("allowed %v with %d, %v", got.allowed, got.status, err)
					return
				}
			}
		})
	}
	for i := range 50 {
		if err := h.Apply(states[i%2]); err != nil {
			t.Error(err)
		}
		h.Acknowledged(states[i%2].Config.Generation)
	}
	close(done)
	all.Wait()
}
