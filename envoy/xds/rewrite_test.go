package xds

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRewrites(t *testing.T) {
	t.Parallel()
	app := upstream(t, "app")
	c := load(t, base+fmt.Sprintf(`
routes:
- {from: https://to.example.com, to: "http://%[1]s/base", allow_any_authenticated_user: true}
- {from: https://strip.example.com, to: "http://%[1]s/", prefix: /app, allow_any_authenticated_user: true}
- {from: https://slash.example.com, to: "http://%[1]s", prefix: /app/, prefix_rewrite: /team1, allow_any_authenticated_user: true}
- {from: https://prefix.example.com, to: "http://%[1]s", prefix: /a, prefix_rewrite: /b, allow_any_authenticated_user: true}
- {from: https://regex.example.com, to: "http://%[1]s", regex_rewrite_pattern: "^/u/([0-9]+)", regex_rewrite_substitution: '/user/\1', allow_any_authenticated_user: true}
- {from: https://path.example.com, to: "http://%[1]s/", path: /keep, allow_any_authenticated_user: true}
- {from: https://literal.example.com, to: "http://%[1]s", host_rewrite: inside.example, preserve_host_header: true, allow_any_authenticated_user: true}
- {from: https://header.example.com, to: "http://%[1]s", host_rewrite_header: X-Host, allow_any_authenticated_user: true}
- {from: https://bypath.example.com, to: "http://%[1]s", host_path_regex_rewrite_pattern: "^/(.+)/.+$", host_path_regex_rewrite_substitution: '\1.example', allow_any_authenticated_user: true}
- {from: https://keep.example.com, to: "http://%[1]s", preserve_host_header: true, allow_any_authenticated_user: true}
- {from: https://nofwd.example.com, to: "http://%[1]s", remove_request_headers: [X-Forwarded-Host], allow_any_authenticated_user: true}
`, app))
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	for _, tc := range []struct {
		url             string
		header          http.Header
		path, host, fwd string // what the upstream gets; "" is not looked at
		status          int    // 0 is 200
	}{
		{url: "https://to.example.com/x?y", path: "/base/x?y", host: app, fwd: "to.example.com"},
		{url: "https://to.example.com/", path: "/base/"},
		{url: "https://to.example.com/0", path: "/base/0"},
		{url: "https://strip.example.com/app/x?a=b", path: "/x?a=b"},
		{url: "https://strip.example.com/app", path: "/"},
		{url: "https://strip.example.com/app/", path: "/"},
		{url: "https://strip.example.com/apple", path: "/le"},
		{url: "https://strip.example.com/app../secret", status: 400},
		{url: "https://strip.example.com/app..", status: 400},
		{url: "https://strip.example.com/app..;x/secret", status: 400},
		{url: "https://strip.example.com/app%2e%2e/secret", status: 400},
		{url: "https://strip.example.com/app..b/x", path: "/..b/x"},
		{url: "https://strip.example.com/app..?x", status: 400},
		{url: "https://strip.example.com/app?../x", path: "/?../x"},
		{url: "https://strip.example.com/app/../secret", status: 404},
		{url: "https://slash.example.com/app/0", path: "/team1/0"},
		{url: "https://prefix.example.com/ax", path: "/bx"},
		{url: "https://regex.example.com/u/12/x", path: "/user/12/x"},
		{url: "https://regex.example.com/u/12../x", status: 400},
		{url: "https://regex.example.com/u/12%2e./x?y", status: 400},
		{url: "https://regex.example.com/u/12..;x/y", status: 400},
		{url: "https://regex.example.com/u/12/v1...v2/x?../y", path: "/user/12/v1...v2/x?../y"},
		{url: "https://path.example.com/keep", path: "/keep"},
		{url: "https://literal.example.com/", host: "inside.example", fwd: "literal.example.com"},
		{url: "https://header.example.com/", header: http.Header{"X-Host": {"by.header"}}, host: "by.header"},
		{url: "https://bypath.example.com/tenant/x", host: "tenant.example", path: "/tenant/x"},
		{url: "https://keep.example.com/", host: "keep.example.com"},
		{url: "https://nofwd.example.com/", host: app, fwd: "-"},
	} {
		t.Run(tc.url, func(t *testing.T) {
			got := h.get(t, false, "GET", tc.url, tc.header)
			if tc.status != 0 {
				if got.status != tc.status {
					t.Errorf("got %d, want %d\n%s", got.status, tc.status, got.body)
				}
				return
			}
			if path := strings.Fields(got.body)[1]; tc.path != "" && path != tc.path {
				t.Errorf("path %q, want %q", path, tc.path)
			}
			if host := got.field("Host"); tc.host != "" && host[0] != tc.host {
				t.Errorf("host %q, want %q", host, tc.host)
			}
			want := []string{tc.fwd}
			if tc.fwd == "-" {
				want = nil
			}
			if tc.fwd == "" {
				return
			}
			if diff := cmp.Diff(want, got.field("X-Forwarded-Host")); diff != "" {
				t.Errorf("X-Forwarded-Host (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHeadersOfRoutes(t *testing.T) {
	t.Parallel()
	app := upstream(t, "app")
	c := load(t, base+fmt.Sprintf(`
set_response_headers: {X-Frame-Options: DENY, X-Percent: "100%%"}
routes:
- from: https://set.example.com
  to: http://%[1]s
  allow_any_authenticated_user: true
  set_request_headers: {X-Plain: "50%% off", X-Both: set, X-Token: "${pomerium.jwt}"}
  remove_request_headers: [X-Gone, X-Both, Accept]
  set_response_headers: {X-Route: yes, X-Frame-Options: SAMEORIGIN}
- from: https://off.example.com
  to: http://%[1]s
  allow_any_authenticated_user: true
  set_response_headers: {disable: "true"}
- from: https://rewrite.example.com
  to: http://%[1]s
  allow_any_authenticated_user: true
  rewrite_response_headers:
  - {header: Location, prefix: "http://inside/", value: "https://rewrite.example.com/"}
- {from: https://say.example.com, response: {status: 418, body: "100%% %%REQ(:PATH)%% tea"}, allow_any_authenticated_user: true}
- {from: https://go.example.com, redirect: {host_redirect: else.example, path_redirect: /there, response_code: 307, strip_query: true}, allow_any_authenticated_user: true}
- {from: https://go2.example.com, prefix: /old, redirect: {scheme_redirect: http, port_redirect: 8080, prefix_rewrite: /new}, allow_any_authenticated_user: true}
`, app))
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	both(t, func(t *testing.T, h2 bool) {
		got := h.get(t, h2, "GET", "https://set.example.com/", http.Header{
			"X-Gone": {"1"}, "X-Both": {"client"}, "X-Token": {"client"}, "X-Plain": {"client"},
		})
		for name, want := range map[string][]string{
			"X-Plain": {"50% off"}, "X-Both": {"set"}, "X-Gone": nil, "Accept": nil, "X-Token": {"client"},
		} {
			if diff := cmp.Diff(want, got.field(name)); diff != "" {
				t.Errorf("%s upstream (-want +got):\n%s", name, diff)
			}
		}
		for name, want := range map[string]string{
			"X-Route": "yes", "X-Frame-Options": "SAMEORIGIN", "X-Percent": "100%", "Server": "cardea",
		} {
			if got := got.header.Get(name); got != want {
				t.Errorf("%s in the answer: %q, want %q", name, got, want)
			}
		}
		if got := h.get(t, h2, "GET", "https://off.example.com/", nil); got.header["X-Frame-Options"] != nil || got.header["X-Percent"] != nil {
			t.Errorf("headers that are switched off: %v", got.header)
		}
		if got := h.get(t, h2, "GET", "https://off.example.com/.pomerium/", nil); got.header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("headers of our pages: %v", got.header)
		}
		for sent, want := range map[string]string{
			"http://inside/a": "https://rewrite.example.com/a", "http://other/a": "http://other/a", "/http://inside/": "/http://inside/",
		} {
			got := h.get(t, h2, "GET", "https://rewrite.example.com/", http.Header{"X-Want-Location": {sent}})
			if got := got.header.Get("Location"); got != want {
				t.Errorf("Location %q, want %q", got, want)
			}
		}
		got = h.get(t, h2, "GET", "https://say.example.com/x", nil)
		if got.status != 418 || got.body != "100% %REQ(:PATH)% tea" || got.header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("got %d %q %v", got.status, got.body, got.header)
		}
		for url, want := range map[string]string{
			"https://go.example.com/x?y":       "307 https://else.example/there",
			"https://go2.example.com/old/x?y=": "301 http://go2.example.com:8080/new/x?y=",
		} {
			h.questions()
			got := h.get(t, h2, "GET", url, nil)
			if got := fmt.Sprint(got.status, " ", got.header.Get("Location")); got != want {
				t.Errorf("%s: got %s, want %s", url, got, want)
			}
			if len(h.questions()) != 1 {
				t.Errorf("%s: the policy was not asked", url)
			}
		}
	})
}
