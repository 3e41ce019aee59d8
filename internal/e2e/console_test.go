package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// consoleSettings say who is who in the console; everybody may open it.
const (
	consoleSettings = `
console:
  admins: [{email: {is: ada@example.com}}]
  managers: [{groups: {has: doors}}]
  viewers: [{domain: {is: example.com}}]
`
	consoleRoute = "  - {from: 'https://console.localhost', console: true, allow_any_authenticated_user: true}\n"
)

var formToken = regexp.MustCompile(`name="token" value="([0-9a-f]+)"`)

// post sends a form of the console as the browser that was shown page would.
func (c *client) post(t testing.TB, page answer, path string, fields url.Values) answer {
	t.Helper()
	values := url.Values{}
	for k, v := range fields {
		values[k] = v
	}
	if m := formToken.FindStringSubmatch(page.body); m != nil {
		values.Set("token", m[1])
	}
	return c.do(t, http.MethodPost, "https://"+page.url.Host+path, values.Encode(), "Content-Type", "application/x-www-form-urlencoded",
		"Origin", "https://"+page.url.Host, "Sec-Fetch-Site", "same-origin", "Accept", "text/html")
}

// sessionsOf asks the running instance for sessions that match.
func (in *instance) sessionsOf(t testing.TB, search string) []string {
	t.Helper()
	var out struct{ Sessions []struct{ ID string } }
	text := in.tool(t, 0, "session", "list", "--json", "--search", search, "--config", in.file)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	var ids []string
	for _, s := range out.Sessions {
		ids = append(ids, s.ID)
	}
	return ids
}

