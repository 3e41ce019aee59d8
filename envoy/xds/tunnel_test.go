//lint:file-ignore SA1019 the standard client cannot open a tunnel over HTTP/2

package xds

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/net/http2"
)

// tcpEcho is a TCP service that says hello and repeats what it hears.
func tcpEcho(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, "hello\n")
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func TestTunnels(t *testing.T) {
	t.Parallel()
	service := tcpEcho(t)
	c := load(t, base+fmt.Sprintf(`
routes:
- {from: "tcp+https://tcp.example.com:22", to: tcp://%[1]s, allow_any_authenticated_user: true}
- {from: "tcp+https://bastion.example.com/db.internal:5432", to: tcp://%[1]s, allow_any_authenticated_user: true}
- {from: "https://tcp.example.com", to: http://%[2]s, allow_any_authenticated_user: true}
`, service, upstream(t, "app")))
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	t.Run("HTTP/1.1", func(t *testing.T) {
		for _, tc := range []struct{ server, target string }{
			{"tcp.example.com", "tcp.example.com:22"}, {"tcp.example.com", "TCP.example.com:22"}, {"bastion.example.com", "db.internal:5432"},
		} {
			conn, err := h.dialer(tc.server, "http/1.1")(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got := converse(t, conn, tc.target); got != "200 hello ping" {
				t.Errorf("%s: got %q", tc.target, got)
			}
		}
	})
	t.Run("HTTP/2", func(t *testing.T) {
		transport := &http2.Transport{DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) {
			return h.dialer("tcp.example.com", "h2")(ctx, network, addr)
		}}
		defer transport.CloseIdleConnections()
		in, out := io.Pipe()
		r, err := http.NewRequestWithContext(t.Context(), "CONNECT", "https://tcp.example.com:22", in)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		reader := bufio.NewReader(response.Body)
		hello, _ := reader.ReadString('\n')
		io.WriteString(out, "ping\n")
		ping, err := reader.ReadString('\n')
		out.Close()
		if got := fmt.Sprint(response.StatusCode, " ", hello, ping); got != "200 hello\nping\n" || err != nil {
			t.Errorf("got %q %v", got, err)
		}
	})
	t.Run("what is no tunnel", func(t *testing.T) {
		for _, tc := range []struct{ server, target string }{
			{"tcp.example.com", "tcp.example.com:23"},   // another port
			{"tcp.example.com", "tcp.example.com"},      // none
			{"tcp.example.com", "tcp.example.com:443"},  // the page's
			{"tcp.example.com", "127.0.0.1:22"},         // an address of ours
			{"tcp.example.com", service},                // the upstream itself
			{"other.example.org", "tcp.example.com:22"}, // another connection
			{"bastion.example.com", "bastion.example.com:5432"},
		} {
			conn, err := h.dialer(tc.server, "http/1.1")(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got := converse(t, conn, tc.target); got != "400" && got != "403" && got != "404" && got != "421" {
				t.Errorf("%s as %s: got %q", tc.target, tc.server, got)
			}
		}
		if got := h.get(t, false, "GET", "https://tcp.example.com/", nil); got.header.Get("X-Served-By") != "app" {
			t.Errorf("a request on the tunnel's host: %d %q", got.status, got.header.Get("X-Served-By"))
		}
		if got := h.get(t, false, "GET", "https://bastion.example.com/.pomerium/api/v1/login", nil); got.header.Get("X-Served-By") != "pages" {
			t.Errorf("the sign-in of a tunnel: %d %q", got.status, got.header.Get("X-Served-By"))
		}
	})
	t.Run("a tunnel that is denied carries nothing", func(t *testing.T) {
		h.onCheck(func(*authv3.CheckRequest) *authv3.CheckResponse { return deny(403, "no") })
		defer h.onCheck(nil)
		conn, err := h.dialer("tcp.example.com", "http/1.1")(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := converse(t, conn, "tcp.example.com:22"); got != "403" {
			t.Errorf("got %q", got)
		}
	})
}

// converse opens a tunnel and says ping into it.
func converse(t *testing.T, conn net.Conn, target string) string {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target)
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, &http.Request{Method: "CONNECT"})
	if err != nil {
		return err.Error()
	}
	if response.StatusCode != 200 {
		return fmt.Sprint(response.StatusCode)
	}
	hello, _ := reader.ReadString('\n')
	fmt.Fprint(conn, "ping\n")
	ping, _ := reader.ReadString('\n')
	return fmt.Sprintf("200 %s %s", strings.TrimSpace(hello), strings.TrimSpace(ping))
}

// shouter switches to the protocol "shout", or to websocket, and echoes.
func shouter(t *testing.T) string {
	t.Helper()
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.Header.Get("Upgrade")
		if name == "" || name == "refused" {
			echo("shouter").ServeHTTP(w, r)
			return
		}
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: %s\r\nX-Got-Connection: %s\r\nX-Got-Ours: %s\r\n\r\n",
			name, strings.Join(r.Header["Connection"], ","), r.Header.Get("X-Pomerium-Jwt-Assertion"))
		rw.Flush()
		io.Copy(conn, rw)
	}))
}

