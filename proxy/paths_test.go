package proxy

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/assertion"
)

func TestMethodsAndUnknownPaths(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, tc := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/ping", 200, "OK"},
		{"HEAD", "/ping", 200, ""},
		{"GET", "/healthz", 200, "OK"},
		{"HEAD", "/healthz", 200, ""},
		{"POST", "/ping", 405, ""},
		{"DELETE", "/healthz", 405, ""},
		{"GET", "/.pomerium", 302, ""},
		{"GET", "/.pomerium/nothing", 404, ""},
		{"GET", "/.pomerium/user/", 404, ""},
		{"POST", "/.pomerium/user", 404, ""},
		{"POST", "/.pomerium/callback/", 404, ""},
		{"PUT", "/.pomerium/sign_out", 404, ""},
		{"GET", "/.pomerium/sign_out_everywhere", 404, ""},
		{"GET", "/.well-known/pomerium/nothing", 404, ""},
		{"GET", "/", 404, ""},
	} {
		p := h.ask(tc.method, tc.path, "Accept", "text/plain")
		if p.status != tc.status || tc.body != "" && p.body != tc.body {
			t.Errorf("%s %s: %d %q, want %d %q", tc.method, tc.path, p.status, p.body, tc.status, tc.body)
		}
		if tc.status == 405 && p.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: Allow %q", tc.method, tc.path, p.header.Get("Allow"))
		}
	}
	if p := h.ask("GET", "/ping", "User-Agent", "kube-probe/1.30"); p.body != "OK" || p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("a probe gets %q %q", p.body, p.header.Get("Cache-Control"))
	}
	if p := h.get("/.pomerium"); p.location != "/.pomerium/" {
		t.Errorf("/.pomerium leads to %q", p.location)
	}
}

func TestUserShowsTheClaimsOfTheAssertion(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	jwt, err := h.state.Minter.Sign(map[string]any{
		"iss": "app.example", "aud": "app.example", "exp": 1, "iat": 1, "jti": "x", "sub": "ann", "email": "ann@example.com",
		"groups": []string{}, "employee": 9007199254740993,
	})
	h.must(err)
	p := h.ask(http.MethodGet, "/.pomerium/user", assertion.Header, jwt)
	const want = `{"email":"ann@example.com","employee":9007199254740993,"groups":[],"sub":"ann"}`
	if p.status != http.StatusOK || p.body != want {
		t.Errorf("%d %s, want %s", p.status, p.body, want)
	}
	if p.header.Get("Content-Type") != "application/json" || p.header.Get("Cache-Control") != "no-store" || p.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", p.header)
	}
	for _, none := range []string{"", "x", "a.b.c", "..", "a." + base64.RawURLEncoding.EncodeToString([]byte(`[]`)) + ".c"} {
		if p := h.ask(http.MethodGet, "/.pomerium/user", assertion.Header, none); p.status != http.StatusUnauthorized {
			t.Errorf("with the assertion %q: %d", none, p.status)
		}
	}
}

func TestJWTIsShownWhereItIsPassedAndAllowed(t *testing.T) {
	t.Parallel()
	no := false
	for _, tc := range []struct {
		name   string
		change func(*config.Config)
		jwt    string
		want   int
	}{
		{"allowed and there", nil, "the.assertion.itself", http.StatusOK},
		{"none on the request", nil, "", http.StatusNotFound},
		{"not allowed", func(c *config.Config) { c.RuntimeFlags = nil }, "a.b.c", http.StatusNotFound},
		{"no route of this host passes it on", func(c *config.Config) { c.Routes[0].PassIdentityHeaders = &no }, "a.b.c", http.StatusNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(c *config.Config) {
				c.RuntimeFlags = map[string]bool{config.FlagJWTEndpoint: true}
				if tc.change != nil {
					tc.change(c)
				}
			})
			p := h.ask(http.MethodGet, "/.pomerium/jwt", assertion.Header, tc.jwt)
			if p.status != tc.want || p.status == http.StatusOK && (p.body != tc.jwt || p.header.Get("Content-Type") != "application/jwt") {
				t.Errorf("%d %s %q", p.status, p.header.Get("Content-Type"), p.body)
			}
		})
	}
}

