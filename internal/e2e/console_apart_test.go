package e2e

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// apart is consoleSettings with a listener for the console alone.
func apart(port string) string {
	return strings.TrimRight(consoleSettings, "\n") + "\n  address: 127.0.0.1:" + port + "\n"
}

// onPort is in.at for another listener.
func onPort(port, hostAndPath string) string {
	host, path, _ := strings.Cut(hostAndPath, "/")
	return "https://" + net.JoinHostPort(host, port) + "/" + path
}

// comesIn signs a person in at a whole address.
func (h *household) comesIn(t testing.TB, c *client, who person, address string) answer {
	t.Helper()
	h.turn.Lock()
	defer h.turn.Unlock()
	h.idp.SetUser(who)
	return c.browse(t, address)
}

// shape is what two answers to two requests may have alike.
func shape(a answer) string {
	text, _, _ := strings.Cut(a.brief(), "Request ID")
	return fmt.Sprint(a.status, slices.Sorted(maps.Keys(a.header)), text)
}

// TestTheConsoleOnAListenerOfItsOwn signs in to it by way of the main listener,
// and looks for it where it is not.
func TestTheConsoleOnAListenerOfItsOwn(t *testing.T) {
	port := freePort(t)
	const routes = "  - {from: 'https://*.in.localhost', verify: true, allow_any_authenticated_user: true}\n" +
		"  - {from: 'https://console.in.localhost', console: true, allow_any_authenticated_user: true}\n"
	h := launchHousehold(t, testidp.Options{}, apart(port), routes)
	ada, vic := person{Sub: "ada", Email: "ada@example.com", Name: "Ada Admin"}, person{Sub: "vic", Email: "vic@example.com", Name: "Vic Viewer"}
	viewer := h.signIn(t, vic, clientOptions{})
	admin := h.in.client(t, clientOptions{http2: true})
	// The local authority speaks for no wildcards.
	careless := h.in.client(t, clientOptions{tls: &tls.Config{InsecureSkipVerify: true}})
	sessions := onPort(port, "console.in.localhost/sessions")

	t.Run("its address is shown to who starts the program", func(t *testing.T) {
		if text := h.in.words.text(); !strings.Contains(text, "https://console.in.localhost:"+port) {
			t.Errorf("it says\n%s", text)
		}
	})
	t.Run("sign-in leads over the main listener and back", func(t *testing.T) {
		first := admin.get(t, sessions, "Accept", "text/html")
		if !first.signInAsked() || first.location(t).Host != "authenticate.localhost:"+h.in.port {
			t.Fatalf("%d to %q", first.status, first.header.Get("Location"))
		}
		page := h.comesIn(t, admin, ada, sessions).want(t, http.StatusOK)
		if page.url.String() != sessions || !strings.Contains(page.body, "Ada Admin") || page.proto != "HTTP/2.0" {
			t.Errorf("%s by %s:\n%s", page.url, page.proto, page.brief())
		}
	})
	t.Run("an action", func(t *testing.T) {
		ask := admin.browse(t, onPort(port, "console.in.localhost/sessions/revoke?id="+h.in.sessionsOf(t, "vic")[0])).want(t, http.StatusOK)
		admin.post(t, ask, "/sessions/revoke", url.Values{"id": h.in.sessionsOf(t, "vic")}).want(t, http.StatusSeeOther)
		eventually(t, inForce, "the end of the session", func() error {
			if a := viewer.get(t, h.in.at("any.localhost/"), "Accept", "text/html"); !a.signInAsked() {
				return fmt.Errorf("status %d", a.status)
			}
			return nil
		})
	})
	t.Run("the main listener does not know its host, and no wildcard takes it", func(t *testing.T) {
		h.comesIn(t, careless, ada, h.in.at("other.in.localhost/")).want(t, http.StatusOK) // the wildcard
		for _, path := range []string{"sessions", "", ".pomerium/", ".pomerium/callback/", "console.v1.SessionService/ListSessions"} {
			a := admin.get(t, h.in.at("console.in.localhost/"+path), "Accept", "text/html").want(t, http.StatusNotFound)
			unknown := admin.get(t, h.in.at("any.localhost/"+path), "Accept", "text/html", "Host", "nowhere.example").want(t, http.StatusNotFound)
			if got, want := shape(a), shape(unknown); got != want {
				t.Errorf("/%s:\n%s\nunlike an unknown host:\n%s", path, got, want)
			}
		}
	})
	t.Run("its listener knows no other host", func(t *testing.T) {
		for _, host := range []string{"any.localhost", "other.in.localhost", "authenticate.localhost"} {
			for _, path := range []string{"/", "/.pomerium/", "/oauth2/callback"} {
				careless.get(t, onPort(port, host+path), "Accept", "text/html").want(t, http.StatusNotFound)
			}
		}
	})
	t.Run("programs", func(t *testing.T) {
		own := *h.in
		own.port = port
		c := h.signIn(t, ada, clientOptions{})
		c.in = &own
		handle := c.handle(t, "console.in.localhost")
		for _, tc := range []struct {
			in   *instance
			want codes.Code
		}{{&own, codes.OK}, {h.in, codes.Unimplemented}} { // what gRPC makes of 404
			conn, ctx := tc.in.grpcWith(t, "console.in.localhost", handle)
			if got := status.Code(conn.Invoke(ctx, "/console.v1.SessionService/ListSessions", &emptypb.Empty{}, &emptypb.Empty{})); got != tc.want {
				t.Errorf("port %s: %s, want %s", tc.in.port, got, tc.want)
			}
		}
	})
	t.Run("old clients come in here alone", func(t *testing.T) {
		for to, want := range map[string]bool{port: true, h.in.port: false} {
			conn, err := tls.Dial("tcp", "127.0.0.1:"+to, &tls.Config{
				RootCAs: h.in.authority(t), ServerName: "console.in.localhost", MaxVersion: tls.VersionTLS12,
				CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA},
			})
			if err == nil {
				_ = conn.Close() // nothing was asked
			}
			if (err == nil) != want {
				t.Errorf("port %s: %v", to, err)
			}
		}
	})
	t.Run("explanations know which listener is asked", func(t *testing.T) {
		explain := func(code int, address string) string {
			return h.in.tool(t, code, "policy", "explain", "--config", h.in.file, "--email", "ada@example.com", "--url", address)
		}
		explain(0, sessions)
		explain(0, h.in.at("any.localhost/"))
		if out := explain(1, h.in.at("console.in.localhost/sessions")); !strings.Contains(out, "404") || !strings.Contains(out, "a listener of its own") {
			t.Errorf("by the main listener: %s", out)
		}
		if out := explain(1, onPort(port, "any.localhost/")); !strings.Contains(out, "404") {
			t.Errorf("an application by the console's: %s", out)
		}
	})
}

