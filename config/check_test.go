package config

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSignInHost(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"local routes get a local host on the port of the listener", "address: ':8443'\nroutes: [{from: 'https://a.localhost', verify: true}]", "authenticate.localhost:8443"},
		{"443 need not be written", "routes: [{from: 'https://a.localhost:9000', verify: true}, {from: 'https://localhost', verify: true}]", "authenticate.localhost"},
		{"what is given stays", "authenticate_service_url: https://Login.example.com/\nroutes: [{from: 'https://a.example', verify: true}]", "login.example.com"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := mustLoad(t, tc.text).SignInHost(); got != tc.want {
				t.Errorf("sign-in host %q, want %q", got, tc.want)
			}
		})
	}
}

func TestFrom(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]From{
		"https://a.example":                        {Scheme: "https", Host: "a.example"},
		"http://a.example":                         {Scheme: "https", Host: "a.example"},
		"https://a.example/":                       {Scheme: "https", Host: "a.example"},
		"https://A.Example:0443":                   {Scheme: "https", Host: "a.example", Port: "443"},
		"https://*.example":                        {Scheme: "https", Host: "*.example"},
		"https://[::1]:8443":                       {Scheme: "https", Host: "::1", Port: "8443"},
		"tcp+https://a.example:22":                 {Scheme: "tcp+https", Host: "a.example", Port: "22", Target: "a.example:22"},
		"tcp+https://proxy.example/b.example:22":   {Scheme: "tcp+https", Host: "proxy.example", Target: "b.example:22"},
		"tcp+https://proxy.example:444/10.0.0.1:5": {Scheme: "tcp+https", Host: "proxy.example", Port: "444", Target: "10.0.0.1:5"},
	} {
		var got From
		if wish := intoFrom(scalar("!!str", given, 1), &got); wish != "" {
			t.Errorf("%s: want %s", given, wish)
		}
		if got != want {
			t.Errorf("%s is %+v, want %+v", given, got, want)
		}
		var again From
		if wish := intoFrom(scalar("!!str", got.String(), 1), &again); wish != "" || again != got {
			t.Errorf("%s prints as %s, which is %+v", given, got, again)
		}
	}
	for _, given := range []string{
		"", "a.example", "//a.example", "https://", "https://a.example?b", "https://a.example#b", "https://a_.example:x",
		"https://a.example:0", "https://a.example:65536", "https://a b", "https://a.example:", "https://-a.example", "https:a.example",
		"tcp+https://*.example:22", "tcp+https://a.example/b.example", "tcp+https://a.example/x/y:1", "https://a.example.", "https://é.example",
	} {
		var got From
		if wish := intoFrom(scalar("!!str", given, 1), &got); wish == "" {
			t.Errorf("%q was taken as %+v", given, got)
		}
	}
}

func TestUpstreamAddress(t *testing.T) {
	t.Parallel()
	for given, want := range map[string][2]string{
		"http://a":               {"a", "80"},
		"https://a":              {"a", "443"},
		"h2c://a:81":             {"a", "81"},
		"http://localhost:9000":  {"127.0.0.1", "9000"},
		"http://[::1]":           {"::1", "80"},
		"tcp://LOCALHOST:22":     {"127.0.0.1", "22"},
		"unix:///run/app.sock":   {"/run/app.sock", ""},
		"https+unix:///run/a, 3": {"/run/a", ""},
	} {
		u, wish := parseUpstream(given)
		if wish != "" {
			t.Errorf("%s: want %s", given, wish)
			continue
		}
		if host, port := u.Address(); [2]string{host, port} != want {
			t.Errorf("%s is at %q %q, want %q", given, host, port, want)
		}
	}
}

func TestResponseHeaders(t *testing.T) {
	t.Parallel()
	cert := newTestKey(t, "a.example", now.AddDate(1, 0, 0))
	withCert := "certificate: " + b64(cert.cert) + "\ncertificate_key: " + b64(cert.key) + "\n"
	route := func(headers string) string {
		return "routes: [{from: 'https://a.localhost', verify: true, set_response_headers: " + headers + "}]\n"
	}
	for _, tc := range []struct {
		name, text string
		want       string // names and values
	}{
		{"without a certificate nobody is held to https", route("null"), "X-Frame-Options=SAMEORIGIN X-XSS-Protection=1; mode=block"},
		{"with one, for a year", withCert + route("null"), "Strict-Transport-Security=max-age=31536000; includeSubDomains; preload X-Frame-Options=SAMEORIGIN X-XSS-Protection=1; mode=block"},
		{"a map takes the place of the defaults", "set_response_headers: {X-A: a}\n" + route("null"), "X-A=a"},
		{"an empty map too", "set_response_headers: {}\n" + route("{X-B: b}"), "X-B=b"},
		{"disable clears", "set_response_headers: {disable: true, X-A: a}\n" + route("{X-B: b}"), "X-B=b"},
		{"a route wins, whatever the case", "set_response_headers: {X-A: a, X-C: c}\n" + route("{x-a: b}"), "X-C=c x-a=b"},
		{"a route can clear all", "set_response_headers: {X-A: a}\n" + route("{disable: '', X-B: b}"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := mustLoad(t, tc.text)
			headers := c.ResponseHeaders(c.Routes[0])
			var got []string
			for _, name := range slices.Sorted(maps.Keys(headers)) {
				got = append(got, name+"="+headers[name])
			}
			if s := strings.Join(got, " "); s != tc.want {
				t.Errorf("headers %q, want %q", s, tc.want)
			}
		})
	}
}

