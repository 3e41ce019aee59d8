// Package storetest tries every promise of databroker.Store. Each store runs
// it against itself, so that one cannot be kept here and broken there.
package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/databroker"
)

// Options say how a store is made for the tests.
type Options struct {
	// Open returns an empty store that remembers logSize changes. The tests
	// close it.
	Open func(t *testing.T, logSize int) databroker.Store

	// Reopen closes the store that Open returned and opens what it left; nil
	// for stores that leave nothing.
	Reopen func(t *testing.T, s databroker.Store) databroker.Store
}

// Run tries the store.
func Run(t *testing.T, o Options) {
	t.Helper()
	for _, tc := range []struct {
		name string
		test func(*testing.T, *subject)
	}{
		{"an absent entry is no entry, at a position", testAbsent},
		{"what was written is read", testRoundTrip},
		{"a write that expects another version conflicts", testConflict},
		{"puts of one write succeed and fail alone", testWriteMany},
		{"a value is the store's own", testOwnership},
		{"a list comes in the order of keys, page by page", testList},
		{"a list keeps to its prefix", testListPrefix},
		{"changes come in order, each entry at its last position", testChanges},
		{"changes come page by page", testChangesPages},
		{"quiet writes stay out of the feed and keep the position", testQuiet},
		{"a log that has been overrun asks to list again", testRelist},
		{"a position of the future asks to list again", testFuture},
		{"waiting ends with a write and with the context", testWait},
		{"a sweep removes what has expired, no more than the limit", testSweep},
		{"an entry that was given a later end is not swept", testSweepMoved},
		{"a swept entry may be written anew", testSweepRewrite},
		{"no counter loses a step under concurrent writers", testCounter},
		{"a watcher sees every entry's last version", testFollow},
		{"a closed store answers with an error", testClosed},
		{"what was written outlives the store", testReopen},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := &subject{Store: o.Open(t, logSize), options: o}
			t.Cleanup(func() { _ = s.Close() })
			tc.test(t, s)
		})
	}
}

// logSize is small, so that the tests overrun it.
const logSize = 64

type subject struct {
	databroker.Store
	options Options
}

// key returns a key of kind that differs by n and falls anywhere.
func key(kind byte, n int) (k databroker.Key) {
	for i := range databroker.KindSize {
		k[i] = kind
	}
	h := sha256.Sum256(fmt.Appendf(nil, "%d", n))
	copy(k[databroker.KindSize:], h[:])
	return k
}

func entry(k databroker.Key, version uint64, value string) databroker.Entry {
	return databroker.Entry{Key: k, Version: version, Value: []byte(value)}
}

func (s *subject) put(t *testing.T, e databroker.Entry) {
	t.Helper()
	s.write(t, databroker.Put{Entry: e, Expected: e.Version - 1})
}

func (s *subject) write(t *testing.T, p databroker.Put) {
	t.Helper()
	errs, err := s.Write(t.Context(), []databroker.Put{p})
	if err != nil || errs[0] != nil {
		t.Fatalf("Write(version %d) = %v, %v", p.Entry.Version, errs, err)
	}
}

func (s *subject) get(t *testing.T, k databroker.Key) databroker.Entry {
	t.Helper()
	e, _, err := s.Get(t.Context(), k)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	return e
}

func (s *subject) position(t *testing.T) uint64 {
	t.Helper()
	p, err := s.Position(t.Context())
	if err != nil {
		t.Fatalf("Position: %v", err)
	}
	return p
}

