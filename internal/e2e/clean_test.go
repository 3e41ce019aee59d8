package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const routesForCleaning = `
  - {from: https://clean.localhost, to: 'http://$PLAIN', pass_identity_headers: true, allow_public_unauthenticated_access: true}
  - {from: https://identity.localhost, to: 'http://$PLAIN', pass_identity_headers: true, allow_any_authenticated_user: true}
  - {from: https://noidentity.localhost, to: 'http://$PLAIN', pass_identity_headers: false, allow_any_authenticated_user: true}
`

// A cleanCase is a request with something of ours in it, and what the upstream
// may see of that header.
type cleanCase struct {
	name   string
	send   []string // name, value
	header string
	want   []string
}

func (tc cleanCase) check(t *testing.T, a answer) {
	t.Helper()
	if got := a.seen(t).Header.Values(tc.header); strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
		t.Errorf("the upstream got %s %q, want %q", tc.header, got, tc.want)
	}
}

var cleanCases = []cleanCase{
	{"other cookies stay byte for byte", []string{"Cookie", `a=1;b="2 ";  c=%20=; d`}, "Cookie", []string{`a=1;b="2 ";  c=%20=; d`}},
	{"our cookie leaves alone", []string{"Cookie", "_pomerium=x"}, "Cookie", nil},
	{"our cookie leaves from the front", []string{"Cookie", "_pomerium=x; a=1"}, "Cookie", []string{"a=1"}},
	{"our cookie leaves from the middle", []string{"Cookie", "a=1; _pomerium=x; b=2"}, "Cookie", []string{"a=1; b=2"}},
	{"our cookie leaves from the end", []string{"Cookie", "a=1; _pomerium=x"}, "Cookie", []string{"a=1"}},
	{"our cookie leaves twice", []string{"Cookie", "_pomerium=x; a=1; _pomerium=y"}, "Cookie", []string{"a=1"}},
	{"our cookie leaves without blanks", []string{"Cookie", "a=1;_pomerium=x;b=2"}, "Cookie", []string{"a=1;b=2"}},
	{"our cookie leaves in quotes", []string{"Cookie", `a=1; _pomerium="x"; b=2`}, "Cookie", []string{"a=1; b=2"}},
	{"our cookie leaves with blanks around its name", []string{"Cookie", "a=1; _pomerium =x; b=2"}, "Cookie", []string{"a=1; b=2"}},
	{"what derives from our cookie leaves", []string{"Cookie", "_pomerium_csrf=x; a=1; _pomerium_pkce_12=y; _pomerium_authenticate=z"}, "Cookie", []string{"a=1"}},
	{"the binder leaves", []string{"Cookie", "__Host-_pomerium_binder=x; a=1; __Secure-_pomerium=y"}, "Cookie", []string{"a=1"}},
	{"a name that only begins alike stays", []string{"Cookie", "_pomeriumx=1; x_pomerium=2; a=_pomerium"}, "Cookie", []string{"_pomeriumx=1; x_pomerium=2; a=_pomerium"}},
	{"a credential of ours leaves", []string{"Authorization", "Pomerium abc"}, "Authorization", nil},
	{"a credential of ours leaves in any case", []string{"Authorization", "pOmErIuM abc"}, "Authorization", nil},
	{"a bearer token of ours leaves", []string{"Authorization", "Bearer Pomerium-abc"}, "Authorization", nil},
	{"a bearer token of ours leaves in any case", []string{"Authorization", "bearer pomerium-abc"}, "Authorization", nil},
	{"a credential of theirs stays", []string{"Authorization", "Bearer abc.Pomerium-def"}, "Authorization", []string{"Bearer abc.Pomerium-def"}},
	{"basic authentication stays", []string{"Authorization", "Basic cG9tZXJpdW0="}, "Authorization", []string{"Basic cG9tZXJpdW0="}},
	{"our own header leaves", []string{"X-Pomerium-Authorization", "abc"}, "X-Pomerium-Authorization", nil},
	{"an assertion that a client made leaves", []string{"X-Pomerium-Jwt-Assertion", "abc"}, "X-Pomerium-Jwt-Assertion", nil},
	{"an assertion for somebody else leaves", []string{"X-Pomerium-Jwt-Assertion-For", "abc"}, "X-Pomerium-Jwt-Assertion-For", nil},
	{"a claim header that a client made leaves", []string{"X-Email", "root@corp.example"}, "X-Email", nil},
	{"a claim header of the old form leaves", []string{"X-Pomerium-Claim-Email", "root@corp.example"}, "X-Pomerium-Claim-Email", nil},
}

