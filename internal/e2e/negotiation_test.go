package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// TestWhoIsSentToSignIn: a person who navigates is, a program is told.
func TestWhoIsSentToSignIn(t *testing.T) {
	s := use(t)
	c := s.in.client(t, clientOptions{})
	const html, problem, plain = "text/html; charset=utf-8", "application/problem+json", "text/plain; charset=utf-8"
	for _, tc := range []struct {
		name        string
		method      string
		headers     []string
		status      int
		contentType string // of a refusal
	}{
		{"a browser that navigates", "GET", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}, 302, ""},
		{"a browser that fills a frame", "GET", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept", "text/html"}, 302, ""},
		{"a form", "POST", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded"}, 302, ""},
		{"an old browser", "GET", []string{"Accept", "text/html,*/*;q=0.8"}, 302, ""},
		{"curl", "GET", []string{"Accept", "*/*", "User-Agent", "curl/8"}, 302, ""},
		{"curl that says nothing", "GET", nil, 302, ""},
		{"fetch", "GET", []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "*/*"}, 401, problem},
		{"fetch that wants a page", "GET", []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "text/html"}, 401, html},
		{"an old script", "GET", []string{"X-Requested-With", "XMLHttpRequest", "Accept", "text/html"}, 401, html},
		{"an image", "GET", []string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image", "Accept", "image/*"}, 401, plain},
		{"an API", "GET", []string{"Accept", "application/json"}, 401, problem},
		{"an API that posts", "POST", []string{"Content-Type", "application/json"}, 401, problem},
		{"an API that prefers JSON", "GET", []string{"Accept", "application/json, text/html;q=0.5"}, 401, problem},
		{"an API that prefers a page", "GET", []string{"Accept", "application/json;q=0.5, text/html"}, 302, ""},
		{"a program that wants text", "GET", []string{"Accept", "text/plain"}, 401, plain},
		{"a program with a token", "GET", []string{"Authorization", "Bearer x"}, 401, problem},
		{"a program with a handle that does not count", "GET", []string{"Authorization", "Pomerium x", "Accept", "text/html"}, 401, html},
		{"a method that no link sends", "DELETE", []string{"Accept", "text/html"}, 401, html},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := c.do(t, tc.method, s.in.at("closed.localhost/x"), "", tc.headers...).want(t, tc.status)
			if tc.status == http.StatusFound {
				if !a.signInAsked() {
					t.Errorf("sent to %s", a.header.Get("Location"))
				}
				return
			}
			if got := a.header.Get("Content-Type"); got != tc.contentType {
				t.Errorf("Content-Type %q, want %q", got, tc.contentType)
			}
			if a.header.Get("Www-Authenticate") == "" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", a.header)
			}
		})
	}
	t.Run("gRPC", func(t *testing.T) {
		a := c.do(t, "POST", s.in.at("closed.localhost/pkg.Service/Call"), "", "Content-Type", "application/grpc+proto", "Te", "trailers").want(t, 200)
		if a.header.Get("Grpc-Status") != "16" || !strings.HasPrefix(a.header.Get("Content-Type"), "application/grpc") || a.body != "" {
			t.Errorf("headers %v, body %q", a.header, a.body)
		}
	})
	t.Run("a crawler", func(t *testing.T) {
		if a := c.get(t, s.in.at("closed.localhost/robots.txt")).want(t, 200); !strings.Contains(a.body, "Disallow: /") {
			t.Errorf("%q", a.body)
		}
	})
	t.Run("a websocket", func(t *testing.T) {
		a := s.in.raw(t, "ws.localhost", "GET /echo/ws HTTP/1.1\r\nHost: ws.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		a.want(t, http.StatusUnauthorized)
	})
}

// TestRefusalsAreForTheirReaders: a denial in the form that the client reads,
// with a request id that is in the log.
func TestRefusalsAreForTheirReaders(t *testing.T) {
	s := use(t)
	c := s.as(t, bob, clientOptions{})
	c.browse(t, s.in.at("closed.localhost/"))
	for accept, want := range map[string]string{
		"text/html": "text/html; charset=utf-8", "application/json": "application/problem+json", "text/plain": "text/plain; charset=utf-8",
	} {
		mark := s.in.logs.mark()
		a := c.get(t, s.in.at("closed.localhost/refused"), "Accept", accept).want(t, http.StatusForbidden)
		if got := a.header.Get("Content-Type"); got != want {
			t.Errorf("%s: Content-Type %q", accept, got)
		}
		line := s.in.logs.awaitLog(t, mark, s.in.ended, "service", "authorize", "path", "/refused")
		if id := line.text("request-id"); id == "" || !strings.Contains(a.body, id) {
			t.Errorf("%s: the answer does not hold the request id %q: %s", accept, id, a.brief())
		}
		if line.text("email") != bob.Email || line["allow"] != false {
			t.Errorf("the log says %v", line)
		}
		for _, leak := range []string{"ann@corp.example", ".go:", "EOF", "127.0.0.1", "upstream"} {
			if strings.Contains(a.body, leak) {
				t.Errorf("%s: the answer holds %q", accept, leak)
			}
		}
	}
}
