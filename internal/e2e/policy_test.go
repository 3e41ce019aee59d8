package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// tool runs a command of the built program as its user would, and returns what
// it prints and its exit status.
func (in *instance) tool(t testing.TB, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), built, args...)
	cmd.Dir = in.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + in.dir}
	var out, words strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), words.String(), cmd.ProcessState.ExitCode()
}

// launchPolicies starts a household whose policies stand in a folder.
func launchPolicies(t testing.TB, settings, routes string, files map[string]string) *household {
	t.Helper()
	idp := testidp.Start(t, testidp.Options{})
	in := install(t, people(idp)+"policy_dir: policies\n"+settings+"\nroutes:\n"+anyRoute+routes)
	t.Cleanup(in.remove)
	if err := os.Mkdir(filepath.Join(in.dir, "policies"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		in.writeFile(t, "policies/"+name, text)
	}
	in.start(t)
	return &household{in: in, idp: idp}
}

const (
	opsPolicy = `explanation: Only **administrators** may open this.
remediation: Ask in [the channel](https://chat.example.com/ops).
ppl:
- allow: {or: [{groups: {has: GROUP}}]}
`
	opsRoute = "  - {from: 'https://ops.localhost', verify: true, policies: [ops]}\n"
)

func opsFor(group string) string { return strings.Replace(opsPolicy, "GROUP", group, 1) }

// TestPolicyFolder changes files under a running program: each change takes
// effect whole, or not at all.
func TestPolicyFolder(t *testing.T) {
	h := launchPolicies(t, "", opsRoute, map[string]string{"ops.yaml": opsFor("admins")})
	c := h.signIn(t, ann, clientOptions{})
	ops := h.in.at("ops.localhost/")
	c.browse(t, ops).want(t, http.StatusOK)

	h.in.writeFile(t, "policies/ops.yaml", opsFor("nobody-is-here"))
	eventually(t, inForce, "the tightened policy", c.statusIs(t, ops, http.StatusForbidden))
	h.in.writeFile(t, "policies/ops.yaml", opsFor("admins"))
	eventually(t, inForce, "the policy as it was", c.statusIs(t, ops, http.StatusOK))

	for name, text := range map[string]string{
		"ops.yaml": "- allow: {or: [{gruops: admins}]}\n", "more.rego": "allow := http.send({\"url\": \"http://x\"})\n",
	} {
		mark := h.in.logs.mark()
		h.in.writeFile(t, "policies/"+name, text)
		h.in.logs.awaitLog(t, mark, h.in.ended, "message", "configuration refused", "file", "policies/"+name)
		c.get(t, ops).want(t, http.StatusOK)
		h.in.writeFile(t, "policies/ops.yaml", opsFor("admins"))
		_ = os.Remove(filepath.Join(h.in.dir, "policies", "more.rego")) // not there in the first round
	}

	h.in.writeFile(t, "policies/freeze.yaml", "enforced: true\nppl: {deny: {or: [{http_path: {starts_with: /frozen}}]}}\n")
	eventually(t, inForce, "the policy on every route", c.statusIs(t, h.in.at("any.localhost/frozen"), http.StatusForbidden))
	c.get(t, h.in.at("ops.localhost/frozen")).want(t, http.StatusForbidden)
	c.get(t, h.in.at("any.localhost/")).want(t, http.StatusOK)
}

// TestHandWrittenRego decides live requests, and one that never ends costs its
// own route alone.
func TestHandWrittenRego(t *testing.T) {
	h := launchPolicies(t, "", `
  - {from: 'https://rego.localhost', verify: true, policies: [rego]}
  - {from: 'https://slow.localhost', verify: true, policies: [slow]}
`, map[string]string{
		"rego.rego": `allow := [false, {"user-unauthenticated"}] if {
	not input.person
} else := [true, {"engineer"}] if {
	"eng" in input.person.groups
	input.http.headers["X-Env"] == "prod"
}

deny := [true, {"no-deletes"}] if input.http.method == "DELETE"
`,
		"slow.rego": "xs := [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n\nallow if count([1 | xs[_]; xs[_]; xs[_]; xs[_]; xs[_]; xs[_]; xs[_]; xs[_]; xs[_]]) > 0\n",
	})
	c := h.signIn(t, ann, clientOptions{})
	rego := h.in.at("rego.localhost/")
	c.browse(t, rego).want(t, http.StatusForbidden)
	c.get(t, rego, "X-Env", "prod").want(t, http.StatusOK)
	c.do(t, "DELETE", rego, "", "X-Env", "prod").want(t, http.StatusForbidden)
	if a := c.browse(t, h.in.at("slow.localhost/")); a.status != http.StatusServiceUnavailable {
		t.Errorf("a policy without an end answers %d, want 503: %s", a.status, a.brief())
	}
	c.get(t, rego, "X-Env", "prod").want(t, http.StatusOK)
}

var requestID = regexp.MustCompile(`id="request-id">([0-9a-f-]{36})<`)

// TestADenialIsExplained goes from the page of who is denied to the rule, also
// after the program was killed.
func TestADenialIsExplained(t *testing.T) {
	h := launchPolicies(t, "", opsRoute+"  - {from: 'https://watched.localhost', verify: true, policies: [staff, trial]}\n", map[string]string{
		"ops.yaml": opsFor("admins"), "staff.yaml": "allow: {or: [{authenticated_user: true}]}\n",
		"trial.yaml": "shadow: true\nppl: {deny: {or: [{http_path: {starts_with: /x}}]}}\n",
	})
	bobs := h.signIn(t, bob, clientOptions{})
	denied := bobs.browse(t, h.in.at("ops.localhost/report?q=1")).want(t, http.StatusForbidden)
	for _, want := range []string{"<strong>administrators</strong>", `href="https://chat.example.com/ops"`} {
		if !strings.Contains(denied.body, want) {
			t.Errorf("the page lacks %q: %s", want, denied.brief())
		}
	}
	for _, leak := range []string{"groups-", "ops.yaml", "&#34;admins", "has:"} {
		if strings.Contains(denied.body, leak) {
			t.Errorf("the page tells %q: %s", leak, denied.brief())
		}
	}
	found := requestID.FindStringSubmatch(denied.body)
	if found == nil {
		t.Fatalf("the page has no id of the request: %s", denied.brief())
	}
	stranger := h.in.client(t, clientOptions{}).get(t, h.in.at("ops.localhost/"), "Accept", "application/json")
	if stranger.status != http.StatusUnauthorized || strings.Contains(stranger.body, "administrators") {
		t.Errorf("a stranger gets %d: %s", stranger.status, stranger.body)
	}

	explain := func() error {
		out, words, status := h.in.tool(t, "policy", "explain", "--config", h.in.file, "--request", found[1])
		for _, want := range []string{"GET ops.localhost", "/report", bob.Email, "policies/ops.yaml:4", `member of group "admins"`, "groups = [sales]"} {
			if status != 0 || !strings.Contains(out, want) {
				return fmt.Errorf("status %d, without %q:\n%s%s", status, want, out, words)
			}
		}
		return nil
	}
	eventually(t, inForce, "the explanation", explain)
	if _, words, status := h.in.tool(t, "policy", "explain", "--config", h.in.file, "--request", "00000000-0000-0000-0000-000000000000"); status != 1 || !strings.Contains(words, "no decision about request") {
		t.Errorf("an unknown id: status %d, %q", status, words)
	}

	bobs.browse(t, h.in.at("watched.localhost/x")).want(t, http.StatusOK)
	eventually(t, inForce, "the shadow's disagreement", func() error {
		out, words, _ := h.in.tool(t, "policy", "shadow", "--config", h.in.file)
		if !regexp.MustCompile(`trial +https://watched.localhost +allow +deny +1`).MatchString(out) {
			return errors.New(out + words)
		}
		return nil
	})

	admin := filepath.Join(h.in.dir, "data", "admin")
	for path, want := range map[string]os.FileMode{admin: 0o700, filepath.Join(admin, "socket"): 0o600, filepath.Join(h.in.dir, "data", "decisions"): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %o", path, info, err, want)
		}
	}
	// On the disk since a second at the latest: the id can be found in the files.
	eventually(t, inForce, "the decision on the disk", func() error {
		out, words, status := h.in.tool(t, "policy", "replay", "--config", h.in.file, "--decisions", filepath.Join(h.in.dir, "data", "decisions"), "--json")
		if status != 0 || !strings.Contains(out, `"flipped": 0`) || strings.Contains(out, `"decisions": 0`) {
			return fmt.Errorf("status %d: %s%s", status, out, words)
		}
		return nil
	})
	h.in.signal(t, syscall.SIGKILL)
	h.in.wait(t)
	h.in.start(t)
	eventually(t, inForce, "the explanation after a kill", explain)
}

