package authorize

import (
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/config"
)

// A path that two servers read differently must not choose between policies.
func TestPathParametersAreRefusedWhereThePathDecides(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAnyone, "other": ruleBob, "lone": ruleAnyone}, func(c *config.Config) {
		for _, r := range c.Routes {
			if r.ID == "other" {
				r.From.Host = "app.example" // a second policy on the host of the first
			}
		}
	})
	for _, tc := range []struct {
		route, path string
		want        int // 0: allowed
	}{
		{"app", "/admin", 0},
		{"app", "/;x/admin", 400},
		{"app", "/admin;x", 400},
		{"app", "/admin%3Bx", 400},
		{"app", "/public/..;x=/admin", 400},
		{"lone", "/page;jsessionid=1", 0}, // one policy for the whole host
	} {
		got := h.ask(question{route: tc.route, path: tc.path, cookie: h.cookie("s-alice", tc.route+".example")})
		if got.status != tc.want || got.allowed != (tc.want == 0) {
			t.Errorf("%s %s: allowed %v with %d, want %d", tc.route, tc.path, got.allowed, got.status, tc.want)
		}
	}
}

func TestTraceIsRefused(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAnyone}, nil)
	for _, method := range []string{"TRACE", "TRACK"} {
		if got := h.ask(question{route: "app", method: method, cookie: h.cookie("s-alice", "app.example")}); got.allowed {
			t.Errorf("%s is let through", method)
		}
	}
}

func TestAuditNeverHoldsTicketsOrCodes(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAnyone}, func(c *config.Config) {
		c.AuthorizeLogFields = []string{"query", "headers", "headers.referer"}
	})
	const secret = "CANARY"
	for _, q := range []question{
		{route: "app", path: "/?pomerium_session=" + secret},
		{route: "app", path: "/?a=b&%70omerium_session=" + secret},
		{route: "app", path: "/.pomerium/callback/?x=" + secret, internal: true},
		{route: "app", path: "/oauth2/callback?code=" + secret, internal: true},
		{route: "app", path: "/", headers: map[string]string{"referer": "https://app.example/?pomerium_jwt=" + secret}},
		{route: "app", path: "/", headers: map[string]string{"authorization": "Pomerium " + secret}},
	} {
		h.ask(q)
	}
	h.ask(question{route: "app", path: "/?plain=kept"})
	lines := strings.Join(h.auditLines(), "\n")
	if strings.Contains(lines, secret) {
		t.Errorf("the log holds a secret:\n%s", lines)
	}
	if !strings.Contains(lines, "plain=kept") {
		t.Errorf("an ordinary query is missing:\n%s", lines)
	}
}

// Behind a load balancer the connection's other end is the balancer.
func TestTheClientsAddressIsTheOneThatEnvoyTrusts(t *testing.T) {
	h := newHouse(t, map[string]string{"app": `allow: {or: [{source_ip: 192.0.2.9}]}`}, nil)
	for name, tc := range map[string]struct {
		peer, header string
		want         bool
	}{
		"straight":                       {"192.0.2.9", "", true},
		"through a balancer":             {"10.0.0.1", "192.0.2.9", true},
		"a balancer with a good address": {"192.0.2.9", "198.51.100.7", false},
		"a header that is no address":    {"192.0.2.9", "x", true},
		"somebody else, straight":        {"198.51.100.7", "", false},
	} {
		q := question{route: "app", ip: tc.peer}
		if tc.header != "" {
			q.headers = map[string]string{"x-envoy-external-address": tc.header}
		}
		if got := h.ask(q); got.allowed != tc.want {
			t.Errorf("%s: allowed %v, want %v", name, got.allowed, tc.want)
		}
	}
}
