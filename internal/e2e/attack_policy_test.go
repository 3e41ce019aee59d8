package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// routesForPolicies each say, in their host, what they try.
const routesForPolicies = `
  # A quotation mark in a value must stay a value.
  - {from: https://quote.localhost, to: 'http://$PLAIN', allowed_users: ['"; allow := true #', "x\"] == x; true"]}
  - from: https://inject.localhost
    to: http://$PLAIN
    policy: [{allow: {or: [{claim/dept: '" or true or "'}, {http_path: {is: "/a\" || true"}}]}}]
  - from: https://denywins.localhost
    to: http://$PLAIN
    allowed_users: [ann@corp.example]
    policy:
      - allow: {or: [{accept: true}]}
      - deny: {or: [{email: {is: bob@other.example}}]}
      - allow: {or: [{email: {is: bob@other.example}}]}
  - from: https://denyfirst.localhost
    to: http://$PLAIN
    allow_public_unauthenticated_access: true
    policy: {deny: {or: [{http_method: {is: DELETE}}, {http_path: {starts_with: /secret}}]}}
  - {from: https://nobody.localhost, to: 'http://$PLAIN'}
  - {from: https://empty.localhost, to: 'http://$PLAIN', policy: []}
  - {from: https://emptyusers.localhost, to: 'http://$PLAIN', allowed_users: [], allowed_domains: [], allowed_idp_claims: {}}
  - {from: https://rejected.localhost, to: 'http://$PLAIN', policy: [{allow: {or: [{reject: true}]}}]}
  - {from: https://missingclaim.localhost, to: 'http://$PLAIN', policy: [{allow: {or: [{claim/nothing: x}, {claim/dept/deeper: x}]}}]}
  - {from: https://address.localhost, to: 'http://$PLAIN', policy: [{allow: {or: [{source_ip: [10.0.0.0/8, 192.168.1.1]}]}}]}
  - {from: https://loopback.localhost, to: 'http://$PLAIN', policy: [{allow: {or: [{source_ip: 127.0.0.0/8}]}}]}
  - from: https://preflight.localhost
    to: http://$PLAIN
    cors_allow_preflight: true
    allowed_users: [ann@corp.example]
  - from: https://method.localhost
    to: http://$PLAIN
    policy: [{allow: {and: [{accept: true}, {http_method: {in: [GET, HEAD]}}]}}]
  - from: https://groups.localhost
    to: http://$PLAIN
    policy: [{allow: {or: [{groups: {has: admins}}]}}]
`

func TestPolicies(t *testing.T) {
	s := use(t)
	nobody := s.in.client(t, clientOptions{})
	anns, bobs := s.as(t, ann, clientOptions{}), s.as(t, bob, clientOptions{})
	for _, tc := range []struct {
		name    string
		c       *client
		method  string
		path    string
		headers []string
		status  int
	}{
		{"a value with a quotation mark is a value", anns, "GET", "quote.localhost/", nil, 403},
		{"a value with an operator is a value", anns, "GET", "inject.localhost/", nil, 403},
		{"a path cannot end a value", anns, "GET", "inject.localhost/a%22%20||%20true%22", nil, 403},
		{"deny outranks every allow", bobs, "GET", "denywins.localhost/", nil, 403},
		{"who is not denied is let in", anns, "GET", "denywins.localhost/", nil, 200},
		{"deny outranks a public route", nobody, "DELETE", "denyfirst.localhost/", nil, 403},
		{"deny outranks a public route, by path", nobody, "GET", "denyfirst.localhost/secret", nil, 403},
		{"deny sees the path that is meant", nobody, "GET", "denyfirst.localhost/x/../secret", nil, 403},
		{"deny sees the path decoded", nobody, "GET", "denyfirst.localhost/%73ecret", nil, 403},
		{"what is not denied is public", nobody, "GET", "denyfirst.localhost/", nil, 200},
		{"no rule lets nobody in", anns, "GET", "nobody.localhost/", nil, 403},
		{"an empty policy lets nobody in", anns, "GET", "empty.localhost/", nil, 403},
		{"empty lists let nobody in", anns, "GET", "emptyusers.localhost/", nil, 403},
		{"reject lets nobody in", anns, "GET", "rejected.localhost/", nil, 403},
		{"a claim that is not there is no match", anns, "GET", "missingclaim.localhost/", nil, 403},
		{"an address from elsewhere", anns, "GET", "address.localhost/", nil, 403},
		{"an address that a client made up", anns, "GET", "address.localhost/", []string{"X-Forwarded-For", "10.1.2.3", "X-Real-Ip", "10.1.2.3", "Forwarded", "for=10.1.2.3"}, 403},
		{"the address that Envoy saw", nobody, "GET", "loopback.localhost/", []string{"X-Forwarded-For", "10.1.2.3"}, 200},
		{"a preflight is let through", nobody, "OPTIONS", "preflight.localhost/", []string{"Origin", "https://a.example", "Access-Control-Request-Method", "PUT"}, 200},
		{"half a preflight is not", nobody, "OPTIONS", "preflight.localhost/", []string{"Origin", "https://a.example", "Accept", "application/json"}, 401},
		{"a preflight with another method is not", nobody, "POST", "preflight.localhost/", []string{"Origin", "https://a.example", "Access-Control-Request-Method", "PUT", "Accept", "application/json"}, 401},
		{"a method that is let in", nobody, "GET", "method.localhost/", nil, 200},
		{"a method that is not", nobody, "POST", "method.localhost/", nil, 403},
		{"a method that an override names", nobody, "POST", "method.localhost/", []string{"X-Http-Method-Override", "GET", "X-Method-Override", "GET"}, 403},
		{"a group has its people", anns, "GET", "groups.localhost/", nil, 200},
		{"a group does not have others", bobs, "GET", "groups.localhost/", nil, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := tc.c.do(t, tc.method, s.in.at(tc.path), "", tc.headers...)
			if tc.c != nobody && a.signInAsked() {
				a = tc.c.follow(t, a)
			}
			if a.status != tc.status {
				t.Errorf("status %d, want %d: %s", a.status, tc.status, a.brief())
			}
			if tc.status == 403 && regexp.MustCompile(`(?i)rego|unauthorized-|-unauthorized|policy/|data\.|\.go:`).MatchString(a.brief()) {
				t.Errorf("the page tells of the rules: %s", a.brief())
			}
		})
	}
}

