package xds

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
)

// testPages are pages as the program gives them.
var testPages = []ErrorPage{
	{
		Statuses: []uint32{404}, HTML: "<h1>no such page</h1>", JSON: `{"status":404}`, Plain: "404: no such page\n",
		HTMLHeader: map[string]string{"Content-Security-Policy": "default-src 'none'"},
	},
	{
		HTML: "<h1>error %RESPONSE_CODE%</h1>%REQ(X-REQUEST-ID)%", JSON: `{"status":%RESPONSE_CODE%}`,
		Plain: "%RESPONSE_CODE%: 100%% broken\n",
	},
}

func TestLocalReplies(t *testing.T) {
	t.Parallel()
	dead := freeAddress(t)
	c := load(t, base+fmt.Sprintf(`
routes:
- {from: https://dead.example.com, to: http://%s, allow_any_authenticated_user: true}
- {from: https://app.example.com, to: http://%s, prefix: /app, allow_any_authenticated_user: true}
- {from: https://say.example.com, response: {status: 503, body: "closed today"}, allow_any_authenticated_user: true}
- {from: https://go.example.com, redirect: {host_redirect: else.example}, allow_any_authenticated_user: true}
`, dead, upstream(t, "app")))
	in := inputOf(c, newAuthority(t).issue(t, "*.example.com"))
	in.ErrorPages = testPages
	h := open(t, in)
	for _, tc := range []struct {
		name, url, accept, kind string
		status                  int
		body                    string
	}{
		{"an upstream that is away, for a browser", "https://dead.example.com/", "text/html,*/*;q=0.8", "text/html; charset=utf-8", 503, "<h1>error 503</h1>"},
		{"for a program", "https://dead.example.com/", "application/json", "application/problem+json", 503, `{"status":503}`},
		{"for one that does not say", "https://dead.example.com/", "", "text/plain; charset=utf-8", 503, "503: 100% broken\n"},
		{"an unknown host", "https://no.example.com/", "text/html", "text/html; charset=utf-8", 404, "<h1>no such page</h1>"},
		{"an unknown path", "https://app.example.com/no", "", "text/plain; charset=utf-8", 404, "404: no such page\n"},
		{"a refused path", "https://app.example.com/a%2fb", "application/json", "application/problem+json", 400, `{"status":400}`},
		{"an answer of the configuration", "https://say.example.com/", "text/html", "text/plain", 503, "closed today"},
		{"a redirect", "https://go.example.com/", "text/html", "", 301, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := h.get(t, false, "GET", tc.url, http.Header{"Accept": {tc.accept}})
			if got.status != tc.status || !strings.HasPrefix(got.body, tc.body) || tc.body == "" && got.body != "" {
				t.Errorf("got %d %q", got.status, got.body)
			}
			if kind := got.header.Get("Content-Type"); kind != tc.kind {
				t.Errorf("content type %q, want %q", kind, tc.kind)
			}
			// What is refused before it is understood has no id yet.
			if id := got.header.Get("X-Request-Id"); id == "" && tc.status != 400 {
				t.Error("no request id in the answer")
			}
			if tc.status == 404 && tc.accept == "text/html" && got.header.Get("Content-Security-Policy") != "default-src 'none'" {
				t.Errorf("headers of the page: %v", got.header)
			}
		})
	}
	t.Run("gRPC", func(t *testing.T) {
		got := h.get(t, true, "POST", "https://dead.example.com/", http.Header{"Content-Type": {"application/grpc"}, "Accept": {"text/html"}})
		if got.status != 200 || got.header.Get("Grpc-Status") != "14" || !strings.HasPrefix(got.header.Get("Grpc-Message"), "503: 100") {
			t.Errorf("got %d %v", got.status, got.header)
		}
	})
	t.Run("what authorize answers is left alone", func(t *testing.T) {
		h.onCheck(func(*authv3.CheckRequest) *authv3.CheckResponse {
			return deny(450, "<h1>device</h1>", "content-type", "text/html", "x-pomerium-intercepted-response", "true", "x-frame-options", "DENY")
		})
		defer h.onCheck(nil)
		got := h.get(t, false, "GET", "https://app.example.com/app", http.Header{"Accept": {"application/json"}})
		if got.status != 450 || got.body != "<h1>device</h1>" || got.header.Get("Content-Type") != "text/html" {
			t.Errorf("got %d %q %v", got.status, got.body, got.header)
		}
		if got := got.header["X-Frame-Options"]; len(got) != 1 || got[0] != "DENY" {
			t.Errorf("X-Frame-Options %q: authorize's own must win", got)
		}
		if got := got.header["X-Xss-Protection"]; len(got) != 1 {
			t.Errorf("X-XSS-Protection %q: configured headers are on every answer", got)
		}
	})
}