func TestTheKeysVerifyAnAssertionAndAreCached(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	const path = "/.well-known/pomerium/jwks.json"
	p := h.ask(http.MethodGet, path)
	var set jose.JSONWebKeySet
	h.must(json.Unmarshal([]byte(p.body), &set))
	raw, err := h.state.Minter.Sign(map[string]any{"sub": "ann"})
	h.must(err)
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256})
	h.must(err)
	if _, err := signed.Verify(set.Key(signed.Signatures[0].Header.KeyID)[0]); err != nil {
		t.Errorf("the published key does not verify: %v", err)
	}
	if strings.Contains(p.body, `"d"`) {
		t.Error("the private key is published")
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=60", "Content-Type": "application/json",
	} {
		if got := p.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	etag := p.header.Get("ETag")
	for match, status := range map[string]int{etag: 304, "*": 304, `"x", ` + etag: 304, "W/" + etag: 304, `"x"`: 200, "": 200} {
		again := h.ask(http.MethodGet, path, "If-None-Match", match)
		if again.status != status || again.header.Get("ETag") != etag || status == 304 && again.body != "" {
			t.Errorf("If-None-Match %s: %d with ETag %s", match, again.status, again.header.Get("ETag"))
		}
	}
	key, err := assertion.DeriveKey([32]byte{8})
	h.must(err)
	h.state.Minter, err = assertion.New([]crypto.Signer{key})
	h.must(err)
	h.apply()
	if after := h.ask(http.MethodGet, path, "If-None-Match", etag); after.status != 200 || after.header.Get("ETag") == etag {
		t.Errorf("after another key came: %d %s", after.status, after.header.Get("ETag"))
	}
}

func TestWellKnownSaysWhereThingsAre(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.ask(http.MethodGet, "https://app.example:8443/.well-known/pomerium")
	var got map[string]string
	h.must(json.Unmarshal([]byte(p.body), &got))
	want := map[string]string{
		"issuer":                           "https://app.example:8443/",
		"authentication_callback_endpoint": "https://sign-in.example/oauth2/callback",
		"jwks_uri":                         "https://app.example:8443/.well-known/pomerium/jwks.json",
		"frontchannel_logout_uri":          "https://app.example:8443/.pomerium/sign_out",
	}
	if diff := cmp.Diff(want, got); diff != "" || p.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("CORS %q, document (-want +got):\n%s", p.header.Get("Access-Control-Allow-Origin"), diff)
	}
}

func TestHomeShowsThePersonAndNoSecret(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *config.Config) { c.SessionIdleTimeout = time.Hour })
	cookies := h.cookies(h.signIn("ann", "eng"), appHost)
	p := h.get("/.pomerium/", "Cookie", cookies)
	for _, text := range []string{"ann@example.com", "Name of ann", "eng", "doors", "session-ann"} {
		if p.status != http.StatusOK || !strings.Contains(p.body, text) {
			t.Errorf("the page (%d) lacks %q", p.status, text)
		}
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(cookies, "_pomerium="), ";")
	for _, secret := range []string{"the access token", value, binder} {
		if strings.Contains(p.body, secret) {
			t.Errorf("the page shows %q", secret)
		}
	}
	if p.header.Get("Cache-Control") != "no-store" || !strings.Contains(p.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("headers %v", p.header)
	}
	if p := h.get("/.pomerium/"); p.status != http.StatusOK || strings.Contains(p.body, "ann") {
		t.Errorf("a stranger's page: %d", p.status)
	}
}

