package authorize

import (
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/config"
)

func TestSetRequestHeaders(t *testing.T) {
	root := newAuthority(t, "root")
	leaf := root.leaf(nil)
	for _, tc := range []struct{ name, value, want string }{
		{"plain text is Envoy's to set", "plain", ""},
		{"the access token", "Bearer ${pomerium.access_token}", "Bearer the-access-token"},
		{"the id token, without braces", "$pomerium.id_token!", "the-id-token!"},
		{"two in a row", "$pomerium.id_token$pomerium.access_token", "the-id-tokenthe-access-token"},
		{"a header of the request", `a${pomerium.request.headers["X-Color"]}b`, "ablueb"},
		{"a header of the request, without braces", `$pomerium.request.headers["x-color"]`, "blue"},
		{"a header that is not there", `${pomerium.request.headers["X-None"]}`, ""},
		{"the client's certificate has no names", "${pomerium.client_cert_san_email}", ""},
		{"a dollar sign", "$$5 and $$pomerium.id_token", "$5 and $pomerium.id_token"},
		{"a dollar sign before something else", "5$ or $ 5", "5$ or $ 5"},
		{"an unknown reference", "a${pomerium.nothing}b", "ab"},
		{"an unknown reference without braces", "a $nothing b", "a  b"},
		{"a reference without an end", "a${pomerium.id_token", "a"},
		{"a reference to nothing", "a${}b", "ab"},
		{"credentials that were meant for us stay away", `${pomerium.request.headers["Authorization"]}`, ""},
		{"our cookies stay away", `${pomerium.request.headers["Cookie"]}`, "mine=1; _pomerium2=x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, map[string]string{"app": ruleAnyone}, func(c *config.Config) {
				c.Routes[0].SetRequestHeaders = map[string]string{"X-Set": tc.value}
			})
			q := question{route: "app", leaf: asEnvoy(leaf), headers: map[string]string{
				"x-color": "blue", "authorization": "Pomerium " + h.handle("s-alice", "app.example"), "sec-fetch-dest": "",
			}}
			q.cookie = "mine=1; " + h.cookie("s-alice", "app.example") + "; _pomerium_csrf=y; _pomerium2=x"
			if got := h.allowed(q).headers["x-set"]; got != tc.want {
				t.Errorf("x-set = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestSetRequestHeadersWithAssertionAndCertificate(t *testing.T) {
	no := false
	root := newAuthority(t, "root")
	leaf := root.leaf(nil)
	h := newHouse(t, map[string]string{"app": ruleAnyone}, func(c *config.Config) {
		c.Routes[0].PassIdentityHeaders = &no
		c.Routes[0].SetRequestHeaders = map[string]string{
			"Authorization": "Bearer ${pomerium.jwt}", "X-Print": "${pomerium.client_cert_fingerprint}", "X-DNS": "$pomerium.client_cert_san_dns",
		}
	})
	got := h.allowed(question{route: "app", leaf: asEnvoy(leaf), cookie: h.cookie("s-alice", "app.example")})
	if h.claimsOf(strings.TrimPrefix(got.headers["authorization"], "Bearer "))["email"] != "alice@corp.example" {
		t.Error("the assertion is not Alice's")
	}
	if len(got.headers["x-print"]) != 64 || got.headers["x-dns"] != "laptop.corp.example" {
		t.Errorf("of the certificate: %q, %q", got.headers["x-print"], got.headers["x-dns"])
	}
	if _, ok := got.headers["x-pomerium-jwt-assertion"]; ok {
		t.Error("identity headers on a route that passes none")
	}
}

func TestSetRequestHeadersForNobody(t *testing.T) {
	h := newHouse(t, map[string]string{"open": rulePublic}, func(c *config.Config) {
		c.Routes[0].SetRequestHeaders = map[string]string{"X-A": "a${pomerium.jwt}${pomerium.access_token}", "X-B": "$$b"}
	})
	got := h.allowed(question{route: "open"})
	if got.headers["x-a"] != "a" || got.headers["x-b"] != "$b" {
		t.Errorf("set %v", got.headers)
	}
}

// FuzzTemplate: whatever an operator writes is taken apart without a panic, and
// without references it comes out as it went in.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"", "$", "$$", "${", "${}", "$pomerium.jwt", `${pomerium.request.headers["a}b"]}`, "$pomerium.request.headers[", "a.$b.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parsed := parseTemplate(s)
		out := parsed.expand(&templateValues{request: &request{}})
		if !strings.Contains(s, "$") && out != s && headerText(s) != out {
			t.Errorf("%q came out as %q", s, out)
		}
		if doubled := parseTemplate(strings.ReplaceAll(s, "$", "$$")).expand(&templateValues{}); len(doubled) > len(s) {
			t.Errorf("%q, escaped, came out as %q", s, doubled)
		}
	})
}
