package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// TestAnAdministratorActsAsAPerson, through Envoy: from the console to what only
// that person may open, and back.
func TestAnAdministratorActsAsAPerson(t *testing.T) {
	consents := "pass_identity_headers: true" + strings.Replace(consoleSettings, "console:\n", "console:\n  impersonation: true\n", 1)
	routes := consoleRoute +
		"  - {from: 'https://engine.localhost', verify: true, policy: [{allow: {and: [{email: {is: eng@example.com}}]}}]}\n" +
		"  - {from: 'https://office.localhost', verify: true, policy: [{allow: {and: [{email: {is: ada@example.com}}]}}]}\n"
	h := launchHousehold(t, testidp.Options{}, consents, routes)
	ada := person{Sub: "ada", Email: "ada@example.com", Name: "Ada Admin"}
	eng := person{Sub: "eng", Email: "eng@example.com", Name: "Eng Engineer"}
	engineer, admin := h.signIn(t, eng, clientOptions{}), h.in.client(t, clientOptions{})
	h.enter(t, admin, ada, "console.localhost/sessions").want(t, http.StatusOK)
	opens := func(c *client, host string, want int) func() error {
		return func() error {
			if a := c.browse(t, h.in.at(host+".localhost/json")); a.status != want {
				return fmt.Errorf("%s: status %d, want %d", host, a.status, want)
			}
			return nil
		}
	}
	must := func(check func() error) {
		t.Helper()
		if err := check(); err != nil {
			t.Error(err)
		}
	}
	must(opens(admin, "engine", http.StatusForbidden))
	must(opens(admin, "office", http.StatusOK))

	var session string
	eventually(t, inForce, "the session in the list", func() error {
		if ids := h.in.sessionsOf(t, "eng@"); len(ids) == 1 {
			session = ids[0]
			return nil
		}
		return fmt.Errorf("not there")
	})
	ask := admin.browse(t, h.in.at("console.localhost/impersonation/start?id="+session)).want(t, http.StatusOK)
	form := url.Values{"id": {session}, "duration": {"15m"}, "reason": {"they cannot open the engine"}}
	admin.post(t, ask, "/impersonation/start", form).want(t, http.StatusSeeOther)
	eventually(t, inForce, "the engineer's", opens(admin, "engine", http.StatusOK))
	must(opens(admin, "office", http.StatusForbidden))
	must(opens(engineer, "engine", http.StatusOK))

	t.Run("the application is told who acts", func(t *testing.T) {
		told := admin.get(t, h.in.at("engine.localhost/json")).want(t, http.StatusOK).body
		if !strings.Contains(told, "eng@example.com") || !strings.Contains(told, `"act"`) || !strings.Contains(told, `"ada"`) {
			t.Errorf("it is told %s", told)
		}
		if own := engineer.get(t, h.in.at("engine.localhost/json")).body; strings.Contains(own, `"act"`) {
			t.Errorf("of the engineer it is told %s", own)
		}
	})
	t.Run("both see it", func(t *testing.T) {
		console := admin.browse(t, h.in.at("console.localhost/sessions")).want(t, http.StatusOK).body
		if !strings.Contains(console, "In applications you act as") || !strings.Contains(console, "Ada Admin") {
			t.Error("the console does not say it")
		}
		own := admin.browse(t, h.in.at("engine.localhost/.pomerium/")).want(t, http.StatusOK).body
		for _, want := range []string{"In applications you act as <bdi>eng@example.com</bdi>", "/impersonation/stop", "Ada Admin"} {
			if !strings.Contains(own, want) {
				t.Errorf("the administrator's page lacks %q", want)
			}
		}
		theirs := engineer.browse(t, h.in.at("any.localhost/.pomerium/")).want(t, http.StatusOK).body
		if !strings.Contains(theirs, "Administrators acted as you") || !strings.Contains(theirs, "ada@example.com") {
			t.Errorf("the engineer's page does not say it:\n%s", theirs)
		}
	})
	t.Run("a stolen form of theirs starts nothing", func(t *testing.T) {
		a := engineer.post(t, ask, "/impersonation/start", form)
		if a.status != http.StatusForbidden && !a.signInAsked() {
			t.Errorf("status %d", a.status)
		}
	})
	stop := admin.browse(t, h.in.at("console.localhost/impersonation/stop")).want(t, http.StatusOK)
	admin.post(t, stop, "/impersonation/stop", nil).want(t, http.StatusSeeOther)
	eventually(t, inForce, "the administrator's", opens(admin, "office", http.StatusOK))
	must(opens(admin, "engine", http.StatusForbidden))

	t.Run("audit and log tell of it", func(t *testing.T) {
		told := h.in.tool(t, 0, "audit", "list", "--config", h.in.file)
		for _, want := range []string{"impersonation.start", "impersonation.stop", "ada@example.com by web"} {
			if !strings.Contains(told, want) {
				t.Errorf("the audit lacks %q:\n%s", want, told)
			}
		}
		eventually(t, inForce, "the line", func() error {
			if !strings.Contains(h.in.logs.text(), `"impersonated-by":"ada@example.com"`) {
				return fmt.Errorf("not there")
			}
			return nil
		})
	})
	t.Run("an operator ends it", func(t *testing.T) {
		admin.post(t, ask, "/impersonation/start", form).want(t, http.StatusSeeOther)
		eventually(t, inForce, "the engineer's", opens(admin, "engine", http.StatusOK))
		h.in.tool(t, 0, "session", "impersonate", "stop", h.in.sessionsOf(t, "ada@")[0], "--config", h.in.file)
		eventually(t, inForce, "the administrator's", opens(admin, "office", http.StatusOK))
	})
	t.Run("so does the configuration", func(t *testing.T) {
		admin.post(t, ask, "/impersonation/start", form).want(t, http.StatusSeeOther)
		eventually(t, inForce, "the engineer's", opens(admin, "engine", http.StatusOK))
		h.in.write(t, people(h.idp)+consoleSettings+"\nroutes:\n"+anyRoute+routes)
		eventually(t, inForce, "the administrator's", opens(admin, "office", http.StatusOK))
		must(opens(admin, "engine", http.StatusForbidden))
	})
}