func TestAnAdministratorEndsASession(t *testing.T) {
	h := launchHousehold(t, testidp.Options{}, consoleSettings, consoleRoute)
	ada := person{Sub: "ada", Email: "ada@example.com", Name: "Ada Admin"}
	vic := person{Sub: "vic", Email: "vic@example.com", Name: "Vic Viewer"}
	eve := person{Sub: "eve", Email: "eve@elsewhere.example", Name: "Eve <b>Guest</b>"}

	admin, viewer := h.in.client(t, clientOptions{}), h.signIn(t, vic, clientOptions{http2: true})
	page := h.enter(t, admin, ada, "console.localhost/sessions").want(t, http.StatusOK)
	guest := h.in.client(t, clientOptions{})
	refused := h.enter(t, guest, eve, "console.localhost/sessions").want(t, http.StatusForbidden)

	t.Run("everybody who is signed in is listed", func(t *testing.T) {
		eventually(t, inForce, "the list", func() error {
			page = admin.browse(t, h.in.at("console.localhost/sessions")).want(t, http.StatusOK)
			for _, want := range []string{"127.0.0.1", "Ada Admin", "Vic Viewer", "Eve &lt;b&gt;Guest&lt;/b&gt;", "3 sessions"} {
				if !strings.Contains(page.body, want) {
					return fmt.Errorf("no %q:\n%s", want, page.body)
				}
			}
			return nil
		})
	})
	t.Run("somebody without a role is told as whom they came", func(t *testing.T) {
		if !strings.Contains(refused.body, "eve@elsewhere.example") || strings.Contains(refused.body, "ada@example.com") {
			t.Errorf("the page:\n%s", refused.body)
		}
	})
	t.Run("a viewer looks and ends nothing", func(t *testing.T) {
		list := h.enter(t, viewer, vic, "console.localhost/sessions").want(t, http.StatusOK)
		if strings.Contains(list.body, "/sessions/revoke") {
			t.Error("a viewer is offered to end sessions")
		}
		viewer.browse(t, h.in.at("console.localhost/sessions/revoke?id="+h.in.sessionsOf(t, "eve")[0])).want(t, http.StatusForbidden)
		// The token of their own session, taken from nowhere else than a page of theirs, opens no action.
		viewer.post(t, list, "/sessions/revoke", url.Values{"id": h.in.sessionsOf(t, "eve")}).want(t, http.StatusForbidden)
		if len(h.in.sessionsOf(t, "eve")) != 1 {
			t.Error("a viewer has ended a session")
		}
	})
	t.Run("an administrator ends a session, and its person is asked to sign in", func(t *testing.T) {
		ask := admin.browse(t, h.in.at("console.localhost/sessions/revoke?id="+h.in.sessionsOf(t, "vic")[0])).want(t, http.StatusOK)
		if !strings.Contains(html.UnescapeString(ask.body), "Vic Viewer") {
			t.Errorf("the question does not say whose:\n%s", ask.body)
		}
		viewer.get(t, h.in.at("any.localhost/json")).want(t, http.StatusOK)
		done := admin.post(t, ask, "/sessions/revoke", url.Values{"id": h.in.sessionsOf(t, "vic")}).want(t, http.StatusSeeOther)
		if to := done.location(t); to.Path != "/sessions" {
			t.Errorf("leads to %s", to)
		}
		eventually(t, inForce, "the end of the session", func() error {
			if a := viewer.get(t, h.in.at("any.localhost/"), "Accept", "text/html"); !a.signInAsked() {
				return fmt.Errorf("status %d", a.status)
			}
			return nil
		})
		told := h.in.tool(t, 0, "audit", "list", "--config", "config.yaml", "--action", "session.revoke")
		if strings.Count(told, "session.revoke") != 1 || !strings.Contains(told, "ada@example.com by web") || !strings.Contains(told, "done") {
			t.Errorf("the audit says %s", told)
		}
		if told := h.in.tool(t, 0, "audit", "verify", "--config", "config.yaml"); !strings.Contains(told, "intact") {
			t.Errorf("verified: %s", told)
		}
	})
	t.Run("a form of another site does nothing", func(t *testing.T) {
		ask := admin.browse(t, h.in.at("console.localhost/sessions/revoke-all")).want(t, http.StatusOK)
		m := formToken.FindStringSubmatch(ask.body)
		for name, headers := range map[string][]string{
			"another origin": {"Origin", "https://any.localhost:" + h.in.port},
			"another port":   {"Origin", "https://console.localhost"},
			"no origin":      {},
			"cross-site":     {"Origin", "https://" + ask.url.Host, "Sec-Fetch-Site", "cross-site"},
		} {
			body := url.Values{"token": {m[1]}, "sure": {"yes"}}.Encode()
			headers = append(headers, "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
			if a := admin.do(t, http.MethodPost, "https://"+ask.url.Host+"/sessions/revoke-all", body, headers...); a.status != http.StatusForbidden {
				t.Errorf("%s: status %d", name, a.status)
			}
		}
	})
	t.Run("who ends all sessions has an answer, and then no session", func(t *testing.T) {
		c := h.in.client(t, clientOptions{http2: true})
		h.enter(t, c, ada, "console.localhost/sessions").want(t, http.StatusOK)
		ask := c.browse(t, h.in.at("console.localhost/sessions/revoke-all")).want(t, http.StatusOK)
		c.post(t, ask, "/sessions/revoke-all", url.Values{}).want(t, http.StatusBadRequest) // without the tick
		c.post(t, ask, "/sessions/revoke-all", url.Values{"sure": {"yes"}}).want(t, http.StatusSeeOther)
		eventually(t, inForce, "the end of one's own session", func() error {
			// A page that is under way when the session ends is reset.
			a, err := c.try(t.Context(), http.MethodGet, h.in.at("console.localhost/sessions"), "", "Accept", "text/html")
			if err == nil && !a.signInAsked() {
				err = fmt.Errorf("status %d", a.status)
			}
			return err
		})
		h.enter(t, guest, eve, "console.localhost/sessions").want(t, http.StatusForbidden)
	})
	t.Run("the command ends sessions too", func(t *testing.T) {
		out := h.in.tool(t, 0, "session", "revoke", "--config", h.in.file, h.in.sessionsOf(t, "eve")[0])
		if !strings.Contains(out, "ended 1 session") {
			t.Errorf("it says %q", out)
		}
		eventually(t, inForce, "the end of the session", func() error {
			a, err := guest.try(t.Context(), http.MethodGet, h.in.at("console.localhost/"), "", "Accept", "text/html")
			if err == nil && !a.signInAsked() {
				err = fmt.Errorf("status %d", a.status)
			}
			return err
		})
	})
}

// grpcWith connects to a route with a handle, as a program does.
func (in *instance) grpcWith(t testing.TB, host, handle string) (*grpc.ClientConn, context.Context) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+host+":"+in.port, grpc.WithContextDialer(func(ctx context.Context, to string) (net.Conn, error) {
		return in.dialContext(ctx, "tcp", to)
	}), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: in.authority(t), ServerName: host})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // nothing is under way
	return conn, metadata.AppendToOutgoingContext(t.Context(), "authorization", "Pomerium "+handle)
}

