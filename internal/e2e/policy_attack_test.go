package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// TestAQueryIsReadOneWay: whoever sends a request chooses how a query is
// spelled, and programs differ in how they read it.
func TestAQueryIsReadOneWay(t *testing.T) {
	in := launch(t, `
policies:
  - {name: lets-in, ppl: {allow: {or: [{http_path: {starts_with: /named}}]}}}
  - {name: keeps-out, ppl: {deny: {or: [{http_path: /named/secret}]}}}
routes:
  - {from: 'https://allow.localhost', response: {status: 200, body: here}, policy: [{allow: {or: [{http_query/tab: open}]}}]}
  - {from: 'https://deny.localhost', response: {status: 200, body: here}, allow_public_unauthenticated_access: true, policy: [{deny: {or: [{http_query/tab: closed}]}}]}
  - {from: 'https://header.localhost', response: {status: 200, body: here}, policy: [{allow: {or: [{http_header/X-Team: red}]}}]}
  - {from: 'https://named.localhost', response: {status: 200, body: here}, policies: [keeps-out, lets-in]}
  - {from: 'https://named2.localhost', response: {status: 200, body: here}, policies: [lets-in, keeps-out]}
`)
	c := in.client(t, clientOptions{})
	for _, tc := range []struct {
		at      string
		headers []string
		status  int
	}{
		{"allow.localhost/?tab=open", nil, 200},
		{"allow.localhost/?t%61b=%6fpen", nil, 200},
		{"allow.localhost/?tab=open&tab=closed", nil, 403},
		{"allow.localhost/?tab=closed&tab=open", nil, 403},
		{"allow.localhost/?tab=open&t%61b=open", nil, 403},
		{"allow.localhost/?x=1;tab=open", nil, 403},
		{"allow.localhost/?tab=open%zz", nil, 403},
		{"allow.localhost/", nil, 403},
		{"deny.localhost/", nil, 200},
		{"deny.localhost/?tab=open", nil, 200},
		{"deny.localhost/?tab=closed", nil, 403},
		{"deny.localhost/?t%61b=clos%65d", nil, 403},
		{"deny.localhost/?tab=open&tab=closed", nil, 403},
		{"deny.localhost/?tab=closed&tab=open", nil, 403},
		{"deny.localhost/?x=1;tab=closed", nil, 403},
		{"header.localhost/", []string{"X-Team", "red"}, 200},
		{"header.localhost/", []string{"x-team", "red"}, 200},
		{"header.localhost/", []string{"X-Team", "red", "X-Team", "blue"}, 403},
		{"header.localhost/", []string{"X-Team", "blue", "X-Team", "red"}, 403},
		{"header.localhost/", []string{"X_Team", "red"}, 400}, // some programs read it as X-Team
		{"named.localhost/named", nil, 200},
		{"named.localhost/named/secret", nil, 403},
		{"named2.localhost/named/secret", nil, 403},
		{"named2.localhost/named/x/../secret", nil, 403},
	} {
		if a := c.get(t, in.at(tc.at), tc.headers...); a.status != tc.status {
			t.Errorf("%s %v: status %d, want %d: %s", tc.at, tc.headers, a.status, tc.status, a.brief())
		}
	}
}

// TestAnOldSignIn is sent to sign in again, once, and then let in.
func TestAnOldSignIn(t *testing.T) {
	t.Parallel()
	h := launchHousehold(t, testidp.Options{}, "", "  - {from: 'https://fresh.localhost', response: {status: 200, body: here}, policy: [{allow: {and: [{authenticated_user: true}, {signed_in_within: 3s}]}}]}\n")
	c := h.signIn(t, ann, clientOptions{})
	fresh := h.in.at("fresh.localhost/page?q=1")
	h.enter(t, c, ann, "fresh.localhost/page?q=1").want(t, http.StatusOK)
	eventually(t, inForce, "the sign-in's age", c.statusIs(t, fresh, http.StatusFound))
	if a := c.get(t, fresh, "Accept", "application/json", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"); a.status != http.StatusUnauthorized {
		t.Errorf("a fetch is answered %d", a.status)
	}
	h.turn.Lock()
	defer h.turn.Unlock()
	h.idp.SetUser(ann)
	headers := []string{"Accept", "text/html", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	a, asked, steps := c.get(t, fresh, headers...), 0, []string{}
	for a.status == http.StatusFound && len(steps) < 12 {
		to := a.location(t)
		steps = append(steps, fmt.Sprintf("%s%s", to.Host, to.Path))
		if strings.HasPrefix("http://"+to.Host, h.idp.Issuer()) && to.Query().Get("prompt") == "login" {
			asked++
		}
		a = c.get(t, to.String(), headers...)
	}
	if a.status != http.StatusOK || a.url.String() != fresh || asked != 1 {
		t.Errorf("ended with %d at %s; asked for a fresh sign-in %d times on the way %v", a.status, a.url, asked, steps)
	}
}

// TestADenyByHeaderSeesEachValue: Envoy joins what is sent twice, and an
// upstream may take either value.
func TestADenyByHeaderSeesEachValue(t *testing.T) {
	in := launch(t, `
routes:
  - {from: 'https://app.localhost', response: {status: 200, body: here}, allow_public_unauthenticated_access: true, policy: [{deny: {or: [{http_header/X-Team: red}]}}]}
`)
	c := in.client(t, clientOptions{})
	c.get(t, in.at("app.localhost/")).want(t, http.StatusOK)
	for _, headers := range [][]string{
		{"X-Team", "red"}, {"X-Team", "red", "X-Team", "blue"}, {"X-Team", "blue", "X-Team", "red"}, {"x-team", "blue", "X-TEAM", "red"},
	} {
		if a := c.get(t, in.at("app.localhost/"), headers...); a.status != http.StatusForbidden {
			t.Errorf("%v: status %d, want 403", headers, a.status)
		}
	}
}
