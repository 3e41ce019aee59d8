package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

const opsRoutes = consoleRoute + `  - from: 'https://ops.localhost'
    name: Operations
    verify: true
    policy: [{allow: {and: [{groups: {has: ops}}]}}]
`

var explainLink = regexp.MustCompile(`href="(/explain\?request=[^"]+)"`)

// events opens the console's events and returns their lines.
func (c *client) events(t testing.TB, target string) *bufio.Scanner {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("status %d: %s", resp.StatusCode, body)
	}
	return bufio.NewScanner(resp.Body)
}

func TestAnAdministratorLooksIntoADenial(t *testing.T) {
	h := launchHousehold(t, testidp.Options{}, consoleSettings, opsRoutes)
	ada := person{Sub: "ada", Email: "ada@example.com", Name: "Ada Admin"}
	eve := person{Sub: "eve", Email: "eve@elsewhere.example", Name: "Eve"}
	admin, other := h.in.client(t, clientOptions{}), h.signIn(t, eve, clientOptions{})
	h.enter(t, admin, ada, "console.localhost/decisions").want(t, http.StatusOK)
	denied := func(path string) {
		t.Helper()
		h.enter(t, other, eve, "ops.localhost"+path).want(t, http.StatusForbidden)
	}
	console := func(path string) string { return h.in.at("console.localhost" + path) }

	t.Run("a denial is in Decisions, and one click leads to why", func(t *testing.T) {
		denied("/payroll?token=SECRET")
		var link string
		eventually(t, inForce, "the denial", func() error {
			list := admin.browse(t, console("/decisions?outcome=deny&person=eve@")).want(t, http.StatusOK)
			m := explainLink.FindStringSubmatch(list.body)
			if m == nil || !strings.Contains(list.body, "/payroll") || strings.Contains(list.body, "SECRET") {
				return fmt.Errorf("the list:\n%s", list.body)
			}
			link = html.UnescapeString(m[1])
			return nil
		})
		why := admin.browse(t, console(link)).want(t, http.StatusOK)
		for _, want := range []string{"Denied", "groups: {has: ops}", "eve@elsewhere.example", "decided", "/payroll"} {
			if !strings.Contains(html.UnescapeString(why.body), want) {
				t.Errorf("no %q:\n%s", want, why.body)
			}
		}
	})
	t.Run("the form says what would be", func(t *testing.T) {
		for query, want := range map[string]string{
			"person=eve@elsewhere.example":            "Denied",
			"person=eve@elsewhere.example&groups=ops": "Allowed",
			"person=":                                "Asked to sign in",
			"person=somebody@new.example&groups=ops": "Allowed",
		} {
			page := admin.browse(t, console("/explain?url=https://ops.localhost:"+h.in.port+"/x&"+query)).want(t, http.StatusOK)
			if !regexp.MustCompile(`<h2 id="verdict"><span class="state \w+">` + want).MatchString(page.body) {
				t.Errorf("%s: not %s:\n%s", query, want, page.body)
			}
		}
	})
	t.Run("the overview, the routes and their commands know the instance", func(t *testing.T) {
		home := admin.browse(t, console("/")).want(t, http.StatusOK)
		if !strings.Contains(home.body, "<svg") || !strings.Contains(home.body, "All is well") {
			t.Errorf("the overview:\n%s", home.body)
		}
		list := admin.browse(t, console("/routes?q=operations")).want(t, http.StatusOK)
		m := regexp.MustCompile(`href="(/routes/show\?id=[^"]+)"`).FindStringSubmatch(list.body)
		if m == nil {
			t.Fatalf("the routes:\n%s", list.body)
		}
		if one := admin.browse(t, console(html.UnescapeString(m[1]))).want(t, http.StatusOK); !strings.Contains(html.UnescapeString(one.body), "groups: {has: ops}") {
			t.Errorf("the route:\n%s", one.body)
		}
		if out := h.in.tool(t, 0, "route", "list", "--config", h.in.file); !strings.Contains(out, "https://ops.localhost") || !strings.Contains(out, h.in.file) {
			t.Errorf("route list says %s", out)
		}
		if out := h.in.tool(t, 0, "status", "--activity", "--config", h.in.file); !strings.Contains(out, "SIGN-INS") || !strings.Contains(out, "refused: groups-unauthorized") {
			t.Errorf("status --activity says %s", out)
		}
		if out := h.in.tool(t, 0, "user", "groups", "--config", h.in.file); !strings.Contains(out, "MEMBERS") {
			t.Errorf("user groups says %s", out)
		}
		var status struct {
			Generation string
			Sessions   int
			Envoy      struct{ Answers bool }
		}
		if err := json.Unmarshal([]byte(h.in.tool(t, 0, "status", "--json", "--config", h.in.file)), &status); err != nil || !status.Envoy.Answers || status.Sessions != 2 || status.Generation != "1" {
			t.Errorf("%+v, %v", status, err)
		}
	})
	t.Run("an uploaded configuration says who flips", func(t *testing.T) {
		page := admin.browse(t, console("/replay")).want(t, http.StatusOK)
		raw, err := os.ReadFile(h.in.file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("groups: {has: ops}", "domain: {is: elsewhere.example}").Replace(string(raw))
		done := admin.upload(t, page, "/replay", text).want(t, http.StatusOK)
		for _, want := range []string{"eve@elsewhere.example", "would be decided otherwise", "domain: {is: elsewhere.example}"} {
			if !strings.Contains(html.UnescapeString(done.body), want) {
				t.Errorf("no %q:\n%s", want, done.body)
			}
		}
		wrong := admin.upload(t, page, "/replay", text+"\npolicy_dir: /etc\n").want(t, http.StatusUnprocessableEntity)
		if !strings.Contains(wrong.body, "files cannot be read") {
			t.Errorf("it says:\n%s", wrong.body)
		}
	})
	t.Run("the tail shows what comes, and ends with the session", func(t *testing.T) {
		events := admin.events(t, console("/decisions/live?outcome=deny"))
		until := func(want string) {
			t.Helper()
			for events.Scan() {
				if strings.Contains(events.Text(), want) {
					return
				}
			}
			t.Fatalf("no %q: %v", want, events.Err())
		}
		until(": here")
		denied("/later")
		until("/later")
		h.in.tool(t, 0, "session", "revoke", "--config", h.in.file, h.in.sessionsOf(t, "ada")[0])
		// Either the console says so, or the gate has cut the stream before.
		for events.Scan() {
			if strings.Contains(events.Text(), "event: row") {
				t.Error("it goes on")
			}
		}
		if err := events.Err(); os.IsTimeout(err) {
			t.Errorf("it does not end: %v", err)
		}
	})
}

// upload sends a file with a form of the console.
func (c *client) upload(t testing.TB, page answer, path, content string) answer {
	t.Helper()
	var body strings.Builder
	w := multipart.NewWriter(&body)
	m := formToken.FindStringSubmatch(page.body)
	if m == nil {
		t.Fatalf("no form:\n%s", page.body)
	}
	_ = w.WriteField("token", m[1]) // a builder does not fail
	part, err := w.CreateFormFile("config", "config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(part, content)
	_ = w.Close()
	return c.do(t, http.MethodPost, "https://"+page.url.Host+path, body.String(), "Content-Type", w.FormDataContentType(),
		"Origin", "https://"+page.url.Host, "Sec-Fetch-Site", "same-origin", "Accept", "text/html")
}
