package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/internal/testidp"
	"golang.org/x/net/websocket"
)

// inForce bounds how long a change may take. On an idle machine it is a
// fraction of a second; these tests often share theirs.
const inForce = 10 * time.Second

// statusIs complains until a request is answered with a status.
func (c *client) statusIs(t testing.TB, address string, status int) func() error {
	return func() error {
		if a := c.get(t, address); a.status != status {
			return fmt.Errorf("status %d, want %d", a.status, status)
		}
		return nil
	}
}

func TestReload(t *testing.T) {
	routeFor := func(people string) string {
		return "  - {from: 'https://app.localhost', verify: true, allowed_users: [" + people + "]}\n"
	}
	settings := "metrics_address: 127.0.0.1:" + freePort(t)
	h := launchHousehold(t, testidp.Options{}, settings, routeFor("ann@corp.example"))
	base := people(h.idp) + settings + "\nroutes:\n" + anyRoute
	metrics := "http://" + strings.TrimPrefix(settings, "metrics_address: ") + "/metrics"
	c := h.signIn(t, ann, clientOptions{})
	c.browse(t, h.in.at("app.localhost/")).want(t, http.StatusOK)
	app := h.in.at("app.localhost/")
	success := func(t *testing.T, want string) {
		a := c.get(t, metrics).want(t, http.StatusOK)
		if !strings.Contains(a.body, "\npomerium_config_last_reload_success "+want+"\n") {
			t.Errorf("the metric does not say %s", want)
		}
	}

	t.Run("a person taken out of a policy is refused", func(t *testing.T) {
		h.in.write(t, base+routeFor("bob@other.example"))
		eventually(t, inForce, "refusal", c.statusIs(t, app, http.StatusForbidden))
		success(t, "1")
	})
	t.Run("a file with a mistake changes nothing, and the log says where it is", func(t *testing.T) {
		mark := h.in.logs.mark()
		h.in.write(t, base+strings.Replace(routeFor("ann@corp.example"), "allowed_users", "alowed_users", 1))
		line := h.in.logs.awaitLog(t, mark, h.in.ended, "message", "configuration refused")
		if line["line"] == nil || !strings.HasSuffix(line.text("file"), "config.yaml") || !strings.Contains(line.text("problem"), "allowed_users") {
			t.Errorf("the log says %v", line)
		}
		c.get(t, app).want(t, http.StatusForbidden)
		c.get(t, h.in.at("any.localhost/")).want(t, http.StatusOK)
		success(t, "0")
		c.get(t, "http://"+h.in.health+"/readyz").want(t, http.StatusOK)
	})
	t.Run("a policy that does not compile changes nothing", func(t *testing.T) {
		mark := h.in.logs.mark()
		h.in.write(t, base+"  - {from: 'https://app.localhost', verify: true, policy: [{allow: {or: [{nonsense: x}]}}]}\n")
		h.in.logs.awaitLog(t, mark, h.in.ended, "message", "configuration refused")
		c.get(t, app).want(t, http.StatusForbidden)
	})
	t.Run("a file that is gone changes nothing", func(t *testing.T) {
		mark := h.in.logs.mark()
		if err := os.Rename(h.in.file, h.in.file+".away"); err != nil {
			t.Fatal(err)
		}
		h.in.signal(t, syscall.SIGHUP)
		h.in.logs.awaitLog(t, mark, h.in.ended, "message", "configuration refused")
		c.get(t, h.in.at("any.localhost/")).want(t, http.StatusOK)
	})
	t.Run("the mended file is taken", func(t *testing.T) {
		h.in.write(t, base+routeFor("ann@corp.example"))
		eventually(t, inForce, "admission", c.statusIs(t, app, http.StatusOK))
		success(t, "1")
	})
	t.Run("a new route opens and an old one is gone", func(t *testing.T) {
		h.in.write(t, base+"  - {from: 'https://fresh.localhost', response: {status: 200, body: fresh}, allow_public_unauthenticated_access: true}\n")
		eventually(t, inForce, "new route", func() error {
			// A host that is new may need a new certificate, so a new connection.
			a, err := h.in.client(t, clientOptions{}).try(t.Context(), http.MethodGet, h.in.at("fresh.localhost/"), "")
			if err == nil && a.status != http.StatusOK {
				err = fmt.Errorf("status %d", a.status)
			}
			return err
		})
		eventually(t, inForce, "end of the old route", func() error {
			// The route's connection may still be open; both refusals are right.
			if a := c.get(t, app); a.status != http.StatusNotFound && a.status != http.StatusMisdirectedRequest {
				return fmt.Errorf("status %d", a.status)
			}
			return nil
		})
	})
}

