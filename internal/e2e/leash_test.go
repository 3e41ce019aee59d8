package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// routesThatLast are one of each kind of stream, for whom $WHO says. $OTHER is
// there to be changed.
const routesThatLast = `
  - {from: https://ws.localhost, to: 'http://$PLAIN', allow_websockets: true, timeout: 20s, allowed_users: [$WHO]}
  - {from: https://events.localhost, to: 'http://$PLAIN', timeout: 0s, allowed_users: [$WHO]}
  - {from: https://grpc.localhost, to: 'h2c://$GRPC', allowed_users: [$WHO]}
  - {from: 'tcp+https://tcp.localhost:7000', to: 'tcp://$ECHO', allowed_users: [$WHO]}
  - {from: https://plain.localhost, to: 'http://$PLAIN', allowed_users: [$WHO]$OTHER}
`

// A lasting is a household with upstreams whose streams last.
type lasting struct {
	*household
	expand  func(who, other string) string // the configuration
	metrics string
	health  *health.Server // its changes are what the gRPC stream says
}

const everybody = "ann@corp.example, bob@other.example"

func launchLasting(t *testing.T, settings string) *lasting {
	t.Helper()
	plain := newUpstream("plain", nil)
	echo, stopEcho := serveTCP(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &lasting{health: health.NewServer(), metrics: "127.0.0.1:" + freePort(t)}
	g := grpc.NewServer()
	healthpb.RegisterHealthServer(g, h.health)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(func() {
		g.Stop()
		stopEcho()
		plain.server.CloseClientConnections()
		plain.server.Close()
	})
	idp := testidp.Start(t, testidp.Options{})
	h.expand = func(who, other string) string {
		return people(idp) + settings + "\nmetrics_address: " + h.metrics + "\nroutes:\n" + anyRoute + strings.NewReplacer(
			"$PLAIN", plain.address(), "$GRPC", l.Addr().String(), "$ECHO", echo, "$WHO", who, "$OTHER", other).Replace(routesThatLast)
	}
	h.household = &household{in: launch(t, h.expand(everybody, "")), idp: idp}
	return h
}

// A stream is one that lasts.
type stream struct {
	name  string
	close func()
	// say has a word go through and come back.
	say func() error
	// rest reads until there is no more to come.
	rest func() error
}

// goesOn fails the test unless words still go through.
func (s stream) goesOn(t *testing.T) {
	t.Helper()
	if err := s.say(); err != nil {
		t.Errorf("%s: %v", s.name, err)
	}
}

// ends fails the test unless the stream comes to its end.
func (s stream) ends(t *testing.T) {
	t.Helper()
	over := make(chan error, 1)
	go func() { over <- s.rest() }()
	began := time.Now()
	select {
	case err := <-over:
		t.Logf("%s ended after %v: %v", s.name, time.Since(began).Round(time.Millisecond), err)
	case <-time.After(patience):
		t.Errorf("%s goes on", s.name)
	}
}

// lines are of a connection that sends back what it gets, or by itself where
// there is nothing to send.
func lines(name string, to io.Writer, from *bufio.Reader, end io.Closer) stream {
	return stream{
		name: name, close: func() { _ = end.Close() },
		say: func() error {
			if to != nil {
				if _, err := io.WriteString(to, "word\n"); err != nil {
					return err
				}
			}
			_, err := from.ReadString('\n')
			return err
		},
		rest: func() error { _, err := io.Copy(io.Discard, from); return err },
	}
}

// A visitor is a person with a session at every host.
type visitor struct {
	*client
	h      *lasting
	handle string // for the tunnel
	bearer string // for gRPC
}

func (h *lasting) visitor(t *testing.T, who person) *visitor {
	t.Helper()
	c := h.signIn(t, who, clientOptions{})
	for _, host := range []string{"ws.localhost/", "events.localhost/", "plain.localhost/"} {
		c.browse(t, h.in.at(host)).want(t, http.StatusOK)
	}
	return &visitor{c, h, c.handle(t, "tcp.localhost"), c.handle(t, "grpc.localhost")}
}

// cookies are those for a host, as a header.
func (v *visitor) cookies(t *testing.T, host string) string {
	at := v.in.at(host + "/")
	return "_pomerium=" + v.cookie(t, at, "_pomerium") + "; __Host-_pomerium_binder=" + v.cookie(t, at, "__Host-_pomerium_binder")
}

// all opens a stream of each kind.
func (v *visitor) all(t *testing.T) []stream {
	t.Helper()
	return []stream{v.websocket(t), v.shouted(t), v.tunnel(t), v.tunnel2(t), v.events(t), v.grpc(t)}
}

func (v *visitor) websocket(t *testing.T) stream {
	t.Helper()
	ws, err := v.h.household.websocket(t, "ws.localhost", v.cookies(t, "ws.localhost"))
	if err != nil {
		t.Fatal(err)
	}
	var got string
	return stream{
		name: "websocket", close: func() { _ = ws.Close() },
		say: func() error {
			if err := websocket.Message.Send(ws, "word"); err != nil {
				return err
			}
			return websocket.Message.Receive(ws, &got)
		},
		rest: func() error {
			for {
				if err := websocket.Message.Receive(ws, &got); err != nil {
					return err
				}
			}
		},
	}
}

// shouted is a websocket whose client writes its headers as it likes, leaves out
// what it may, and adds more than anybody needs.
func (v *visitor) shouted(t *testing.T) stream {
	t.Helper()
	conn := v.in.dial(t, "ws.localhost", "http/1.1")
	_, _ = io.WriteString(conn, "GET /echo/ws HTTP/1.1\r\nHOST: ws.localhost:"+v.in.port+"\r\nCOOKIE: "+v.cookies(t, "ws.localhost")+
		"\r\ncOnNeCtIoN: keep-alive, UpGrAdE\r\nuPgRaDe: WebSOCKET\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"+
		"Origin: https://ws.localhost\r\nX-Long: "+strings.Repeat("\u00e9", 50_000)+"\r\n\r\n")
	from := bufio.NewReader(conn)
	if a := readAnswer(t, from, http.MethodGet); a.status != http.StatusSwitchingProtocols {
		t.Fatalf("status %d: %s", a.status, a.brief())
	}
	s := lines("websocket in other letters", nil, from, conn)
	s.say = func() error { // a frame of text, masked with zeros (RFC 6455, section 5.2)
		if _, err := conn.Write([]byte{0x81, 0x82, 0, 0, 0, 0, 'o', 'k'}); err != nil {
			return err
		}
		_, err := io.ReadFull(from, make([]byte, 4))
		return err
	}
	return s
}

func (v *visitor) tunnel(t *testing.T) stream {
	t.Helper()
	conn := v.in.dial(t, "tcp.localhost", "http/1.1")
	_, _ = io.WriteString(conn, "CONNECT tcp.localhost:7000 HTTP/1.1\r\nHost: tcp.localhost:7000\r\nAuthorization: Pomerium "+v.handle+"\r\n\r\n")
	from := bufio.NewReader(conn)
	if a := readAnswer(t, from, http.MethodConnect); a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.brief())
	}
	return lines("tunnel", conn, from, conn)
}