func TestAuthorizeThatFailsIsClosed(t *testing.T) {
	t.Parallel()
	h := appHouse(t, "grpc_client_timeout: 1s\n")
	release := make(chan struct{})
	defer close(release)
	for _, tc := range []struct {
		name   string
		answer func(*authv3.CheckRequest) *authv3.CheckResponse
	}{
		{"no status at all", func(*authv3.CheckRequest) *authv3.CheckResponse {
			return &authv3.CheckResponse{Status: &rpcstatus.Status{Code: 13}}
		}},
		{"an answer of three megabytes", func(*authv3.CheckRequest) *authv3.CheckResponse { return allow("x-big", strings.Repeat("x", 3<<20)) }},
		{"headers that are none", func(*authv3.CheckRequest) *authv3.CheckResponse { return allow("x-bad\r\nx-evil", "1") }},
		{"values with line breaks", func(*authv3.CheckRequest) *authv3.CheckResponse { return allow("x-bad", "1\r\nx-evil: 1") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h.onCheck(tc.answer)
			got := h.get(t, false, "GET", "https://app.example.com/", nil)
			if got.header.Get("X-Served-By") != "" || got.status < 400 {
				t.Errorf("got %d from %q", got.status, got.header.Get("X-Served-By"))
			}
		})
	}
	t.Run("no answer in time", func(t *testing.T) {
		h.onCheck(func(*authv3.CheckRequest) *authv3.CheckResponse { <-release; return nil })
		if got := h.get(t, true, "GET", "https://app.example.com/", nil); got.status != 503 {
			t.Errorf("got %d", got.status)
		}
	})
}

func TestAuthorizeThatIsAwayIsClosed(t *testing.T) {
	t.Parallel()
	h := appHouse(t, "")
	h.control.Stop()
	for _, path := range []string{"/", "/.pomerium/", "/ping"} {
		if got := h.get(t, false, "GET", "https://app.example.com"+path, nil); got.status != 503 {
			t.Errorf("%s: got %d from %q", path, got.status, got.header.Get("X-Served-By"))
		}
	}
	if got := h.get(t, false, "GET", "https://other.example.com/", nil); got.status != 404 {
		t.Errorf("an unknown host: got %d", got.status)
	}
}

func TestAuthorizeChangesNoRoute(t *testing.T) {
	t.Parallel()
	c := load(t, base+fmt.Sprintf(`
routes:
- {from: https://app.example.com, to: http://%s, prefix: /a, allow_any_authenticated_user: true}
- {from: https://app.example.com, to: http://%s, allow_any_authenticated_user: true}
`, upstream(t, "one"), upstream(t, "two")))
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	h.onCheck(func(*authv3.CheckRequest) *authv3.CheckResponse {
		r := allow(":path", "/a/x", "x-y", "z")
		r.Status = &rpcstatus.Status{Code: int32(codes.OK)}
		return r
	})
	if got := h.get(t, false, "GET", "https://app.example.com/b", nil); got.header.Get("X-Served-By") == "one" {
		t.Error("a header of authorize led to another route")
	}
}