func (s *subject) changes(t *testing.T, after uint64, limit int) ([]databroker.Entry, uint64) {
	t.Helper()
	entries, reached, err := s.Changes(t.Context(), after, limit)
	if err != nil {
		t.Fatalf("Changes(%d): %v", after, err)
	}
	return entries, reached
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func testAbsent(t *testing.T, s *subject) {
	if s.Epoch() == 0 {
		t.Error("the epoch is 0")
	}
	s.put(t, entry(key(1, 1), 1, "a"))
	_, position, err := s.Get(t.Context(), key(1, 2))
	if !errors.Is(err, databroker.ErrNoEntry) || position != 1 {
		t.Errorf("Get = %d, %v; want position 1 and ErrNoEntry", position, err)
	}
}

func testRoundTrip(t *testing.T, s *subject) {
	want := entry(key(1, 1), 1, "\x00\xffvalue")
	want.ExpiresAt = time.UnixMilli(1893456000123).UTC()
	s.put(t, want)
	want.Position = 1
	got, position, err := s.Get(t.Context(), want.Key)
	if err != nil || position != 1 {
		t.Fatalf("Get = %d, %v", position, err)
	}
	same(t, "entry", want, got)

	again := entry(want.Key, 2, "")
	again.Value = []byte("other")
	s.put(t, again)
	again.Position = 2
	same(t, "entry after the second write", again, s.get(t, want.Key))
}

func testConflict(t *testing.T, s *subject) {
	k := key(1, 1)
	s.put(t, entry(k, 1, "first"))
	s.put(t, entry(k, 2, "second"))
	for _, expected := range []uint64{0, 1, 3, ^uint64(0)} {
		errs, err := s.Write(t.Context(), []databroker.Put{{Entry: entry(k, expected+1, "no"), Expected: expected}})
		if err != nil || !errors.Is(errs[0], databroker.ErrConflict) {
			t.Errorf("Write(expected %d) = %v, %v; want ErrConflict", expected, errs, err)
		}
	}
	errs, err := s.Write(t.Context(), []databroker.Put{{Entry: entry(key(1, 2), 2, "no"), Expected: 1}})
	if err != nil || !errors.Is(errs[0], databroker.ErrConflict) {
		t.Errorf("Write(absent, expected 1) = %v, %v; want ErrConflict", errs, err)
	}
	if got := s.get(t, k); string(got.Value) != "second" || got.Position != 2 {
		t.Errorf("the entry is %q at %d after refused writes", got.Value, got.Position)
	}
	if p := s.position(t); p != 2 {
		t.Errorf("position %d after refused writes, want 2", p)
	}
}

func testWriteMany(t *testing.T, s *subject) {
	s.put(t, entry(key(1, 2), 1, "there"))
	errs, err := s.Write(t.Context(), []databroker.Put{
		{Entry: entry(key(1, 1), 1, "a")},
		{Entry: entry(key(1, 2), 1, "b")},
		{Entry: entry(key(1, 3), 1, "c")},
		{Entry: entry(key(1, 3), 2, "d"), Expected: 1},
		{Entry: entry(key(1, 3), 2, "e"), Expected: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	var refused []bool
	for _, err := range errs {
		refused = append(refused, errors.Is(err, databroker.ErrConflict))
	}
	same(t, "refused", []bool{false, true, false, false, true}, refused)
	if got := s.get(t, key(1, 3)); string(got.Value) != "d" || got.Position != 4 {
		t.Errorf("third entry = %q at %d, want d at 4", got.Value, got.Position)
	}
}

func testOwnership(t *testing.T, s *subject) {
	value := []byte("value")
	s.put(t, databroker.Entry{Key: key(1, 1), Version: 1, Value: value})
	value[0] = 'X'
	got := s.get(t, key(1, 1))
	if string(got.Value) != "value" {
		t.Errorf("the writer changed the stored value to %q", got.Value)
	}
}

func testClosed(t *testing.T, s *subject) {
	s.put(t, entry(key(1, 1), 1, "a"))
	waited := make(chan error, 1)
	go func() { waited <- s.Wait(context.WithoutCancel(t.Context()), 1) }()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := <-waited; !errors.Is(err, databroker.ErrUnavailable) {
		t.Errorf("Wait = %v, want ErrUnavailable", err)
	}
	ctx := t.Context()
	_, _, getErr := s.Get(ctx, key(1, 1))
	_, listErr := s.List(ctx, nil, nil, 1)
	_, writeErr := s.Write(ctx, []databroker.Put{{Entry: entry(key(1, 2), 1, "b")}})
	_, _, changesErr := s.Changes(ctx, 0, 1)
	_, positionErr := s.Position(ctx)
	_, sweepErr := s.Sweep(ctx, time.Now(), 1)
	for op, err := range map[string]error{
		"Get": getErr, "List": listErr, "Write": writeErr,
		"Changes": changesErr, "Position": positionErr, "Sweep": sweepErr,
	} {
		if !errors.Is(err, databroker.ErrUnavailable) {
			t.Errorf("%s after Close = %v, want ErrUnavailable", op, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func testReopen(t *testing.T, s *subject) {
	if s.options.Reopen == nil {
		t.Skip("the store leaves nothing")
	}
	for n := range 100 { // more than the log holds
		s.put(t, entry(key(1, n), 1, fmt.Sprint(n)))
	}
	epoch, before := s.Epoch(), s.get(t, key(1, 7))
	s.Store = s.options.Reopen(t, s.Store)
	if s.Epoch() != epoch {
		t.Error("the epoch changed")
	}
	same(t, "entry", before, s.get(t, key(1, 7)))
	if p := s.position(t); p != 100 {
		t.Errorf("position %d, want 100", p)
	}
	if entries, reached := s.changes(t, 90, 100); len(entries) != 10 || reached != 100 {
		t.Errorf("Changes(90) = %d entries, reached %d", len(entries), reached)
	}
	s.put(t, entry(key(1, 7), 2, "again"))
	if p := s.position(t); p != 101 {
		t.Errorf("position %d after one more write, want 101", p)
	}
}

func testWait(t *testing.T, s *subject) {
	// Real goroutines, no clock: the write is what ends the wait.
	done := make(chan error, 1)
	go func() { done <- s.Wait(t.Context(), 0) }()
	s.put(t, entry(key(1, 1), 1, "a"))
	if err := <-done; err != nil {
		t.Errorf("Wait = %v", err)
	}
	if err := s.Wait(t.Context(), 0); err != nil {
		t.Errorf("Wait for what has been = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait = %v, want context.Canceled", err)
	}
}