func (v *visitor) tunnel2(t *testing.T) stream {
	t.Helper()
	there, back := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodConnect, v.in.at("tcp.localhost/"), there)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "tcp.localhost:7000"
	req.Header.Set("Authorization", "Pomerium "+v.handle)
	resp, err := v.in.client(t, clientOptions{http2: true}).http.Transport.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", resp, err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return lines("tunnel over HTTP/2", back, bufio.NewReader(resp.Body), resp.Body)
}

// events asks for them without saying so.
func (v *visitor) events(t *testing.T) stream {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.in.at("events.localhost/echo/ticks"), nil)
	if err != nil {
		t.Fatal(err)
	}
	endless := *v.http
	endless.Timeout = 0
	resp, err := endless.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", resp, err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return lines("events", nil, bufio.NewReader(resp.Body), resp.Body)
}

func (v *visitor) grpc(t *testing.T) stream {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///grpc.localhost:"+v.in.port,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: v.in.authority(t)})),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return v.in.dialContext(ctx, "tcp", address)
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Pomerium "+v.bearer)
	watch, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{Service: v.bearer})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil { // what it is now
		t.Fatal(err)
	}
	serving := healthpb.HealthCheckResponse_NOT_SERVING
	return stream{
		name: "gRPC", close: func() { _ = conn.Close() },
		say: func() error {
			serving = 3 - serving // the other of the two
			v.h.health.SetServingStatus(v.bearer, serving)
			_, err := watch.Recv()
			return err
		},
		rest: func() error {
			for {
				if _, err := watch.Recv(); err != nil {
					return err
				}
			}
		},
	}
}