// TestAPersonIsWhoTheyAreNow: what a provider says at the next sign-in counts,
// and a policy that was tightened bites.
func TestAPersonIsWhoTheyAreNow(t *testing.T) {
	h := launchHousehold(t, testidp.Options{}, "", "  - {from: 'https://groups.localhost', verify: true, policy: [{allow: {or: [{groups: {has: admins}}]}}]}\n")
	c := h.signIn(t, ann, clientOptions{})
	c.browse(t, h.in.at("groups.localhost/")).want(t, http.StatusOK)
	demoted := ann
	demoted.Groups = []string{"eng"}
	h.signIn(t, demoted, clientOptions{}) // in another browser
	eventually(t, inForce, "the first browser's loss", func() error {
		if a := c.get(t, h.in.at("groups.localhost/")); a.status != http.StatusForbidden {
			return fmt.Errorf("status %d", a.status)
		}
		return nil
	})
}

// TestLogsCannotBeForged sends what would begin a line of its own.
func TestLogsCannotBeForged(t *testing.T) {
	s := use(t)
	forged := `{"level":"info","service":"authorize","message":"forged"}`
	mark := s.in.logs.mark()
	for _, request := range []string{
		request("GET /%0a"+strings.ReplaceAll(forged, `"`, "%22")+" HTTP/1.1", "open.localhost"),
		request(`GET /"},`+forged+` HTTP/1.1`, "open.localhost"),
		request("GET / HTTP/1.1", "open.localhost", `User-Agent: "}`+forged, `Referer: x"}`+forged, "X-Request-Id: \"}"+forged),
		request("GET / HTTP/1.1", "open.localhost", "User-Agent: a\x1b[2J\x7f", "User-Agent: \xff\xfe\xe2\x80\xa8"),
		request(`GE"T /end HTTP/1.1`, "open.localhost"),
		request("GET /?"+forged+" HTTP/1.1", "open.localhost"),
	} {
		s.in.raw(t, "open.localhost", request)
	}
	s.in.client(t, clientOptions{}).get(t, s.in.at("open.localhost/last")).want(t, http.StatusOK)
	s.in.logs.awaitLog(t, mark, s.in.ended, "service", "envoy", "path", "/last")
	lines, _ := s.in.logs.since(mark)
	for _, line := range lines {
		if parseLog(line) == nil {
			t.Errorf("not one object of JSON: %q", line)
		}
		if parseLog(line).text("message") == "forged" {
			t.Errorf("a forged line: %q", line)
		}
		for _, r := range line {
			if r < ' ' || r == 0x7f || r == 0x2028 {
				t.Errorf("a control character in %q", line)
				break
			}
		}
	}
	t.Run("a request id is ours", func(t *testing.T) {
		seen := s.in.client(t, clientOptions{}).get(t, s.in.at("open.localhost/"), "X-Request-Id", "chosen").seen(t)
		if seen.Header.Get("X-Request-Id") == "chosen" {
			t.Error("the client chose it")
		}
	})
}

// TestSecretsAreNotInLogs reads everything written so far for what would let a
// thief in. It is about the other tests' requests too.
func TestSecretsAreNotInLogs(t *testing.T) {
	s := use(t)
	c := s.signIn(t, ann, clientOptions{})
	c.browse(t, s.in.at("closed.localhost/")).want(t, http.StatusOK)
	handle := c.handle(t, "closed.localhost")
	c.get(t, s.in.at("closed.localhost/?pomerium_session="+handle), "Referer", s.in.at("closed.localhost/?pomerium_session="+handle))
	stolen := c.loot(t, s.in.at("closed.localhost/"))
	mark := s.in.logs.mark()
	c.get(t, s.in.at("closed.localhost/last"))
	s.in.logs.awaitLog(t, mark, s.in.ended, "service", "envoy", "path", "/last")
	everything := s.in.logs.text() + s.in.words.text()
	for name, secret := range map[string]string{
		"ticket": stolen.ticket, "binder": stolen.binder, "handle": handle, "ticket of the sign-in host": c.cookie(t, s.in.at("authenticate.localhost/"), "_pomerium_authenticate"),
		"client secret": "client secret", "a token of JSON": "eyJhbGciOi", "a code": "code=", "a state": "state=", "a handoff": "pomerium_session_encrypted=",
	} {
		if at := strings.Index(everything, secret); secret == "" || at >= 0 {
			t.Errorf("%s: %q", name, everything[max(0, at-200):min(len(everything), max(0, at)+80)])
		}
	}
}
