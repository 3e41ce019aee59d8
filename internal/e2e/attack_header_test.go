package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestIdentityHeadersOfAClientAreGone sends every header that an application
// could take for ours or for a trusted proxy's, in several spellings, to routes
// that pass identity and to one that does not.
func TestIdentityHeadersOfAClientAreGone(t *testing.T) {
	s := use(t)
	names := []string{
		"X-Pomerium-Jwt-Assertion", "X-Pomerium-Jwt-Assertion-For", "X-Pomerium-Claim-Email", "X-Pomerium-Claim-Groups", "X-Pomerium-Claim-Anything", "X-Pomerium-Anything",
		"X-Pomerium-Routing-Key", "X-Pomerium-Authorization", "X-Pomerium-Reproxy-Policy", "X-Pomerium-Original-Host",
		"X-Email", "X-Dept", "X-None", "x-eMAIL",
		"X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups",
		"X-Forwarded-Client-Cert", "Forwarded", "X-Original-Url", "X-Original-Uri", "X-Rewrite-Url", "X-Http-Method-Override", "X-Method-Override", "X-Real-Ip", "True-Client-Ip", "X-Client-Ip",
		"X-Envoy-Original-Path", "X-Envoy-Internal", "X-Envoy-External-Address", "X-Envoy-Upstream-Alt-Stat-Name", "X-Envoy-Force-Trace", "X-Envoy-Retry-On", "X-Envoy-Max-Retries",
		"X-Envoy-Upstream-Rq-Timeout-Ms", "X-Envoy-Decorator-Operation", "X-Cardea-Sni", "X-Cardea-Anything",
	}
	anns := s.as(t, ann, clientOptions{})
	anns.browse(t, s.in.at("identity.localhost/"))
	anns.browse(t, s.in.at("noidentity.localhost/"))
	for _, host := range []string{"clean.localhost", "identity.localhost", "noidentity.localhost"} {
		for _, name := range names {
			t.Run(host+" "+name, func(t *testing.T) {
				t.Parallel()
				for _, values := range [][]string{{"spoofed"}, {"spoofed", "spoofed too"}, {"", "spoofed"}, {"spoofed, spoofed"}} {
					var headers []string
					for _, value := range values {
						headers = append(headers, name, value)
					}
					seen := anns.get(t, s.in.at(host+"/"), headers...).seen(t)
					for got, all := range seen.Header {
						if strings.Contains(strings.Join(all, " "), "spoofed") {
							t.Errorf("the upstream got %s: %q", got, all)
						}
					}
				}
			})
		}
	}
	for _, name := range []string{"X_Email", "X-Pomerium_Jwt-Assertion", "x_pomerium_jwt_assertion", "X_Forwarded_For", "X-Forwarded_Host"} {
		t.Run("underscores, "+name, func(t *testing.T) {
			for _, a := range []answer{
				anns.get(t, s.in.at("identity.localhost/"), name, "spoofed"),
				s.in.raw2(t, "clean.localhost", ":method", "GET", ":scheme", "https", ":authority", "clean.localhost", ":path", "/", strings.ToLower(name), "spoofed"),
			} {
				if a.status == http.StatusOK && strings.Contains(a.body, "spoofed") {
					t.Errorf("the upstream got it: %s", a.brief())
				}
			}
		})
	}
}

// TestAHeaderOfOursCannotBeNamedInConnection: a proxy removes what Connection
// names.
func TestAHeaderOfOursCannotBeNamedInConnection(t *testing.T) {
	s := use(t)
	c := s.as(t, ann, clientOptions{})
	c.browse(t, s.in.at("identity.localhost/"))
	cookies := "Cookie: _pomerium=" + c.cookie(t, s.in.at("identity.localhost/"), "_pomerium") +
		"; __Host-_pomerium_binder=" + c.cookie(t, s.in.at("identity.localhost/"), "__Host-_pomerium_binder")
	for _, names := range []string{
		"x-email", "close, x-email", "X-Pomerium-Jwt-Assertion, x-email", "keep-alive, x-email, x-forwarded-for", "upgrade, x-email", "x-email\r\nConnection: x-pomerium-jwt-assertion",
	} {
		t.Run(names, func(t *testing.T) {
			a := s.in.raw(t, "identity.localhost", "GET / HTTP/1.1\r\nHost: identity.localhost\r\nConnection: "+names+"\r\n"+cookies+"\r\n\r\n")
			if a.status == http.StatusBadRequest {
				return // refused is fine
			}
			seen := a.seen(t)
			if seen.Header.Get("X-Email") != "ann@corp.example" || seen.Header.Get("X-Pomerium-Jwt-Assertion") == "" || seen.Header.Get("X-Forwarded-For") == "" {
				t.Errorf("the upstream got %v", seen.Header)
			}
			for _, value := range seen.Header.Values("Connection") {
				if strings.Contains(strings.ToLower(value), "x-") {
					t.Errorf("the upstream got Connection: %q", value)
				}
			}
		})
	}
}