func TestReloadBySignal(t *testing.T) {
	route := "routes:\n  - {from: 'https://app.localhost', response: {status: 200, body: %s}, allow_public_unauthenticated_access: true}\n"
	flags := "runtime_flags: {config_hot_reload: false}\n"
	in := launch(t, flags+fmt.Sprintf(route, "first"))
	c := in.client(t, clientOptions{})
	in.write(t, flags+fmt.Sprintf(route, "second"))
	for range 5 { // nobody watches the file
		if a := c.get(t, in.at("app.localhost/")); a.body != "first" {
			t.Fatalf("answer %q before the signal", a.body)
		}
	}
	in.signal(t, syscall.SIGHUP)
	eventually(t, inForce, "second answer", func() error {
		if a := c.get(t, in.at("app.localhost/")); a.body != "second" {
			return errors.New(a.body)
		}
		return nil
	})
}

// TestANamedFileIsWatched replaces a certificate under a running listener.
func TestANamedFileIsWatched(t *testing.T) {
	root := newAuthority(t, "root")
	in := install(t, "certificate_file: $DIR/tls.pem\ncertificate_key_file: $DIR/tls-key.pem\n"+aRoute)
	t.Cleanup(in.remove)
	in.roots = root.pool()
	put := func(pair *keyPair) {
		in.writeFile(t, "tls-key.pem", pair.keyPEM(t))
		in.writeFile(t, "tls.pem", pair.certPEM())
	}
	first, second := root.server(t, "app.localhost"), root.server(t, "app.localhost")
	put(first)
	in.start(t)
	shown := func() error {
		conn, err := in.tryDial(&tls.Config{ServerName: "app.localhost"})
		if err != nil {
			return err
		}
		defer conn.Close()
		if got := conn.ConnectionState().PeerCertificates[0].SerialNumber; got.Cmp(second.cert.SerialNumber) != 0 {
			return fmt.Errorf("certificate %v", got)
		}
		return nil
	}
	if shown() == nil {
		t.Fatal("the second certificate is shown before it is there")
	}
	put(second)
	eventually(t, inForce, "new certificate", shown)
}

// TestAChangeElsewhereDropsNothing changes one route while a websocket of
// another is open.
func TestAChangeElsewhereDropsNothing(t *testing.T) {
	plain := newUpstream("plain", nil)
	t.Cleanup(plain.server.Close)
	base := "routes:\n  - {from: 'https://ws.localhost', to: 'http://" + plain.address() + "', allow_websockets: true, allow_public_unauthenticated_access: true}\n"
	other := "  - {from: 'https://other.localhost', response: {status: 200, body: %s}, allow_public_unauthenticated_access: true}\n"
	in := launch(t, base+fmt.Sprintf(other, "first"))
	ws, err := (&household{in: in}).websocket(t, "ws.localhost", "")
	if err != nil {
		t.Fatal(err)
	}
	c := in.client(t, clientOptions{})
	in.write(t, base+fmt.Sprintf(other, "second"))
	eventually(t, inForce, "change", func() error {
		if a := c.get(t, in.at("other.localhost/")); a.body != "second" {
			return errors.New(a.body)
		}
		return nil
	})
	var back string
	err = websocket.Message.Send(ws, "still here")
	if err == nil {
		err = websocket.Message.Receive(ws, &back)
	}
	if err != nil || back != "still here" {
		t.Errorf("got %q: %v", back, err)
	}
}

// TestASignalDuringTheStart: a service manager may send it at any moment.
func TestASignalDuringTheStart(t *testing.T) {
	in := install(t, aRoute)
	t.Cleanup(in.remove)
	in.begin(t)
	// Envoy's first line: the program is up and does not serve yet.
	in.logs.awaitLog(t, 0, in.ended, "service", "envoy")
	in.signal(t, syscall.SIGHUP)
	in.awaitReady(t)
	in.client(t, clientOptions{}).get(t, in.at("app.localhost/")).want(t, http.StatusOK)
}
