package proxy

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
)

// portalRoutes are routes of every kind of policy.
func portalRoutes() []*config.Route {
	tcp := route("tcp", "tcp+https://db.example", "{allow: {or: [{groups: {has: eng}}]}}")
	tcp.From.Port, tcp.From.Target = "8443", "db.example:5432"
	under := route("under", "https://app.example", "{allow: {and: [{http_path: {starts_with: /admin}}, {authenticated_user: true}]}}")
	under.Prefix = "/admin/"
	exact := route("exact", "https://app.example", "{allow: {or: [{http_path: {is: /report}}]}}")
	exact.Path = "/report"
	other := route("other-provider", "https://other.example", "{allow: {or: [{authenticated_user: true}]}}")
	other.IDPClientID = "another client"
	return []*config.Route{
		route("anybody", "https://app.example", "{allow: {or: [{accept: true}]}}"),
		route("signed-in", "https://b.example", "{allow: {or: [{authenticated_user: true}]}}"),
		route("domain", "https://c.example", "{allow: {or: [{domain: {is: example.com}}]}}"),
		route("ann", "https://d.example", "{allow: {or: [{email: {is: ann@example.com}}]}}"),
		route("not-ann", "https://e.example", "[{allow: {or: [{authenticated_user: true}]}}, {deny: {or: [{email: {is: ann@example.com}}]}}]"),
		route("claim", "https://f.example", "{allow: {or: [{claim/department: doors}]}}"),
		route("directory", "https://g.example", "{allow: {or: [{groups: {has: staff}}]}}"),
		route("network", "https://h.example", "{allow: {or: [{source_ip: 192.0.2.0/24}]}}"),
		route("post", "https://i.example", "{allow: {or: [{http_method: {is: POST}}]}}"),
		route("nobody", "https://j.example", "{allow: {or: [{reject: true}]}}"),
		route("any-host", "https://*.example", "{allow: {or: [{accept: true}]}}"),
		other, tcp, under, exact,
	}
}

func (h *house) portalOf(headers ...string) []string {
	h.t.Helper()
	p := h.get("/.pomerium/api/v1/routes", headers...)
	var answer struct {
		Routes []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(p.body), &answer); err != nil || p.status != http.StatusOK {
		h.t.Fatalf("%d %v: %s", p.status, err, p.body)
	}
	var ids []string
	for _, r := range answer.Routes {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestThePortalShowsWhatThePoliciesWouldOpen(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *config.Config) { c.Routes = portalRoutes() })
	ann, bob, eve := h.signIn("ann", "eng"), h.signIn("bob"), h.signIn("eve")
	h.must(h.client.PutDirectoryUser(t.Context(), &databroker.DirectoryUser{
		Key: bob.UserKey(), GroupIDs: []string{"g1"}, GroupNames: []string{"staff"},
	}))
	u, err := h.client.User(t.Context(), eve.UserKey())
	h.must(err)
	u.Email, u.Claims = "eve@elsewhere.example", map[string]any{"department": "windows"}
	h.must(h.client.PutUser(t.Context(), u))
	for _, tc := range []struct {
		name    string
		session *databroker.Session
		headers []string
		want    []string
	}{
		{"ann, an engineer", ann, nil, []string{"ann", "anybody", "claim", "domain", "exact", "signed-in", "tcp", "under"}},
		{"bob, whom the directory knows", bob, nil, []string{"anybody", "claim", "directory", "domain", "exact", "not-ann", "signed-in", "under"}},
		{"eve, whose claims have changed since she signed in", eve, nil, []string{"anybody", "exact", "not-ann", "signed-in", "under"}},
		{"ann in the network", ann, []string{"X-Cardea-Client-Address", "192.0.2.7"},
			[]string{"ann", "anybody", "claim", "domain", "exact", "network", "signed-in", "tcp", "under"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := h.portalOf(append(tc.headers, "Cookie", h.cookies(tc.session, appHost))...)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("routes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestThePortalSaysHowToOpenARoute(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *config.Config) { c.Routes = portalRoutes() })
	cookies := h.cookies(h.signIn("ann", "eng"), appHost)
	var answer struct{ Routes []portalRoute }
	h.must(json.Unmarshal([]byte(h.get("/.pomerium/api/v1/routes", "Cookie", cookies).body), &answer))
	got := map[string]portalRoute{}
	for _, r := range answer.Routes {
		got[r.ID] = r
	}
	for id, want := range map[string]portalRoute{
		"anybody": {ID: "anybody", Name: "Route anybody", Type: "http", From: "https://app.example"},
		"under":   {ID: "under", Name: "Route under", Type: "http", From: "https://app.example/admin/"},
		"exact":   {ID: "exact", Name: "Route exact", Type: "http", From: "https://app.example/report"},
		"tcp": {ID: "tcp", Name: "Route tcp", Type: "tcp", From: "tcp+https://db.example:8443",
			ConnectCommand: "pomerium-cli tcp db.example:5432"},
	} {
		if diff := cmp.Diff(want, got[id]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
	page := h.get("/.pomerium/routes", "Cookie", cookies)
	for _, text := range []string{"Route ann", "Route tcp", "pomerium-cli tcp db.example:5432", `href="https://app.example/admin/"`} {
		if page.status != http.StatusOK || !strings.Contains(page.body, text) {
			t.Errorf("the page (%d) lacks %q", page.status, text)
		}
	}
	for _, text := range []string{"Route nobody", "Route not-ann", "Route other-provider", "j.example"} {
		if strings.Contains(page.body, text) {
			t.Errorf("the page shows %q", text)
		}
	}
}

func TestThePortalIsForThoseWhoAreSignedIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, path := range []string{"/.pomerium/routes", "/.pomerium/api/v1/routes"} {
		wantPage(t, h.get(path), http.StatusUnauthorized, "Sign in to continue")
		if p := h.ask(http.MethodGet, path, "Accept", "application/json"); p.status != http.StatusUnauthorized ||
			p.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: a program gets %d %s", path, p.status, p.header.Get("Content-Type"))
		}
	}
	cookies := h.cookies(h.signIn("ann"), appHost)
	h.state.Config.RuntimeFlags = nil
	h.apply()
	for _, path := range []string{"/.pomerium/routes", "/.pomerium/api/v1/routes"} {
		if p := h.get(path, "Cookie", cookies); p.status != http.StatusNotFound {
			t.Errorf("%s with routes_portal off: %d", path, p.status)
		}
	}
	if p := h.get("/.pomerium/", "Cookie", cookies); strings.Contains(p.body, "/.pomerium/routes") {
		t.Error("a page leads to the portal that is off")
	}
}
