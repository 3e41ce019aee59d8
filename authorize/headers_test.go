package authorize

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
)

// claimsOf verifies an assertion with the published keys and returns its claims.
func (h *house) claimsOf(jwt string) map[string]any {
	h.t.Helper()
	signed, err := jose.ParseSignedCompact(jwt, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		h.t.Fatal(err)
	}
	var keys jose.JSONWebKeySet
	body, _ := h.minter.JWKS()
	if err := json.Unmarshal(body, &keys); err != nil {
		h.t.Fatal(err)
	}
	payload, err := signed.Verify(keys.Key(signed.Signatures[0].Header.KeyID)[0])
	if err != nil {
		h.t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		h.t.Fatal(err)
	}
	return claims
}

func (h *house) allowed(q question) reply {
	h.t.Helper()
	got := h.ask(q)
	if !got.allowed {
		h.t.Fatalf("denied with %d: %s", got.status, got.body)
	}
	return got
}

func TestAssertion(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAnyone}, func(c *config.Config) {
		c.JWTClaimsHeaders = config.ClaimHeaders{"x-dept": "department", "x-roles": "roles", "x-none": "nothing", "x-email": "email"}
	})
	s := h.records.sessions["s-alice"]
	s.Claims["roles"] = []any{"a", "b,c", json.Number("7")}
	s.Claims["sub"], s.Claims["aud"] = "somebody else", "elsewhere"
	h.records.directory[s.UserKey()] = &databroker.DirectoryUser{
		Email: "alice@directory.example", GroupIDs: []string{"g1"}, GroupNames: []string{"Group One"}}
	got := h.allowed(question{route: "app", host: "App.Example:8443", cookie: h.cookie("s-alice", "app.example")})

	claims := h.claimsOf(got.headers["x-pomerium-jwt-assertion"])
	if claims["jti"] == "" || claims["jti"] == nil {
		t.Error("no jti")
	}
	delete(claims, "jti")
	want := map[string]any{
		"iss": "app.example", "aud": "app.example", "iat": float64(testStart.Unix()), "exp": float64(testStart.Add(5 * time.Minute).Unix()),
		"sub": "alice", "user": "alice", "sid": "s-alice", "email": "alice@directory.example", "name": "Name of alice",
		"groups": []any{"engineers", "g1", "Group One"}, "department": "doors", "roles": "a,b%2Cc,7",
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{
		"x-dept": "doors", "x-roles": "a,b%2Cc,7", "x-none": "", "x-email": "alice@directory.example",
	} {
		if value, ok := got.headers[name]; !ok || value != want {
			t.Errorf("%s = %q (there: %v), want %q", name, value, ok, want)
		}
	}
}

func TestAssertionOfSomebodyWithoutGroupsHasAnEmptyList(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAnyone}, func(c *config.Config) { c.JWTIssuerFormat = config.IssuerURI })
	h.signIn("s-bob", "bob", "bob@corp.example")
	got := h.allowed(question{route: "app", cookie: h.cookie("s-bob", "app.example")})
	claims := h.claimsOf(got.headers["x-pomerium-jwt-assertion"])
	if list, ok := claims["groups"].([]any); !ok || len(list) != 0 {
		t.Errorf("groups = %#v, want an empty list", claims["groups"])
	}
	if claims["iss"] != "https://app.example/" {
		t.Errorf("iss = %v, want the address of the host", claims["iss"])
	}
}

func TestAssertionIsReusedForAMinuteAndForNobodyElse(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAnyone, "b": ruleAnyone}, nil)
	h.signIn("s-bob", "bob", "bob@corp.example")
	ask := func(route, session, host string) string {
		return h.allowed(question{route: route, host: host, cookie: h.cookie(session, host)}).headers["x-pomerium-jwt-assertion"]
	}
	first := ask("app", "s-alice", "app.example")
	if ask("app", "s-alice", "app.example") != first {
		t.Error("a second request at once got another assertion")
	}
	seen := map[string]string{first: "the first"}
	note := func(what, jwt string) {
		if before, ok := seen[jwt]; ok {
			t.Errorf("%s got the assertion of %s", what, before)
		}
		seen[jwt] = what
	}
	note("another route", ask("b", "s-alice", "b.example"))
	note("another host of the route", ask("app", "s-alice", "www.app.example"))
	note("another person", ask("app", "s-bob", "app.example"))
	h.records.change(func() {
		s := h.records.sessions["s-alice"].Clone()
		s.Version++
		h.records.sessions["s-alice"] = s
	})
	note("a newer version of the session", ask("app", "s-alice", "app.example"))
	h.apply()
	note("a newer configuration", ask("app", "s-alice", "app.example"))
	h.clock.advance(reuse)
	note("a request a minute later", ask("app", "s-alice", "app.example"))
}