// TestAChangeIsReplayed tries a stricter policy on what happened.
func TestAChangeIsReplayed(t *testing.T) {
	h := launchPolicies(t, "", opsRoute, map[string]string{"ops.yaml": "allow: {or: [{authenticated_user: true}]}\n"})
	anns, bobs := h.signIn(t, ann, clientOptions{}), h.signIn(t, bob, clientOptions{})
	for _, path := range []string{"/", "/a%20b;c?x=1&y=%2f", "/%7Eann", "/caf%C3%A9"} {
		anns.browse(t, h.in.at("ops.localhost"+path)).want(t, http.StatusOK)
		bobs.browse(t, h.in.at("ops.localhost"+path)).want(t, http.StatusOK)
	}
	var exported string
	eventually(t, inForce, "the recorded decisions", func() error {
		out, words, status := h.in.tool(t, "policy", "decisions", "--config", h.in.file)
		if n := strings.Count(out, `"host":"ops.localhost`); status != 0 || n < 8 {
			return fmt.Errorf("status %d, %d of 8 decisions: %s", status, n, words)
		}
		exported = out
		return nil
	})
	for _, secret := range []string{"_pomerium", "eyJ", "pomerium_session="} {
		if strings.Contains(exported, secret) {
			t.Errorf("the export holds %q", secret)
		}
	}
	decisions := h.in.writeFile(t, "decisions.jsonl", exported)
	out, words, status := h.in.tool(t, "policy", "replay", "--config", h.in.file, "--decisions", decisions)
	if status != 0 || !strings.Contains(out, " 0 flip, 0 cannot tell") {
		t.Errorf("the same configuration: status %d\n%s%s", status, out, words)
	}
	if err := os.Mkdir(filepath.Join(h.in.dir, "proposed"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.in.writeFile(t, "proposed/ops.yaml", opsFor("admins"))
	text, err := os.ReadFile(h.in.file)
	if err != nil {
		t.Fatal(err)
	}
	proposed := h.in.writeFile(t, "proposed.yaml", strings.Replace(string(text), "policy_dir: policies", "policy_dir: proposed", 1))
	out, words, status = h.in.tool(t, "policy", "replay", "--config", proposed, "--decisions", decisions)
	if status != 3 || !strings.Contains(out, bob.Email+" on https://ops.localhost: deny, was allow") || !strings.Contains(out, "proposed/ops.yaml:4") || strings.Contains(out, ann.Email+" on") {
		t.Errorf("a stricter configuration: status %d\n%s%s", status, out, words)
	}
	other := h.in.writeFile(t, "other.yaml", "shared_secret: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"+string(text))
	eventually(t, inForce, "the refusal of another secret", func() error { // once there is a file
		if _, words, status := h.in.tool(t, "policy", "replay", "--config", other, "--decisions", filepath.Join(h.in.dir, "data", "decisions")); status != 1 || !strings.Contains(words, "key") {
			return fmt.Errorf("status %d, %q", status, words)
		}
		return nil
	})
}

// TestDecisionsAreNotRecordedWhereNobodyWantsIt.
func TestDecisionsAreNotRecordedWhereNobodyWantsIt(t *testing.T) {
	in := launch(t, "decision_log_max_age: 0s\n"+aRoute)
	in.client(t, clientOptions{}).get(t, in.at("app.localhost/"))
	if _, err := os.Stat(filepath.Join(in.dir, "data", "decisions")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder of decisions is there: %v", err)
	}
	if _, words, status := in.tool(t, "policy", "decisions", "--config", in.file); status != 1 || !strings.Contains(words, "decisions are not recorded") {
		t.Errorf("status %d, %q", status, words)
	}
}

// TestAnOldSignInIsMadeAgain: a route that wants a young sign-in sends a browser
// to make one, which ends there and does not go round.
func TestAnOldSignInIsMadeAgain(t *testing.T) {
	h := launchPolicies(t, "", "  - {from: 'https://young.localhost', verify: true, policies: [young]}\n", map[string]string{
		"young.yaml": "allow: {and: [{groups: {has: admins}}, {signed_in_within: 2s}]}\n",
	})
	c := h.in.client(t, clientOptions{})
	young := h.in.at("young.localhost/")
	h.enter(t, c, ann, "young.localhost/").want(t, http.StatusOK)
	eventually(t, inForce, "the end of youth", func() error {
		if a := c.get(t, young, "Accept", "text/html", "Sec-Fetch-Mode", "navigate"); !strings.Contains(a.header.Get("Location"), "pomerium_signed_in_after=") {
			return fmt.Errorf("status %d", a.status)
		}
		return nil
	})
	before := h.idp.Count(testidp.Authorize)
	h.enter(t, c, ann, "young.localhost/").want(t, http.StatusOK)
	if after := h.idp.Count(testidp.Authorize); after != before+1 {
		t.Errorf("the provider was asked %d times, want once", after-before)
	}
}

// TestParametersThatAreNotOne: a parameter that stands twice, or in two
// spellings, opens nothing and closes what it names.
func TestParametersThatAreNotOne(t *testing.T) {
	h := launchPolicies(t, "", `
  - {from: 'https://mode.localhost', verify: true, policy: [{allow: {and: [{accept: true}, {http_query/mode: read}]}}]}
  - {from: 'https://nowrite.localhost', verify: true, policy: [{allow: {or: [{accept: true}]}}, {deny: {or: [{http_query/mode: write}]}}]}
  - {from: 'https://tenant.localhost', verify: true, policy: [{allow: {and: [{accept: true}, {http_header/X-Tenant: a}]}}]}
`, map[string]string{"unused.yaml": "allow: {or: [{reject: true}]}\n"})
	c := h.in.client(t, clientOptions{})
	for _, tc := range []struct {
		path    string
		headers []string
		status  int
	}{
		{"mode.localhost/?mode=read", nil, 200},
		{"mode.localhost/?%6dode=read", nil, 200},
		{"mode.localhost/?mode=write", nil, 403},
		{"mode.localhost/?mode=read&mode=write", nil, 403},
		{"mode.localhost/?mode=write&mode=read", nil, 403},
		{"mode.localhost/?mode=read&%6Dode=write", nil, 403},
		{"mode.localhost/?mode=read;mode=write", nil, 403},
		{"mode.localhost/?x=mode=read", nil, 403},
		{"mode.localhost/mode=read", nil, 403},
		{"nowrite.localhost/?mode=read", nil, 200},
		{"nowrite.localhost/?mode=write", nil, 403},
		{"nowrite.localhost/?mode=read&mode=write", nil, 403},
		{"nowrite.localhost/?a=b;mode=write", nil, 403},
		{"nowrite.localhost/?%6d%6f%64%65=write", nil, 403},
		{"tenant.localhost/", []string{"X-Tenant", "a"}, 200},
		{"tenant.localhost/", []string{"X-Tenant", "b"}, 403},
		{"tenant.localhost/", []string{"X-Tenant", "a", "x-tenant", "b"}, 403},
		{"tenant.localhost/", nil, 403},
	} {
		if a := c.get(t, h.in.at(tc.path), tc.headers...); a.status != tc.status {
			t.Errorf("%s %v: status %d, want %d", tc.path, tc.headers, a.status, tc.status)
		}
	}
}