func TestPathsThatRequestsWriteInAnotherWayAreRemarkedOn(t *testing.T) {
	t.Parallel()
	const never, letter = "never reached, since requests write this", "compared letter for letter"
	for path, want := range map[string]string{
		"/a%64min": never, "/%7Euser": never, "/a b": never, "/ünder": never, `/a\b`: never,
		"/s%C3%BC": letter, "/a%20b": letter, "/a%2fb": letter,
		"/admin": "", "/a-b_c.~d;e@f+g": "",
	} {
		for _, key := range []string{"prefix", "path"} {
			c := mustLoad(t, "idp_provider: local\nusers: [{email: a@b.example}]\nroutes:\n- {from: https://a.localhost, to: \"http://b\", allowed_users: [a@b.example], "+key+": '"+path+"'}\n")
			got := ""
			for _, w := range c.Warnings {
				got += w.Error()
			}
			if want == "" && got != "" || !strings.Contains(got, want) || want != "" && !strings.Contains(got, "routes[0]."+key) {
				t.Errorf("%s: %s: warnings %q, want %q", key, path, got, want)
			}
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `idp_provider: okta
idp_client_id: a
idp_provider_url: http://idp.example
access_log_fields: [path, refferer]
routes:
- {from: https://a.localhost, verify: true, prefix: /x, path: /y, allow_any_authenticated_user: true}
- {from: https://a.localhost, to: "http://b", path: /y, allowed_users: [a]}
- {from: https://b.localhost, to: "http://b", host_rewrite: c, preserve_host_header: true}
- from: https://c.localhost
  to: http://b
  path: /.pomerium/x
  allowed_idp_claims: {a: b}
  set_request_headers:
    A: $$ ${pomerium.jwt} ${pomerium.jwtt} ${pomerium.request.headers["X"]}
- {from: https://d.localhost, to: "http://b", verify: true, prefix: /a//b, allowed_users: [a]}
`)
	var got []string
	for _, w := range c.Warnings {
		_, text, _ := strings.Cut(w.Error(), "config.yaml")
		got = append(got, text)
	}
	want := []string{
		":3: idp_provider_url: plain http, so whoever is on the way can sign in as anybody",
		`:4: access_log_fields[1]: unknown field (did you mean "referer"?)`,
		":6: routes[0]: of regex, path and prefix only the first given counts, in this order",
		":7: routes[1]: never reached, since routes[0] (line 6) takes the same requests",
		":8: routes[2]: of host_rewrite, host_rewrite_header, host_path_regex_rewrite_pattern and preserve_host_header only the first given counts, in this order",
		":8: routes[2]: nobody may use this route: it has no policy",
		":9: routes[3]: never reached, since these paths are Cardea's own on every host",
		`:14: routes[3].set_request_headers.A: unknown reference, which stands for nothing (did you mean "pomerium.jwt"?)`,
		":15: routes[4]: of redirect, response, to and verify only the first given counts, in this order",
		":15: routes[4].prefix: never reached, since paths are brought into one form first",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// TestRouteID: what makes another route, and what does not.
func TestRouteID(t *testing.T) {
	t.Parallel()
	id := func(text string) string {
		return mustLoad(t, "routes: [{from: 'https://a.localhost', "+text+"}]").Routes[0].ID
	}
	base := id("to: 'http://b'")
	if len(base) != 32 {
		t.Errorf("id %q, want 32 hexadecimal digits", base)
	}
	for _, same := range []string{"to: ['http://b,3']", "to: 'http://b', allowed_users: [a], name: x, timeout: 3s"} {
		if id(same) != base {
			t.Errorf("%s is another route", same)
		}
	}
	seen := map[string]string{base: "base"}
	for _, other := range []string{"to: 'http://b/'", "to: ['http://b', 'http://c']", "to: 'http://b', prefix: /x", "to: 'http://b', path: /x",
		"to: 'http://b', regex: /x", "verify: true", "response: {status: 200}", "response: {status: 200, body: a}",
		"redirect: {host_redirect: b}", "redirect: {path_redirect: b}"} {
		if first, taken := seen[id(other)]; taken {
			t.Errorf("%s has the id of %s", other, first)
		}
		seen[id(other)] = other
	}
}

func TestEmptyDocuments(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "null\n", "~", "\ufeff"} {
		if c, err := loadText(t, "config.yaml", text); err != nil || c.Address != ":443" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNullIsAbsent(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "cookie_expire:\naddress: ~\ncookie_http_only: null\nautocert: null\nclient_ca:\nroutes:\n- {from: 'https://a.localhost', verify: true, allowed_users: null, policy: null}\n")
	if c.Address != ":443" || !c.CookieHTTPOnly || c.Routes[0].AllowedUsers != nil || len(c.Routes[0].Policy.Documents) != 0 {
		t.Errorf("null is more than absent: %+v", c.Settings)
	}
}