func TestUpstreamIsToldNothingItShouldNotKnow(t *testing.T) {
	no := false
	h := newHouse(t, map[string]string{"app": ruleAnyone, "open": rulePublic}, func(c *config.Config) {
		c.JWTClaimsHeaders = config.ClaimHeaders{"x-email": "email"}
		routeOf(c, "app").PassIdentityHeaders = &no
	})
	if got := h.allowed(question{route: "app", cookie: h.cookie("s-alice", "app.example")}); len(got.headers) != 0 {
		t.Errorf("a route that passes no identity sets %v", got.headers)
	}
	if got := h.allowed(question{route: "open"}); len(got.headers) != 0 {
		t.Errorf("a public route sets %v for nobody", got.headers)
	}
	if got := h.allowed(question{route: "open", cookie: h.cookie("s-alice", "open.example")}); got.headers["x-email"] != "alice@corp.example" {
		t.Errorf("a public route sets %v for somebody", got.headers)
	}
}

func TestRoutingKeyForHashPolicies(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAnyone, "ring": ruleAnyone}, func(c *config.Config) {
		routeOf(c, "ring").LoadBalancingPolicy = config.LBRingHash
	})
	want := fmt.Sprintf("%x", sha256.Sum256([]byte("s-alice")))
	got := h.allowed(question{route: "ring", cookie: h.cookie("s-alice", "ring.example")}).headers["x-pomerium-routing-key"]
	if got != want {
		t.Errorf("routing key %q, want %q", got, want)
	}
	if got := h.allowed(question{route: "app", cookie: h.cookie("s-alice", "app.example")}); got.headers["x-pomerium-routing-key"] != "" {
		t.Error("a routing key where no load balancing hashes it")
	}
}

// TestHostileClaims sends what a person can write into a profile through to
// the headers of an upstream.
func TestHostileClaims(t *testing.T) {
	for _, tc := range []struct {
		name  string
		value any
		want  string
	}{
		{"a line break is dropped with its value", "x\r\nX-Admin: 1", ""},
		{"NUL is dropped with its value", "x\x00", ""},
		{"DEL is dropped with its value", "x\x7f", ""},
		{"invalid UTF-8 is dropped with its value", "x\xff", ""},
		{"UTF-8 goes up as it is", "Zoë 山田", "Zoë 山田"},
		{"blanks at the ends are cut", "  x ", "x"},
		{"a comma in a list is escaped", []any{"a,admins", "b"}, "a%2Cadmins,b"},
		{"a comma in a list of one is escaped", []any{"a,admins"}, "a%2Cadmins"},
		{"a comma in a text is a comma", "Doe, Jane", "Doe, Jane"},
		{"a number keeps its digits", json.Number("12345678901234567890"), "12345678901234567890"},
		{"a truth is a word", true, "true"},
		{"null is nothing", nil, ""},
		{"an object is JSON", map[string]any{"a": "b"}, `{"a":"b"}`},
		{"a list in a list is one text", []any{[]any{"a", "b"}}, "a%2Cb"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, map[string]string{"app": ruleAnyone}, func(c *config.Config) {
				c.JWTClaimsHeaders = config.ClaimHeaders{"x-claim": "hostile"}
			})
			h.records.sessions["s-alice"].Claims["hostile"] = tc.value
			got, ok := h.allowed(question{route: "app", cookie: h.cookie("s-alice", "app.example")}).headers["x-claim"]
			if !ok || got != tc.want {
				t.Errorf("x-claim = %q (there: %v), want %q", got, ok, tc.want)
			}
		})
	}
}

func TestLookUpClaim(t *testing.T) {
	claims := map[string]any{
		"plain": "1", "https://x.example/role": "2", "a": map[string]any{"b": map[string]any{"c": "3"}}, "a.b": "4", "null": nil,
	}
	for name, want := range map[string]any{
		"plain": "1", "https://x.example/role": "2", "a/b/c": "3", "a.b.c": "3", "a.b": "4", "a/b/c/d": nil, "b": nil, "null": nil,
		"": nil, "a/b/c/d/e/f": nil,
	} {
		got, ok := lookUpClaim(claims, name)
		if ok != (want != nil) || ok && got != want {
			t.Errorf("lookUpClaim(%q) = %v, %v; want %v", name, got, ok, want)
		}
	}
}
