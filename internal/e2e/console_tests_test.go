package e2e

import (
	"encoding/json"
	"html"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	opsPolicyFile = `allow:
  or:
    - groups: {has: ops}
    - email: {is: root@example.com}
`
	opsTests = `tests:
  - name: ops come in
    person: {email: olga@example.com, groups: [ops]}
    want: allow
  - name: strangers are sent to sign in
    want: sign-in
`
)

// TestTheConsoleKnowsTheTestsOfPolicies: what lies beside the policies in force
// is run on them, again when it changes.
func TestTheConsoleKnowsTheTestsOfPolicies(t *testing.T) {
	h := installPolicies(t, consoleSettings, consoleRoute+policyRoute("app", "ops"), "ops.yaml", opsPolicyFile, "ops_test.yaml", opsTests)
	in := h.in
	in.start(t)
	admin := in.client(t, clientOptions{})
	h.enter(t, admin, person{Sub: "ada", Email: "ada@example.com", Name: "Ada Admin"}, "console.localhost/routes").want(t, http.StatusOK)
	holds := func(path string, want ...string) {
		t.Helper()
		body := html.UnescapeString(admin.browse(t, in.at("console.localhost"+path)).want(t, http.StatusOK).body)
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s: no %q:\n%s", path, w, body)
			}
		}
	}
	holds("/routes/tests", "2 tests, 0 failed", "ops come in", "policy ops")

	var listed struct {
		Routes []struct{ ID, From string }
	}
	if err := json.Unmarshal([]byte(in.tool(t, 0, "route", "list", "--search", "app.localhost", "--json", "--config", in.file)), &listed); err != nil || len(listed.Routes) != 1 {
		t.Fatalf("%v, %v", listed, err)
	}
	route := listed.Routes[0].ID
	holds("/routes/show?id="+route, "2 tests, 0 failed", "email: {is: root@example.com}", "ops.yaml:4")
	shown := in.tool(t, 0, "route", "show", route, "--config", in.file)
	for _, want := range []string{"tests     2, 0 failed", "email: {is: root@example.com}: never true", "package "} {
		if !strings.Contains(shown, want) {
			t.Errorf("route show has no %q:\n%s", want, shown)
		}
	}
	in.writeFile(t, "policies/ops_test.yaml", opsTests+`  - name: root comes in
    person: {email: root@example.com}
    want: allow
  - name: the wish is wrong
    person: {email: eve@example.com}
    want: allow
`)
	holds("/routes/tests", "4 tests, 1 failed", "want allow, got deny")
	in.writeFile(t, "policies/other_test.yaml", "tests: [{wnat: allow}]\n")
	holds("/routes/tests", "Some files are no tests", "other_test.yaml")
	if err := os.Remove(filepath.Join(in.dir, "policies", "ops_test.yaml")); err != nil {
		t.Fatal(err)
	}
	holds("/routes/show?id="+route, "No test is about these rules")
}