// figure returns what a metric says; 0 when it is not there.
func (h *lasting) figure(t *testing.T, name string) (value float64) {
	t.Helper()
	for line := range strings.Lines(h.in.client(t, clientOptions{}).get(t, "http://"+h.metrics+"/metrics").body) {
		if n, _ := fmt.Sscanf(line, name+" %g", &value); n == 1 {
			return value
		}
	}
	return 0
}

func TestStreamsEndWhenTheirPersonSignsOut(t *testing.T) {
	t.Parallel()
	h := launchLasting(t, "")
	anns, bobs := h.visitor(t, ann), h.visitor(t, bob)
	before := h.figure(t, "pomerium_streams_held_total")
	for range 20 {
		anns.get(t, h.in.at("plain.localhost/x"), "Accept", "text/event-stream").want(t, http.StatusOK)
	}
	if after := h.figure(t, "pomerium_streams_held_total"); after != before {
		t.Errorf("%v of 20 ordinary requests were held", after-before)
	}
	// What looks as if it would last, and is a path of ours.
	if a := anns.get(t, h.in.at("plain.localhost/ping"), "Content-Type", "application/grpc").want(t, http.StatusOK); a.header.Get("Grpc-Status") != "" {
		t.Errorf("ping as gRPC: %v", a.header)
	}
	hers, his := anns.all(t), bobs.all(t)
	for _, s := range append(append([]stream{}, hers...), his...) {
		s.goesOn(t)
	}
	if open := h.figure(t, "pomerium_streams_held"); open != float64(len(hers)+len(his)) {
		t.Errorf("%v streams are held, want %d", open, len(hers)+len(his))
	}
	mark := h.in.logs.mark()
	anns.follow(t, anns.get(t, h.in.at("plain.localhost/.pomerium/sign_out"), "Sec-Fetch-Site", "same-origin"), "Accept", "text/html")
	for _, s := range hers {
		s.ends(t)
	}
	for _, s := range his {
		s.goesOn(t)
	}
	line := h.in.logs.awaitLog(t, mark, h.in.ended, "message", "authorize stream ended")
	if line.text("outcome") != "sign-in" || line.text("request-id") == "" || line["lasted"] == nil {
		t.Errorf("the log says %v", line)
	}
	if n := h.figure(t, `pomerium_streams_ended_total{reason="sign-in"}`); n != float64(len(hers)) {
		t.Errorf("the metric says that %v ended, want %d", n, len(hers))
	}
	for _, s := range his {
		s.close()
	}
	eventually(t, inForce, "no stream", func() error {
		if open := h.figure(t, "pomerium_streams_held"); open != 0 {
			return fmt.Errorf("%v are held", open)
		}
		return nil
	})
}

