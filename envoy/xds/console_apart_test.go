package xds

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// apartHouse has applications that would like the console's host.
func apartHouse(t testing.TB) (h *house, plain doorway) {
	t.Helper()
	plain = doorway{freeAddress(t)}
	c := load(t, base+consoleApart+"http_redirect_addr: "+plain.address+fmt.Sprintf(`
routes:
- {from: https://app.example.com, to: "http://%[1]s", allow_any_authenticated_user: true}
- {from: "https://*.example.com", to: "http://%[1]s", allow_any_authenticated_user: true}
- {from: "https://con*.example.com", to: "http://%[1]s", allow_any_authenticated_user: true}
- {from: "https://*", to: "http://%[1]s", allow_any_authenticated_user: true}
- {from: "tcp+https://ssh.example.com:22", to: "tcp://%[1]s", allow_any_authenticated_user: true}
- {from: "tcp+https://*.example.com/db.internal:5432", to: "tcp://%[1]s", allow_any_authenticated_user: true}
`, upstream(t, "app"))+consoleRoute+`- {from: "https://ops.example.com:9443", console: true, allow_any_authenticated_user: true}
`)
	h = open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	h.awaitListener(plain)
	return h, plain
}

func TestConsoleApart(t *testing.T) {
	t.Parallel()
	h, plain := apartHouse(t)
	const console, app = "console.example.com", "app.example.com"
	get := func(target, host string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"
	}
	for _, tc := range []struct {
		name       string
		serverName string
		request    string
		main, own  string // who serves it on the one listener and on the other; a number is a status of Envoy's own
	}{
		{"the console", console, get("/", console), "404", "console"},
		{"the console, by port", console, get("/", console+":9443"), "404", "console"},
		{"the console, by the main port", console, get("/", console+":8443"), "404", "console"},
		{"another host of it, held to its port", "ops.example.com", get("/", "ops.example.com:9443"), "404", "console"},
		{"another host of it, by another port", "ops.example.com", get("/", "ops.example.com:8443"), "404", "404"},
		{"capitals", console, get("/", "CONSOLE.Example.COM"), "404", "console"},
		{"a dot at the end", console, get("/", console+"."), "404", "console"},
		{"a dot before the port", console, get("/", console+".:443"), "404", "console"},
		{"two dots", console, get("/", console+".."), "app", "404"}, // no name of the console's, and "*" takes all
		{"its pages to sign in with", console, get("/.pomerium/callback/?x", console), "404", "pages"},
		{"its keys", console, get("/.well-known/pomerium/jwks.json", console), "404", "pages"},
		{"health", console, get("/ping", console), "200", "pages"},
		{"an absolute target beats Host", app, get("https://"+console+"/", app), "404", "console"},
		{"an absolute target away from it", console, get("https://"+app+"/", console), "app", "404"},
		{"an absolute target of http", console, get("http://"+console+"/", console), "404", "console"},
		{"the server name is the application's", app, get("/", console), "404", "console"}, // one certificate, one operator
		{"the server name is nobody's", "evil.example", get("/", console), "404", "421"},
		{"no server name", "", get("/", console), "404", "console"},
		{"an application", app, get("/", app), "app", "404"},
		{"an application by the console's server name", console, get("/", app), "app", "404"},
		{"an application behind a wildcard", "x.example.com", get("/", "x.example.com"), "app", "404"},
		{"a host that nobody named", "", get("/", "192.0.2.1"), "app", "404"},
		{"the sign-in host", "login.example.com", get("/.pomerium/sign_in", "login.example.com"), "pages", "404"},
		{"its callback", "login.example.com", get("/oauth2/callback", "login.example.com"), "pages", "404"},
		{"its paths on an unknown host", "", get("/.pomerium/", "192.0.2.1"), "pages", "404"},
		{"a name before it", console, get("/", "x@"+console), "app", "404"},
		{"a host below it", "", get("/", "x."+console), "app", "404"},
		{"two hosts", console, "GET / HTTP/1.1\r\nHost: " + app + "\r\nHost: " + console + "\r\nConnection: close\r\n\r\n", "app", "404"}, // one name with a comma, which "*" takes
		{"a forwarded host", app, "GET / HTTP/1.1\r\nHost: " + app + "\r\nX-Forwarded-Host: " + console + "\r\nX-Cardea-Sni: " + console + "\r\nConnection: close\r\n\r\n", "app", "404"},
		{"a tunnel to it", console, "CONNECT " + console + ":443 HTTP/1.1\r\nHost: " + console + ":443\r\nConnection: close\r\n\r\n", "404", "404"},
		{"a tunnel", "ssh.example.com", "CONNECT ssh.example.com:2222 HTTP/1.1\r\nHost: ssh.example.com:2222\r\nConnection: close\r\n\r\n", "404", "404"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, door := range []struct {
				name string
				doorway
				want string
			}{{"main", h.doorway, tc.main}, {"console", h.console, tc.own}} {
				h.questions()
				if got := servedBy(door.raw(t, tc.serverName, tc.request)); got != door.want {
					t.Errorf("%s: served by %s, want %s", door.name, got, door.want)
				}
				if asked := len(h.questions()); asked == 0 != (strings.Trim(door.want, "0123456789") == "") {
					t.Errorf("%s: authorize was asked %d times", door.name, asked)
				}
			}
		})
	}
	t.Run("one connection of HTTP/2, kept for another host", func(t *testing.T) {
		for _, tc := range []struct {
			door        doorway
			first, then string
			want        int
		}{{h.doorway, app, console, 404}, {h.console, console, app, 404}} {
			protocols := new(http.Protocols)
			protocols.SetHTTP2(true)
			transport := &http.Transport{Protocols: protocols, DialTLSContext: tc.door.dialer(tc.first, "h2")}
			defer transport.CloseIdleConnections()
			for host, want := range map[string]int{tc.first: 200, tc.then: tc.want} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+tc.first+"/", nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Host = host
				if got := roundTrip(t, transport, r); got.status != want || got.proto != "HTTP/2.0" {
					t.Errorf("%s on a connection for %s: %d over %s", host, tc.first, got.status, got.proto)
				}
			}
		}
	})
	t.Run("plain HTTP leads away and reaches nothing", func(t *testing.T) {
		got := plain.get(t, false, "GET", "http://"+console+"/", nil)
		if got.status != 301 || got.header.Get("Location") != "https://"+console+"/" {
			t.Errorf("got %d to %q", got.status, got.header.Get("Location"))
		}
	})
	t.Run("what its upstream receives", func(t *testing.T) {
		header := http.Header{"X-Pomerium-Jwt-Assertion": {"forged"}, "X-Cardea-Client-Address": {"192.0.2.1"}, "X-Forwarded-Email": {"ada@example.com"}, "Cookie": {"_pomerium=ticket; theme=dark"}}
		got := h.console.get(t, true, "GET", "https://"+console+"/a/../b", header)
		if got.field("X-Pomerium-Jwt-Assertion") != nil || got.field("X-Forwarded-Email") != nil {
			t.Errorf("headers of a client's came through:\n%s", got.body)
		}
		if address := got.field("X-Cardea-Client-Address"); !slices.Equal(address, []string{"127.0.0.1"}) {
			t.Errorf("the client's address is %q", address)
		}
		if cookies := got.field("Cookie"); !slices.Equal(cookies, []string{"theme=dark"}) {
			t.Errorf("cookies %q", cookies)
		}
		if !strings.HasPrefix(got.body, "GET /b HTTP/2.0") || got.header.Get("X-Frame-Options") == "" {
			t.Errorf("got %v\n%s", got.header, got.body)
		}
	})
}

