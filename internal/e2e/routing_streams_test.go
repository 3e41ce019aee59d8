package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// routesForStreams are those whose requests are more than a question and an
// answer, and those with several upstreams.
const routesForStreams = `
  - {from: https://ws.localhost, to: 'http://$PLAIN', allow_websockets: true, allow_any_authenticated_user: true}
  - {from: https://nows.localhost, to: 'http://$PLAIN', allow_public_unauthenticated_access: true}
  - {from: https://stream.localhost, to: 'http://$PLAIN', timeout: 0s, allow_public_unauthenticated_access: true}
  - {from: https://grpc.localhost, to: 'h2c://$GRPC', allow_public_unauthenticated_access: true}
  - {from: https://grpcclosed.localhost, to: 'h2c://$GRPC', allow_any_authenticated_user: true}
  - {from: 'tcp+https://tcp.localhost:7000', to: 'tcp://$ECHO', allowed_users: [ann@corp.example]}
  - {from: 'tcp+https://open.localhost:7001', to: 'tcp://$ECHO', allow_public_unauthenticated_access: true}
  - {from: 'tcp+https://bastion.localhost/inner.localhost:22', to: 'tcp://$ECHO', allow_public_unauthenticated_access: true}
  - {from: https://several-to.localhost, to: ['http://$PLAIN', 'http://$SECOND'], allow_public_unauthenticated_access: true}
  - {from: https://weights.localhost, to: ['http://$PLAIN,1', 'http://$SECOND,4'], allow_public_unauthenticated_access: true}
  - from: https://sticky.localhost
    to: ['http://$PLAIN', 'http://$SECOND']
    load_balancing_policy: maglev
    allow_any_authenticated_user: true
  - from: https://checked.localhost
    to: ['http://$DEAD', 'http://$PLAIN']
    health_checks: [{timeout: 1s, interval: 0.2s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {path: /}}]
    allow_public_unauthenticated_access: true
  - from: https://outlier.localhost
    to: ['http://$DEAD', 'http://$PLAIN']
    outlier_detection: {consecutive_gateway_failure: 1, enforcing_consecutive_gateway_failure: 100, max_ejection_percent: 100, interval: 0.2s, base_ejection_time: 60s}
    allow_public_unauthenticated_access: true
`

func TestSeveralUpstreams(t *testing.T) {
	s := use(t)
	c := s.in.client(t, clientOptions{})
	count := func(t *testing.T, host string, n int) map[string]int {
		counts := make(map[string]int)
		for range n {
			counts[c.get(t, s.in.at(host+"/")).seen(t).Upstream]++
		}
		return counts
	}
	t.Run("without weights each has its share", func(t *testing.T) {
		if got := count(t, "several-to.localhost", 40); got["plain"] < 15 || got["second"] < 15 {
			t.Errorf("shares %v", got)
		}
	})
	t.Run("weights are shares", func(t *testing.T) {
		if got := count(t, "weights.localhost", 60); got["plain"] == 0 || got["second"] < 2*got["plain"] {
			t.Errorf("shares %v of weights 1 and 4", got)
		}
	})
	t.Run("a session stays where it is, and people spread", func(t *testing.T) {
		anns := s.as(t, ann, clientOptions{})
		first := anns.browse(t, s.in.at("sticky.localhost/")).seen(t).Upstream
		for range 20 {
			if got := anns.get(t, s.in.at("sticky.localhost/")).seen(t).Upstream; got != first {
				t.Fatalf("went to %s, then to %s", first, got)
			}
		}
	})
	for _, host := range []string{"checked.localhost", "outlier.localhost"} {
		t.Run("one that is down gets nothing, "+host, func(t *testing.T) {
			eventually(t, patience, "20 good answers in a row", func() error {
				for i := range 20 {
					if a := c.get(t, s.in.at(host+"/")); a.status != http.StatusOK {
						return fmt.Errorf("answer %d has status %d", i, a.status)
					}
				}
				return nil
			})
		})
	}
}

func TestWebsockets(t *testing.T) {
	s := use(t)
	c := s.as(t, ann, clientOptions{})
	c.browse(t, s.in.at("ws.localhost/"))
	cookie := "_pomerium=" + c.cookie(t, s.in.at("ws.localhost/"), "_pomerium")
	binder := "__Host-_pomerium_binder=" + c.cookie(t, s.in.at("ws.localhost/"), "__Host-_pomerium_binder")
	t.Run("messages go both ways", func(t *testing.T) {
		ws, err := s.websocket(t, "ws.localhost", cookie+"; "+binder)
		if err != nil {
			t.Fatal(err)
		}
		for _, message := range []string{"one", strings.Repeat("long ", 20000)} {
			var back string
			if err := websocket.Message.Send(ws, message); err != nil {
				t.Fatal(err)
			}
			if err := websocket.Message.Receive(ws, &back); err != nil || back != message {
				t.Fatalf("sent %d bytes, got %d: %v", len(message), len(back), err)
			}
		}
	})
	t.Run("nobody is not let in", func(t *testing.T) {
		if _, err := s.websocket(t, "ws.localhost", ""); err == nil {
			t.Error("a websocket without a session was opened")
		}
	})
	t.Run("a route without websockets has none", func(t *testing.T) {
		if _, err := s.websocket(t, "nows.localhost", ""); err == nil {
			t.Error("a websocket was opened")
		}
	})
}

