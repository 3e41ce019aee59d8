package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// tool runs the program with arguments and returns everything it writes. It
// must end with exit code code.
func (in *instance) tool(t testing.TB, code int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), built, args...)
	cmd.Dir, cmd.Env = in.dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + in.dir, "TMPDIR=" + os.TempDir()}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("%v: exit code %d, want %d:\n%s", args, got, code, out.String())
	}
	return out.String()
}

// decisions exports what is recorded, once it holds a request for path.
func (in *instance) decisions(t testing.TB, path string) string {
	t.Helper()
	var out string
	eventually(t, inForce, "the record of "+path, func() error {
		if out = in.tool(t, 0, "policy", "decisions", "--config", in.file); !strings.Contains(out, path) {
			return fmt.Errorf("%d bytes", len(out))
		}
		return nil
	})
	return out
}

var requestID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// TestADenialIsExplainedByItsID, to the administrator and to nobody else.
func TestADenialIsExplainedByItsID(t *testing.T) {
	h := installPolicies(t, "", policyRoute("app", "ops-only"), "ops-only.yaml", `explanation: Only **operations** may come here.
remediation: Ask in the blue room.
ppl:
  allow: {or: [{groups: {has: operators}}]}
`)
	in := h.in
	in.start(t)
	anns := h.signIn(t, ann, clientOptions{})
	page := h.enter(t, anns, ann, "app.localhost/denied").want(t, http.StatusForbidden)
	for _, want := range []string{"<strong>operations</strong>", "Ask in the blue room."} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q: %s", want, page.brief())
		}
	}
	id := requestID.FindString(page.brief())
	if id == "" {
		t.Fatalf("no request id on the page: %s", page.brief())
	}
	secrets := []string{"operators", "ops-only", "groups-", ".yaml", "ann@"}
	for _, leak := range secrets[:4] {
		if strings.Contains(page.body, leak) {
			t.Errorf("the page tells %q", leak)
		}
	}
	t.Run("a stranger learns nothing", func(t *testing.T) {
		c := in.client(t, clientOptions{})
		for _, a := range []answer{ // no redirect is followed: the provider would say who this is
			c.get(t, in.at("app.localhost/denied"), "Accept", "application/json"), c.get(t, in.at("app.localhost/denied"), "Accept", "text/html"),
			c.get(t, in.at("app.localhost/denied"), "Accept", "text/plain"), c.get(t, in.at("app.localhost/v1/explanations/"+id), "Accept", "application/json"),
		} {
			if a.status != http.StatusUnauthorized && !a.signInAsked() {
				t.Errorf("%s answers %d", a.url, a.status)
			}
			for _, leak := range append(secrets, "operations", "blue room") {
				if strings.Contains(a.body, leak) || strings.Contains(fmt.Sprint(a.header), leak) {
					t.Errorf("%s tells %q: %s", a.url, leak, a.brief())
				}
			}
		}
	})
	explained := func(t *testing.T) {
		var out string
		eventually(t, inForce, "the record", func() error {
			out = in.tool(t, 0, "policy", "explain", "--config", in.file, "--request", id)
			return nil
		})
		for _, want := range []string{id, "ann@corp.example", "/denied", "operators", "groups-unauthorized", "to be allowed", "policies/ops-only.yaml:4", `member of group "operators"`} {
			if !strings.Contains(out, want) {
				t.Errorf("the explanation lacks %q:\n%s", want, out)
			}
		}
	}
	in.decisions(t, id) // it is written
	t.Run("an administrator reads why", explained)
	t.Run("an id of nothing", func(t *testing.T) {
		if out := in.tool(t, 1, "policy", "explain", "--config", in.file, "--request", "unknown"); !strings.Contains(out, `no decision about request "unknown" is recorded`) {
			t.Errorf("it says %s", out)
		}
	})
	t.Run("the socket is private", func(t *testing.T) {
		for path, want := range map[string]os.FileMode{"data/admin/socket": os.ModeSocket | 0o600, "data/admin": os.ModeDir | 0o700} {
			if info, err := os.Stat(filepath.Join(in.dir, path)); err != nil || info.Mode() != want {
				t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
		}
	})
	t.Run("after the program was killed", func(t *testing.T) {
		// What was decided a second ago outlives it: wait for that, not for a line.
		anns.holds(t, in.at("app.localhost/later"), 1200*time.Millisecond, http.StatusForbidden)
		in.signal(t, syscall.SIGKILL)
		<-in.ended
		if out := in.tool(t, 1, "policy", "explain", "--config", in.file, "--request", id); !strings.Contains(out, "no instance answers") {
			t.Errorf("without an instance it says %s", out)
		}
		in.start(t)
		explained(t)
	})
}

