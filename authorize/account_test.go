package authorize

import (
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

const ruleRobot = `{allow: {or: [{user: {is: sa-1}}, {groups: {has: robots}}]}}`

// hire gives the house a service account, and returns its token.
func (h *house) hire(groups ...string) string {
	s := &databroker.Session{
		ID: "s-robot", Version: 1, UserID: "sa-1", IDPID: databroker.AccountProvider, RefreshDisabled: true,
		IssuedAt: h.clock.now(), ExpiresAt: h.clock.now().Add(90 * 24 * time.Hour),
	}
	h.records.change(func() {
		h.records.sessions[s.ID] = s
		h.records.users[s.UserKey()] = &databroker.User{Key: s.UserKey(), ID: "sa-1", Name: "backup", Groups: groups}
	})
	return h.tickets.Issue(ticket.Ticket{Kind: ticket.ForAccount, SessionID: s.ID, Version: 1, IssuedAt: h.clock.now()})
}

// asProgram are the headers of one that brings what stands in name.
func asProgram(name, value string) map[string]string {
	return map[string]string{"sec-fetch-mode": "", "sec-fetch-dest": "", "accept": "*/*", name: value}
}

func TestAServiceAccountComesInByItsToken(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, header, before string
	}{
		{"in X-Pomerium-Authorization", "x-pomerium-authorization", ""},
		{"under the scheme Pomerium", "authorization", "Pomerium "},
		{"as a marked bearer token", "authorization", "Bearer Pomerium-"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			// The second route has people of another provider; it takes the account too.
			h := newHouse(t, map[string]string{"app": ruleRobot, "api": ruleRobot, "shut": ruleAlice}, func(c *config.Config) {
				for _, r := range c.Routes {
					if r.ID == "api" {
						r.IDPClientID = "another"
					}
				}
				c.SessionIdleTimeout = time.Hour
			})
			token := h.hire()
			h.clock.advance(48 * time.Hour) // not idle: it has an end of its own
			for route, want := range map[string]bool{"app": true, "api": true, "shut": false} {
				q := question{route: route, headers: asProgram(tc.header, tc.before+token)}
				if got := h.ask(q); got.allowed != want || !want && got.status != 403 {
					t.Errorf("%s: allowed %v, status %d: %s", route, got.allowed, got.status, got.body)
				}
			}
		})
	}
}

// TestAServiceAccountKeepsOut holds one case for each way in which its token, or
// what looks like it, opens nothing.
func TestAServiceAccountKeepsOut(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(h *house, token string, q *question)
	}{
		{"in a cookie", func(h *house, token string, q *question) {
			q.headers, q.cookie = nil, "_pomerium="+token+"; "+ticket.BinderName("_pomerium")+"="+testBinder
		}},
		{"in a cookie of a program", func(h *house, token string, q *question) {
			q.headers, q.cookie = asProgram("accept", "*/*"), "_pomerium="+token
		}},
		{"in a link that a browser follows", func(h *house, token string, q *question) { q.headers, q.path = nil, "/?pomerium_session="+token }},
		{"in the address of a program", func(h *house, token string, q *question) {
			q.headers, q.path = asProgram("accept", "*/*"), "/?pomerium_session="+token
		}},
		{"first in a header, then in a cookie", func(h *house, token string, q *question) {
			h.ask(*q) // now it is remembered as opened
			q.headers, q.cookie = asProgram("accept", "*/*"), "_pomerium="+token
		}},
		{"truncated", func(h *house, token string, q *question) {
			q.headers = asProgram("authorization", "Pomerium "+token[:len(token)-1])
		}},
		{"of another installation", func(h *house, token string, q *question) {
			other := ticket.New([32]byte{9}).Issue(ticket.Ticket{Kind: ticket.ForAccount, SessionID: "s-robot", Version: 1})
			q.headers = asProgram("authorization", "Pomerium "+other)
		}},
		{"deleted", func(h *house, token string, _ *question) {
			h.records.change(func() { delete(h.records.sessions, "s-robot") })
		}},
		{"without its record", func(h *house, token string, _ *question) {
			h.records.change(func() { delete(h.records.users, databroker.UserKey(databroker.AccountProvider, "sa-1")) })
		}},
		{"after its end", func(h *house, token string, _ *question) { h.clock.advance(91 * 24 * time.Hour) }},
		{"its session in a person's cookie", func(h *house, _ string, q *question) {
			q.headers, q.cookie = nil, h.cookie("s-robot", "app.example")
		}},
		{"its session in a person's handle", func(h *house, _ string, q *question) {
			q.headers = asProgram("authorization", "Pomerium "+h.handle("s-robot", "app.example"))
		}},
		{"a token that names a person's session", func(h *house, _ string, q *question) {
			h.records.change(func() { h.records.users[h.records.sessions["s-alice"].UserKey()].Groups = []string{"robots"} })
			forged := h.tickets.Issue(ticket.Ticket{Kind: ticket.ForAccount, SessionID: "s-alice", Version: 1})
			q.headers = asProgram("authorization", "Pomerium "+forged)
		}},
		{"a bare bearer token", func(h *house, token string, q *question) { q.headers = asProgram("authorization", "Bearer "+token) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, map[string]string{"app": ruleRobot}, nil)
			token := h.hire()
			q := question{route: "app", headers: asProgram("authorization", "Pomerium "+token)}
			if !h.ask(question{route: "app", headers: maps.Clone(q.headers)}).allowed {
				t.Fatal("it opens nothing at all")
			}
			tc.change(h, token, &q)
			if got := h.ask(q); got.allowed {
				t.Errorf("allowed with %v", got.headers)
			}
		})
	}
}

func TestTheConsoleKnowsServiceAccounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": ruleRobot}, nil)
	h.hire("robots")
	got, err := h.Asker(t.Context(), "s-robot")
	if err != nil || got.UserKey != "service-account/sa-1" || got.Facts == nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhoIsRefusedIsOfferedToAsk(t *testing.T) {
	t.Parallel()
	const page = "Ask for access"
	rule := func(text string) map[string]string { return map[string]string{"app": text} }
	for _, tc := range []struct {
		name   string
		rule   string
		grants []string // that the page leads to; nil: it offers nothing
	}{
		{"a grant would do", `{allow: {or: [{grant: deploy}]}}`, []string{"deploy"}},
		{"any of several would", `{allow: {or: [{grant: deploy}, {grant: ops}, {groups: {has: chiefs}}]}}`, []string{"deploy", "ops"}},
		{"one of two would", `[{allow: {and: [{grant: deploy}, {groups: {has: engineers}}]}}, {allow: {and: [{grant: ops}, {groups: {has: chiefs}}]}}]`, []string{"deploy"}},
		{"both would be needed", `{allow: {and: [{grant: deploy}, {grant: ops}]}}`, nil},
		{"something else is missing too", `{allow: {and: [{grant: deploy}, {groups: {has: chiefs}}]}}`, nil},
		{"a rule keeps them out all the same", `{allow: {or: [{grant: deploy}]}, deny: {or: [{groups: {has: engineers}}]}}`, nil},
		{"no rule asks for one", ruleBob, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, rule(tc.rule), nil)
			got := h.ask(question{route: "app", cookie: h.cookie("s-alice", "app.example")})
			if got.status != 403 {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			if offered := strings.Contains(got.body, page); offered != (tc.grants != nil) {
				t.Errorf("offered %v:\n%s", offered, got.body)
			}
			g, rt := h.state.Load().current, h.state.Load().current.routes["app"]
			r := &request{}
			h.read(r, question{route: "app", cookie: h.cookie("s-alice", "app.example")})
			e := &auditEntry{request: r, route: rt, identity: h.identify(t.Context(), g, r, rt), now: h.clock.now()}
			h.decide(t.Context(), e, clientCert{})
			to := h.askURL(t.Context(), g, rt, e)
			if tc.grants == nil {
				if to != "" {
					t.Errorf("leads to %s", to)
				}
				return
			}
			u, err := url.Parse(to)
			if err != nil {
				t.Fatal(err)
			}
			ask, err := h.handoff.ParseAccess(u)
			if err != nil || strings.Join(ask.Grants, " ") != strings.Join(tc.grants, " ") || ask.RouteID != "app" || ask.SessionID != "s-alice" ||
				ask.ProviderID != config.ProviderID(h.config, nil) {
				t.Errorf("%+v, %v", ask, err)
			}
		})
	}
	t.Run("not to a program, and not to a service account", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, rule(`{allow: {or: [{grant: deploy}]}}`), nil)
		for _, headers := range []map[string]string{
			asProgram("authorization", "Pomerium "+h.handle("s-alice", "app.example")), asProgram("authorization", "Pomerium "+h.hire()),
		} {
			if got := h.ask(question{route: "app", headers: headers}); got.status != 403 || strings.Contains(got.body, "/.pomerium/requests") {
				t.Errorf("%d: %s", got.status, got.body)
			}
		}
	})
}