// TestForwardedFor: the address of the client is what Envoy saw.
func TestForwardedFor(t *testing.T) {
	s := use(t)
	mark := s.in.logs.mark()
	seen := s.in.client(t, clientOptions{}).get(t, s.in.at("open.localhost/forwarded"), "X-Forwarded-For", "10.9.8.7", "X-Forwarded-Proto", "http").seen(t)
	if got := seen.Header.Get("X-Forwarded-Proto"); got != "https" {
		t.Errorf("X-Forwarded-Proto is %q", got)
	}
	if got := seen.Header.Get("X-Envoy-External-Address"); strings.Contains(got, "10.9.8.7") {
		t.Errorf("X-Envoy-External-Address is %q", got)
	}
	got := strings.Split(seen.Header.Get("X-Forwarded-For"), ",")
	if last := strings.TrimSpace(got[len(got)-1]); last == "10.9.8.7" || last == "" {
		t.Errorf("the last hop is %q", last)
	}
	if line := s.in.logs.awaitLog(t, mark, s.in.ended, "service", "authorize", "path", "/forwarded"); line.text("ip") != "127.0.0.1" {
		t.Errorf("the policy saw the address %q", line.text("ip"))
	}
}

// TestAClaimCannotBecomeAHeader signs in a person whose claims hold what would
// end a header.
func TestAClaimCannotBecomeAHeader(t *testing.T) {
	s := use(t)
	for i, dept := range []any{
		"tools\r\nX-Admin: 1", "tools\nX-Admin: 1", "tools\x00", "a,b", "Zo\u00eb \u5c71", strings.Repeat("x", 20000), []string{"a", "b\r\nX-Admin: 1"}, map[string]any{"a": "\r\nX-Admin: 1"}, 7, nil, "  blanks  ",
	} {
		t.Run(fmt.Sprintf("%.20q", fmt.Sprint(dept)), func(t *testing.T) {
			who := person{Sub: fmt.Sprintf("odd-%d", i), Email: "odd@corp.example", Name: "O\r\nX-Admin: 1", Claims: map[string]any{"email_verified": true, "dept": dept}}
			c := s.in.client(t, clientOptions{})
			a := s.enter(t, c, who, "identity.localhost/")
			if a.status != http.StatusOK {
				if a.status >= 500 {
					t.Errorf("status %d: %s", a.status, a.brief())
				}
				return
			}
			seen := a.seen(t)
			if seen.Header.Get("X-Admin") != "" || len(seen.Header.Values("X-Dept")) > 1 {
				t.Errorf("the upstream got %v", seen.Header)
			}
			if claims := s.in.assertion(t, "identity.localhost", seen.Header.Values("X-Pomerium-Jwt-Assertion")); claims["email"] != "odd@corp.example" {
				t.Errorf("claims %v", claims)
			}
		})
	}
}

func TestTrailersCannotSayWhatHeadersMayNot(t *testing.T) {
	s := use(t)
	conn := s.in.dial(t, "clean.localhost", "http/1.1")
	_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: clean.localhost\r\nTransfer-Encoding: chunked\r\nTrailer: X-Email, X-Pomerium-Jwt-Assertion, Cookie, Authorization\r\nTE: trailers\r\n\r\n"+
		"4\r\nbody\r\n0\r\nX-Email: spoofed\r\nX-Pomerium-Jwt-Assertion: spoofed\r\nCookie: _pomerium=spoofed\r\nAuthorization: Pomerium spoofed\r\nX-Forwarded-Host: spoofed\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	a := readAnswer(t, bufio.NewReader(conn), http.MethodPost)
	seen := a.seen(t)
	if seen.Body != "body" || strings.Contains(fmt.Sprint(seen.Header, seen.Trailer), "spoofed") {
		t.Errorf("the upstream got %+v", seen)
	}
}

