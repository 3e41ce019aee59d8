package xds

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
)

func TestRedirectListener(t *testing.T) {
	t.Parallel()
	for signIn, port := range map[string]string{"login.example.com": "", "login.example.com:9443": ":9443"} {
		plain := freeAddress(t)
		c := load(t, strings.Replace(base, "login.example.com", signIn, 1)+`
http_redirect_addr: `+plain+`
routes: [{from: https://app.example.com, to: http://127.0.0.1:1, allow_any_authenticated_user: true}]
`)
		h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
		h.address = plain
		h.awaitListener(h.doorway)
		for _, tc := range []struct{ method, url, want string }{
			{"GET", "http://app.example.com/a?b", "301 https://app.example.com" + port + "/a?b"},
			{"HEAD", "http://app.example.com/", "301 https://app.example.com" + port + "/"},
			{"POST", "http://unknown.example/x", "308 https://unknown.example" + port + "/x"},
			{"GET", "http://app.example.com/.pomerium/", "301 https://app.example.com" + port + "/.pomerium/"},
			{"GET", "http://app.example.com//evil.example", "301 https://app.example.com" + port + "/evil.example"},
		} {
			got := h.get(t, false, tc.method, tc.url, nil)
			if got := fmt.Sprint(got.status, " ", got.header.Get("Location")); got != tc.want {
				t.Errorf("%s %s: got %s, want %s", tc.method, tc.url, got, tc.want)
			}
		}
		if asked := len(h.questions()); asked != 0 {
			t.Errorf("authorize was asked %d times", asked)
		}
	}
}

func TestInsecureServer(t *testing.T) {
	t.Parallel()
	c := load(t, base+`
insecure_server: true
xff_num_trusted_hops: 1
routes: [{from: https://app.example.com, to: http://`+upstream(t, "app")+`, allow_any_authenticated_user: true}]
`)
	h := open(t, inputOf(c))
	got := h.get(t, false, "GET", "http://app.example.com/", http.Header{"X-Forwarded-For": {"192.0.2.1, 192.0.2.2"}, "X-Forwarded-Proto": {"https"}, "X-Cardea-Sni": {"x"}, "X-Envoy-External-Address": {"10.9.8.7"}})
	if got.header.Get("X-Served-By") != "app" {
		t.Fatalf("got %d from %q", got.status, got.header.Get("X-Served-By"))
	}
	asked := h.questions()
	// The address of the connection is in the question besides: the proxy's.
	if ip := asked[0].Attributes.Request.Http.Headers["x-envoy-external-address"]; ip != "192.0.2.2" {
		t.Errorf("authorize was told of %s", ip)
	}
	if got := got.field("X-Forwarded-Proto"); cmp.Diff([]string{"https"}, got) != "" {
		t.Errorf("X-Forwarded-Proto %q: the trusted hop said https", got)
	}
	if got := got.field("X-Cardea-Sni"); got != nil {
		t.Errorf("X-Cardea-Sni went upstream: %q", got)
	}
}

func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	c := load(t, base+`
insecure_server: true
use_proxy_protocol: true
routes: [{from: https://app.example.com, to: http://`+upstream(t, "app")+`, allow_any_authenticated_user: true}]
`)
	h := open(t, inputOf(c))
	request := "GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n\r\n"
	for preamble, want := range map[string]string{"PROXY TCP4 192.0.2.7 192.0.2.8 1234 443\r\n": "192.0.2.7", "": ""} {
		conn := h.stranger(t)
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, preamble+request)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if want == "" {
			if err == nil {
				t.Errorf("without the preamble: got %d", response.StatusCode)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if ip := h.questions()[0].Attributes.Source.Address.GetSocketAddress().GetAddress(); ip != want {
			t.Errorf("authorize was told of %s, want %s", ip, want)
		}
	}
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	lines := func(t *testing.T, settings string, check func(h *house), want int) []map[string]any {
		t.Helper()
		h := appHouse(t, settings)
		check(h)
		// Lines are written in the background; the last request comes last.
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		var all []map[string]any
		for deadline := time.Now().Add(15 * time.Second); len(all) < want && time.Now().Before(deadline); <-tick.C {
			all = nil
			for line := range bytes.Lines([]byte(h.output.String())) {
				var fields map[string]any
				if json.Unmarshal(line, &fields) == nil {
					all = append(all, fields)
				}
			}
		}
		if len(all) != want {
			t.Fatalf("%d lines, want %d\n%s", len(all), want, h.output)
		}
		if strings.Contains(h.output.String(), "secret-ticket") {
			t.Errorf("a ticket is in the log:\n%s", h.output)
		}
		return all
	}
	secrets := http.Header{
		"Cookie": {"_pomerium=secret-ticket"}, "Authorization": {"Pomerium secret-ticket"}, "User-Agent": {"agent \"\n"},
		"Referer": {"https://app.example.com/x?pomerium_session=secret-ticket"}, "X-App": {"yes"},
	}
	secrets.Set("User-Agent", `agent "quoted"`)
	t.Run("the fields by default", func(t *testing.T) {
		t.Parallel()
		got := lines(t, "", func(h *house) {
			h.get(t, false, "GET", "https://app.example.com/ping", secrets)
			h.get(t, false, "GET", "https://app.example.com/healthz?x", secrets)
			h.get(t, false, "GET", "https://app.example.com/path?query=1", secrets)
		}, 1)[0]
		for _, name := range []string{"time", "duration", "request-id", "upstream-cluster", "size", "forwarded-for"} {
			if got[name] == nil {
				t.Errorf("%s is missing", name)
			}
			delete(got, name)
		}
		want := map[string]any{
			"level": "info", "service": "envoy", "message": "http-request", "authority": "app.example.com", "method": "GET",
			"path": "/path", "referer": "https://app.example.com/x", "response-code": 200.0, "response-code-details": "via_upstream",
			"user-agent": `agent "quoted"`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("line (-want +got):\n%s", diff)
		}
	})
	t.Run("chosen fields, and no secret among them", func(t *testing.T) {
		t.Parallel()
		got := lines(t, `
access_log_fields: [query, ip, headers.X-App, headers.Cookie, headers.Authorization, headers.X-Pomerium-Authorization]
log_level: debug
`, func(h *house) {
			h.get(t, false, "GET", "https://app.example.com/ping?a", secrets)
			h.get(t, false, "GET", "https://app.example.com/b?b=1", secrets)
			h.get(t, false, "GET", "https://app.example.com/.pomerium/callback/?pomerium_session_encrypted=secret-ticket", secrets)
			h.onCheck(func(*authv3.CheckRequest) *authv3.CheckResponse { return deny(403, "no") })
			h.get(t, false, "GET", "https://app.example.com/c?x=1&pomerium_session=secret-ticket", secrets)
			h.get(t, false, "GET", "https://app.example.com/d?%70omerium_session=secret-ticket", secrets)
		}, 5)
		var queries []any
		for _, line := range got {
			queries = append(queries, line["query"])
			if line["ip"] != "127.0.0.1" || line["headers.X-App"] != "yes" || line["headers.Cookie"] != nil {
				t.Errorf("line %v", line)
			}
		}
		want := []any{"a", "b=1", "[redacted]", "[redacted]", "[redacted]"}
		seen := map[any]int{}
		for _, q := range queries {
			seen[q]++
		}
		for _, q := range want {
			seen[q]--
		}
		for q, n := range seen {
			if n != 0 {
				t.Errorf("queries %v, want %v (%v)", queries, want, q)
			}
		}
	})
}