func TestCoreAttacksOnPathsAndFraming(t *testing.T) {
	t.Parallel()
	c := load(t, base+fmt.Sprintf(`
routes:
- {from: https://app.example.com, to: http://%s, prefix: /public, allow_public_unauthenticated_access: true}
- {from: https://app.example.com, to: http://%s, prefix: /admin, allow_any_authenticated_user: true}
`, upstream(t, "public"), upstream(t, "admin")))
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	admin, public := c.Routes[1].ID, c.Routes[0].ID
	rest := " HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n\r\n"
	for _, request := range []string{
		"GET /public/../admin" + rest,
		"GET /public/%2e%2e/admin" + rest,
		"GET /public/%2E./admin" + rest,
		"GET /public/%252e%252e/admin" + rest,
		"GET //admin" + rest,
		"GET /./admin" + rest,
		"GET /public/..%2fadmin" + rest,
		"GET /public\\..\\admin" + rest,
		"GET /public/..%5cadmin" + rest,
		"GET /public#/admin" + rest,
		"GET /public%23/../admin" + rest,
		"GET /public?/../admin" + rest,
		"GET /public/..;x=/admin" + rest,
		"GET /%61dmin" + rest,
		"GET /public/\x00/../admin" + rest,
		"GET /public/%00/../admin" + rest,
		"GET /public/\xff\xfe" + rest,
		"GET http://app.example.com/admin" + rest,
		"GET https://app.example.com/admin" + rest,
		"GET http://other.example.com/admin" + rest,
		"GET *" + rest,
		"OPTIONS *" + rest,
		"GET admin" + rest,
		"CONNECT app.example.com:443" + rest,
		"CONNECT /admin" + rest,
		"TRACE /public" + rest,
		"GET /public" + " HTTP/1.1\r\nHost: app.example.com\r\nHost: other.example.com\r\nConnection: close\r\n\r\n",
		"GET /public" + " HTTP/1.1\r\nHost: user@app.example.com\r\nConnection: close\r\n\r\n",
		"GET /public" + " HTTP/1.1\r\nConnection: close\r\n\r\n",
		"GET /public" + " HTTP/1.0\r\n\r\n",
		"GET /public" + " HTTP/1.1\nHost: app.example.com\n\n",
		"POST /public HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin" + rest,
		"POST /public HTTP/1.1\r\nHost: app.example.com\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\nGET /admin" + rest,
		"POST /public HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\nGET /admin" + rest,
		"GET /public HTTP/1.1\r\nHost: app.example.com\r\nx_y: 1\r\nConnection: close\r\n\r\n",
		"GET /public HTTP/1.1\r\nHost: app.example.com\r\n folded: 1\r\nConnection: close\r\n\r\n",
		"GET /public HTTP/1.1\r\nHost : app.example.com\r\nConnection: close\r\n\r\n",
		"GET /public HTTP/1.1\r\nHost: app.example.com\r\nX-Long: " + strings.Repeat("x", 140<<10) + "\r\n\r\n",
	} {
		t.Run(request[:min(len(request), 60)], func(t *testing.T) {
			h.questions()
			got := h.raw(t, "app.example.com", request)
			t.Logf("got %.60q", got)
			served := ""
			switch {
			case strings.Contains(got, "GET /admin"), strings.Contains(got, " /admin"):
				served = "admin"
			case strings.HasPrefix(got, "200"):
				served = "public"
			}
			for _, q := range h.questions() {
				id := q.Attributes.ContextExtensions["route_id"]
				path := q.Attributes.Request.Http.Path
				// Whatever it was read as, the policy of what served it was asked
				// about the path that was served.
				if served == "admin" && (id != admin || !strings.HasPrefix(path, "/admin")) ||
					served == "public" && (id != public || !strings.HasPrefix(path, "/public")) {
					t.Errorf("served by %s, asked about %s as route %s\n%s", served, path, id, got)
				}
				served = ""
			}
			if served != "" {
				t.Errorf("served by %s without a question\n%s", served, got)
			}
		})
	}
}

// stranger opens a plain connection.
func (h *house) stranger(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
