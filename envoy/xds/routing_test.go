package xds

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRouting(t *testing.T) {
	t.Parallel()
	one, two, three := upstream(t, "one"), upstream(t, "two"), upstream(t, "three")
	c := load(t, base+fmt.Sprintf(`
routes:
- {from: https://paths.example.com, to: http://%[1]s, path: /exact, allow_any_authenticated_user: true}
- {from: https://paths.example.com, to: http://%[2]s, regex: "/r(a|b)+", allow_any_authenticated_user: true}
- {from: https://paths.example.com, to: http://%[3]s, prefix: /pre, allow_any_authenticated_user: true}
- {from: https://order.example.com, to: http://%[1]s, prefix: /a, allow_any_authenticated_user: true}
- {from: https://order.example.com, to: http://%[2]s, prefix: /a/longer, allow_any_authenticated_user: true}
- {from: https://order.example.com, to: http://%[3]s, allow_any_authenticated_user: true}
- {from: "https://*.wild.example.com", to: http://%[1]s, allow_any_authenticated_user: true}
- {from: "https://*.deep.wild.example.com", to: http://%[2]s, allow_any_authenticated_user: true}
- {from: "https://exact.wild.example.com", to: http://%[3]s, allow_any_authenticated_user: true}
- {from: "https://in-*.example.com", to: http://%[2]s, prefix: /in, allow_any_authenticated_user: true}
- {from: "https://port.example.com:8443", to: http://%[1]s, allow_any_authenticated_user: true}
- {from: "https://port.example.com:9443", to: http://%[2]s, allow_any_authenticated_user: true}
- {from: "https://both.example.com:8443", to: http://%[1]s, allow_any_authenticated_user: true}
- {from: "https://both.example.com", to: http://%[2]s, allow_any_authenticated_user: true}
- {from: https://verify.example.com, verify: true, allow_any_authenticated_user: true}
`, one, two, three))
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com", "*.wild.example.com", "*.deep.wild.example.com")))
	for _, tc := range []struct {
		url, host string // host, if set, is sent instead of the URL's
		want      string // who serves it; a number is a status of Envoy's own
	}{
		{"https://paths.example.com/exact", "", "one"},
		{"https://paths.example.com/exact?x", "", "one"},
		{"https://paths.example.com/exact/", "", "404"},
		{"https://paths.example.com/Exact", "", "404"},
		{"https://paths.example.com/%65xact", "", "one"},
		{"https://paths.example.com/rab", "", "two"},
		{"https://paths.example.com/rab?/rab", "", "two"},
		{"https://paths.example.com/rabc", "", "404"},
		{"https://paths.example.com/x/rab", "", "404"},
		{"https://paths.example.com/?/rab", "", "404"},
		{"https://paths.example.com/prefix", "", "three"},
		{"https://paths.example.com/x/../pre", "", "three"},
		{"https://paths.example.com//pre", "", "three"},
		{"https://paths.example.com/pre%2fx", "", "400"},
		{"https://paths.example.com/pre%5cx", "", "400"},
		{"https://paths.example.com/", "", "404"},
		{"https://order.example.com/a/longer", "", "one"},
		{"https://order.example.com/b", "", "three"},
		{"https://a.wild.example.com/", "", "one"},
		{"https://a.deep.wild.example.com/", "", "one"}, // written first
		{"https://exact.wild.example.com/", "", "three"},
		{"https://EXACT.wild.example.com/", "EXACT.Wild.example.com", "three"},
		{"https://exact.wild.example.com/", "exact.wild.example.com.", "three"},
		{"https://exact.wild.example.com/", "exact.wild.example.com:1234", "three"},
		{"https://a.wild.example.com/", "A.WILD.example.com:1234", "one"},
		{"https://wild.example.com/", "", "404"},
		{"https://in-side.example.com/in", "", "two"},
		{"https://in-side.example.com/in", "In-Side.example.com:77", "two"},
		{"https://in-side.example.com/out", "", "404"},
		{"https://in-side.example.com/.pomerium/", "", "pages"},
		{"https://xin-side.example.com/in", "", "404"},
		{"https://port.example.com/", "port.example.com:8443", "one"},
		{"https://port.example.com/", "PORT.example.com:9443", "two"},
		{"https://port.example.com/", "", "404"},
		{"https://port.example.com/", "port.example.com:443", "404"},
		{"https://both.example.com/", "both.example.com:8443", "one"},
		{"https://both.example.com/", "both.example.com:8444", "two"},
		{"https://both.example.com/", "", "two"},
		{"https://verify.example.com/", "", "verify"},
		{"https://login.example.com/", "", "pages"},
		{"https://login.example.com/oauth2/callback?code=1", "", "pages"},
		{"https://login.example.com/anything", "", "pages"},
		{"https://unknown.example.com/", "", "404"},
		{"https://unknown.example.com/.pomerium/", "", "404"},
		{"https://unknown.example.com/ping", "", "200"},
		{"https://unknown.example.com/healthz", "", "200"},
		{"https://order.example.com/", "127.0.0.1", "404"},
		{"https://order.example.com/", "[::1]:443", "404"},
		{"https://order.example.com/", "order.example.com@evil.example", "404"},
	} {
		t.Run(tc.url+" "+tc.host, func(t *testing.T) {
			h.questions()
			header := http.Header{}
			if tc.host != "" {
				header.Set("Host", tc.host)
			}
			for _, h2 := range []bool{false, true} {
				if h2 && strings.Contains(tc.host, "@") {
					continue // Go sends no such thing
				}
				got := h.get(t, h2, "GET", tc.url, header)
				who := got.header.Get("X-Served-By")
				if who == "" {
					who = fmt.Sprint(got.status)
				}
				if who != tc.want {
					t.Errorf("h2=%v: served by %s, want %s\n%s", h2, who, tc.want, got.body)
				}
				if asked := len(h.questions()); (asked > 0) != (got.header.Get("X-Served-By") != "") {
					t.Errorf("h2=%v: authorize was asked %d times", h2, asked)
				}
			}
		})
	}
}

