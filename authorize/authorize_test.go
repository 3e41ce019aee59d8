package authorize

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

const (
	ruleAlice  = `{allow: {and: [{email: {is: alice@corp.example}}]}}`
	ruleBob    = `{allow: {and: [{email: {is: bob@corp.example}}]}}`
	rulePublic = `{allow: {and: [{accept: true}]}}`
	ruleAnyone = `{allow: {and: [{authenticated_user: true}]}}`
)

func TestSignedInPersonPasses(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	got := h.ask(question{route: "app", path: "/x?y=1", cookie: h.cookie("s-alice", "app.example")})
	if !got.allowed {
		t.Fatalf("denied with %d: %s", got.status, got.body)
	}
	if got.headers["x-pomerium-jwt-assertion"] == "" {
		t.Error("no assertion for the upstream")
	}
	if len(h.records.touched) != 1 {
		t.Errorf("touched %v, want the session once", h.records.touched)
	}
}

// TestDenials holds one case for each way not to get in. Each differs from the
// request of TestSignedInPersonPasses in one thing.
func TestDenials(t *testing.T) {
	const pageOf = "request-1"
	for _, tc := range []struct {
		name   string
		change func(*house, *question)
		status int
		body   string // what the body must hold
	}{
		{"nobody is signed in", func(_ *house, q *question) { q.cookie = "" }, 302, ""},
		{"the policy does not name the person", func(h *house, q *question) {
			h.signIn("s-eve", "eve", "eve@corp.example")
			q.cookie = h.cookie("s-eve", "app.example")
		}, 403, pageOf},
		{"Envoy names no route", func(_ *house, q *question) { q.host, q.route = "app.example", "" }, 404, pageOf},
		{"Envoy names a route that we do not know", func(_ *house, q *question) { q.host, q.route = "app.example", "gone" }, 404, pageOf},
		{"the ticket is of another host", func(h *house, q *question) { q.cookie = h.cookie("s-alice", "other.example") }, 302, ""},
		{"the ticket was changed", func(_ *house, q *question) { q.cookie = strings.Replace(q.cookie, "=A", "=B", 1) }, 302, ""},
		{"the ticket is of another installation", func(_ *house, q *question) {
			q.cookie = "_pomerium=" + ticket.New([32]byte{9}).Issue(ticket.Ticket{SessionID: "s-alice", Host: "app.example"})
		}, 302, ""},
		{"the ticket is of another browser", func(_ *house, q *question) {
			q.cookie = strings.Replace(q.cookie, testBinder, "ANOTHERBINDERANOTHERBINDER", 1)
		}, 302, ""},
		{"the browser has lost its binder", func(_ *house, q *question) { q.cookie, _, _ = strings.Cut(q.cookie, ";") }, 302, ""},
		{"a handle for programs stands in a cookie", func(h *house, q *question) {
			q.cookie = "_pomerium=" + h.handle("s-alice", "app.example")
		}, 302, ""},
		{"a ticket of a cookie stands in a header", func(_ *house, q *question) {
			value, _, _ := strings.Cut(strings.TrimPrefix(q.cookie, "_pomerium="), ";")
			q.cookie, q.headers = "", map[string]string{"authorization": "Pomerium " + value}
		}, 401, pageOf},
		{"a handle stands in a link that a browser follows", func(h *house, q *question) {
			q.cookie, q.path = "", "/?pomerium_session="+h.handle("s-alice", "app.example")
		}, 302, ""},
		{"the session is gone", func(h *house, _ *question) {
			h.records.change(func() { delete(h.records.sessions, "s-alice") })
		}, 302, ""},
		{"the session is over", func(h *house, _ *question) { h.clock.advance(14 * time.Hour) }, 302, ""},
		{"the session is older than the ticket", func(h *house, q *question) {
			value := h.tickets.Issue(ticket.Ticket{SessionID: "s-alice", Version: 2, Host: "app.example",
				Binder: ticket.BinderHash(testBinder)})
			q.cookie = "_pomerium=" + value + "; " + ticket.BinderName("_pomerium") + "=" + testBinder
		}, 302, ""},
		{"the session is another than the ticket's", func(h *house, _ *question) {
			h.records.change(func() { h.records.sessions["s-alice"] = &databroker.Session{ID: "s-bob", Version: 1} })
		}, 302, ""},
		{"the session is from the future", func(h *house, _ *question) { h.clock.advance(-time.Hour) }, 400, "clock"},
		{"the session is of another provider", func(h *house, _ *question) {
			h.config.IDPClientID = "another"
			h.apply()
		}, 302, ""},
		{"the account was removed", func(h *house, _ *question) {
			h.records.change(func() { clear(h.records.users) })
		}, 302, ""},
		{"the account is shut", func(h *house, _ *question) {
			h.records.change(func() {
				for _, u := range h.records.users {
					u.Disabled = true
				}
			})
		}, 403, pageOf},
		{"the session has rested too long", func(h *house, _ *question) {
			h.config.SessionIdleTimeout = time.Hour
			h.apply()
			h.clock.advance(time.Hour)
		}, 302, ""},
		{"sessions cannot be read", func(h *house, _ *question) {
			h.records.change(func() { h.records.fault = errors.New("broker is away") })
		}, 503, pageOf},
		{"the path can be read in two ways", func(_ *house, q *question) { q.path = "/public/..;x=/admin" }, 400, pageOf},
		{"the path has a broken escape", func(_ *house, q *question) { q.path = "/%zz" }, 400, pageOf},
		{"the host is no host name", func(_ *house, q *question) { q.host = "app.example@evil.example" }, 400, pageOf},
		{"the request is CONNECT without a path and without a ticket", func(_ *house, q *question) {
			q.method, q.path, q.cookie = "CONNECT", "", ""
			q.headers = map[string]string{"sec-fetch-mode": "", "sec-fetch-dest": "", "accept": ""}
		}, 401, ""},
		{"a script asks and nobody is signed in", func(_ *house, q *question) {
			q.cookie, q.headers = "", map[string]string{"sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "accept": "*/*"}
		}, 401, `"request_id":"request-1"`},
		{"a websocket is asked for and nobody is signed in", func(_ *house, q *question) {
			q.cookie, q.headers = "", map[string]string{"sec-fetch-mode": "websocket", "sec-fetch-dest": "empty", "upgrade": "websocket"}
		}, 401, ""},
		{"a void handle comes in a header", func(_ *house, q *question) {
			q.cookie, q.headers = "", map[string]string{"x-pomerium-authorization": "nonsense"}
		}, 401, pageOf},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
			q := question{route: "app", cookie: h.cookie("s-alice", "app.example")}
			tc.change(h, &q)
			got := h.ask(q)
			if got.allowed || got.status != tc.status {
				t.Fatalf("allowed %v with status %d, want %d", got.allowed, got.status, tc.status)
			}
			if !strings.Contains(got.body, tc.body) {
				t.Errorf("the body lacks %q:\n%s", tc.body, got.body)
			}
			if got.headers["x-pomerium-intercepted-response"] != "true" {
				t.Error("Envoy would put its own words on this answer")
			}
			if got.headers["cache-control"] != "no-store" {
				t.Errorf("cache-control = %q, want no-store", got.headers["cache-control"])
			}
		})
	}
}

func TestNothingPassesBeforeTheFirstConfiguration(t *testing.T) {
	h := newHouse(t, map[string]string{"app": rulePublic}, nil)
	h.state.Store(nil)
	if got := h.ask(question{route: "app"}); got.allowed || got.status != 503 {
		t.Errorf("allowed %v with %d, want 503", got.allowed, got.status)
	}
	if got := h.ask(question{route: "app", internal: true}); got.allowed || got.status != 503 {
		t.Errorf("internal: allowed %v with %d, want 503", got.allowed, got.status)
	}
}

func TestProgramsComeInByAHandle(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	program := map[string]string{"sec-fetch-mode": "", "sec-fetch-dest": "", "accept": "*/*"}
	with := func(name, value string) map[string]string {
		m := map[string]string{name: value}
		for k, v := range program {
			m[k] = v
		}
		return m
	}
	handle := h.handle("s-alice", "app.example")
	for _, tc := range []struct {
		name string
		q    question
	}{
		{"in X-Pomerium-Authorization", question{headers: with("x-pomerium-authorization", handle)}},
		{"under the scheme Pomerium", question{headers: with("authorization", "pomerium "+handle)}},
		{"as a marked bearer token", question{headers: with("authorization", "Bearer Pomerium-"+handle)}},
		{"in the query", question{headers: program, path: "/?pomerium_session=" + handle}},
		{"for CONNECT", question{headers: with("authorization", "Pomerium "+handle), method: "CONNECT"}},
		{"beside a cookie that is void", question{headers: with("authorization", "Pomerium "+handle), cookie: "_pomerium=x"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.q.route = "app"
			if got := h.ask(tc.q); !got.allowed {
				t.Errorf("denied with %d: %s", got.status, got.body)
			}
		})
	}
}

func TestTicketPlantedBySiblingHostIsPassedOver(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	h.signIn("s-eve", "eve", "eve@corp.example")
	planted := "_pomerium=" + h.tickets.Issue(ticket.Ticket{SessionID: "s-eve", Version: 1, Host: "app.example",
		Binder: ticket.BinderHash("EVESBINDER")})
	for _, cookie := range []string{
		planted + "; " + h.cookie("s-alice", "app.example"),
		h.cookie("s-alice", "app.example") + "; " + planted,
	} {
		if got := h.ask(question{route: "app", cookie: cookie}); !got.allowed {
			t.Errorf("denied with %d: Alice's own ticket was not found", got.status)
		}
	}
}

func TestHostsUnderCookieDomainShareTickets(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, func(c *config.Config) { c.CookieDomain = ".corp.example" })
	// The hosts share the binder too, which therefore has another prefix.
	cookie := strings.Replace(h.cookie("s-alice", "corp.example"), "__Host-", "__Secure-", 1)
	for host, want := range map[string]bool{
		"app.corp.example": true, "APP.corp.example:8443": true, "corp.example": true,
		"app.example": false, "evilcorp.example": false, "corp.example.evil": false,
	} {
		if got := h.ask(question{route: "app", host: host, cookie: cookie}); got.allowed != want {
			t.Errorf("on %q allowed = %v, want %v", host, got.allowed, want)
		}
	}
}

func TestPublicRouteGoesOnWhenSessionsCannotBeRead(t *testing.T) {
	h := newHouse(t, map[string]string{"open": rulePublic}, nil)
	h.records.fault = errors.New("broker is away")
	got := h.ask(question{route: "open", cookie: h.cookie("s-alice", "open.example")})
	if !got.allowed {
		t.Fatalf("denied with %d", got.status)
	}
	if len(got.headers) != 0 {
		t.Errorf("told the upstream %v about nobody", got.headers)
	}
}

func TestRevocationIsInForceAtOnce(t *testing.T) {
	h := newHouse(t, map[string]string{"app": `{allow: {and: [{groups: {has: engineers}}]}}`}, nil)
	q := question{route: "app", cookie: h.cookie("s-alice", "app.example")}
	if !h.ask(q).allowed {
		t.Fatal("denied before anything was revoked")
	}
	h.records.change(func() {
		for key, u := range h.records.users {
			c := u.Clone()
			c.Groups = nil
			h.records.users[key] = c
		}
	})
	if got := h.ask(q); got.allowed || got.status != 403 {
		t.Errorf("without the group: allowed %v with %d, want 403", got.allowed, got.status)
	}
}

func TestScopeIsThatOfTheOtherRooms(t *testing.T) {
	for _, domain := range []string{"", "corp.example", ".Corp.example"} {
		for _, host := range []string{"app.corp.example", "APP.corp.example:443", "corp.example.", "app.example", "[::1]:443", "192.0.2.1:1"} {
			g := &generation{cookieName: "_pomerium", binderName: ticket.BinderName("_pomerium"), cookieDomain: domain}
			got, want := g.scopeOf(&request{host: host}, nil), ticket.ScopeOf("_pomerium", domain, ticket.HostName(host))
			if got != want {
				t.Errorf("under %q, %q has %+v, elsewhere %+v", domain, host, got, want)
			}
		}
	}
}

func TestTunnelTakesTheHandlesOfItsOwnHost(t *testing.T) {
	h := newHouse(t, map[string]string{"tcp": ruleAlice}, func(c *config.Config) {
		c.Routes[0].From = config.From{Scheme: "tcp+https", Host: "gate.example", Target: "db.internal:5432"}
	})
	ask := func(host string) bool {
		return h.ask(question{route: "tcp", method: "CONNECT", host: "db.internal:5432", headers: map[string]string{
			"authorization": "Pomerium " + h.handle("s-alice", host), "sec-fetch-mode": "", "sec-fetch-dest": ""}}).allowed
	}
	if !ask("gate.example") {
		t.Error("a handle of the route's host is refused")
	}
	if ask("db.internal") || ask("other.example") {
		t.Error("a handle of another host is taken")
	}
}
