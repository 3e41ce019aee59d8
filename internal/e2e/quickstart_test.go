package e2e

import (
	"bufio"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// quickstart is the configuration of docs/quickstart on ports of the test's.
func quickstart(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(), "docs", "quickstart", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(
		"address: :8443", "address: 127.0.0.1:$PORT", "8443", "$PORT",
		"data_dir: .cardea", "data_dir: $DIR/data", "127.0.0.1:28080", "$HEALTH",
	).Replace(string(text))
}

// passwords reads what was printed for people without a password.
func (in *instance) passwords() map[string]string {
	found := make(map[string]string)
	for _, m := range regexp.MustCompile(`(?m)^  (\S+@\S+) +(\S+)$`).FindAllStringSubmatch(in.words.text(), -1) {
		found[m[1]] = m[2]
	}
	return found
}

var hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// typePassword fills in the form of the built-in provider.
func (c *client) typePassword(t testing.TB, form answer, email, password string) answer {
	t.Helper()
	action := regexp.MustCompile(`<form method="post" action="([^"]*)"`).FindStringSubmatch(form.body)
	if action == nil {
		t.Fatalf("%s shows no form:\n%s", form.url, form.body)
	}
	to, err := form.url.Parse(html.UnescapeString(action[1]))
	if err != nil {
		t.Fatal(err)
	}
	values := url.Values{"email": {email}, "password": {password}}
	for _, m := range hiddenInput.FindAllStringSubmatch(form.body, -1) {
		values.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return c.do(t, http.MethodPost, to.String(), values.Encode(), "Content-Type", "application/x-www-form-urlencoded",
		"Origin", "https://"+to.Host, "Sec-Fetch-Site", "same-origin", "Accept", "text/html")
}

// A verdict is what the built-in application thinks of a request, as JSON.
type verdict struct {
	Verdict  string         `json:"verdict"`
	Verified bool           `json:"verified"`
	Claims   map[string]any `json:"claims"`
	Leaks    []string       `json:"leaks"`
	Request  struct {
		Path    string              `json:"path"`
		Headers map[string][]string `json:"headers"`
	} `json:"request"`
}

func (a answer) verdict(t testing.TB) verdict {
	t.Helper()
	var v verdict
	if err := json.Unmarshal([]byte(a.want(t, http.StatusOK).body), &v); err != nil {
		t.Fatalf("%v:\n%s", err, a.brief())
	}
	return v
}

// TestQuickstart is a newcomer's first quarter of an hour.
func TestQuickstart(t *testing.T) {
	in := launch(t, quickstart(t))
	made := in.passwords()
	engineer := in.client(t, clientOptions{})

	t.Run("it says where to go", func(t *testing.T) {
		for _, want := range []string{"Cardea is ready", "https://verify.localhost:" + in.port, "tcp+https://tunnel.localhost:" + in.port, "cardea trust"} {
			if !strings.Contains(in.words.text(), want) {
				t.Errorf("no %q in:\n%s", want, in.words.text())
			}
		}
	})
	t.Run("two people have passwords, and the log has none", func(t *testing.T) {
		if len(made) != 2 || len(made["engineer@example.com"]) < 16 || len(made["admin@example.com"]) < 16 {
			t.Fatalf("passwords for %d people in:\n%s", len(made), in.words.text())
		}
		for who, password := range made {
			if strings.Contains(in.logs.text(), password) {
				t.Errorf("the log shows the password of %s", who)
			}
		}
	})
	t.Run("a wrong password opens nothing", func(t *testing.T) {
		c := in.client(t, clientOptions{})
		a := c.typePassword(t, c.browse(t, in.at("verify.localhost/")), "engineer@example.com", "guess")
		if a.status < 400 && a.status != 200 || !strings.Contains(a.body, `role="alert"`) {
			t.Errorf("status %d:\n%s", a.status, a.body)
		}
		if a := c.get(t, in.at("verify.localhost/"), "Accept", "text/html"); !a.signInAsked() {
			t.Errorf("status %d after a wrong password", a.status)
		}
	})
	t.Run("a person signs in and arrives where they wanted to", func(t *testing.T) {
		form := engineer.browse(t, in.at("verify.localhost/deep/page?q=1"))
		if form.url.Host != "authenticate.localhost:"+in.port {
			t.Fatalf("the form is at %s", form.url)
		}
		a := engineer.follow(t, engineer.typePassword(t, form, "engineer@example.com", made["engineer@example.com"]), "Accept", "text/html")
		if a.want(t, http.StatusOK).url.String() != in.at("verify.localhost/deep/page?q=1") {
			t.Errorf("arrived at %s", a.url)
		}
		if !strings.Contains(a.body, "engineer@example.com") {
			t.Errorf("the page does not name the person:\n%s", a.body)
		}
	})
	t.Run("the application gets a verified identity and nothing of ours", func(t *testing.T) {
		v := engineer.get(t, in.at("verify.localhost/json"), "Accept", "application/json").verdict(t)
		if v.Verdict != "vouched" || !v.Verified || len(v.Leaks) != 0 {
			t.Errorf("verdict %+v", v)
		}
		if v.Claims["email"] != "engineer@example.com" || v.Claims["aud"] != "verify.localhost" {
			t.Errorf("claims %v", v.Claims)
		}
		for _, cookie := range v.Request.Headers["Cookie"] {
			if strings.Contains(cookie, "_pomerium") {
				t.Errorf("the application got the cookie %q", cookie)
			}
		}
	})
	t.Run("the administrators' route is not for engineers", func(t *testing.T) {
		a := engineer.browse(t, in.at("admin.localhost/")).want(t, http.StatusForbidden)
		if !strings.Contains(a.body, "engineer@example.com") {
			t.Errorf("the page does not say as whom:\n%s", a.body)
		}
	})
	t.Run("the administrators' route is for administrators", func(t *testing.T) {
		c := in.client(t, clientOptions{http2: true})
		a := c.typePassword(t, c.browse(t, in.at("admin.localhost/")), "admin@example.com", made["admin@example.com"])
		c.follow(t, a).want(t, http.StatusOK)
	})
	t.Run("the public route is for everybody", func(t *testing.T) {
		v := in.client(t, clientOptions{}).get(t, in.at("public.localhost/json")).verdict(t)
		if v.Verified || v.Verdict != "anonymous" {
			t.Errorf("verdict %+v", v)
		}
	})
	t.Run("a program gets through the tunnel with a handle", func(t *testing.T) {
		handle := engineer.handle(t, "tunnel.localhost")
		conn := in.dial(t, "tunnel.localhost", "http/1.1")
		target := "tunnel.localhost:" + in.port
		_, err := io.WriteString(conn, "CONNECT "+target+" HTTP/1.1\r\nHost: "+target+"\r\nAuthorization: Pomerium "+handle+"\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		from := bufio.NewReader(conn)
		readAnswer(t, from, http.MethodConnect).want2xx(t)
		if _, err := io.WriteString(conn, request("GET /healthz HTTP/1.1", "localhost")); err != nil {
			t.Fatal(err)
		}
		if a := readAnswer(t, from, http.MethodGet); a.body != "OK\n" {
			t.Errorf("through the tunnel: %d %q", a.status, a.body)
		}
	})
	t.Run("the portal lists what the person may open", func(t *testing.T) {
		a := engineer.browse(t, in.at("verify.localhost/.pomerium/routes")).want(t, http.StatusOK)
		for name, listed := range map[string]bool{"Verify": true, "Public": true, "Tunnel": true, "Administration": false} {
			if strings.Contains(a.body, name) != listed {
				t.Errorf("%s: listed should be %t:\n%s", name, listed, a.body)
			}
		}
	})
	t.Run("after a restart nobody is signed out and no password is printed", func(t *testing.T) {
		in.stop(t)
		in.start(t)
		if again := in.passwords(); len(again) != 0 {
			t.Errorf("passwords printed a second time for %d people", len(again))
		}
		engineer.get(t, in.at("verify.localhost/json")).want(t, http.StatusOK)
	})
	t.Run("signing out ends the session on every route", func(t *testing.T) {
		a := engineer.get(t, in.at("verify.localhost/.pomerium/sign_out"), "Sec-Fetch-Site", "same-origin", "Accept", "text/html")
		engineer.follow(t, a, "Accept", "text/html").want(t, http.StatusOK)
		for _, host := range []string{"verify.localhost/", "admin.localhost/"} {
			if a := engineer.get(t, in.at(host), "Accept", "text/html"); !a.signInAsked() {
				t.Errorf("%s answers %d after signing out", host, a.status)
			}
		}
	})
}

// want2xx fails the test unless a tunnel was opened.
func (a answer) want2xx(t testing.TB) {
	t.Helper()
	if a.status/100 != 2 {
		t.Fatalf("status %d: %v %s", a.status, a.header, a.brief())
	}
}
