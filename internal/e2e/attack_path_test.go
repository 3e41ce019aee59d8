package e2e

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
)

const routesForAttacks = anyRoutePlain + `
  # A path that everybody may open beside one that strangers may not.
  - {from: https://split.localhost, prefix: /public, to: 'http://$PLAIN', allow_public_unauthenticated_access: true}
  - {from: https://split.localhost, prefix: /admin, to: 'http://$PLAIN', allowed_users: [ann@corp.example]}
  # The same, by a policy that reads the path.
  - from: https://bypath.localhost
    to: http://$PLAIN
    policy:
      - allow: {and: [{accept: true}]}
        deny: {or: [{http_path: {starts_with: /admin}}]}
  # Everybody may open what is under a rewritten prefix, and nothing else of the upstream.
  - {from: https://strip.localhost, prefix: /strip, prefix_rewrite: /base/, to: 'http://$PLAIN', allow_public_unauthenticated_access: true}
  - {from: https://strip2.localhost, prefix: /strip/, to: 'http://$PLAIN/base/', allow_public_unauthenticated_access: true}
  - {from: https://strip3.localhost, regex: '/strip(.*)', regex_rewrite_pattern: '^/strip(.*)$', regex_rewrite_substitution: '/base/\1', to: 'http://$PLAIN', allow_public_unauthenticated_access: true}
  - {from: https://closed.localhost, to: 'http://$PLAIN', allowed_users: [ann@corp.example]}
  - {from: https://closed2.localhost, to: 'http://$PLAIN', allowed_users: [ann@corp.example]}
  - {from: https://open.localhost, to: 'http://$PLAIN', allow_public_unauthenticated_access: true}
  - {from: https://domain.localhost, to: 'http://$PLAIN', allowed_domains: [corp.example]}
  - {from: https://otherclient.localhost, to: 'http://$PLAIN', allow_any_authenticated_user: true, idp_client_id: another, idp_client_secret: another secret}
  - {from: https://apart.example, to: 'http://$SECOND', allowed_users: [ann@corp.example]}
  - {from: https://beside.example, to: 'http://$SECOND', allow_public_unauthenticated_access: true}
`

const anyRoutePlain = "  - {from: 'https://any.localhost', to: 'http://$PLAIN', allow_any_authenticated_user: true}\n"