// servedBy reads an answer of raw: who served it, or the status.
func servedBy(answer string) string {
	status, body, _ := strings.Cut(answer, "\n")
	for line := range strings.Lines(body) {
		if who, ok := strings.CutPrefix(line, "Served-By: "); ok {
			return strings.TrimSpace(who)
		}
	}
	return status
}

// FuzzListeners sends hosts and targets to both listeners. The main one never
// reaches the console, and the console's nothing else.
func FuzzListeners(f *testing.F) {
	for _, host := range []string{"console.example.com", "console.example.com:9443", "app.example.com", "console.example.com.", "CONSOLE.example.com:x", "[::1]", "", "console.example.com%00", "a,console.example.com"} {
		for _, target := range []string{"/", "https://console.example.com/", "//console.example.com/", "*"} {
			f.Add(host, target)
		}
	}
	h, _ := apartHouse(f)
	f.Fuzz(func(t *testing.T, host, target string) {
		if strings.ContainsAny(host+target, "\r\n") || len(host)+len(target) > 8<<10 {
			t.Skip()
		}
		request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, host)
		if got := servedBy(h.raw(t, "", request)); got == "console" {
			t.Errorf("the console, by the main listener")
		}
		h.questions()
		if got := servedBy(h.console.raw(t, "", request)); got == "app" || got == "verify" {
			t.Errorf("%s, by the console's listener", got)
		}
		for _, q := range h.questions() {
			asked := strings.ToLower(q.Attributes.Request.Http.Host)
			if name := asked[:portStart(asked)]; name != "console.example.com" && name != "ops.example.com" {
				t.Errorf("authorize was asked about %q by the console's listener", asked)
			}
		}
	})
}
