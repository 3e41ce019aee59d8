package e2e

import (
	"encoding/base64"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// beginSignIn asks for a closed page and returns the signed address that the
// browser is sent to.
func (c *client) beginSignIn(t testing.TB, hostAndPath string) *url.URL {
	t.Helper()
	a := c.get(t, c.in.at(hostAndPath), "Accept", "text/html")
	if !a.signInAsked() {
		t.Fatalf("%s answers %d: %s", hostAndPath, a.status, a.brief())
	}
	return a.location(t)
}

// throughProvider goes on from the signed address until the browser is about to
// be sent to a path; it returns that address without opening it.
func (h *household) throughProvider(t testing.TB, c *client, who person, from *url.URL, until string) *url.URL {
	t.Helper()
	h.turn.Lock()
	defer h.turn.Unlock()
	h.idp.SetUser(who)
	next := from
	for range 8 {
		a := c.get(t, next.String(), "Accept", "text/html")
		if next = a.location(t); strings.HasPrefix(next.Path, until) {
			return next
		}
	}
	t.Fatalf("never sent to %s: %s", until, next)
	return nil
}

// another returns a browser of its own.
func (c *client) another(t testing.TB) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	other := *c.http
	other.Jar = jar
	return &client{c.in, &other, jar}
}

// signedIn reports whether the browser gets through to closed.localhost.
func (c *client) signedIn(t testing.TB) bool {
	t.Helper()
	return c.get(t, c.in.at("closed.localhost/"), "Accept", "text/html").status == http.StatusOK
}

// with returns u with one parameter changed; "" takes it away.
func with(u *url.URL, name, value string) string {
	changed := *u
	query := changed.Query()
	if query.Set(name, value); value == "" {
		query.Del(name)
	}
	changed.RawQuery = query.Encode()
	return changed.String()
}

// TestASignedAddressCannotBeChanged tries every parameter of the addresses by
// which route hosts and the sign-in host speak to each other.
func TestASignedAddressCannotBeChanged(t *testing.T) {
	s := use(t)
	c := s.in.client(t, clientOptions{})
	signIn := c.beginSignIn(t, "closed.localhost/deep")
	callback := s.throughProvider(t, c, ann, signIn, "/.pomerium/callback/")
	for which, u := range map[string]*url.URL{"sign-in": signIn, "callback": callback} {
		refusedAt := func(t *testing.T, address string) {
			t.Helper()
			a := c.get(t, address, "Accept", "text/html")
			if a.status < 400 || a.status >= 500 {
				t.Errorf("status %d, Location %s: %s", a.status, a.header.Get("Location"), a.brief())
			}
			if len(a.header.Values("Set-Cookie")) != 0 {
				t.Errorf("it sets %q", a.header.Values("Set-Cookie"))
			}
		}
		for name := range u.Query() {
			t.Run(which+" without "+name, func(t *testing.T) { refusedAt(t, with(u, name, "")) })
			t.Run(which+" with another "+name, func(t *testing.T) { refusedAt(t, with(u, name, flip(u.Query().Get(name)+"xx"))) })
			t.Run(which+" with two of "+name, func(t *testing.T) {
				refusedAt(t, u.String()+"&"+url.Values{name: {u.Query().Get(name)}}.Encode())
			})
		}
		t.Run(which+" with a parameter more", func(t *testing.T) { refusedAt(t, u.String()+"&pomerium_more=1") })
		t.Run(which+" at another path", func(t *testing.T) {
			moved := *u
			moved.Path += "x"
			refusedAt(t, moved.String())
		})
	}
	t.Run("the callback of one host at another", func(t *testing.T) {
		moved := *callback
		moved.Host = "closed2.localhost:" + s.in.port
		if a := c.get(t, moved.String()); a.status < 400 || a.status >= 500 {
			t.Errorf("status %d", a.status)
		}
	})
	t.Run("a signature of nothing, and of the wrong kind", func(t *testing.T) {
		for _, signature := range []string{"AAAA", strings.Repeat("A", 43) + "=", base64.URLEncoding.EncodeToString(make([]byte, 32)), "none", "=", "%00"} {
			if a := c.get(t, with(signIn, "pomerium_signature", signature)); a.status/100 != 4 {
				t.Errorf("%s: status %d", signature, a.status)
			}
		}
	})
	t.Run("an expiry that was moved", func(t *testing.T) {
		later := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
		if a := c.get(t, with(signIn, "pomerium_expiry", later)); a.status/100 != 4 {
			t.Errorf("status %d", a.status)
		}
	})
	t.Run("untouched it is good, once", func(t *testing.T) {
		a := c.get(t, callback.String()).want(t, http.StatusFound)
		if to := a.location(t).String(); to != s.in.at("closed.localhost/deep") || !c.signedIn(t) {
			t.Errorf("sent to %s", to)
		}
		again := c.another(t)
		for _, cookie := range []string{"__Host-_pomerium_binder"} { // as who stole the address and the binder
			again.setCookie(t, callback.String(), &http.Cookie{Name: cookie, Value: c.cookie(t, callback.String(), cookie), Secure: true, Path: "/"})
		}
		again.get(t, callback.String())
		if again.signedIn(t) {
			t.Error("a callback was good twice")
		}
	})
}