func TestReloadMovesTheConsole(t *testing.T) {
	port, next := freePort(t), freePort(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, busy, _ := net.SplitHostPort(taken.Addr().String()) // an address of a listener
	h := launchHousehold(t, testidp.Options{}, consoleSettings, consoleRoute)
	ada := person{Sub: "ada", Email: "ada@example.com", Name: "Ada Admin"}
	write := func(settings string) { h.in.write(t, people(h.idp)+settings+"\nroutes:\n"+anyRoute+consoleRoute) }
	at := func(port, path string, status int) func() error {
		return func() error {
			a, err := h.in.client(t, clientOptions{}).try(t.Context(), http.MethodGet, onPort(port, path), "", "Accept", "text/html")
			if err == nil && a.status != status {
				err = fmt.Errorf("status %d, want %d", a.status, status)
			}
			return err
		}
	}
	gone := func(port string) func() error {
		return func() error {
			conn, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err != nil {
				return nil
			}
			_ = conn.Close() // it was to be refused
			return fmt.Errorf("port %s is open", port)
		}
	}
	admin := h.in.client(t, clientOptions{})
	h.comesIn(t, admin, ada, h.in.at("console.localhost/sessions")).want(t, http.StatusOK)

	write(apart(port))
	eventually(t, inForce, "the console's listener", at(port, "console.localhost/", http.StatusFound))
	eventually(t, inForce, "its end on the main one", at(h.in.port, "console.localhost/", http.StatusNotFound))
	// A session outlives the move: it is the host's.
	admin.get(t, onPort(port, "console.localhost/sessions")).want(t, http.StatusOK)

	write(apart(next))
	eventually(t, inForce, "the next listener", at(next, "console.localhost/", http.StatusFound))
	eventually(t, inForce, "the end of the one before", gone(port))

	for _, refused := range []struct{ settings, why string }{
		{apart(busy), busy + " is in use"},
		{"address: 127.0.0.1:" + next + "\n" + apart(h.in.port), "is still the address of"},
	} {
		mark := h.in.logs.mark()
		write(refused.settings)
		line := h.in.logs.awaitLog(t, mark, h.in.ended, "message", "configuration refused")
		if !strings.Contains(line.text("error"), refused.why) {
			t.Errorf("the log says %v", line)
		}
		for host, port := range map[string]string{"console.localhost/": next, "any.localhost/": h.in.port} {
			if err := at(port, host, http.StatusFound)(); err != nil {
				t.Errorf("%s, after what was refused: %v", host, err)
			}
		}
	}

	write(consoleSettings)
	eventually(t, inForce, "the console on the main listener", at(h.in.port, "console.localhost/", http.StatusFound))
	eventually(t, inForce, "the end of its own", gone(next))
	if err := at(h.in.port, "any.localhost/", http.StatusFound)(); err != nil {
		t.Errorf("an application: %v", err)
	}
}

func TestTheConsolesPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, busy, _ := net.SplitHostPort(taken.Addr().String()) // an address of a listener
	in := install(t, apart(busy)+"routes:\n"+consoleRoute)
	t.Cleanup(in.remove)
	in.begin(t)
	in.refuses(t, busy+`.*in use`)
}