// TestCleanUpstream sends what is ours, over both versions of HTTP, to an
// upstream that tells what it got.
func TestCleanUpstream(t *testing.T) {
	s := use(t)
	for _, tc := range cleanCases {
		t.Run("HTTP/1.1, "+tc.name, func(t *testing.T) {
			tc.check(t, s.in.raw(t, "clean.localhost", request("GET / HTTP/1.1", "clean.localhost", tc.send[0]+": "+tc.send[1])))
		})
		t.Run("HTTP/2, "+tc.name, func(t *testing.T) {
			tc.check(t, s.in.raw2(t, "clean.localhost", ":method", "GET", ":scheme", "https", ":authority", "clean.localhost", ":path", "/",
				strings.ToLower(tc.send[0]), tc.send[1]))
		})
	}
	t.Run("several Cookie headers are all cleaned", func(t *testing.T) {
		a := s.in.raw(t, "clean.localhost", request("GET / HTTP/1.1", "clean.localhost",
			"Cookie: a=1; _pomerium=x", "Cookie: _pomerium=y", "cookie: _pomerium=z; b=2"))
		got := strings.Join(a.seen(t).Header.Values("Cookie"), "; ")
		if got != "a=1; b=2" {
			t.Errorf("the upstream got %q", got)
		}
	})
	t.Run("cookies in separate fields of HTTP/2 are all cleaned", func(t *testing.T) {
		a := s.in.raw2(t, "clean.localhost", ":method", "GET", ":scheme", "https", ":authority", "clean.localhost", ":path", "/",
			"cookie", "a=1", "cookie", "_pomerium=x", "cookie", "b=2")
		got := strings.Join(a.seen(t).Header.Values("Cookie"), "; ")
		if got != "a=1; b=2" {
			t.Errorf("the upstream got %q", got)
		}
	})
	t.Run("a handle in the query leaves, and the rest of the query stays", func(t *testing.T) {
		a := s.in.client(t, clientOptions{}).get(t, s.in.at("clean.localhost/p?a=%20&pomerium_session=x&b=+&c"))
		if got := a.seen(t).Target; got != "/p?a=%20&b=+&c" {
			t.Errorf("the upstream got %q", got)
		}
	})
	t.Run("an upstream cannot set our cookies, and can set others", func(t *testing.T) {
		a := s.in.client(t, clientOptions{}).get(t, s.in.at("clean.localhost/echo/cookies?c=a=1&c=_pomerium=x&c=_pomerium_csrf=y%3B+Path=/&c=__Host-_pomerium_binder=z&c=b=2%3B+Secure"))
		a.want(t, http.StatusOK)
		if got := strings.Join(a.header.Values("Set-Cookie"), "|"); got != "a=1|b=2; Secure" {
			t.Errorf("the browser got %q", got)
		}
	})
}

// TestIdentityForUpstreams reads the assertion as an application does.
func TestIdentityForUpstreams(t *testing.T) {
	s := use(t)
	c := s.as(t, ann, clientOptions{})
	spoofed := []string{"X-Pomerium-Jwt-Assertion", "spoofed", "X-Email", "root@corp.example", "X-Dept", "board", "X-None", "x"}
	c.browse(t, s.in.at("identity.localhost/"))
	c.browse(t, s.in.at("noidentity.localhost/"))
	t.Run("ours takes the place of what the client sent", func(t *testing.T) {
		seen := c.get(t, s.in.at("identity.localhost/"), spoofed...).seen(t)
		for name, want := range map[string]string{"X-Email": "ann@corp.example", "X-Dept": "tools", "X-None": ""} {
			if got := seen.Header.Values(name); strings.Join(got, "|") != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		claims := s.in.assertion(t, "identity.localhost", seen.Header.Values("X-Pomerium-Jwt-Assertion"))
		for name, want := range map[string]any{"email": "ann@corp.example", "sub": "sub-ann", "aud": "identity.localhost", "iss": "identity.localhost", "dept": "tools"} {
			if claims[name] != want {
				t.Errorf("claim %s is %v, want %v", name, claims[name], want)
			}
		}
	})
	t.Run("nothing is passed where that was said", func(t *testing.T) {
		seen := c.get(t, s.in.at("noidentity.localhost/"), spoofed...).seen(t)
		for _, name := range []string{"X-Email", "X-Dept", "X-None", "X-Pomerium-Jwt-Assertion"} {
			if got := seen.Header.Values(name); len(got) != 0 {
				t.Errorf("%s is %q", name, got)
			}
		}
	})
	t.Run("a page of ours tells a script the same claims", func(t *testing.T) {
		var claims map[string]any
		a := c.get(t, s.in.at("identity.localhost/.pomerium/user")).want(t, http.StatusOK)
		if err := json.Unmarshal([]byte(a.body), &claims); err != nil || claims["email"] != "ann@corp.example" || claims["exp"] != nil {
			t.Errorf("claims %v (%v)", claims, err)
		}
	})
	t.Run("the same assertion can be had by a page", func(t *testing.T) {
		a := c.get(t, s.in.at("identity.localhost/.pomerium/jwt")).want(t, http.StatusOK)
		if claims := s.in.assertion(t, "identity.localhost", []string{a.body}); claims["email"] != "ann@corp.example" {
			t.Errorf("claims %v", claims)
		}
	})
}