// TestACallbackIsWorthNothingElsewhere: login CSRF, session fixation, a stolen
// address.
func TestACallbackIsWorthNothingElsewhere(t *testing.T) {
	s := use(t)
	t.Run("a route's callback in another browser", func(t *testing.T) {
		attacker := s.in.client(t, clientOptions{})
		callback := s.throughProvider(t, attacker, bob, attacker.beginSignIn(t, "closed.localhost/"), "/.pomerium/callback/")
		victim := s.in.client(t, clientOptions{})
		for range 2 { // with no cookies at all, and with a binder of its own
			a := victim.get(t, callback.String(), "Accept", "text/html")
			for _, cookie := range a.header.Values("Set-Cookie") {
				if strings.HasPrefix(cookie, "_pomerium=") {
					t.Errorf("it sets %q", cookie)
				}
			}
			if victim.signedIn(t) {
				t.Error("the victim is signed in as the attacker")
			}
			victim.beginSignIn(t, "closed.localhost/")
		}
		attacker.get(t, callback.String()).want(t, http.StatusFound) // it was good all the time
	})
	t.Run("the provider's answer in another browser", func(t *testing.T) {
		attacker := s.in.client(t, clientOptions{})
		answered := s.throughProvider(t, attacker, bob, attacker.beginSignIn(t, "any.localhost/"), "/oauth2/callback")
		victim := s.in.client(t, clientOptions{})
		for range 2 {
			victim.get(t, answered.String(), "Accept", "text/html")
			if victim.cookie(t, answered.String(), "_pomerium_authenticate") != "" {
				t.Error("the victim has a session at the sign-in host")
			}
			victim.get(t, victim.beginSignIn(t, "any.localhost/").String()) // now with a binder there
		}
	})
	t.Run("the provider's answer twice", func(t *testing.T) {
		c := s.in.client(t, clientOptions{})
		answered := s.throughProvider(t, c, ann, c.beginSignIn(t, "any.localhost/"), "/oauth2/callback")
		c.get(t, answered.String()).want(t, http.StatusFound)
		thief := c.another(t)
		thief.setCookie(t, answered.String(), &http.Cookie{Name: "__Host-_pomerium_binder", Value: c.cookie(t, answered.String(), "__Host-_pomerium_binder"), Secure: true, Path: "/"})
		thief.get(t, answered.String(), "Accept", "text/html")
		if thief.cookie(t, answered.String(), "_pomerium_authenticate") != "" {
			t.Error("an answer was good twice")
		}
	})
	for _, tc := range []struct{ name, query string }{
		{"no state", "code=x"}, {"an empty state", "code=x&state="}, {"a made-up state", "code=x&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		{"a huge state", "code=x&state=" + strings.Repeat("A", 6000)}, {"two states", "code=x&state=a&state=b"}, {"an error with markup", "error=<script>alert(1)</script>&state=a"},
	} {
		t.Run("the provider's answer with "+tc.name, func(t *testing.T) {
			a := s.in.client(t, clientOptions{}).get(t, s.in.at("authenticate.localhost/oauth2/callback?"+tc.query), "Accept", "text/html")
			if a.status/100 != 4 || strings.Contains(a.body, "<script>alert") {
				t.Errorf("status %d: %s", a.status, a.brief())
			}
		})
	}
	t.Run("the state of another sign-in", func(t *testing.T) {
		c := s.in.client(t, clientOptions{})
		first := s.throughProvider(t, c, ann, c.beginSignIn(t, "any.localhost/"), "/oauth2/callback")
		second := s.throughProvider(t, c, bob, c.beginSignIn(t, "any.localhost/"), "/oauth2/callback")
		a := c.get(t, with(first, "code", second.Query().Get("code")), "Accept", "text/html")
		if a.status/100 != 4 && a.status/100 != 5 {
			t.Errorf("status %d", a.status)
		}
		if c.cookie(t, first.String(), "_pomerium_authenticate") != "" {
			t.Error("signed in with the code of another sign-in")
		}
	})
}

// TestAddressesToReturnTo: programs may come back to listed hosts only, and
// nobody is sent to a stranger's site.
func TestAddressesToReturnTo(t *testing.T) {
	s := use(t)
	c := s.as(t, ann, clientOptions{})
	c.browse(t, s.in.at("closed.localhost/"))
	for _, back := range []string{
		"http://localhost:1/", "http://localhost/", "https://localhost:1/x?y", "http://127.0.0.1:1/", "http://[::1]:1/", "http://127.9.9.9:1/", "https://tools.example/x", "http://TOOLS.example/",
	} {
		t.Run("good: "+back, func(t *testing.T) {
			c.get(t, s.in.at("closed.localhost/.pomerium/api/v1/login?pomerium_redirect_uri="+url.QueryEscape(back))).want(t, http.StatusOK)
		})
	}
	hostile := []string{
		"http://evil.example/", "https://evil.example", "//evil.example", "///evil.example", `\\evil.example`, `/\evil.example`, `https:\\evil.example`, `http://localhost\@evil.example/`,
		"http://localhost@evil.example/", "http://localhost:1@evil.example/", "http://evil.example#@localhost/", "http://evil.example?localhost", "http://localhost.evil.example/", "http://evil.example/localhost",
		"http://evillocalhost/", "http://tools.example.evil.example/", "http://eviltools.example/", "http://a.tools.example/", "http://tools.example@evil.example", "http://tools.example%2eevil.example/",
		"http://localhost\t.evil.example/", "http://local\nhost/", " http://evil.example/", "http:evil.example", "http:/evil.example", "javascript:alert(1)//localhost", "data:text/html,x", "file:///etc/passwd",
		"ftp://localhost/", "http://", "http:///", "", "localhost", "http://[::1", "http://128.0.0.1/", "http://0.0.0.0/", "http://localhost%00.evil.example/", "http://\u24c1ocalhost.evil.example/", "http://loc\u00e4lhost/",
	}
	for _, back := range hostile {
		t.Run("hostile: "+back, func(t *testing.T) {
			t.Parallel()
			escaped := url.QueryEscape(back)
			if a := c.get(t, s.in.at("closed.localhost/.pomerium/api/v1/login?pomerium_redirect_uri="+escaped)); a.status/100 != 4 {
				t.Errorf("login: status %d: %s", a.status, a.brief())
			}
			for _, path := range []string{
				"closed.localhost/.pomerium/sign_out?pomerium_redirect_uri=", "authenticate.localhost/.pomerium/sign_out?pomerium_redirect_uri=", "authenticate.localhost/.pomerium/signed_out?pomerium_redirect_uri=",
				"authenticate.localhost/.pomerium/sign_in?pomerium_redirect_uri=", "closed.localhost/.pomerium/callback/?pomerium_redirect_uri=", "closed.localhost/.pomerium/?pomerium_redirect_uri=",
			} {
				a := s.in.client(t, clientOptions{}).get(t, s.in.at(path+escaped), "Accept", "text/html")
				if a.status/100 == 3 && !strings.Contains(a.location(t).Host, ".localhost:") {
					t.Errorf("%s: sent to %s", path, a.header.Get("Location"))
				}
			}
		})
	}
	for _, path := range []string{"//evil.example/x", `/\evil.example/x`, "/%2fevil.example", "/.//evil.example", "/;@evil.example/", "/@evil.example"} {
		t.Run("the page first asked for: "+path, func(t *testing.T) {
			a := s.in.raw(t, "closed.localhost", request("GET "+path+" HTTP/1.1", "closed.localhost"))
			if a.status != http.StatusFound {
				return
			}
			to, err := url.Parse(a.header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			if back, err := url.Parse(to.Query().Get("pomerium_redirect_uri")); err != nil || back.Host != "closed.localhost" {
				t.Errorf("to come back to %s (%v)", to.Query().Get("pomerium_redirect_uri"), err)
			}
		})
	}
	t.Run("the host in the address is the one asked", func(t *testing.T) {
		u, err := s.in.client(t, clientOptions{}).try(t.Context(), http.MethodGet, s.in.at("closed.localhost/"), "", "Accept", "text/html", "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example", "X-Forwarded-Port", "1", "X-Forwarded-Prefix", "/x")
		if err != nil || strings.Contains(u.header.Get("Location"), "evil.example") {
			t.Errorf("%s (%v)", u.header.Get("Location"), err)
		}
	})
}

// TestAProgramNeedsAPerson: a handle is given for a session, to the one who
// asked.
func TestAProgramNeedsAPerson(t *testing.T) {
	s := use(t)
	c := s.in.client(t, clientOptions{})
	login := func(host string) answer {
		return c.get(t, s.in.at(host+"/.pomerium/api/v1/login?pomerium_redirect_uri=http://localhost:1/"))
	}
	if a := c.get(t, s.in.at("closed.localhost/.pomerium/api/v1/login")); a.status != http.StatusNotFound {
		t.Errorf("without an address to return to: status %d", a.status)
	}
	address, err := url.Parse(login("closed.localhost").want(t, http.StatusOK).body)
	if err != nil {
		t.Fatal(err)
	}
	if a := c.get(t, with(address, "pomerium_redirect_uri", "http://evil.example/")); a.status/100 != 4 {
		t.Errorf("changed: status %d", a.status)
	}
	handle := s.handle(t, ann, "closed.localhost")
	for _, headers := range [][]string{{"Authorization", "Pomerium " + handle}, {"Authorization", "Bearer Pomerium-" + handle}, {"X-Pomerium-Authorization", handle}} {
		seen := c.get(t, s.in.at("closed.localhost/"), headers...).seen(t)
		for name, values := range seen.Header {
			if strings.Contains(strings.Join(values, " "), handle) {
				t.Errorf("the upstream got the handle in %s", name)
			}
		}
		c.get(t, s.in.at("closed2.localhost/"), headers...).want(t, http.StatusUnauthorized)
	}
	if got := c.get(t, s.in.at("closed.localhost/q?a=1&pomerium_session="+handle+"&b=2")).seen(t); got.Target != "/q?a=1&b=2" {
		t.Errorf("the upstream got %q", got.Target)
	}
	t.Run("a handle in a cookie is none", func(t *testing.T) {
		if a := c.get(t, s.in.at("closed.localhost/"), "Cookie", "_pomerium="+handle, "Accept", "text/html"); !a.signInAsked() {
			t.Errorf("status %d", a.status)
		}
	})
	t.Run("a browser cannot be given a handle by a link", func(t *testing.T) {
		a := c.get(t, s.in.at("closed.localhost/?pomerium_session="+handle), "Accept", "text/html", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "cross-site")
		if a.status == http.StatusOK {
			t.Errorf("status %d", a.status)
		}
	})
	t.Run("what a program brings is answered and not redirected", func(t *testing.T) {
		c.get(t, s.in.at("closed.localhost/"), "Authorization", "Pomerium "+flip(handle)).want(t, http.StatusUnauthorized)
	})
}

// TestNobodyIsSignedOutByALink: logout CSRF.
func TestNobodyIsSignedOutByALink(t *testing.T) {
	s := use(t)
	c := s.signIn(t, ann, clientOptions{})
	c.browse(t, s.in.at("closed.localhost/")).want(t, http.StatusOK)
	for _, tc := range []struct {
		name, method, address string
		headers               []string
	}{
		{"a link to a route host", "GET", "closed.localhost/.pomerium/sign_out", []string{"Sec-Fetch-Site", "cross-site"}},
		{"a link from a sibling", "GET", "closed.localhost/.pomerium/sign_out", []string{"Sec-Fetch-Site", "same-site"}},
		{"a form to a route host", "POST", "closed.localhost/.pomerium/sign_out", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
		{"a form of an old browser", "POST", "closed.localhost/.pomerium/sign_out", []string{"Origin", "https://evil.example"}},
		{"a form without origin", "POST", "closed.localhost/.pomerium/sign_out", []string{"Origin", "null"}},
		{"a link to the sign-in host", "GET", "authenticate.localhost/.pomerium/sign_out", []string{"Sec-Fetch-Site", "cross-site"}},
		{"a form to the sign-in host", "POST", "authenticate.localhost/.pomerium/sign_out", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
		{"a form from a route host to the sign-in host", "POST", "authenticate.localhost/.pomerium/sign_out", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://closed.localhost:" + s.in.port}},
		{"a form for every session", "POST", "authenticate.localhost/.pomerium/sign_out_everywhere", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := c.do(t, tc.method, s.in.at(tc.address), "", append(tc.headers, "Accept", "text/html")...)
			for range 4 { // whatever the browser follows
				if a.status != http.StatusFound && a.status != http.StatusSeeOther {
					break
				}
				a = c.get(t, a.location(t).String(), append(tc.headers, "Accept", "text/html")...)
			}
			if !c.signedIn(t) {
				t.Fatalf("signed out: %d %s", a.status, a.brief())
			}
		})
	}
}

// TestAHealthCheckIsNobody: what a client says of itself opens nothing.
func TestAHealthCheckIsNobody(t *testing.T) {
	s := use(t)
	c := s.in.client(t, clientOptions{})
	for _, agent := range []string{"GoogleHC/1.0", "kube-probe/1.29", "ELB-HealthChecker/2.0", "kubernetes/v1.2", "curl", "", "Envoy/HC"} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST"} {
			a := c.do(t, method, s.in.at("closed.localhost/ping/x"), "", "User-Agent", agent, "Accept", "*/*")
			if a.status == http.StatusOK {
				t.Errorf("%s %q: status 200: %s", method, agent, a.brief())
			}
		}
	}
	if a := c.do(t, "OPTIONS", s.in.at("closed.localhost/"), "", "Origin", "https://evil.example", "Access-Control-Request-Method", "GET"); a.status == http.StatusOK {
		t.Errorf("a preflight nobody allowed: status %d", a.status)
	}
	c.get(t, s.in.at("closed.localhost/ping")).want(t, http.StatusOK)
	c.get(t, s.in.at("closed.localhost/healthz")).want(t, http.StatusOK)
	c.do(t, "POST", s.in.at("closed.localhost/ping"), "").want(t, http.StatusMethodNotAllowed)
}