// TestFramingThatIsAmbiguous sends what two servers could cut differently: the
// request hidden behind must never be answered as one.
func TestFramingThatIsAmbiguous(t *testing.T) {
	s := use(t)
	hidden := "GET /hidden HTTP/1.1\r\nHost: open.localhost\r\n\r\n"
	for _, tc := range []struct{ name, request string }{
		{"a length beside chunks", "POST / HTTP/1.1\r\nHost: open.localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden},
		{"chunks beside a length", "POST / HTTP/1.1\r\nHost: open.localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\n" + hidden},
		{"two lengths", "POST / HTTP/1.1\r\nHost: open.localhost\r\nContent-Length: 0\r\nContent-Length: 50\r\n\r\n" + hidden},
		{"a length with a sign", "POST / HTTP/1.1\r\nHost: open.localhost\r\nContent-Length: +0\r\n\r\n" + hidden},
		{"a length with a list", "POST / HTTP/1.1\r\nHost: open.localhost\r\nContent-Length: 0, 50\r\n\r\n" + hidden},
		{"a negative length", "POST / HTTP/1.1\r\nHost: open.localhost\r\nContent-Length: -1\r\n\r\n" + hidden},
		{"a strange encoding", "POST / HTTP/1.1\r\nHost: open.localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden},
		{"chunked twice", "POST / HTTP/1.1\r\nHost: open.localhost\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + hidden},
		{"chunked and then identity", "POST / HTTP/1.1\r\nHost: open.localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden},
		{"a blank before the colon", "POST / HTTP/1.1\r\nHost: open.localhost\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden},
		{"a vertical tab", "POST / HTTP/1.1\r\nHost: open.localhost\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + hidden},
		{"a folded line", "POST / HTTP/1.1\r\nHost: open.localhost\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden},
		{"a bare line feed", "POST / HTTP/1.1\r\nHost: open.localhost\r\nX: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden},
		{"a chunk of no size", "POST / HTTP/1.1\r\nHost: open.localhost\r\nTransfer-Encoding: chunked\r\n\r\n\r\n" + hidden},
		{"a chunk of a huge size", "POST / HTTP/1.1\r\nHost: open.localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nx\r\n0\r\n\r\n" + hidden},
		{"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nHost: open.localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			conn := s.in.dial(t, "open.localhost", "http/1.1")
			if _, err := io.WriteString(conn, tc.request); err != nil {
				t.Fatal(err)
			}
			from := bufio.NewReader(conn)
			first := readAnswer(t, from, http.MethodPost)
			if first.status/100 != 4 && first.status != http.StatusNotImplemented && first.status != refused {
				t.Errorf("status %d, want a refusal: %s", first.status, first.brief())
			}
			if second := readAnswer(t, from, http.MethodGet); second.status != refused {
				t.Errorf("what was hidden is answered with %d: %s", second.status, second.brief())
			}
		})
	}
}

// TestHeadersWithoutEnd are refused before they fill the memory.
func TestHeadersWithoutEnd(t *testing.T) {
	s := use(t)
	for name, lines := range map[string]string{
		"one long header":         "X-Long: " + strings.Repeat("x", 200<<10) + "\r\n",
		"many headers":            strings.Repeat("X-Many: x\r\n", 5000),
		"one long name":           strings.Repeat("x", 300<<10) + ": y\r\n",
		"thirty thousand cookies": "Cookie: " + strings.Repeat("_pomerium=x; ", 30000) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := s.in.dial(t, "closed.localhost", "http/1.1")
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: closed.localhost\r\n"+lines+"\r\n") // it may be cut off
			if a := readAnswer(t, bufio.NewReader(conn), http.MethodGet); a.status/100 != 4 && a.status != refused {
				t.Errorf("status %d", a.status)
			}
		})
	}
	t.Run("a long address", func(t *testing.T) {
		s.in.raw(t, "closed.localhost", request("GET /"+strings.Repeat("a", 100<<10)+" HTTP/1.1", "closed.localhost")).notLetIn(t)
	})
}
