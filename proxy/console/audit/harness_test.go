package audit

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"iter"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

var (
	testSecret = []byte("0123456789abcdef0123456789abcdef")
	testKey    = ed25519.NewKeyFromSeed([]byte("audit-test-seed-of-32-bytes-long"))
	testTime   = time.Date(2026, 11, 25, 19, 30, 0, 123e6, time.UTC)
)

// newDial serves a store in memory, and returns what makes a client on a
// connection of its own.
func newDial(t testing.TB) func() *databroker.Client {
	t.Helper()
	return dialTo(t, databroker.NewMemoryStore(databroker.MemoryOptions{}))
}

func dialTo(t testing.TB, store databroker.Store) func() *databroker.Client {
	t.Helper()
	server, err := databroker.NewServer(t.Context(), databroker.ServerOptions{Store: store, Secret: testSecret, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	listener := bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	server.Register(g)
	var serving sync.WaitGroup
	serving.Go(func() { _ = g.Serve(listener) })
	t.Cleanup(func() { g.Stop(); serving.Wait() })
	return func() *databroker.Client {
		t.Helper()
		conn, err := grpc.NewClient("passthrough:///broker", append(databroker.DialOptions(),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
			grpc.WithTransportCredentials(insecure.NewCredentials()))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		client, err := databroker.NewClient(databroker.ClientOptions{Conn: conn, Secret: testSecret, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
}

func newLog(t testing.TB, b Broker) *Log {
	t.Helper()
	l, err := New(Options{Broker: b, Key: testKey, Log: zerolog.Nop(), Now: func() time.Time { return testTime }, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// full is an entry with every part set.
func full(n int) Entry {
	return Entry{
		Time: testTime.Add(time.Duration(n) * time.Second), Change: fmt.Sprint("change-", n),
		Actor: Actor{
			Name: "Ada Lovelace", Email: "ada@example.com", UserKey: "idp/ada", SessionID: "s-1",
			Role: "admin", Via: ViaWeb, Address: "192.0.2.7",
		},
		Action: "device.approve", ObjectType: "device", ObjectID: fmt.Sprint("d-", n), Subject: "idp/bob",
		Result: Done, RequestID: fmt.Sprint("r-", n), Details: map[string]string{"name": "Bob's key", "type": "any"},
	}
}

func fill(t testing.TB, l *Log, n int) []Entry {
	t.Helper()
	var out []Entry
	for i := range n {
		e, err := l.Append(t.Context(), full(i+1))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// verified is the report of what is in b.
func verified(t testing.TB, b Broker, known ...KnownHead) Report {
	t.Helper()
	r, err := Verify(Export(t.Context(), b), testKey.Public().(ed25519.PublicKey), known)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantIntact(t testing.TB, b Broker, entries uint64) {
	t.Helper()
	r := verified(t, b)
	if !r.Intact() || len(r.Remarks) > 0 || r.Entries != entries || r.Head.Sequence != entries {
		t.Errorf("report %+v, want %d entries and nothing else", r, entries)
	}
}

// A bent broker reads what an attacker who has the shared secret made of the
// store.
type bent struct {
	Broker
	data map[string][]byte // by id; nil: it is not there
	err  map[string]error
}

func bend(b Broker) *bent { return &bent{b, map[string][]byte{}, map[string]error{}} }

func (b *bent) Get(ctx context.Context, typ, id string) (*databroker.Record, error) {
	if err := b.err[id]; err != nil {
		return nil, err
	}
	if data, ok := b.data[id]; ok {
		if data == nil {
			return nil, databroker.ErrNotFound
		}
		return &databroker.Record{Type: typ, ID: id, Version: 1, Data: data}, nil
	}
	return b.Broker.Get(ctx, typ, id)
}

func (b *bent) List(ctx context.Context, typ string, limit int, after []byte) (databroker.Page, error) {
	page, err := b.Broker.List(ctx, typ, limit, after)
	page.Records = slices.DeleteFunc(page.Records, func(r *databroker.Record) bool { _, ok := b.data[r.ID]; return ok })
	for id, data := range b.data {
		if data != nil && id != headID && len(after) == 0 {
			page.Records = append(page.Records, &databroker.Record{Type: typ, ID: id, Version: 1, Data: data})
		}
	}
	if len(b.err) > 0 {
		err = databroker.ErrTampered // as the server does, whichever record it is
	}
	return page, err
}

func (b *bent) put(e Entry)          { b.data[entryID(e.Sequence)] = e.record() }
func (b *bent) remove(n uint64)      { b.data[entryID(n)] = nil }
func (b *bent) rehash(e Entry) Entry { e.Hash = e.sum(); return e }
func (b *bent) head(h Head)          { b.data[headID] = h.record() }
func signed(e Entry, key ed25519.PrivateKey) Head {
	h := Head{Sequence: e.Sequence, Hash: e.Hash, Time: testTime}
	h.sign(key)
	return h
}

func collect(t testing.TB, lines iter.Seq2[Line, error]) []Line {
	t.Helper()
	var out []Line
	for l, err := range lines {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}
