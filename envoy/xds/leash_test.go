package xds

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// leashes is a service that holds every leash until it is told to let go.
type leashes struct {
	server *grpc.Server

	mu     sync.Mutex
	opened []*heldLeash
	open   int
}

// A heldLeash is one of them.
type heldLeash struct {
	facts string // as ext_authz left them
	end   context.CancelFunc
}

func serveLeashes(t testing.TB, socket string) *leashes {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &leashes{server: grpc.NewServer()}
	extprocv3.RegisterExternalProcessorServer(s.server, s)
	go s.server.Serve(l)
	t.Cleanup(s.server.Stop)
	return s
}

// Process implements ext_proc.
func (s *leashes) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	in, err := stream.Recv()
	if err != nil {
		return err
	}
	metadata := in.GetMetadataContext().GetFilterMetadata()[filterAuthorize]
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	s.mu.Lock()
	s.opened = append(s.opened, &heldLeash{facts: metadata.GetFields()["facts"].GetStringValue(), end: cancel})
	s.open++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.open--
		s.mu.Unlock()
	}()
	if err := stream.Send(&extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{
		RequestHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{
			HeaderMutation: &extprocv3.HeaderMutation{RemoveHeaders: []string{headerBound}},
		}},
	}}); err != nil {
		return err
	}
	rest := make(chan error, 1)
	go func() {
		for {
			in, err := stream.Recv()
			if err != nil {
				rest <- err
				return
			}
			if in.GetResponseTrailers() != nil {
				stream.Send(&extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseTrailers{
					ResponseTrailers: &extprocv3.TrailersResponse{},
				}})
			}
		}
	}()
	select {
	case <-rest:
		return nil
	case <-ctx.Done():
		return status.Error(codes.PermissionDenied, "revoked")
	}
}

// since returns the leashes opened after the first n.
func (s *leashes) since(n int) []*heldLeash {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened[n:]
}

func (s *leashes) count() (opened, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.opened), s.open
}

// await waits for one more leash than there were.
func (s *leashes) await(t testing.TB, before int) *heldLeash {
	t.Helper()
	eventually(t, func() string {
		if len(s.since(before)) == 0 {
			return "no leash is held"
		}
		return ""
	})
	return s.since(before)[0]
}

// eventually asks again until there is nothing to complain about.
func eventually(t testing.TB, complaint func() string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		what := complaint()
		if what == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// ticking sends a line at once, and then one whenever it may, until the client
// leaves.
var ticking = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	// As most servers do, it answers before it has the whole request.
	_ = http.NewResponseController(w).EnableFullDuplex()
	for {
		io.WriteString(w, "tick\n")
		http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
})

// leashHouse has a route of each kind.
func leashHouse(t *testing.T, settings string) *house {
	t.Helper()
	c := load(t, base+settings+fmt.Sprintf(`
routes:
- {from: https://app.example.com, to: http://%[1]s, allow_any_authenticated_user: true}
- {from: https://slow.example.com, to: http://%[1]s, timeout: 61s, allow_any_authenticated_user: true}
- {from: https://events.example.com, to: http://%[2]s, timeout: 0s, allow_any_authenticated_user: true}
- {from: https://short.example.com, to: http://%[2]s, timeout: 1s, allow_any_authenticated_user: true}
- {from: https://ws.example.com, to: http://%[3]s, allow_websockets: true, timeout: 5s, allow_any_authenticated_user: true}
- {from: https://grpc.example.com, to: h2c://%[4]s, allow_any_authenticated_user: true}
- {from: https://say.example.com, response: {status: 200, body: "hello"}, timeout: 0s, allow_any_authenticated_user: true}
- {from: "tcp+https://tcp.example.com:22", to: tcp://%[5]s, timeout: 5s, allow_any_authenticated_user: true}
`, upstream(t, "app"), serve(t, ticking), shouter(t), h2cUpstream(t), tcpEcho(t)))
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	h.onCheck(func(in *authv3.CheckRequest) *authv3.CheckResponse {
		out := allow()
		out.DynamicMetadata = &structpb.Struct{Fields: map[string]*structpb.Value{
			"facts": structpb.NewStringValue(in.Attributes.ContextExtensions["route_id"]),
		}}
		return out
	})
	return h
}