func TestPortsThatMustMatch(t *testing.T) {
	t.Parallel()
	c := load(t, base+`
runtime_flags: {match_any_incoming_port: false}
routes:
- {from: https://app.example.com, to: http://`+upstream(t, "app")+`, allow_any_authenticated_user: true}
- {from: "https://p.example.com:8443", to: http://`+upstream(t, "port")+`, allow_any_authenticated_user: true}
- {from: "https://*.example.com", to: http://`+upstream(t, "wild")+`, allow_any_authenticated_user: true}
`)
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	for host, want := range map[string]string{
		"app.example.com":      "app",
		"app.example.com:443":  "app",
		"app.example.com:8443": "",
		"p.example.com:8443":   "port",
		"p.example.com":        "wild", // as Pomerium has it: an exact host stands for its port alone
		"x.example.com:443":    "wild",
		"x.example.com:444":    "",
	} {
		got := h.get(t, false, "GET", "https://app.example.com/", http.Header{"Host": {host}})
		if who := got.header.Get("X-Served-By"); who != want {
			t.Errorf("%s: served by %q, want %q", host, who, want)
		}
	}
}

func TestMisdirectedRequests(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	app := upstream(t, "app")
	c := load(t, base+fmt.Sprintf(`
routes:
- {from: https://one.example.com, to: http://%[1]s, allow_any_authenticated_user: true}
- {from: https://two.example.com, to: http://%[1]s, allow_any_authenticated_user: true}
- {from: https://a.wild.example, to: http://%[1]s, allow_any_authenticated_user: true}
- {from: https://b.wild.example, to: http://%[1]s, allow_any_authenticated_user: true}
- {from: https://front.example.com, to: http://%[1]s, tls_downstream_server_name: balancer.internal, allow_any_authenticated_user: true}
- {from: https://nowhere.example, to: http://%[1]s, allow_any_authenticated_user: true}
`, app))
	h := open(t, inputOf(c,
		ca.issue(t, "one.example.com"), ca.issue(t, "two.example.com", "second.example.com"),
		ca.issue(t, "*.wild.example"), ca.issue(t, "front.example.com"), ca.issue(t, "login.example.com")))
	for _, tc := range []struct {
		name, server, host string
		want               int
	}{
		{"the name of the connection", "one.example.com", "one.example.com", 200},
		{"in other letters", "ONE.example.com", "one.EXAMPLE.com:443", 200},
		{"another name of the certificate", "second.example.com", "two.example.com", 200},
		{"another certificate", "one.example.com", "two.example.com", 421},
		{"another certificate, sign-in host", "one.example.com", "login.example.com", 421},
		{"under one wildcard", "a.wild.example", "b.wild.example", 200},
		{"from outside under a wildcard", "one.example.com", "b.wild.example", 421},
		{"from a wildcard to outside", "a.wild.example", "one.example.com", 421},
		{"a name that nobody has", "unknown.example", "one.example.com", 421},
		{"the name a route allows", "balancer.internal", "front.example.com", 200},
		{"the name another route allows", "balancer.internal", "one.example.com", 421},
		{"an address, as some clients send it", "127.0.0.1.", "two.example.com", 200}, // Go drops the last dot
		{"an address of six", "2001:db8::1.", "two.example.com", 200},
		{"what only looks like an address", "127.0.0.1.example", "two.example.com", 421},
		{"a host without a certificate", "nowhere.example", "nowhere.example", 200},
		{"a host without a certificate, by another", "one.example.com", "nowhere.example", 421},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, h2 := range []bool{false, true} {
				h.questions()
				got := h.do(t, h2, tc.server, "GET", "https://"+tc.host+"/", http.Header{})
				if got.status != tc.want {
					t.Errorf("h2=%v: got %d, want %d", h2, got.status, tc.want)
				}
				if asked := len(h.questions()); (asked > 0) != (tc.want == 200) {
					t.Errorf("h2=%v: authorize was asked %d times", h2, asked)
				}
			}
		})
	}
	t.Run("no server name at all", func(t *testing.T) {
		if got := h.raw(t, "", "GET / HTTP/1.1\r\nHost: two.example.com\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "200") {
			t.Errorf("got %s", got)
		}
	})
}

