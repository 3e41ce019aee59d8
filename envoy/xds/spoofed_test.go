package xds

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
)

func TestSpoofedHeadersAreGone(t *testing.T) {
	t.Parallel()
	h := appHouse(t, `
headers_with_underscores_action: allow
jwt_claims_headers: {X-Email: email, Remote-User: sub}
`)
	sent := http.Header{}
	for _, name := range []string{
		"X-Pomerium-Jwt-Assertion", "X-Pomerium-Jwt-Assertion-For", "X-Pomerium-Claim-Email", "X-Pomerium-Routing-Key",
		"x_pomerium_jwt_assertion", "X-Pomerium_Jwt-Assertion", "X_Pomerium-Claim_Email", "X-POMERIUM-CLAIM-GROUPS",
		"X-Pomerium-Authorizationx", "X-Pomerium-Auth", "X_Pomerium_Authorization", "X-Pomerium-",
		"X-Email", "x_email", "Remote-User", "Remote_User", "REMOTE-USER",
		"X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Forwarded-Method",
		"X_Forwarded_Host", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Client-Cert",
		"Forwarded", "X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override", "X-Method-Override",
		"X-Real-Ip", "True-Client-Ip", "X-Envoy-Original-Path", "X-Envoy-Upstream-Rq-Timeout-Ms", "X-Envoy-Internal", "X-Envoy-External-Address",
		"X-Envoy-Retry-On", "X-Envoy-Decorator-Operation", "X_Envoy_Anything", "X-Cardea-Sni", "X_Cardea_Sni",
	} {
		sent[name] = []string{"spoofed", "spoofed again"}
	}
	sent["X-App"] = []string{"kept"}
	sent["X_app"] = []string{"kept too"}
	both(t, func(t *testing.T, h2 bool) {
		h.questions()
		header := sent.Clone()
		if h2 { // HTTP/2 has lower case on the wire; Go sees to it
			header = http.Header{}
			for name, values := range sent {
				header[strings.ToLower(name)] = values
			}
		}
		got := h.get(t, h2, "GET", "https://app.example.com/", header)
		if got.status != 200 || strings.Contains(got.body, "spoofed") {
			t.Errorf("the upstream got %d\n%s", got.status, got.body)
		}
		if !strings.Contains(got.body, "kept\r\n") || !strings.Contains(got.body, "kept too") {
			t.Errorf("headers of the application are missing:\n%s", got.body)
		}
		for name, value := range h.questions()[0].Attributes.Request.Http.Headers {
			if strings.Contains(value, "spoofed") {
				t.Errorf("authorize got %s: %s", name, value)
			}
		}
	})
}

func TestOurHeadersArrive(t *testing.T) {
	t.Parallel()
	h := appHouse(t, "jwt_claims_headers: {X-Email: email}\n")
	h.onCheck(func(*authv3.CheckRequest) *authv3.CheckResponse {
		return allow("x-pomerium-jwt-assertion", "ours", "x-email", "a@example.com")
	})
	both(t, func(t *testing.T, h2 bool) {
		header := http.Header{"X-Email": {"evil@example.com"}, "X-Pomerium-Jwt-Assertion": {"evil"}}
		if !h2 {
			header["Connection"] = []string{"x-email, x-pomerium-jwt-assertion, keep-alive"}
		}
		got := h.get(t, h2, "GET", "https://app.example.com/", header)
		if diff := cmp.Diff([]string{"a@example.com"}, got.field("X-Email")); diff != "" {
			t.Errorf("X-Email (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"ours"}, got.field("X-Pomerium-Jwt-Assertion")); diff != "" {
			t.Errorf("assertion (-want +got):\n%s", diff)
		}
		if got := got.field("X-Cardea-Sni"); got != nil {
			t.Errorf("the server name went upstream: %q", got)
		}
		id := got.field("X-Request-Id")
		if len(id) != 1 || id[0] != got.header.Get("X-Request-Id") {
			t.Errorf("request id upstream %q, in the answer %q", id, got.header.Get("X-Request-Id"))
		}
	})
}

func TestRequestIDsAreOurs(t *testing.T) {
	t.Parallel()
	h := appHouse(t, "")
	both(t, func(t *testing.T, h2 bool) {
		got := h.get(t, h2, "GET", "https://app.example.com/", http.Header{
			"X-Request-Id": {"00000000-0000-0000-0000-000000000000"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-For": {"10.0.0.1"},
		})
		if id := got.field("X-Request-Id"); len(id) != 1 || id[0] == "00000000-0000-0000-0000-000000000000" {
			t.Errorf("request id %q", id)
		}
		if diff := cmp.Diff([]string{"https"}, got.field("X-Forwarded-Proto")); diff != "" {
			t.Errorf("X-Forwarded-Proto (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"10.0.0.1,127.0.0.1"}, got.field("X-Forwarded-For")); diff != "" {
			t.Logf("X-Forwarded-For (-want +got):\n%s", diff)
		}
	})
}

func TestSpoofedTrailersAreGone(t *testing.T) {
	t.Parallel()
	c := load(t, base+`
routes:
- from: https://app.example.com
  to: h2c://`+h2cUpstream(t)+`
  allow_any_authenticated_user: true
`)
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	r, err := http.NewRequestWithContext(t.Context(), "POST", "https://app.example.com/", io.NopCloser(strings.NewReader("body")))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = -1
	r.Trailer = http.Header{"X-Pomerium-Jwt-Assertion": {"spoofed"}, "X-App": {"kept"}, "Cookie": {"_pomerium=spoofed"}}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DialTLSContext: h.dialer("app.example.com", "h2")}
	defer transport.CloseIdleConnections()
	got := roundTrip(t, transport, r)
	if strings.Contains(got.body, "spoofed") || !strings.Contains(got.body, "Trailer-X-App: kept") {
		t.Errorf("the upstream got\n%s", got.body)
	}
}

func TestExceptMatchesEveryOtherWord(t *testing.T) {
	t.Parallel()
	re := regexp.MustCompile("^(?:" + except("abc") + ")$")
	for word, want := range map[string]bool{
		"": true, "a": true, "ab": true, "abc": false, "abcd": true, "abd": true, "xbc": true, "ax": true, "bc": true, "aabc": true,
	} {
		if got := re.MatchString(word); got != want {
			t.Errorf("%q: %v, want %v", word, got, want)
		}
	}
}