func TestWhatIsHeld(t *testing.T) {
	t.Parallel()
	h := leashHouse(t, "")
	for _, tc := range []struct {
		name, method, url string
		h2                bool
		header            http.Header
		held              int
	}{
		{"an ordinary request", "GET", "https://app.example.com/", false, nil, 0},
		{"over HTTP/2", "POST", "https://app.example.com/", true, nil, 0},
		{"one that accepts events", "GET", "https://app.example.com/", false, http.Header{"Accept": {"text/event-stream"}}, 0},
		{"a path of ours", "GET", "https://app.example.com/.pomerium/", false, nil, 0},
		{"a tunnel to nowhere", "CONNECT", "https://app.example.com:22", true, nil, 0},
		{"a route with a long timeout", "GET", "https://slow.example.com/", false, nil, 1},
		{"without Accept", "GET", "https://slow.example.com/", true, http.Header{"Accept": nil}, 1},
		{"fixed text", "GET", "https://say.example.com/", false, nil, 0},
		{"gRPC", "POST", "https://grpc.example.com/a/B", true, http.Header{"Content-Type": {"application/grpc"}}, 1},
		{"gRPC in other letters", "POST", "https://grpc.example.com/a/B", true, http.Header{"Content-Type": {"Application/gRPC+proto"}}, 1},
		{"gRPC as the second of two", "POST", "https://grpc.example.com/a/B", true, http.Header{"Content-Type": {"text/plain", "application/grpc"}}, 1},
		{"no gRPC", "POST", "https://grpc.example.com/a/B", true, http.Header{"Content-Type": {"text/plain"}}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before, _ := h.leashes.count()
			got := h.get(t, tc.h2, tc.method, tc.url, tc.header)
			held := h.leashes.since(before)
			if len(held) != tc.held {
				t.Errorf("%d leashes, want %d (answer %d %v)", len(held), tc.held, got.status, got.header)
			}
			for _, l := range held {
				if l.facts == "" {
					t.Error("ext_authz's facts did not come along")
				}
			}
			if got.field(headerBound) != nil {
				t.Errorf("the upstream got the bound: %q", got.body)
			}
		})
	}
}

// TestWhatWasNotAskedAboutHasNoFacts: ext_authz does not look at it.
func TestWhatWasNotAskedAboutHasNoFacts(t *testing.T) {
	t.Parallel()
	h := leashHouse(t, "")
	before, _ := h.leashes.count()
	got := h.get(t, true, "POST", "https://no.example.com/", http.Header{"Content-Type": {"application/grpc"}})
	if got.status != 200 || got.header.Get("Grpc-Status") != "12" {
		t.Errorf("got %d %v", got.status, got.header)
	}
	if held := h.leashes.since(before); len(held) != 1 || held[0].facts != "" {
		t.Errorf("leashes %+v", held)
	}
}

// TestWhereARequestMayTakeLongAllAreHeld: its answer may come meanwhile.
func TestWhereARequestMayTakeLongAllAreHeld(t *testing.T) {
	t.Parallel()
	h := leashHouse(t, "timeout_read: 0s\n")
	for url, want := range map[string]int{
		"https://app.example.com/": 1, "https://grpc.example.com/": 1, "https://say.example.com/": 0, "https://app.example.com/.pomerium/": 0,
	} {
		before, _ := h.leashes.count()
		h.get(t, true, "GET", url, nil)
		if held := len(h.leashes.since(before)); held != want {
			t.Errorf("%s: %d leashes, want %d", url, held, want)
		}
	}
}

// streams opens one of each kind that lasts; each returns the connection and a
// reader that has read its beginning.
var streams = map[string]func(t *testing.T, h *house) (io.Closer, *bufio.Reader){
	"websocket": func(t *testing.T, h *house) (io.Closer, *bufio.Reader) {
		return h.upgrade(t, "ws.example.com", "GET / HTTP/1.1\r\nHost: ws.example.com\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n", 101)
	},
	"tunnel": func(t *testing.T, h *house) (io.Closer, *bufio.Reader) {
		return h.upgrade(t, "tcp.example.com", "CONNECT tcp.example.com:22 HTTP/1.1\r\nHost: tcp.example.com:22\r\n\r\n", 200)
	},
	"events": func(t *testing.T, h *house) (io.Closer, *bufio.Reader) {
		return h.upgrade(t, "events.example.com", "GET / HTTP/1.1\r\nHost: events.example.com\r\n\r\n", 200)
	},
	"events over HTTP/2": func(t *testing.T, h *house) (io.Closer, *bufio.Reader) {
		return h.stream2(t, "https://events.example.com/", http.NoBody)
	},
}