func TestHostsThatAreOdd(t *testing.T) {
	t.Parallel()
	app := upstream(t, "app")
	c := load(t, base+fmt.Sprintf(`
routes:
- {from: https://any, to: http://%[1]s, allow_any_authenticated_user: true}
- {from: "https://[2001:db8::1]", to: http://%[1]s, allow_any_authenticated_user: true}
- {from: "https://192.0.2.1:8443", to: http://%[1]s, allow_any_authenticated_user: true}
- {from: "tcp+https://*.example.com/db.internal:5432", to: tcp://%[1]s, allow_any_authenticated_user: true}
- {from: "https://*.example.com", to: http://%[1]s, prefix: /one, allow_any_authenticated_user: true}
- {from: "https://*", to: http://%[1]s, prefix: /any, allow_any_authenticated_user: true}
- {from: "https://a.*.example.com", to: http://%[1]s, prefix: /star, allow_any_authenticated_user: true}
- {from: https://login.example.com, to: http://%[1]s, prefix: /here, allow_any_authenticated_user: true}
`, app))
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com", "any")))
	for _, tc := range []struct{ host, path, want string }{
		{"any", "/", "app"},
		{"[2001:db8::1]", "/", "app"},
		{"[2001:db8::1]:8443", "/", "app"},
		{"192.0.2.1:8443", "/", "app"},
		{"192.0.2.1", "/any", "app"},
		{"192.0.2.1", "/", ""},
		{"x.example.com", "/one", "app"},
		{"x.example.com", "/any", "app"},
		{"x.example.com", "/two", ""},
		{"a.b.example.com", "/star", "app"},
		{"elsewhere.example", "/any", "app"},
		{"elsewhere.example", "/.pomerium/", "pages"},
		{"elsewhere.example", "/other", ""},
		{"login.example.com", "/here", "app"},
		{"login.example.com", "/there", "pages"},
		{"login.example.com", "/oauth2/callback", "pages"},
	} {
		got := h.raw(t, "", "GET "+tc.path+" HTTP/1.1\r\nHost: "+tc.host+"\r\nConnection: close\r\n\r\n")
		who := ""
		if status, rest, _ := strings.Cut(got, "\n"); status == "200" {
			who = "app"
			if strings.Contains(rest, "Served-By: pages") {
				who = "pages"
			}
		}
		if who != tc.want {
			t.Errorf("%s%s: served by %q, want %q\n%s", tc.host, tc.path, who, tc.want, got)
		}
	}
}

func TestUpstreamsByName(t *testing.T) {
	t.Parallel()
	app := upstream(t, "app")
	_, port, err := net.SplitHostPort(app)
	if err != nil {
		t.Fatal(err)
	}
	c := load(t, base+fmt.Sprintf(`
dns_lookup_family: V4_ONLY
routes:
- {from: https://named.example.com, to: "http://app.localhost:%[1]s", allow_any_authenticated_user: true}
- {from: https://gone.example.com, to: "http://gone.invalid:%[1]s", allow_any_authenticated_user: true}
- {from: https://two.example.com, to: ["http://app.localhost:%[1]s", "http://127.0.0.1:%[1]s"], load_balancing_policy: ring_hash, allow_any_authenticated_user: true}
`, port))
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	for host, want := range map[string]string{"named": "200 app.localhost:" + port, "gone": "503", "two": "200"} {
		got := h.get(t, false, "GET", "https://"+host+".example.com/", nil)
		for began := time.Now(); host != "gone" && got.status != 200 && time.Since(began) < 10*time.Second; {
			got = h.get(t, false, "GET", "https://"+host+".example.com/", nil) // the name is looked up after the start
		}
		if said := strings.TrimSpace(fmt.Sprint(got.status, " ", strings.Join(got.field("Host"), ""))); !strings.HasPrefix(said, want) {
			t.Errorf("%s: got %q, want %q", host, said, want)
		}
	}
}