func TestUpgrades(t *testing.T) {
	t.Parallel()
	app := shouter(t)
	c := load(t, base+fmt.Sprintf(`
routes:
- {from: https://ws.example.com, to: http://%[1]s, allow_websockets: true, allow_any_authenticated_user: true}
- {from: https://spdy.example.com, to: http://%[1]s, allow_spdy: true, allow_any_authenticated_user: true}
- {from: https://none.example.com, to: http://%[1]s, allow_any_authenticated_user: true}
- {from: https://shout.example.com, to: http://%[1]s, allow_upgrades: [shout, refused], allow_any_authenticated_user: true}
`, app))
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	h.onCheck(func(*authv3.CheckRequest) *authv3.CheckResponse { return allow("x-pomerium-jwt-assertion", "ours") })
	for _, tc := range []struct {
		host, upgrade string
		want          int
	}{
		{"ws", "websocket", 101}, {"ws", "WebSocket", 101}, {"ws", "SPDY/3.1", 403},
		{"spdy", "SPDY/3.1", 101}, {"spdy", "websocket", 403},
		{"none", "websocket", 403}, {"none", "h2c", 200}, {"none", "TLS/1.0", 403},
		{"shout", "shout", 101}, {"shout", "websocket", 403}, {"shout", "refused", 200},
	} {
		t.Run(tc.host+" "+tc.upgrade, func(t *testing.T) {
			host := tc.host + ".example.com"
			conn, err := h.dialer(host, "http/1.1")(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: x-pomerium-jwt-assertion, upgrade\r\nUpgrade: %s\r\n\r\n", host, tc.upgrade)
			reader := bufio.NewReader(conn)
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != tc.want {
				t.Fatalf("got %d, want %d", response.StatusCode, tc.want)
			}
			if tc.want != 101 {
				return
			}
			if got := response.Header.Get("X-Got-Connection"); strings.Contains(strings.ToLower(got), "pomerium") {
				t.Errorf("Connection went upstream as %q", got)
			}
			if got := response.Header.Get("X-Got-Ours"); got != "ours" {
				t.Errorf("our header went upstream as %q", got)
			}
			fmt.Fprint(conn, "ping\n")
			if got, err := reader.ReadString('\n'); got != "ping\n" || err != nil {
				t.Errorf("got %q %v", got, err)
			}
		})
	}
	t.Run("a pipelined request behind a refused upgrade is its own", func(t *testing.T) {
		conn, err := h.dialer("shout.example.com", "http/1.1")(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		h.questions()
		fmt.Fprint(conn, "GET /a HTTP/1.1\r\nHost: shout.example.com\r\nConnection: upgrade\r\nUpgrade: refused\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: shout.example.com\r\n\r\n")
		reader := bufio.NewReader(conn)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		if strings.Contains(string(body), "smuggled") {
			t.Errorf("one answer holds the other: %q", body)
		}
		second, err := http.ReadResponse(reader, nil)
		if err != nil {
			return // the connection was closed: as good
		}
		body, _ = io.ReadAll(second.Body)
		if asked := len(h.questions()); strings.Contains(string(body), "/smuggled") && asked != 2 {
			t.Errorf("served %q after %d questions", body, asked)
		}
	})
}

// TestWebsocketsKeepToHTTP1: a browser that may would open them over HTTP/2,
// without Sec-WebSocket-Key, and an upstream of HTTP/1.1 would refuse that.
func TestWebsocketsKeepToHTTP1(t *testing.T) {
	t.Parallel()
	c := load(t, base+fmt.Sprintf(`
routes:
- {from: https://ws.example.com, to: http://%s, allow_websockets: true, allow_any_authenticated_user: true}
`, shouter(t)))
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	transport := &http2.Transport{DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) {
		return h.dialer("ws.example.com", "h2")(ctx, network, addr)
	}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), "CONNECT", "https://ws.example.com/chat?x=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(":protocol", "websocket")
	if response, err := transport.RoundTrip(r); err == nil {
		response.Body.Close()
		t.Errorf("extended CONNECT is offered: status %d", response.StatusCode)
	}
}

func TestTunnelsOutliveTheRequestTimeout(t *testing.T) {
	t.Parallel()
	c := load(t, base+`
timeout_read: 1s
timeout_idle: 1s
default_upstream_timeout: 1s
routes:
- {from: "tcp+https://tcp.example.com:22", to: tcp://`+tcpEcho(t)+`, allow_any_authenticated_user: true}
`)
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	conn, err := h.dialer("tcp.example.com", "http/1.1")(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := converse(t, conn, "tcp.example.com:22"); got != "200 hello ping" {
		t.Fatalf("got %q", got)
	}
	// Nothing comes for twice the limits, and then the tunnel still works.
	if err := conn.SetReadDeadline(time.Now().Add(2500 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the tunnel ended: %v", err)
	}
}