// TestHomeOffersAStrangerToSignIn and brings them back.
func TestHomeOffersAStrangerToSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	m := regexp.MustCompile(`<a class="button" href="([^"]+)">Sign in</a>`).FindStringSubmatch(h.get(homePath).body)
	if m == nil {
		t.Fatal("no way to sign in")
	}
	u, err := url.Parse(html.UnescapeString(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	if next, err := h.signer.ParseStart(u); err != nil || next != "https://"+appHost+homePath {
		t.Errorf("leads to %s, %v", next, err)
	}
}

func TestWhoCountsAsSignedIn(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*testing.T, *house) []string // headers of the request
		want   int                               // status of the portal
	}{
		{"a browser with its ticket", func(_ *testing.T, h *house) []string {
			return []string{"Cookie", h.cookies(h.signIn("ann"), appHost)}
		}, 200},
		{"a ticket of another host", func(_ *testing.T, h *house) []string {
			return []string{"Cookie", h.cookies(h.signIn("ann"), "other.example")}
		}, 401},
		{"a ticket of another browser", func(_ *testing.T, h *house) []string {
			return []string{"Cookie", strings.Replace(h.cookies(h.signIn("ann"), appHost), binder, "SOMEBODYELSE", 1)}
		}, 401},
		{"a ticket without a binder, in a browser", func(_ *testing.T, h *house) []string {
			cookies, _, _ := strings.Cut(h.cookies(h.signIn("ann"), appHost), ";")
			return []string{"Cookie", cookies}
		}, 401},
		{"a ticket without a binder, in a browser that tells only the mode", func(_ *testing.T, h *house) []string {
			cookies, _, _ := strings.Cut(h.cookies(h.signIn("ann"), appHost), ";")
			return []string{"Cookie", cookies, "Sec-Fetch-Site", "", "Sec-Fetch-Dest", ""}
		}, 401},
		{"a ticket of a newer session than there is", func(_ *testing.T, h *house) []string {
			s := h.signIn("ann")
			s.Version += 5
			return []string{"Cookie", h.cookies(s, appHost)}
		}, 401},
		{"a session that has ended", func(t *testing.T, h *house) []string {
			s := h.signIn("ann")
			h.must(h.client.DeleteSession(t.Context(), s.ID))
			return []string{"Cookie", h.cookies(s, appHost)}
		}, 401},
		{"a session that is too old", func(_ *testing.T, h *house) []string {
			s := h.signIn("ann")
			h.clock.advance(14 * time.Hour)
			return []string{"Cookie", h.cookies(s, appHost)}
		}, 401},
		{"a session that has rested", func(_ *testing.T, h *house) []string {
			h.state.Config.SessionIdleTimeout = time.Hour
			s := h.signIn("ann")
			h.clock.advance(time.Hour)
			return []string{"Cookie", h.cookies(s, appHost)}
		}, 401},
		{"a person who is shut out", func(t *testing.T, h *house) []string {
			s := h.signIn("ann")
			u, err := h.client.User(t.Context(), s.UserKey())
			h.must(err)
			u.Disabled = true
			h.must(h.client.PutUser(t.Context(), u))
			return []string{"Cookie", h.cookies(s, appHost)}
		}, 401},
		{"nobody knows, because the broker is away", func(_ *testing.T, h *house) []string {
			s := h.signIn("ann")
			h.away()
			return []string{"Cookie", h.cookies(s, appHost)}
		}, 503},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			if p := h.get("/.pomerium/routes", tc.change(t, h)...); p.status != tc.want {
				t.Errorf("got %d, want %d", p.status, tc.want)
			}
		})
	}
}

func TestBeforeTheFirstConfigurationNothingIsServed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	empty, err := New(h.server.o)
	h.must(err)
	h.handler = empty.Handler()
	for _, path := range []string{"/.pomerium/", "/.well-known/pomerium/jwks.json", "/ping"} {
		if p := h.get(path); p.status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", path, p.status)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a server was made of nothing")
	}
}
