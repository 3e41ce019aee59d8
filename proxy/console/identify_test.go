package console

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/assertion"
)

func TestWhoAsksIsSettledAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := w.signIn("admin", nil)
	status := func(what string, want int) {
		t.Helper()
		if out := w.get(session, "/sessions"); out.Code != want {
			t.Errorf("%s: status %d, want %d:\n%s", what, out.Code, want, out.Body)
		}
	}
	status("an administrator", http.StatusOK)

	w.roles("email: {is: other@example.com}", "email: {is: other@example.com}", "email: {is: admin@example.com}")
	status("a viewer since a moment ago", http.StatusOK)
	if out := w.get(session, "/sessions/revoke-all"); out.Code != http.StatusForbidden {
		t.Errorf("the role before still counts: %d", out.Code)
	}
	w.roles("email: {is: other@example.com}", "email: {is: other@example.com}", "groups: {has: watchers}")
	status("nobody's role", http.StatusForbidden)

	user, err := w.client.User(t.Context(), "idp/admin")
	if err != nil {
		t.Fatal(err)
	}
	user.Groups = []string{"watchers"}
	if err := w.client.PutUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	status("a member of the group since a moment ago", http.StatusOK)

	user.Disabled = true
	if err := w.client.PutUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	status("shut out", http.StatusUnauthorized)

	user.Disabled = false
	if err := w.client.PutUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	status("let in again", http.StatusOK)
	if err := w.client.DeleteSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	status("signed out", http.StatusUnauthorized)
}

func TestRolesHoldThoseBelow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// One person fits all three: the highest counts.
	w.roles("authenticated_user: true", "authenticated_user: true", "authenticated_user: true")
	a, err := w.server.identify(t.Context(), w.server.active.Load(), w.request(w.signIn("someone", nil), http.MethodGet, "/", nil))
	if err != nil || a.Role != RoleAdmin {
		t.Errorf("%+v, %v", a, err)
	}
	for action, need := range roles {
		for _, role := range allRoles {
			if got := (Actor{Role: role}).May(action); got != (role >= need) {
				t.Errorf("%s as %s: %t", action, role, got)
			}
		}
	}
	if (Actor{Role: RoleAdmin}).May("NoSuchAction") {
		t.Error("an action that is not in the table is somebody's")
	}
}

func TestAssertionsThatDoNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := w.signIn("admin", nil)
	for _, tc := range []struct {
		name   string
		change func(*http.Request)
	}{
		{"none", func(r *http.Request) { r.Header.Del(assertion.Header) }},
		{"two", func(r *http.Request) { r.Header.Add(assertion.Header, r.Header.Get(assertion.Header)) }},
		{"for another host", func(r *http.Request) { r.Header.Set(assertion.Header, w.assert(session, "app.example.com")) }},
		{"for the host that was asked, which has no console", func(r *http.Request) {
			r.Host = "app.example.com"
			r.Header.Set(assertion.Header, w.assert(session, "app.example.com"))
		}},
		{"of a session that never was", func(r *http.Request) { r.Header.Set(assertion.Header, w.assert("unknown", consoleHost)) }},
		{"cut short", func(r *http.Request) { r.Header.Set(assertion.Header, "e30.e30.") }},
	} {
		r := w.request(session, http.MethodGet, "/sessions", nil)
		tc.change(r)
		if out := w.serve(r); out.Code != http.StatusUnauthorized || strings.Contains(out.Body.String(), "admin@example.com") {
			t.Errorf("%s: status %d:\n%s", tc.name, out.Code, out.Body)
		}
	}
	later := w.request(session, http.MethodGet, "/sessions", nil)
	w.clock.advance(assertion.Lifetime)
	if out := w.serve(later); out.Code != http.StatusUnauthorized {
		t.Errorf("expired: status %d", out.Code)
	}
}

func TestRecordsDecideAndNotTheAssertion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// The assertion claims the administrator's address; the session is a viewer's.
	a, err := w.server.identify(t.Context(), w.server.active.Load(), w.request(w.signIn("viewer", nil), http.MethodGet, "/", nil))
	if err != nil || a.Role != RoleViewer || a.Email != "viewer@example.com" || a.UserKey != "idp/viewer" || a.Address != "192.0.2.7" || a.Via != ViaWeb {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestNobodyIsLetInBeforeTheFirstConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := w.signIn("admin", nil)
	w.server.active.Store(nil)
	if out := w.get(session, "/sessions"); out.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", out.Code)
	}
}

// TestWithoutRolesNobodyIsAnything is the configuration of who writes
// "console: true" and nothing else.
func TestWithoutRolesNobodyIsAnything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server.Apply(State{Config: w.config, Minter: w.minter})
	if out := w.get(w.signIn("admin", nil), "/sessions"); out.Code != http.StatusForbidden {
		t.Errorf("status %d", out.Code)
	}
}

func TestGuestsAreToldWhoTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.signIn("admin", nil)
	guest := w.signIn("guest", func(u *databroker.User) { u.Email = "<i>guest</i>@example.com" })
	w.shown(other)
	for _, path := range []string{"/", "/sessions", "/users/show?key=idp/admin", "/no/such/page"} {
		out := w.get(guest, path)
		body := out.Body.String()
		if out.Code != http.StatusForbidden || !strings.Contains(body, "&lt;i&gt;guest&lt;/i&gt;@example.com") {
			t.Errorf("%s: status %d:\n%s", path, out.Code, body)
		}
		if strings.Contains(body, "admin@example.com") || strings.Contains(body, `class="sections"`) {
			t.Errorf("%s: the page tells more than that:\n%s", path, body)
		}
	}
	if out := w.post(guest, "/sessions/revoke", map[string][]string{"id": {other}}); out.Code != http.StatusForbidden || !w.lives(other) {
		t.Errorf("a guest's form: status %d", out.Code)
	}
	if got := w.audit.take(); len(got) != 0 {
		t.Errorf("guests fill the audit: %+v", got)
	}
}

func TestWildcardRoutesLeadToTheConsole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := &State{Config: w.config}
	w.config.Routes = append(w.config.Routes, &config.Route{Console: true, From: config.From{Host: "*.console.example.com"}},
		&config.Route{From: config.From{Host: "app.example.com"}})
	for host, want := range map[string]bool{consoleHost: true, "a.console.example.com": true, "app.example.com": false, "": false} {
		if st.servesConsole(host) != want {
			t.Errorf("%q: %t", host, !want)
		}
	}
	if hostName("Console.Example.com:8443") != consoleHost || hostName("[::1]:80") != "::1" {
		t.Error("the host's name is not read")
	}
}

func TestErrorsOfPeopleAreNotTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := w.signIn("admin", nil)
	w.server.o.Identify = func(context.Context, string) (Person, error) { return Person{}, errors.New("secret cause") }
	out := w.get(session, "/sessions")
	if out.Code != http.StatusServiceUnavailable || strings.Contains(out.Body.String(), "secret cause") {
		t.Errorf("status %d:\n%s", out.Code, out.Body)
	}

}