// readings are the ways in which servers are known to read a path: as it is,
// decoded once, without parameters of segments, with backslashes as slashes,
// dot segments resolved, in lower case.
func readings(target string) []string {
	target, _, _ = strings.Cut(target, "?")
	target, _, _ = strings.Cut(target, "#")
	texts := []string{target}
	if decoded, err := url.PathUnescape(target); err == nil {
		texts = append(texts, decoded)
	}
	var all []string
	for _, text := range texts {
		slashes := strings.ReplaceAll(text, `\`, "/")
		var bare []string
		for segment := range strings.SplitSeq(slashes, "/") {
			segment, _, _ = strings.Cut(segment, ";")
			segment, _, _ = strings.Cut(segment, "\x00")
			bare = append(bare, segment)
		}
		for _, t := range []string{text, slashes, strings.Join(bare, "/")} {
			all = append(all, t, path.Clean("/"+t), strings.ToLower(path.Clean("/"+t)))
		}
	}
	return all
}

// staysUnder fails the test if an upstream was reached and could read the
// target as something outside of prefix.
func (a answer) staysUnder(t testing.TB, prefix string) {
	t.Helper()
	switch {
	case a.status == http.StatusOK:
		target := a.seen(t).Target
		for _, reading := range readings(target) {
			if !strings.HasPrefix(reading, prefix) {
				t.Errorf("the upstream got %q, which can be read as %q", target, reading)
				return
			}
		}
	case a.status >= 500 && a.status != http.StatusServiceUnavailable:
		t.Errorf("status %d: %s", a.status, a.brief())
	}
}

// hostilePaths try to be public for us and something else for an upstream. They
// begin with the public prefix where they need to.
var hostilePaths = []string{
	"/public/../admin", "/public/%2e%2e/admin", "/public/%2E%2E/admin", "/public/.%2e/admin", "/public/%2e./admin",
	"/public/..//admin", "/public//../admin", "/public/./../admin", "/public/a/../../admin", "/public/../../admin",
	"//admin", "///admin", "/./admin", "/.//admin", "/%2e/admin", "//public/../admin", "//split.localhost/admin",
	"/public/..%2fadmin", "/public/..%2Fadmin", "/public%2f..%2fadmin", "/public/%2e%2e%2fadmin", "/%2fadmin",
	`/public/..\admin`, `/public\..\admin`, `\admin`, `/\admin`, "/public/..%5cadmin", "/public%5c..%5cadmin", "/public/..%5Cadmin",
	"/public#/../admin", "/public/%23/../admin", "/public/#", "/admin#/public", "/admin%23/public", "/public%23/../admin",
	"/admin?/public", "/admin?x=/public/", "/public?/../admin", "/public%3f/../admin", "/admin%3f/public",
	"/admin;x", "/admin;/public", "/admin;x=/public", "/public;/../admin", "/public/..;/admin", "/public/..;x=/admin", "/public/..;x=1/admin",
	"/public/;/../admin", "/public/.;/../admin", "/public/%2e%2e;/admin", "/public/..%3b/admin", "/public/..%3Bx/admin", "/;x/admin", "/;/admin",
	"/ADMIN", "/Admin", "/%41dmin", "/%61dmin", "/%61%64%6d%69%6e", "/PUBLIC/../admin",
	"/public/%00/../admin", "/public/..%00/admin", "/admin%00", "/admin%00/public", "/public%00/../admin", "/%00/admin",
	"/public/%ff/../admin", "/public/%c0%ae%c0%ae/admin", "/public/..%c0%afadmin", "/public/%e0%80%ae%e0%80%ae/admin", "/public/\xff/../admin", "/public/\xc0\xae\xc0\xae/admin",
	"/public/%u002e%u002e/admin", "/public/%", "/public/%2", "/public/%zz/../admin", "/public/%2e%2e%", "/public/..%20/admin", "/public/.. /admin", "/public/..%09/admin",
	"/public/\t../admin", "/public/..\x00/admin", "/public/\x7f/../admin", "/public/\r/../admin",
	"/admin%20", "/admin/", "/admin/.", "/admin/..", "/admin/../admin", "/admin.", "/admin%2f", "/./public/../admin", "/..", "/../admin", "/%2e%2e/admin",
	"admin", "public/../admin", "?/public", "", "*", ".", "..",
}

// TestAPathCannotBePublicForUsAndPrivateForAnUpstream sends each path to both
// hosts and in both versions of HTTP, as nobody.
func TestAPathCannotBePublicForUsAndPrivateForAnUpstream(t *testing.T) {
	s := use(t)
	for _, target := range hostilePaths {
		t.Run(target, func(t *testing.T) {
			t.Parallel() // Envoy takes a second to close a connection of HTTP/2
			a := s.in.raw(t, "split.localhost", request("GET "+target+" HTTP/1.1", "split.localhost"))
			a.staysUnder(t, "/public")
			a = s.in.raw2(t, "split.localhost", ":method", "GET", ":scheme", "https", ":authority", "split.localhost", ":path", target)
			a.staysUnder(t, "/public")

			for _, a := range []answer{
				s.in.raw(t, "bypath.localhost", request("GET "+target+" HTTP/1.1", "bypath.localhost")),
				s.in.raw2(t, "bypath.localhost", ":method", "GET", ":scheme", "https", ":authority", "bypath.localhost", ":path", target),
			} {
				if a.status != http.StatusOK {
					continue
				}
				// Case counts, in policies as in paths.
				got := a.seen(t).Target
				for _, reading := range readings(got) {
					if strings.HasPrefix(reading, "/admin") && !strings.Contains(got, "ADMIN") && !strings.Contains(got, "Admin") && !strings.Contains(got, "%41") {
						t.Errorf("%s: the upstream got %q, which can be read as %q", a.proto, got, reading)
						break
					}
				}
			}
		})
	}
}

// TestARewrittenPathStaysUnderItsNewPrefix: what a rewrite makes of a path is
// not looked at by any policy.
func TestARewrittenPathStaysUnderItsNewPrefix(t *testing.T) {
	s := use(t)
	for _, host := range []string{"strip.localhost", "strip2.localhost", "strip3.localhost"} {
		s.in.client(t, clientOptions{}).get(t, s.in.at(host+"/strip/fine")).staysUnder(t, "/base")
		for _, target := range []string{
			"/strip../admin", "/strip..", "/strip/../admin", "/strip/..", "/strip/.", "/strip.", "/strip./../admin", "/strip..;/admin", "/strip%2e%2e/admin", "/strip.%2e/admin",
			"/strip..%2fadmin", "/strip/..;/admin", "/strip//../admin", "/strip..//admin", `/strip..\admin`, "/strip..%5cadmin", "/strip/%2e%2e%2fadmin", "/strip;/../admin",
			"/strip;../admin", "/strip//admin", "/strip?/../admin", "/strip/?../admin", "/strip/..?x",
		} {
			t.Run(host+target, func(t *testing.T) {
				t.Parallel()
				s.in.raw(t, host, request("GET "+target+" HTTP/1.1", host)).staysUnder(t, "/base")
				s.in.raw2(t, host, ":method", "GET", ":scheme", "https", ":authority", host, ":path", target).staysUnder(t, "/base")
			})
		}
	}
}

// notLetIn fails the test if a stranger reached an upstream.
func (a answer) notLetIn(t testing.TB) {
	t.Helper()
	if a.status == http.StatusOK && strings.Contains(a.body, `"upstream"`) {
		t.Errorf("an upstream was reached: %s", a.brief())
	}
	if a.status >= 500 && a.status != http.StatusServiceUnavailable && a.status != http.StatusNotImplemented && a.status != http.StatusHTTPVersionNotSupported {
		t.Errorf("status %d: %s", a.status, a.brief())
	}
}

// TestARequestLineThatIsOdd sends targets and methods that are not those of a
// browser to a host that strangers may not open.
func TestARequestLineThatIsOdd(t *testing.T) {
	s := use(t)
	for _, tc := range []struct{ name, line, host string }{
		{"absolute form of another host", "GET https://open.localhost/ HTTP/1.1", "closed.localhost"},
		{"absolute form of this host beside an open Host", "GET https://closed.localhost/ HTTP/1.1", "open.localhost"},
		{"absolute form with the scheme http", "GET http://closed.localhost/ HTTP/1.1", "closed.localhost"},
		{"absolute form with user information", "GET https://open.localhost@closed.localhost/ HTTP/1.1", "closed.localhost"},
		{"absolute form with a fragment", "GET https://closed.localhost/#@open.localhost/ HTTP/1.1", "closed.localhost"},
		{"absolute form with a strange scheme", "GET file:///etc/passwd HTTP/1.1", "closed.localhost"},
		{"asterisk", "OPTIONS * HTTP/1.1", "closed.localhost"},
		{"asterisk with GET", "GET * HTTP/1.1", "closed.localhost"},
		{"no slash", "GET admin HTTP/1.1", "closed.localhost"},
		{"no target", "GET  HTTP/1.1", "closed.localhost"},
		{"TRACE", "TRACE / HTTP/1.1", "closed.localhost"},
		{"CONNECT to a host of HTTP", "CONNECT closed.localhost:443 HTTP/1.1", "closed.localhost:443"},
		{"CONNECT to anywhere", "CONNECT 127.0.0.1:22 HTTP/1.1", "127.0.0.1:22"},
		{"CONNECT with a path", "CONNECT /admin HTTP/1.1", "closed.localhost"},
		{"an unknown method", "FROBNICATE / HTTP/1.1", "closed.localhost"},
		{"a method in lower case", "get / HTTP/1.1", "closed.localhost"},
		{"HTTP/1.0", "GET / HTTP/1.0", "closed.localhost"},
		{"HTTP/0.9", "GET /", "closed.localhost"},
		{"HTTP/3.0 in text", "GET / HTTP/3.0", "closed.localhost"},
		{"a request of HTTP/2 in text", "PRI * HTTP/2.0", "closed.localhost"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			serverName, _, _ := strings.Cut(tc.host, ":")
			a := s.in.raw(t, serverName, request(tc.line, tc.host))
			if strings.Contains(tc.line, "https://open.localhost/") {
				return // the target names the host (RFC 9112, section 3.2.2), and that one is open
			}
			a.notLetIn(t)
		})
	}
	for _, tc := range []struct {
		name   string
		fields []string
	}{
		{"no path", []string{":method", "GET", ":scheme", "https", ":authority", "closed.localhost"}},
		{"two paths", []string{":method", "GET", ":scheme", "https", ":authority", "closed.localhost", ":path", "/", ":path", "/x"}},
		{"no slash", []string{":method", "GET", ":scheme", "https", ":authority", "closed.localhost", ":path", "admin"}},
		{"an absolute path", []string{":method", "GET", ":scheme", "https", ":authority", "closed.localhost", ":path", "https://open.localhost/"}},
		{"an empty method", []string{":method", "", ":scheme", "https", ":authority", "closed.localhost", ":path", "/"}},
		{"a method with a blank", []string{":method", "GET /x", ":scheme", "https", ":authority", "closed.localhost", ":path", "/"}},
		{"the scheme http", []string{":method", "GET", ":scheme", "http", ":authority", "closed.localhost", ":path", "/"}},
		{"a scheme that is none", []string{":method", "GET", ":scheme", "javascript", ":authority", "closed.localhost", ":path", "/"}},
		{"CONNECT without anything", []string{":method", "CONNECT", ":authority", "closed.localhost:443"}},
		{"CONNECT without authority", []string{":method", "CONNECT"}},
		{"CONNECT with a path", []string{":method", "CONNECT", ":scheme", "https", ":authority", "closed.localhost", ":path", "/"}},
		{"extended CONNECT", []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", "closed.localhost", ":path", "/"}},
		{"extended CONNECT for something unknown", []string{":method", "CONNECT", ":protocol", "connect-udp", ":scheme", "https", ":authority", "closed.localhost", ":path", "/"}},
		{"a path with a blank", []string{":method", "GET", ":scheme", "https", ":authority", "closed.localhost", ":path", "/ HTTP/1.1\r\nHost: open.localhost\r\n\r\nGET /"}},
		{"an upper-case name", []string{":method", "GET", ":scheme", "https", ":authority", "closed.localhost", ":path", "/", "X-Upper", "1"}},
		{"a line break in a value", []string{":method", "GET", ":scheme", "https", ":authority", "closed.localhost", ":path", "/", "x-break", "a\r\nx-email: root"}},
		{"a NUL in a value", []string{":method", "GET", ":scheme", "https", ":authority", "closed.localhost", ":path", "/", "x-nul", "a\x00b"}},
		{"transfer-encoding", []string{":method", "GET", ":scheme", "https", ":authority", "closed.localhost", ":path", "/", "transfer-encoding", "chunked"}},
		{"connection", []string{":method", "GET", ":scheme", "https", ":authority", "closed.localhost", ":path", "/", "connection", "x-email"}},
	} {
		t.Run("HTTP/2, "+tc.name, func(t *testing.T) {
			t.Parallel()
			s.in.raw2(t, "closed.localhost", tc.fields...).notLetIn(t)
		})
	}
	t.Cleanup(func() { // when the parallel ones have ended
		if conn, err := s.in.tryDial(&tls.Config{ServerName: "open.localhost"}); err != nil {
			t.Errorf("it is gone: %v", err)
		} else {
			_ = conn.Close()
		}
	})
}

// TestOnlyThePathChoosesARoute: a query or a fragment is not part of it.
func TestOnlyThePathChoosesARoute(t *testing.T) {
	s := use(t)
	c := s.in.client(t, clientOptions{})
	for _, path := range []string{"split.localhost/other?/public", "split.localhost/?/public/", "split.localhost/x?a=/public&b=/public"} {
		c.get(t, s.in.at(path)).want(t, http.StatusNotFound)
	}
	if a := c.get(t, s.in.at("split.localhost/admin?/public"), "Accept", "text/html"); !a.signInAsked() {
		t.Errorf("status %d", a.status)
	}
	got := c.get(t, s.in.at("split.localhost/public?a=1;b=2&a=3&a=4&=&&%61=5")).seen(t).Target
	if got != "/public?a=1;b=2&a=3&a=4&=&&%61=5" {
		t.Errorf("the upstream got %q", got)
	}
}
