package e2e

import (
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// A household is an instance and the identity provider that it asks. Its
// configuration has a route from https://any.localhost for everybody who can
// sign in.
type household struct {
	in   *instance
	idp  *testidp.IDP
	turn sync.Mutex // one sign-in at a time: the provider knows one person
}

// anyRoute is the route that people sign in at.
const anyRoute = "  - {from: 'https://any.localhost', verify: true, allow_any_authenticated_user: true}\n"

// launchHousehold starts one. settings come before the routes, which are items
// of a list.
func launchHousehold(t testing.TB, o testidp.Options, settings, routes string) *household {
	t.Helper()
	idp := testidp.Start(t, o)
	return &household{in: launch(t, people(idp)+settings+"\nroutes:\n"+anyRoute+routes), idp: idp}
}

// signIn returns a client of its own in which a person has signed in, at
// any.localhost.
func (h *household) signIn(t testing.TB, who person, o clientOptions) *client {
	t.Helper()
	c := h.in.client(t, o)
	h.enter(t, c, who, "any.localhost/").want(t, http.StatusOK)
	return c
}

// enter signs a person in at an address.
func (h *household) enter(t testing.TB, c *client, who person, hostAndPath string) answer {
	t.Helper()
	h.turn.Lock()
	defer h.turn.Unlock()
	h.idp.SetUser(who)
	return c.browse(t, h.in.at(hostAndPath))
}

// handle gets a programmatic handle for a host, as the command-line client does.
func (h *household) handle(t testing.TB, who person, host string) string {
	t.Helper()
	return h.signIn(t, who, clientOptions{}).handle(t, host)
}

// handle asks for a handle with the session that the client has at the sign-in
// host.
func (c *client) handle(t testing.TB, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // where the program would wait
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	back := "http://" + l.Addr().String() + "/"
	login := c.get(t, c.in.at(host+"/.pomerium/api/v1/login?pomerium_redirect_uri="+url.QueryEscape(back))).want(t, http.StatusOK)
	a := c.get(t, login.body)
	for range 8 {
		to := a.location(t)
		if to.Host == l.Addr().String() {
			return to.Query().Get("pomerium_jwt")
		}
		a = c.get(t, to.String())
	}
	t.Fatalf("the login does not come back: %s", a.url)
	return ""
}
