package authorize

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/rs/zerolog"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// A broker is a real databroker with a real view of it.
type broker struct {
	client *databroker.Client
	view   *databroker.View
	stop   func() // of the server; the view stays
	told   atomic.Pointer[Server]
}

// startBroker serves a memory store over gRPC in memory until the test ends.
func startBroker(t testing.TB) *broker {
	t.Helper()
	secret := []byte("0123456789abcdef0123456789abcdef")
	server, err := databroker.NewServer(t.Context(), databroker.ServerOptions{
		Store: databroker.NewMemoryStore(databroker.MemoryOptions{}), Secret: secret, Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	listener := bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	server.Register(g)
	conn, err := grpc.NewClient("passthrough:///broker", append(databroker.DialOptions(),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	client, err := databroker.NewClient(databroker.ClientOptions{Conn: conn, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{client: client}
	view, err := databroker.NewView(databroker.ViewOptions{Client: client, OnChange: func(typ, id string) {
		if s := b.told.Load(); s != nil {
			s.Changed(typ, id)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	var parts sync.WaitGroup
	serving, stopServing := context.WithCancel(context.WithoutCancel(t.Context()))
	viewing, stopViewing := context.WithCancel(context.WithoutCancel(t.Context()))
	parts.Go(func() { _ = server.Run(serving) })
	parts.Go(func() { _ = g.Serve(listener) })
	parts.Go(func() { _ = view.Run(viewing) })
	b.view, b.stop = view, sync.OnceFunc(func() { stopServing(); g.Stop() })
	t.Cleanup(func() {
		stopViewing()
		b.stop()
		_ = conn.Close()
		parts.Wait()
	})
	// The first try to follow the feed may come before the server listens, and is
	// made again after a pause. Until then the view answers from what it has just
	// read, for a quarter of a second.
	for range 500 {
		if view.Live() {
			return b
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the view never follows the feed")
	return nil
}

// newHouseOn is newHouse on a real databroker and the clock of the process.
func newHouseOn(t testing.TB, b *broker, rules map[string]string, change func(*config.Config)) *house {
	t.Helper()
	h := newHouse(t, rules, change)
	h.clock.advance(time.Since(h.clock.now()))
	var err error
	h.Server, err = New(Options{
		Sessions: b.view, Tickets: ticket.New([32]byte{1}), Handoff: handoff.New([32]byte{2}, [32]byte{3}, nil),
		Pages: pages.New(pages.Options{}), Log: zerolog.New(h.log), Audit: h.audit,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.apply()
	b.told.Store(h.Server)
	s := h.signIn("s-alice", "alice", "alice@corp.example", "engineers")
	s.Version, s.IssuedAt, s.ExpiresAt = 0, time.Now(), time.Now().Add(30*time.Minute)
	if err := b.client.PutSession(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := b.client.PutUser(t.Context(), h.records.users[s.UserKey()]); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestOnARealDatabroker(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*testing.T, *house, *broker)
		status int // 0: allowed
	}{
		{"who is signed in passes", func(*testing.T, *house, *broker) {}, 0},
		{"whose session is deleted is out at once", func(t *testing.T, _ *house, b *broker) {
			if err := b.client.DeleteSession(t.Context(), "s-alice"); err != nil {
				t.Fatal(err)
			}
		}, 302},
		{"whose account is shut is out at once", func(t *testing.T, h *house, b *broker) {
			u, err := b.client.User(t.Context(), h.records.sessions["s-alice"].UserKey())
			if err != nil {
				t.Fatal(err)
			}
			u = u.Clone()
			u.Disabled = true
			if err := b.client.PutUser(t.Context(), u); err != nil {
				t.Fatal(err)
			}
		}, 403},
		{"whose session is over is out", func(*testing.T, *house, *broker) { time.Sleep(30 * time.Minute) }, 302},
		{"whose session has rested too long is out", func(*testing.T, *house, *broker) { time.Sleep(15 * time.Minute) }, 302},
		{"a broker that is away for a moment is survived", func(_ *testing.T, _ *house, b *broker) {
			b.stop()
			time.Sleep(20 * time.Second)
		}, 0},
		{"a broker that stays away lets nobody in", func(_ *testing.T, _ *house, b *broker) {
			b.stop()
			time.Sleep(3 * time.Minute)
		}, 503},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := startBroker(t)
				h := newHouseOn(t, b, map[string]string{"app": ruleAlice}, func(c *config.Config) { c.SessionIdleTimeout = 10 * time.Minute })
				q := question{route: "app", cookie: h.cookie("s-alice", "app.example")}
				h.allowed(q)
				tc.change(t, h, b)
				synctest.Wait()
				if got := h.ask(q); got.allowed != (tc.status == 0) || got.status != tc.status {
					t.Errorf("allowed %v with %d, want %d", got.allowed, got.status, tc.status)
				}
			})
		})
	}
}

func TestSessionInUseIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t)
		h := newHouseOn(t, b, map[string]string{"app": ruleAlice}, func(c *config.Config) { c.SessionIdleTimeout = 10 * time.Minute })
		for range 3 {
			h.allowed(question{route: "app", cookie: h.cookie("s-alice", "app.example")})
			time.Sleep(9 * time.Minute)
		}
	})
}