func TestReplay(t *testing.T) {
	const route = "  - {from: 'https://app.localhost', response: {status: 200, body: here}, policy: [{allow: {or: [%s]}}]}\n"
	h := launchHousehold(t, testidp.Options{}, "", fmt.Sprintf(route, "{authenticated_user: true}"))
	in := h.in
	for _, who := range []person{ann, bob} {
		h.enter(t, h.signIn(t, who, clientOptions{}), who, "app.localhost/of/"+who.Name).want(t, http.StatusOK)
	}
	in.client(t, clientOptions{}).get(t, in.at("app.localhost/last"), "Accept", "application/json").want(t, http.StatusUnauthorized)
	file := in.writeFile(t, "decisions.jsonl", in.decisions(t, "/last"))
	proposed := func(settings, rule string) string {
		return in.writeFile(t, "proposed.yaml", in.complete(people(h.idp)+settings+"\nroutes:\n"+anyRoute+fmt.Sprintf(route, rule)))
	}
	if out := in.tool(t, 0, "policy", "replay", "--config", in.file, "--decisions", file); !strings.Contains(out, " 0 flip, 0 cannot tell") {
		t.Errorf("the same configuration: %s", out)
	}
	tighter := proposed("", "{email: {is: ann@corp.example}}")
	eventually(t, inForce, "sealed decisions", func() error { // they are written together, within a second
		files, err := filepath.Glob(filepath.Join(in.dir, "data", "decisions", "*.journal"))
		if err == nil && len(files) == 0 {
			err = errors.New("no file")
		}
		return err
	})
	in.stop(t) // which writes the rest, and frees the folder
	for form, decisions := range map[string]string{"exported": file, "sealed": filepath.Join(in.dir, "data", "decisions")} {
		t.Run(form, func(t *testing.T) {
			out := in.tool(t, 3, "policy", "replay", "--config", tighter, "--decisions", decisions)
			if !strings.Contains(out, "bob@other.example on https://app.localhost: deny, was allow (1)") || !strings.Contains(out, " 1 flip") || strings.Contains(out, "ann@corp.example on") {
				t.Errorf("it says %s", out)
			}
		})
	}
	t.Run("another secret", func(t *testing.T) {
		other := proposed("shared_secret: "+newSecret(), "{authenticated_user: true}")
		out := in.tool(t, 1, "policy", "replay", "--config", other, "--decisions", filepath.Join(in.dir, "data", "decisions"))
		if !strings.Contains(out, "sealed under another key") {
			t.Errorf("it says %s", out)
		}
	})
}

func TestNothingIsRecordedWhereThatIsOff(t *testing.T) {
	in := launch(t, "decision_log_max_age: 0"+aRoute)
	in.client(t, clientOptions{}).get(t, in.at("app.localhost/")).want(t, http.StatusOK)
	if out := in.tool(t, 1, "policy", "decisions", "--config", in.file); !strings.Contains(out, "decisions are not recorded") {
		t.Errorf("it says %s", out)
	}
	if files, _ := filepath.Glob(filepath.Join(in.dir, "data", "decisions", "*")); len(files) > 0 {
		t.Errorf("there is %v", files)
	}
}

// TestRecordedDecisionsAreDecidedAlike: generated requests, decided live and
// then again from the record.
func TestRecordedDecisionsAreDecidedAlike(t *testing.T) {
	routes := `
  - from: https://*.localhost
    response: {status: 200, body: here}
    policy:
      - allow: {or: [{http_method: {in: [GET, HEAD]}}, {http_header/X-Probe: v}, {http_query/a: b}]}
        deny: {or: [{http_path: {contains: forbidden}}, {http_query/a: c}, {source_ip: 10.0.0.0/8}]}
`
	in := launch(t, "authenticate_service_url: https://authenticate.localhost:$PORT\nroutes:"+routes)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	t.Run("requests", func(t *testing.T) {
		for worker := range uint64(14) {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel() // most of the time is Envoy's, closing bad connections
				r := rand.New(rand.NewPCG(seed, worker))
				for range 8 {
					p := generate(r)
					in.raw2(t, "x.localhost", ":method", p.method, ":scheme", "https", ":authority", p.host, ":path", p.target, "x-probe", p.value)
				}
			})
		}
	})
	// A query that may hold a handle is not recorded, and what it decided cannot be told.
	in.raw2(t, "x.localhost", ":method", "GET", ":scheme", "https", ":authority", "x.localhost", ":path", "/hidden?a=c&pomerium_session=x")
	in.raw2(t, "x.localhost", ":method", "GET", ":scheme", "https", ":authority", "x.localhost", ":path", "/the-last?a=\xc3\xa9")
	file := in.writeFile(t, "decisions.jsonl", in.decisions(t, "/the-last"))
	var out struct {
		Decisions, Same, Flipped int
		Unknown                  []struct{ Why string }
	}
	text := in.tool(t, 0, "policy", "replay", "--json", "--config", in.file, "--decisions", file)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if out.Decisions < 20 || out.Same < 10 || out.Flipped != 0 || !strings.Contains(text, `"the query was not recorded"`) {
		t.Errorf("replayed: %s", text)
	}
	// The matcher keeps silent where versions of HTTP differ.
	expected := regexp.MustCompile(`^the query was not recorded$|^cannot tell: the (method|host) |^cannot tell: the path .* holds what must be escaped$`)
	for _, u := range out.Unknown {
		if !expected.MatchString(u.Why) {
			t.Errorf("unexpected: %s", u.Why)
		}
	}
	t.Logf("%d decisions, %d the same", out.Decisions, out.Same)
}
