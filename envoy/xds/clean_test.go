package xds

import (
	"net/http"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
)

// both runs a test in HTTP/1.1 and HTTP/2.
func both(t *testing.T, test func(t *testing.T, h2 bool)) {
	t.Helper()
	t.Run("HTTP/1.1", func(t *testing.T) { test(t, false) })
	t.Run("HTTP/2", func(t *testing.T) { test(t, true) })
}

// appHouse is an Envoy with one route to an echoing upstream.
func appHouse(t *testing.T, settings string) *house {
	t.Helper()
	c := load(t, base+settings+`
routes:
- from: https://app.example.com
  to: http://`+upstream(t, "app")+`
  allow_any_authenticated_user: true
  preserve_host_header: true
`)
	return open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
}

func TestCleanUpstream(t *testing.T) {
	t.Parallel()
	h := appHouse(t, "")
	both(t, func(t *testing.T, h2 bool) {
		t.Run("cookies", func(t *testing.T) { testCookies(t, h, h2) })
		t.Run("authorization", func(t *testing.T) { testAuthorization(t, h, h2) })
		t.Run("query", func(t *testing.T) { testQuery(t, h, h2) })
		t.Run("set-cookie", func(t *testing.T) { testSetCookie(t, h, h2) })
		t.Run("own paths", func(t *testing.T) { testOwnPaths(t, h, h2) })
	})
}