func TestStreamsEndWhenThePolicyTurns(t *testing.T) {
	t.Parallel()
	h := launchLasting(t, "")
	anns, bobs := h.visitor(t, ann), h.visitor(t, bob)
	hers, his := anns.all(t), bobs.all(t)
	reload := func(who, other string) {
		mark := h.in.logs.mark()
		h.in.write(t, h.expand(who, other))
		h.in.logs.awaitLog(t, mark, h.in.ended, "message", "configuration in force")
	}
	t.Run("a change of something else ends none", func(t *testing.T) {
		reload(everybody, ", set_response_headers: {X-New: '1'}")
		for _, s := range append(append([]stream{}, hers...), his...) {
			s.goesOn(t)
		}
	})
	t.Run("who is no longer allowed loses theirs", func(t *testing.T) {
		reload("bob@other.example", "")
		for _, s := range hers {
			s.ends(t)
		}
		for _, s := range his {
			s.goesOn(t)
		}
	})
	t.Run("a route that is gone has none", func(t *testing.T) {
		h.in.write(t, people(h.idp)+"\nroutes:\n"+anyRoute)
		for _, s := range his {
			s.ends(t)
		}
	})
}

func TestStreamsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	h := launchLasting(t, "cookie_expire: 15s")
	all := h.visitor(t, ann).all(t)
	for _, s := range all {
		s.goesOn(t)
	}
	for _, s := range all {
		s.ends(t)
	}
}

// TestTwoThousandStreams are a person's, over twenty connections, beside one of
// somebody else.
func TestTwoThousandStreams(t *testing.T) {
	const connections, each = 20, 100 // as many as a connection carries
	h := launchLasting(t, "circuit_breaker_thresholds: {max_connections: 9999, max_pending_requests: 9999, max_requests: 9999}")
	anns, bobs := h.visitor(t, ann), h.visitor(t, bob)
	his := bobs.events(t)
	settled := h.resident(t)
	over := make(chan struct{}, connections*each)
	for range connections {
		c := anns.in.client(t, clientOptions{http2: true}).http
		c.Timeout = 0
		for range each {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.in.at("events.localhost/echo/hold"), nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Cookie", anns.cookies(t, "events.localhost"))
			resp, err := c.Do(req)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%v %v", resp, err)
			}
			go func() {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				over <- struct{}{}
			}()
		}
	}
	if open := h.figure(t, "pomerium_streams_held"); open != connections*each+1 {
		t.Fatalf("%v streams are held", open)
	}
	full := h.resident(t)
	for i, of := range []string{"the program", "Envoy"} {
		t.Logf("%s: %d MiB with no streams, %d MiB with %d: %.1f KiB each", of, settled[i]>>20, full[i]>>20, connections*each, float64(full[i]-settled[i])/connections/each/1024)
	}
	mark := h.in.logs.mark()
	h.in.write(t, h.expand(everybody, ", set_response_headers: {X-New: '1'}"))
	h.in.logs.awaitLog(t, mark, h.in.ended, "message", "configuration in force")
	if len(over) != 0 {
		t.Errorf("%d streams ended with a change of something else", len(over))
	}
	began := time.Now()
	anns.follow(t, anns.get(t, h.in.at("plain.localhost/.pomerium/sign_out"), "Sec-Fetch-Site", "same-origin"), "Accept", "text/html")
	for n := range connections * each {
		select {
		case <-over:
		case <-time.After(patience):
			t.Fatalf("only %d streams have ended", n)
		}
	}
	t.Logf("all ended within %v of the beginning of the sign-out", time.Since(began).Round(time.Millisecond))
	his.goesOn(t)
}

// resident returns how much memory the program and its Envoy take, in bytes.
func (h *lasting) resident(t *testing.T) (of [2]int) {
	t.Helper()
	for i, pid := range []int{h.in.cmd.Process.Pid, h.in.envoyPID(t, 0)} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Skip("what a process takes is told on Linux alone")
		}
		for line := range strings.Lines(string(text)) {
			if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &of[i]); n == 1 {
				of[i] <<= 10
			}
		}
	}
	return of
}