// upgrade sends text and reads the head of the answer.
func (h *house) upgrade(t *testing.T, host, text string, want int) (io.Closer, *bufio.Reader) {
	t.Helper()
	conn, err := h.dialer(host, "http/1.1")(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	io.WriteString(conn, text)
	reader := bufio.NewReader(conn)
	method, _, _ := bytes.Cut([]byte(text), []byte(" "))
	response, err := http.ReadResponse(reader, &http.Request{Method: string(method)})
	if err != nil || response.StatusCode != want {
		t.Fatalf("got %v %v, want %d", response, err, want)
	}
	if want == 101 {
		io.WriteString(conn, "ping\n")
		reader.ReadString('\n')
	}
	return conn, reader
}

// stream2 sends a request over HTTP/2 and returns its answer's body.
func (h *house) stream2(t *testing.T, url string, body io.Reader) (io.Closer, *bufio.Reader) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", url, body)
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DialTLSContext: h.dialer(r.URL.Hostname(), "h2"), TLSClientConfig: &tls.Config{}}
	t.Cleanup(transport.CloseIdleConnections)
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != 200 {
		t.Fatalf("status %d", response.StatusCode)
	}
	return response.Body, bufio.NewReader(response.Body)
}

// ends reports whether reading comes to an end within ten seconds.
func ends(r io.Reader) bool {
	done := make(chan struct{})
	go func() {
		io.Copy(io.Discard, r)
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(10 * time.Second):
		return false
	}
}

func TestALeashThatEndsEndsItsStreamAlone(t *testing.T) {
	t.Parallel()
	h := leashHouse(t, "")
	for name, start := range streams {
		t.Run(name, func(t *testing.T) {
			before, _ := h.leashes.count()
			_, one := start(t, h)
			leash := h.leashes.await(t, before)
			other, two := start(t, h)
			h.leashes.await(t, before+1)
			leash.end()
			if !ends(one) {
				t.Error("the stream goes on")
			}
			if conn, ok := other.(net.Conn); ok && name != "events" {
				io.WriteString(conn, "still\n")
			}
			for range 3 { // the tunnel's hello, and what came before
				line, err := two.ReadString('\n')
				if err != nil {
					t.Fatalf("the other stream ended: %v", err)
				}
				if line == "still\n" || line == "tick\n" {
					break
				}
			}
			other.Close()
			// A stream that its client ends leaves nothing behind.
			eventually(t, func() string {
				if _, open := h.leashes.count(); open > 0 {
					return fmt.Sprintf("%d leashes are still open", open)
				}
				return ""
			})
		})
	}
}

func TestWithoutTheServiceNothingLasts(t *testing.T) {
	t.Parallel()
	h := leashHouse(t, "")
	_, events := streams["events"](t, h)
	h.leashes.server.Stop()
	if !ends(events) {
		t.Error("the stream goes on")
	}
	if got := h.get(t, false, "GET", "https://slow.example.com/", nil); got.status != 503 {
		t.Errorf("a new one: got %d", got.status)
	}
	if got := h.get(t, false, "GET", "https://app.example.com/", nil); got.status != 200 {
		t.Errorf("an ordinary request: got %d", got.status)
	}
}

// TestARequestLeftOpenIsBounded: a route's timeout counts from the end of the
// request, which a client may never send while it reads the answer.
func TestARequestLeftOpenIsBounded(t *testing.T) {
	t.Parallel()
	h := leashHouse(t, "")
	in, _ := io.Pipe()
	_, stream := h.stream2(t, "https://short.example.com/", in)
	for range 100 { // two seconds, where the timeout is one
		if _, err := stream.ReadString('\n'); err != nil {
			t.Skip("Envoy's timeout now counts from the beginning: the bound is not needed any more")
		}
	}
	h.bound(t, "00500")
	in2, _ := io.Pipe()
	_, bounded := h.stream2(t, "https://short.example.com/", in2)
	if !ends(bounded) {
		t.Error("the stream goes on")
	}
	// A leash takes the bound away.
	_, held := streams["events"](t, h)
	for range 60 {
		if _, err := held.ReadString('\n'); err != nil {
			t.Fatalf("what is held ended: %v", err)
		}
	}
}

// bound has Envoy serve with another bound, of as many digits.
func (h *house) bound(t *testing.T, text string) {
	t.Helper()
	s := h.snapshot
	for _, r := range s.Listeners {
		for _, chain := range append(r.Message.(*listenerv3.Listener).FilterChains, r.Message.(*listenerv3.Listener).DefaultFilterChain) {
			for _, f := range chain.GetFilters() {
				packed := f.GetTypedConfig()
				packed.Value = bytes.ReplaceAll(packed.Value, []byte("90000"), []byte(text))
			}
		}
	}
	h.ads.set(t, s)
	eventually(t, func() string {
		h.questions()
		h.get(t, false, "GET", "https://app.example.com/", nil)
		if is := h.questions()[0].Attributes.Request.Http.Headers[headerBound]; is != text {
			return "the bound is " + is
		}
		return ""
	})
}