// TestTheConsoleOverGRPC, through Envoy, with the handle of a program.
func TestTheConsoleOverGRPC(t *testing.T) {
	h := launchHousehold(t, testidp.Options{}, consoleSettings, consoleRoute)
	ada, vic := person{Sub: "ada", Email: "ada@example.com"}, person{Sub: "vic", Email: "vic@example.com"}
	request := func(handle, method string) codes.Code {
		conn, ctx := h.in.grpcWith(t, "console.localhost", handle)
		return status.Code(conn.Invoke(ctx, method, &emptypb.Empty{}, &emptypb.Empty{}))
	}
	viewer, admin := h.handle(t, vic, "console.localhost"), h.handle(t, ada, "console.localhost")
	for _, tc := range []struct {
		name, handle, method string
		want                 codes.Code
	}{
		{"a viewer lists", viewer, "/console.v1.SessionService/ListSessions", codes.OK},
		{"a viewer ends nothing", viewer, "/console.v1.SessionService/RevokeAllSessions", codes.PermissionDenied},
		{"nobody gets in", "nonsense", "/console.v1.SessionService/ListSessions", codes.Unauthenticated},
		{"a method that is not there", admin, "/console.v1.SessionService/Nothing", codes.Unimplemented},
		{"an administrator ends all", admin, "/console.v1.SessionService/RevokeAllSessions", codes.OK},
	} {
		got := request(tc.handle, tc.method)
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	eventually(t, inForce, "the end of all sessions", func() error {
		if got := request(admin, "/console.v1.SessionService/ListSessions"); got != codes.Unauthenticated {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
}

// TestPeopleAreShutOutByCommand, and stay out until they are let in again.
func TestPeopleAreShutOutByCommand(t *testing.T) {
	h := launchHousehold(t, testidp.Options{}, consoleSettings, consoleRoute)
	bob := person{Sub: "bob", Email: "bob@example.com", Name: "Bob \x1b[31mRed"}
	c := h.signIn(t, bob, clientOptions{})
	var listed struct{ Users []struct{ Key, Email string } }
	out := h.in.tool(t, 0, "user", "list", "--json", "--config", h.in.file)
	if err := json.Unmarshal([]byte(out), &listed); err != nil || len(listed.Users) != 1 || listed.Users[0].Email != bob.Email {
		t.Fatalf("%v:\n%s", err, out)
	}
	key := listed.Users[0].Key
	for name, want := range map[string]os.FileMode{"admin": 0o700, "admin/grpc": 0o600, "admin/socket": 0o600} {
		if info, err := os.Stat(filepath.Join(h.in.dir, "data", name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %o", name, info.Mode(), err, want)
		}
	}
	for _, command := range [][]string{{"user", "list"}, {"user", "show", key}, {"session", "list", "--search", "bob"}} {
		if out := h.in.tool(t, 0, append(command, "--config", h.in.file)...); !strings.Contains(out, bob.Email) || strings.Contains(out, "\x1b") {
			t.Errorf("%v:\n%q", command, out)
		}
	}
	h.in.tool(t, 0, "user", "disable", key, "--config", h.in.file)
	told := h.in.tool(t, 0, "audit", "list", "--config", h.in.file)
	if want := fmt.Sprintf("operator (uid %d)", os.Getuid()); runtime.GOOS == "linux" && !strings.Contains(told, want) {
		t.Errorf("the audit does not say %s:\n%s", want, told)
	}
	eventually(t, inForce, "the end of the session", func() error {
		if a := c.get(t, h.in.at("any.localhost/"), "Accept", "text/html"); a.status == http.StatusOK {
			return fmt.Errorf("status %d", a.status)
		}
		return nil
	})
	if a := h.enter(t, h.in.client(t, clientOptions{}), bob, "any.localhost/"); a.status == http.StatusOK {
		t.Error("somebody who is shut out has signed in")
	}
	h.in.tool(t, 0, "user", "enable", key, "--config", h.in.file)
	h.enter(t, h.in.client(t, clientOptions{}), bob, "any.localhost/").want(t, http.StatusOK)
	for command, want := range map[string]string{
		"user show nobody":               "not there, or not any more",
		"user disable nobody":            "not there, or not any more",
		"session revoke":                 "want ids of sessions, --user or --all",
		"session list --state asleep":    "want active, disabled or orphaned",
		"session list --order colour":    "page.order: want one of issued, expires, person, provider",
		"session list --socket /nowhere": "no instance answers",
	} {
		if out := h.in.tool(t, 1, append(strings.Fields(command), "--config", h.in.file)...); !strings.Contains(out, want) {
			t.Errorf("%s: %q", command, out)
		}
	}
}