// websocket opens one.
func (h *household) websocket(t testing.TB, host, cookies string) (*websocket.Conn, error) {
	t.Helper()
	conn := h.in.dial(t, host, "http/1.1")
	config, err := websocket.NewConfig("wss://"+host+":"+h.in.port+"/echo/ws", h.in.at(host+"/"))
	if err != nil {
		t.Fatal(err)
	}
	if cookies != "" {
		config.Header.Set("Cookie", cookies)
	}
	return websocket.NewClient(config, conn)
}

func TestAStreamIsNotHeldBack(t *testing.T) {
	s := use(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.in.at("stream.localhost/echo/stream"), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.in.client(t, clientOptions{}).http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != "begun\n" {
		t.Errorf("first line %q (%v)", line, err)
	}
}

// serveGRPC starts an upstream that speaks gRPC without TLS.
func serveGRPC(t testing.TB) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	healthpb.RegisterHealthServer(g, health.NewServer())
	go func() { _ = g.Serve(l) }() // until stop
	return l.Addr().String(), g.Stop
}

func TestGRPC(t *testing.T) {
	s := use(t)
	check := func(t *testing.T, host string) error {
		conn, err := grpc.NewClient("passthrough:///"+host+":"+s.in.port,
			grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: s.root.pool()})),
			grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
				return s.in.dialContext(ctx, "tcp", address)
			}))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
		if err == nil && answer.Status != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("answer %v", answer)
		}
		return err
	}
	t.Run("a call goes through", func(t *testing.T) {
		if err := check(t, "grpc.localhost"); err != nil {
			t.Error(err)
		}
	})
	t.Run("who has not signed in gets a status and no page", func(t *testing.T) {
		if err := check(t, "grpcclosed.localhost"); status.Code(err) != codes.Unauthenticated {
			t.Errorf("status %v, want Unauthenticated", err)
		}
	})
	t.Run("a host that is not there has a status too", func(t *testing.T) {
		if err := check(t, "nothing.localhost"); status.Code(err) != codes.Unimplemented && status.Code(err) != codes.NotFound {
			t.Errorf("status %v", err)
		}
	})
}

func TestTunnels(t *testing.T) {
	s := use(t)
	handle := s.handle(t, ann, "tcp.localhost")
	bobs := s.handle(t, bob, "tcp.localhost")
	for _, tc := range []struct {
		name, serverName, target, authorization string
		status                                  int
	}{
		{"a handle in Authorization opens it", "tcp.localhost", "tcp.localhost:7000", "Pomerium " + handle, 200},
		{"a handle as a bearer token opens it", "tcp.localhost", "tcp.localhost:7000", "Bearer Pomerium-" + handle, 200},
		{"another person's handle does not", "tcp.localhost", "tcp.localhost:7000", "Pomerium " + bobs, 403},
		{"nobody is told to sign in", "tcp.localhost", "tcp.localhost:7000", "", 401},
		{"a handle that was tampered with is none", "tcp.localhost", "tcp.localhost:7000", "Pomerium " + flip(handle), 401},
		{"another port is another target", "tcp.localhost", "tcp.localhost:7001", "Pomerium " + handle, 404},
		{"a public tunnel needs nothing", "open.localhost", "open.localhost:7001", "", 200},
		{"a tunnel behind another name", "bastion.localhost", "inner.localhost:22", "", 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn := s.in.dial(t, tc.serverName, "http/1.1")
			lines := "CONNECT " + tc.target + " HTTP/1.1\r\nHost: " + tc.target + "\r\n"
			if tc.authorization != "" {
				lines += "Authorization: " + tc.authorization + "\r\n"
			}
			if _, err := io.WriteString(conn, lines+"\r\n"); err != nil {
				t.Fatal(err)
			}
			from := bufio.NewReader(conn)
			a := readAnswer(t, from, http.MethodConnect)
			if a.status != tc.status {
				t.Fatalf("status %d, want %d: %v %s", a.status, tc.status, a.header, a.brief())
			}
			if tc.status != http.StatusOK {
				return
			}
			if _, err := io.WriteString(conn, "hello\n"); err != nil {
				t.Fatal(err)
			}
			if line, err := from.ReadString('\n'); line != "hello\n" {
				t.Errorf("sent hello, got %q (%v)", line, err)
			}
		})
	}
}

// flip changes one letter in the middle.
func flip(handle string) string {
	i := len(handle) / 2
	letter := "A"
	if handle[i] == 'A' {
		letter = "B"
	}
	return handle[:i] + letter + handle[i+1:]
}

// TestATunnelOverHTTP2 sends bytes through a stream of a connection that could
// carry others.
func TestATunnelOverHTTP2(t *testing.T) {
	s := use(t)
	there, back := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodConnect, s.in.at("open.localhost/"), there)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "open.localhost:7001"
	resp, err := s.in.client(t, clientOptions{http2: true}).http.Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d", resp.StatusCode)
	}
	from := bufio.NewReader(resp.Body)
	for _, line := range []string{"one\n", "two\n"} {
		if _, err := io.WriteString(back, line); err != nil {
			t.Fatal(err)
		}
		if got, err := from.ReadString('\n'); got != line {
			t.Errorf("sent %q, got %q (%v)", line, got, err)
		}
	}
	_ = back.Close()
}
