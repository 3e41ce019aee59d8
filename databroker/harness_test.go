package databroker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/cardea-proxy/cardea/databroker"
)

var testSecret = []byte("0123456789abcdef0123456789abcdef")

// A broker is a real server on a real store, reached over gRPC in memory.
type broker struct {
	t       testing.TB
	store   databroker.Store
	server  *databroker.Server
	network *network
	client  *databroker.Client
	stop    func()
}

// startBroker serves store, nil standing for a fresh one in memory.
func startBroker(t testing.TB, store databroker.Store) *broker {
	t.Helper()
	if store == nil {
		store = databroker.NewMemoryStore(databroker.MemoryOptions{})
	}
	b := &broker{t: t, store: store, network: &network{}}
	b.start()
	b.client = b.newClient()
	return b
}

func (b *broker) start() {
	b.t.Helper()
	server, err := databroker.NewServer(b.t.Context(), databroker.ServerOptions{
		Store: b.store, Secret: testSecret, Log: zerolog.Nop(),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.server = server
	listener := bufconn.Listen(1 << 20)
	b.network.connect(listener)
	g := grpc.NewServer()
	server.Register(g)
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	var parts sync.WaitGroup
	parts.Go(func() { _ = server.Run(ctx) })
	parts.Go(func() { _ = g.Serve(listener) })
	b.stop = sync.OnceFunc(func() {
		cancel()
		g.GracefulStop() // ends only if Run ends the watches
		parts.Wait()
	})
	b.t.Cleanup(func() { b.stop() })
}

// newClient returns a client on a connection of its own.
func (b *broker) newClient() *databroker.Client {
	b.t.Helper()
	return b.clientOn(b.dial())
}

func (b *broker) clientOn(conn grpc.ClientConnInterface) *databroker.Client {
	b.t.Helper()
	client, err := databroker.NewClient(databroker.ClientOptions{Conn: conn, Secret: testSecret})
	if err != nil {
		b.t.Fatal(err)
	}
	return client
}

func (b *broker) dial() *grpc.ClientConn {
	b.t.Helper()
	options := append(databroker.DialOptions(),
		grpc.WithContextDialer(b.network.dial),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient("passthrough:///broker", options...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// A feedless connection answers calls, while its streams can fall silent, or
// bring only so many messages.
type feedless struct {
	*grpc.ClientConn
	silent atomic.Bool
	brings atomic.Int64 // messages; 0 is no limit
}

func (c *feedless) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := c.ClientConn.NewStream(ctx, d, method, o...)
	return feedlessStream{s, c}, err
}

type feedlessStream struct {
	grpc.ClientStream
	conn *feedless
}

func (s feedlessStream) RecvMsg(m any) error {
	for {
		err := s.ClientStream.RecvMsg(m)
		if err == nil && s.conn.brings.Load() > 0 && s.conn.brings.Add(-1) == 0 {
			<-s.Context().Done()
			return s.Context().Err()
		}
		if err != nil || !s.conn.silent.Load() {
			return err
		}
	}
}

// runView returns a running view with a connection of its own.
func (b *broker) runView(o databroker.ViewOptions) *databroker.View {
	b.t.Helper()
	if o.Client == nil {
		o.Client = b.newClient()
	}
	o.Log = zerolog.Nop()
	view, err := databroker.NewView(o)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	done := make(chan struct{})
	go func() { defer close(done); _ = view.Run(ctx) }()
	b.t.Cleanup(func() { cancel(); <-done })
	return view
}

// A network stands between clients and server: it can be cut, and it can fall
// silent while every connection looks alive.
type network struct {
	mu       sync.Mutex
	listener *bufconn.Listener
	conns    []*networkConn
	down     bool
	silence  chan struct{} // not nil while nothing gets through; closed at its end
}

func (n *network) connect(l *bufconn.Listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listener = l
}

func (n *network) dial(ctx context.Context, _ string) (net.Conn, error) {
	n.mu.Lock()
	listener, down := n.listener, n.down
	n.mu.Unlock()
	if down {
		return nil, errors.New("the network is down")
	}
	conn, err := listener.DialContext(ctx)
	if err != nil {
		return nil, err
	}
	wrapped := &networkConn{Conn: conn, network: n, closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, wrapped)
	return wrapped, nil
}

// cut ends every connection and refuses new ones.
func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = true
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.conns = nil
}

// hush lets connections stand and nothing through.
func (n *network) hush() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.silence == nil {
		n.silence = make(chan struct{})
	}
}

// strand silences the connections there are for ever, as a peer does that
// vanished without a goodbye. New ones work.
func (n *network) strand() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		c.stranded.Store(true)
	}
}

func (n *network) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = false
	if n.silence != nil {
		close(n.silence)
		n.silence = nil
	}
}

type networkConn struct {
	net.Conn
	network  *network
	stranded atomic.Bool
	close    sync.Once
	closed   chan struct{}
}

func (c *networkConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.network.mu.Lock()
	silence := c.network.silence
	c.network.mu.Unlock()
	if c.stranded.Load() {
		<-c.closed
		return 0, net.ErrClosed
	}
	if silence != nil {
		select {
		case <-silence:
		case <-c.closed:
		}
	}
	return n, err
}

func (c *networkConn) Close() error {
	c.close.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func session(id string) *databroker.Session {
	now := time.Now()
	return &databroker.Session{
		ID: id, UserID: "sub-" + id, IDPID: "idp", IssuedAt: now.UTC(), ExpiresAt: now.Add(14 * time.Hour).UTC(),
		IDToken: databroker.NewSecret("id-token-" + id), AccessToken: databroker.NewSecret("access-token-" + id),
		RefreshToken: databroker.NewSecret("refresh-token-" + id),
		Claims:       map[string]any{"email": id + "@example.com", "groups": []any{"engineers"}},
	}
}

func putSession(t *testing.T, c *databroker.Client, s *databroker.Session) *databroker.Session {
	t.Helper()
	if err := c.PutSession(t.Context(), s); err != nil {
		t.Fatalf("PutSession: %v", err)
	}
	return s
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func name(n int) string { return fmt.Sprintf("n%d", n) }
