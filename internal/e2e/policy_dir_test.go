package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// policyRoute is a route with a page of its own, for the policies that are named.
func policyRoute(host, policies string) string {
	return "  - {from: 'https://" + host + ".localhost', response: {status: 200, body: here}, policies: [" + policies + "]}\n"
}

// installPolicies installs a household whose folder of policies holds files,
// given as name, content, name, content.
func installPolicies(t testing.TB, settings, routes string, files ...string) *household {
	t.Helper()
	idp := testidp.Start(t, testidp.Options{})
	in := install(t, people(idp)+"policy_dir: $DIR/policies\n"+settings+"\nroutes:\n"+anyRoute+routes)
	t.Cleanup(in.remove)
	if err := os.Mkdir(filepath.Join(in.dir, "policies"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(files); i += 2 {
		in.writeFile(t, filepath.Join("policies", files[i]), files[i+1])
	}
	return &household{in: in, idp: idp}
}

// policyHeader tells which requests a policy is about without anybody signing in.
const policyHeader = "allow: {or: [{http_header/X-Team: %s}]}\n"

func TestAPolicyFolder(t *testing.T) {
	h := installPolicies(t, "", policyRoute("app", "ops")+policyRoute("other", "ops"), "ops.yaml", fmt.Sprintf(policyHeader, "red"))
	in := h.in
	in.start(t)
	c := in.client(t, clientOptions{})
	app := in.at("app.localhost/")
	team := func(address, team string, status int) func() error {
		return func() error {
			if a := c.get(t, address, "X-Team", team); a.status != status {
				return fmt.Errorf("team %s: status %d, want %d", team, a.status, status)
			}
			return nil
		}
	}
	if err := team(app, "red", http.StatusOK)(); err != nil {
		t.Fatal(err)
	}
	if err := team(app, "blue", http.StatusForbidden)(); err != nil {
		t.Fatal(err)
	}
	in.writeFile(t, "policies/ops.yaml", fmt.Sprintf(policyHeader, "blue"))
	eventually(t, inForce, "the changed file", team(app, "blue", http.StatusOK))
	eventually(t, inForce, "the end of the old one", team(app, "red", http.StatusForbidden))

	for _, tc := range []struct{ name, file, content string }{
		{"PPL that is none", "ops.yaml", "# one line\nallow: {or: [{nonsense: x}]}\n"},
		{"Rego that is none", "broken.rego", "# one line\nallow if {\n"},
	} {
		t.Run(tc.name+" changes nothing", func(t *testing.T) {
			mark := in.logs.mark()
			path := in.writeFile(t, "policies/"+tc.file, tc.content)
			line := in.logs.awaitLog(t, mark, in.ended, "message", "configuration refused", "file", path)
			if n, _ := line["line"].(float64); n < 2 {
				t.Errorf("the log names no good line: %v", line)
			}
			if err := team(app, "blue", http.StatusOK)(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("mended, with a second file that a route names", func(t *testing.T) {
		if err := os.Remove(filepath.Join(in.dir, "policies", "broken.rego")); err != nil {
			t.Fatal(err)
		}
		in.writeFile(t, "policies/ops.yaml", fmt.Sprintf(policyHeader, "blue"))
		in.writeFile(t, "policies/more.yaml", fmt.Sprintf(policyHeader, "green"))
		in.write(t, people(h.idp)+"policy_dir: $DIR/policies\nroutes:\n"+anyRoute+policyRoute("app", "ops, more")+policyRoute("other", "ops"))
		eventually(t, inForce, "the second file", team(app, "green", http.StatusOK))
		if err := team(in.at("other.localhost/"), "green", http.StatusForbidden)(); err != nil {
			t.Error(err)
		}
	})
	t.Run("an enforced deny is on every route", func(t *testing.T) {
		in.writeFile(t, "policies/house.yaml", "enforced: true\nppl: {deny: {or: [{http_header/X-Team: blue}]}}\n")
		eventually(t, inForce, "the deny", team(app, "blue", http.StatusForbidden))
		eventually(t, inForce, "the deny elsewhere", team(in.at("other.localhost/"), "blue", http.StatusForbidden))
		if err := team(app, "green", http.StatusOK)(); err != nil {
			t.Error("who is not denied: ", err)
		}
	})
}

func TestRegoByHand(t *testing.T) {
	h := installPolicies(t, "", policyRoute("rego", "hand")+policyRoute("slow", "slow"),
		"hand.rego", `allow := [true, ["accept"]] if {
	input.http.headers["X-Team"] == "red"
} else := [false, ["user-unauthenticated"]] if {
	input.session.user_id == ""
} else := [true, ["groups-ok"]] if {
	"admins" in get_databroker_record("pomerium.io/DirectoryUser", input.session.user_id).group_ids
}
`, "slow.rego", `allow if {
	some a in numbers.range(1, 400)
	some b in numbers.range(1, 400)
	some c in numbers.range(1, 400)
	a + b + c == 1200 # true at the very end
}
`)
	h.in.start(t)
	c := h.in.client(t, clientOptions{})
	rego := h.in.at("rego.localhost/")
	c.get(t, rego, "X-Team", "red").want(t, http.StatusOK)
	if a := c.get(t, rego, "X-Team", "blue"); !a.signInAsked() {
		t.Errorf("another team is answered %d", a.status)
	}
	for who, status := range map[*person]int{&ann: http.StatusOK, &bob: http.StatusForbidden} {
		h.enter(t, h.signIn(t, *who, clientOptions{}), *who, "rego.localhost/").want(t, status)
	}
	if a := c.get(t, h.in.at("slow.localhost/")); a.status != http.StatusForbidden && a.status != http.StatusServiceUnavailable {
		t.Errorf("a policy that burns time answers %d", a.status)
	}
	c.get(t, rego, "X-Team", "red").want(t, http.StatusOK)
}

func TestRegoThatReachesOutDoesNotStart(t *testing.T) {
	h := installPolicies(t, "", policyRoute("app", "out"), "out.rego", "allow if {\n\thttp.send({\"method\": \"GET\", \"url\": \"http://127.0.0.1/\"}).status_code == 200\n}\n")
	h.in.begin(t)
	h.in.refuses(t, `policies/out\.rego:2:2?:? .*http\.send`)
}

// TestShadow: it looks on, and says where it disagrees.
func TestShadow(t *testing.T) {
	figures := net.JoinHostPort("127.0.0.1", freePort(t))
	h := installPolicies(t, "metrics_address: "+figures, "  - {from: 'https://app.localhost', response: {status: 200, body: here}, allow_public_unauthenticated_access: true, policies: [stricter]}\n",
		"stricter.yaml", "shadow: true\nppl: {deny: {or: [{http_path: {starts_with: /secret}}]}}\n")
	h.in.start(t)
	c := h.in.client(t, clientOptions{})
	if out := h.in.tool(t, 0, "policy", "shadow", "--config", h.in.file); !strings.Contains(out, "no disagreement") {
		t.Errorf("before any: %s", out)
	}
	c.get(t, h.in.at("app.localhost/")).want(t, http.StatusOK)
	mark := h.in.logs.mark()
	for range 3 {
		c.get(t, h.in.at("app.localhost/secret")).want(t, http.StatusOK)
	}
	line := h.in.logs.awaitLog(t, mark, h.in.ended, "message", "policy shadow disagrees", "policy", "stricter")
	if line.text("outcome") != "allow" || line.text("would") != "deny" {
		t.Errorf("the log says %v", line)
	}
	eventually(t, inForce, "three disagreements", func() error {
		if out := h.in.tool(t, 0, "policy", "shadow", "--config", h.in.file); strings.Join(strings.Fields(out), " ") != "POLICY ROUTE DECIDED WOULD HAVE BEEN REQUESTS stricter https://app.localhost allow deny 3" {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	resp, err := http.Get("http://" + figures + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if want := `pomerium_policy_shadow_disagreements_total{outcome="allow",policy="stricter",would="deny"} 3`; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("the figures lack %q: %v", want, err)
	}
}