func testCookies(t *testing.T, h *house, h2 bool) {
	for _, tc := range []struct {
		name string
		sent []string
		want []string
	}{
		{"no cookie of ours is left alone", []string{`a=1; b="x y"; c=`}, []string{`a=1; b="x y"; c=`}},
		{"odd separators are left alone", []string{`a=1;;b=2 ;  c=3`}, []string{`a=1;;b=2 ;  c=3`}},
		{"ours alone takes the header with it", []string{`_pomerium=ticket`}, nil},
		{"ours first", []string{`_pomerium=ticket; a=1`}, []string{`a=1`}},
		{"ours last", []string{`a=1; _pomerium=ticket`}, []string{`a=1`}},
		{"ours between, bytes around kept", []string{`a="1 2"; _pomerium=ticket;b==; c=3`}, []string{`a="1 2";b==; c=3`}},
		{"ours twice", []string{`_pomerium=x; a=1; _pomerium=y`}, []string{`a=1`}},
		{"derived names", []string{`_pomerium_csrf=1; _pomerium_authenticate=2; a=1; _pomerium_pkce_77=3`}, []string{`a=1`}},
		{"prefixed names", []string{`__Host-_pomerium_binder=1; __Secure-_pomerium=2; __Host-a=1`}, []string{`__Host-a=1`}},
		{"names that only resemble ours", []string{`x_pomerium=1; _pomeriumx=2; _POMERIUM=3; __Host-x_pomerium=4`}, []string{`x_pomerium=1; _pomeriumx=2; _POMERIUM=3; __Host-x_pomerium=4`}},
		{"our name as a value", []string{`a=_pomerium; b=_pomerium_x`}, []string{`a=_pomerium; b=_pomerium_x`}},
		{"white space around the name", []string{"a=1; \t_pomerium =ticket"}, []string{`a=1`}},
		{"ours without a value", []string{`_pomerium=; a=1; _pomerium`}, []string{`a=1`}},
		{"ours in quotes", []string{`_pomerium="ticket"; a=1`}, []string{`a=1`}},
		{"a cookie without a name", []string{`=nameless; _pomerium=x; bare`}, []string{`=nameless; bare`}},
		{"bytes that are no ASCII", []string{"a=\xc3\xa4; _pomerium=x; b=%00"}, []string{"a=\xc3\xa4; b=%00"}},
		{"several headers", []string{`_pomerium=x`, `a=1; _pomerium=y`, `b=2`}, []string{`a=1`, `b=2`}},
		{"several headers, all ours", []string{`_pomerium=x`, `_pomerium_b=y`}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := h.get(t, h2, "GET", "https://app.example.com/", http.Header{"Cookie": tc.sent})
			want, cookies := strings.Join(tc.want, "; "), strings.Join(got.field("Cookie"), "; ")
			if h2 { // clients part cookies at will there (RFC 9113, section 8.2.3)
				want, cookies = spaced(want), spaced(cookies)
			}
			if diff := cmp.Diff(want, cookies); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("thousands of cookies", func(t *testing.T) {
		if h2 {
			t.Skip("each is a header of its own there, and there are too many")
		}
		many := strings.Repeat("_pomerium=x; a=1; ", 4000)
		got := h.get(t, h2, "GET", "https://app.example.com/", http.Header{"Cookie": {many}})
		if cookies := strings.Join(got.field("Cookie"), ";"); got.status != 200 || strings.Contains(cookies, "_pomerium") || strings.Count(cookies, "a=1") != 4000 {
			t.Errorf("got %d and %d bytes of cookies", got.status, len(cookies))
		}
	})
}

// spaced writes a cookie header with one space behind each semicolon.
func spaced(cookies string) string {
	parts := strings.Split(cookies, ";")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return strings.Join(parts, "; ")
}

func testAuthorization(t *testing.T, h *house, h2 bool) {
	for _, tc := range []struct {
		sent string
		want []string
	}{
		{"Pomerium ticket", nil},
		{"pomerium ticket", nil},
		{"POMERIUM  ticket", nil},
		{"Bearer Pomerium-ticket", nil},
		{"bearer   pomerium-ticket", nil},
		{"Bearer x, Pomerium ticket", nil},
		{"Bearer ticket", []string{"Bearer ticket"}},
		{"Bearer xPomerium-ticket", []string{"Bearer xPomerium-ticket"}},
		{"Basic cG9tZXJpdW0=", []string{"Basic cG9tZXJpdW0="}},
		{`Digest username="Pomerium", realm="pomerium x"`, []string{`Digest username="Pomerium", realm="pomerium x"`}},
		{"PomeriumX y", []string{"PomeriumX y"}},
	} {
		t.Run(tc.sent, func(t *testing.T) {
			got := h.get(t, h2, "GET", "https://app.example.com/", http.Header{
				"Authorization":            {tc.sent},
				"X-Pomerium-Authorization": {"ticket"},
			})
			if diff := cmp.Diff(tc.want, got.field("Authorization")); diff != "" {
				t.Errorf("Authorization (-want +got):\n%s", diff)
			}
			if got := got.field("X-Pomerium-Authorization"); got != nil {
				t.Errorf("X-Pomerium-Authorization went upstream: %q", got)
			}
		})
	}
	h.questions()
	h.get(t, h2, "GET", "https://app.example.com/", http.Header{"X-Pomerium-Authorization": {"ticket"}})
	if got := h.questions()[0].Attributes.Request.Http.Headers["x-pomerium-authorization"]; got != "ticket" {
		t.Errorf("authorize got %q, and needs the ticket", got)
	}
}

func testQuery(t *testing.T, h *house, h2 bool) {
	for _, tc := range []struct{ sent, want string }{
		{"/a?b=c", "/a?b=c"},
		{"/a?", "/a?"},
		{"/a?pomerium_session=x", "/a"},
		{"/a?pomerium_session=x&b=1", "/a?b=1"},
		{"/a?b=1&pomerium_session=x", "/a?b=1"},
		{"/a?z=%20&pomerium_session=x&b=1&&c", "/a?z=%20&b=1&&c"},
		{"/a?pomerium_session=x&pomerium_session=y", "/a"},
		{"/a?%70omerium_session=x&b=%41", "/a?b=%41"},
		{"/a?pomerium%5Fsession=x&b=1", "/a?b=1"},
		{"/a?pomerium_session", "/a"},
		{"/a?pomerium_sessions=1&xpomerium_session=2", "/a?pomerium_sessions=1&xpomerium_session=2"},
		{"/pomerium_session=x?b=pomerium_session", "/pomerium_session=x?b=pomerium_session"},
	} {
		t.Run(tc.sent, func(t *testing.T) {
			got := h.get(t, h2, "GET", "https://app.example.com"+tc.sent, http.Header{})
			if line := strings.Fields(got.body); len(line) < 2 || line[1] != tc.want {
				t.Errorf("the upstream got %q, want %q", got.body, tc.want)
			}
			got = h.get(t, h2, "GET", "https://app.example.com/", http.Header{"Referer": {"https://app.example.com" + tc.sent}})
			if diff := cmp.Diff([]string{"https://app.example.com" + tc.want}, got.field("Referer")); diff != "" {
				t.Errorf("Referer (-want +got):\n%s", diff)
			}
		})
	}
}

func testSetCookie(t *testing.T, h *house, h2 bool) {
	sent := []string{
		"_pomerium=evil; Path=/", "a=1; Path=/", "_pomerium_csrf=x", "__Host-_pomerium_binder=x; Secure",
		"b=_pomerium; HttpOnly", " _pomerium =x", "=_pomerium=x; Path=/", " = __Host-_pomerium_binder=x",
	}
	got := h.get(t, h2, "GET", "https://app.example.com/", http.Header{"X-Want-Set-Cookie": sent})
	if diff := cmp.Diff([]string{"a=1; Path=/", "b=_pomerium; HttpOnly"}, got.header["Set-Cookie"]); diff != "" {
		t.Errorf("Set-Cookie (-want +got):\n%s", diff)
	}

	h.onCheck(func(*authv3.CheckRequest) *authv3.CheckResponse {
		return deny(302, "", "location", "https://login.example.com/", "set-cookie", "__Host-_pomerium_binder=x; Secure", "set-cookie", "_pomerium=; Max-Age=0")
	})
	defer h.onCheck(nil)
	got = h.get(t, h2, "GET", "https://app.example.com/", http.Header{})
	if diff := cmp.Diff([]string{"__Host-_pomerium_binder=x; Secure", "_pomerium=; Max-Age=0"}, got.header["Set-Cookie"]); diff != "" {
		t.Errorf("authorize's own Set-Cookie (-want +got):\n%s", diff)
	}
}

func testOwnPaths(t *testing.T, h *house, h2 bool) {
	for _, path := range []string{
		"/.pomerium", "/.pomerium/", "/.pomerium/api/v1/login?pomerium_session=x", "/.well-known/pomerium",
		"/.well-known/pomerium/jwks.json", "/ping", "/healthz",
	} {
		t.Run(path, func(t *testing.T) {
			h.questions()
			got := h.get(t, h2, "GET", "https://app.example.com"+path, http.Header{"Cookie": {"_pomerium=ticket"}})
			if got.header.Get("X-Served-By") != "pages" {
				t.Fatalf("served by %q", got.header.Get("X-Served-By"))
			}
			if diff := cmp.Diff([]string{"_pomerium=ticket"}, got.field("Cookie")); diff != "" {
				t.Errorf("our pages need the cookie (-want +got):\n%s", diff)
			}
			if !strings.Contains(got.body, path+" ") {
				t.Errorf("our pages got %q", got.body)
			}
			if diff := cmp.Diff(map[string]string{"internal": "true"}, h.questions()[0].Attributes.ContextExtensions); diff != "" {
				t.Errorf("context extensions (-want +got):\n%s", diff)
			}
		})
	}
	for _, path := range []string{"/.pomeriumx", "/.well-known/pomeriumx", "/pingx", "/a/.pomerium/"} {
		if got := h.get(t, h2, "GET", "https://app.example.com"+path, http.Header{}); got.header.Get("X-Served-By") != "app" {
			t.Errorf("%s is the application's, but was served by %q", path, got.header.Get("X-Served-By"))
		}
	}
}
