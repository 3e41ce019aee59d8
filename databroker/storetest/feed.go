package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
)

func testList(t *testing.T, s *subject) {
	var want []databroker.Entry
	for n := range 10 {
		e := entry(key(1, n), 1, fmt.Sprint(n))
		s.put(t, e)
		e.Position = uint64(n + 1)
		want = append(want, e)
	}
	slices.SortFunc(want, func(a, b databroker.Entry) int { return a.Key.Compare(b.Key) })
	var got []databroker.Entry
	var after *databroker.Key
	for {
		page, err := s.List(t.Context(), key(1, 0).Kind(), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page...)
		if len(page) < 3 {
			break
		}
		after = &page[2].Key
	}
	same(t, "list", want, got)
}

func testListPrefix(t *testing.T, s *subject) {
	for kind := range byte(3) {
		s.put(t, entry(key(0xfd+kind, 1), 1, "a"))
	}
	for kind := range byte(3) {
		k := key(0xfd+kind, 1)
		got, err := s.List(t.Context(), k.Kind(), nil, 10)
		if err != nil || len(got) != 1 || got[0].Key != k {
			t.Errorf("List(kind %x) = %d entries, %v; want its own", 0xfd+kind, len(got), err)
		}
	}
	if got, err := s.List(t.Context(), nil, nil, 10); err != nil || len(got) != 3 {
		t.Errorf("List(all) = %d entries, %v", len(got), err)
	}
	if got, err := s.List(t.Context(), key(7, 0).Kind(), nil, 10); err != nil || len(got) != 0 {
		t.Errorf("List(no such kind) = %d entries, %v", len(got), err)
	}
}

// seen turns changes into "value@position".
func seen(entries []databroker.Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, fmt.Sprintf("%s@%d", e.Value, e.Position))
	}
	return out
}

func testChanges(t *testing.T, s *subject) {
	s.put(t, entry(key(1, 1), 1, "a1"))
	s.put(t, entry(key(2, 2), 1, "b1"))
	s.put(t, entry(key(1, 1), 2, "a2"))
	s.put(t, entry(key(1, 3), 1, "c1"))
	entries, reached := s.changes(t, 0, 10)
	same(t, "changes", []string{"b1@2", "a2@3", "c1@4"}, seen(entries))
	if reached != 4 {
		t.Errorf("reached %d, want 4", reached)
	}
	entries, reached = s.changes(t, 4, 10)
	if len(entries) != 0 || reached != 4 {
		t.Errorf("Changes(4) = %v, reached %d", seen(entries), reached)
	}
}

func testChangesPages(t *testing.T, s *subject) {
	for n := range 10 {
		s.put(t, entry(key(1, n%5), uint64(n/5+1), fmt.Sprint(n)))
	}
	var got []string
	for after := uint64(0); ; {
		entries, reached := s.changes(t, after, 2)
		got = append(got, seen(entries)...)
		if len(entries) < 2 {
			if reached != 10 {
				t.Errorf("reached %d, want 10", reached)
			}
			break
		}
		if reached < entries[1].Position {
			t.Fatalf("reached %d before the last entry's %d", reached, entries[1].Position)
		}
		after = reached
	}
	same(t, "changes", []string{"5@6", "6@7", "7@8", "8@9", "9@10"}, got)
}

func testQuiet(t *testing.T, s *subject) {
	s.put(t, entry(key(1, 1), 1, "loud"))
	s.write(t, databroker.Put{Entry: entry(key(1, 1), 2, "quiet"), Expected: 1, Quiet: true})
	s.write(t, databroker.Put{Entry: entry(key(1, 2), 1, "only quiet"), Quiet: true})
	// The same version again, as when an entry is sealed anew.
	s.write(t, databroker.Put{Entry: entry(key(1, 1), 2, "sealed anew"), Expected: 2, Quiet: true})
	entries, reached := s.changes(t, 0, 10)
	same(t, "changes", []string{"sealed anew@1"}, seen(entries))
	if reached != 1 || s.position(t) != 1 {
		t.Errorf("reached %d, position %d; want 1", reached, s.position(t))
	}
	if e := s.get(t, key(1, 2)); e.Position != 0 {
		t.Errorf("an entry that was only written quietly has position %d", e.Position)
	}
}

func testRelist(t *testing.T, s *subject) {
	for n := range logSize + 10 {
		s.put(t, entry(key(1, n), 1, fmt.Sprint(n)))
	}
	for _, after := range []uint64{0, 1, 9} {
		if _, _, err := s.Changes(t.Context(), after, 10); !errors.Is(err, databroker.ErrRelist) {
			t.Errorf("Changes(%d) = %v, want ErrRelist", after, err)
		}
	}
	entries, reached := s.changes(t, 10, 1000)
	if len(entries) != logSize || reached != logSize+10 {
		t.Errorf("Changes(10) = %d entries, reached %d", len(entries), reached)
	}
}

func testFuture(t *testing.T, s *subject) {
	s.put(t, entry(key(1, 1), 1, "a"))
	if _, _, err := s.Changes(t.Context(), 2, 10); !errors.Is(err, databroker.ErrRelist) {
		t.Errorf("Changes(2) = %v, want ErrRelist", err)
	}
}

func testSweep(t *testing.T, s *subject) {
	now := time.UnixMilli(1893456000000).UTC()
	for n, expires := range []time.Time{{}, now.Add(-time.Hour), now.Add(-time.Millisecond), now, now.Add(time.Millisecond)} {
		e := entry(key(1, n), 1, fmt.Sprint(n))
		e.ExpiresAt = expires
		s.put(t, e)
	}
	for _, want := range []int{2, 1, 0} {
		if n, err := s.Sweep(t.Context(), now, 2); err != nil || n != want {
			t.Errorf("Sweep = %d, %v; want %d", n, err, want)
		}
	}
	entries, reached := s.changes(t, 0, 10)
	same(t, "changes", []string{"0@1", "4@5"}, seen(entries))
	if reached != 5 || s.position(t) != 5 {
		t.Errorf("reached %d: a sweep must leave the feed alone", reached)
	}
	if _, _, err := s.Get(t.Context(), key(1, 1)); !errors.Is(err, databroker.ErrNoEntry) {
		t.Errorf("Get(swept) = %v, want ErrNoEntry", err)
	}
}

func testSweepMoved(t *testing.T, s *subject) {
	now := time.UnixMilli(1893456000000).UTC()
	e := entry(key(1, 1), 1, "a")
	e.ExpiresAt = now.Add(-time.Minute)
	s.put(t, e)
	e.Version, e.ExpiresAt = 2, now.Add(time.Minute)
	s.put(t, e)
	f := entry(key(1, 2), 1, "b")
	f.ExpiresAt = now.Add(-time.Minute)
	s.put(t, f)
	f.Version, f.ExpiresAt = 2, time.Time{}
	s.put(t, f)
	if n, err := s.Sweep(t.Context(), now, 10); err != nil || n != 0 {
		t.Errorf("Sweep = %d, %v; want 0", n, err)
	}
}

func testSweepRewrite(t *testing.T, s *subject) {
	now := time.UnixMilli(1893456000000).UTC()
	e := entry(key(1, 1), 1, "old")
	e.ExpiresAt = now
	s.put(t, e)
	if n, err := s.Sweep(t.Context(), now, 10); err != nil || n != 1 {
		t.Fatalf("Sweep = %d, %v", n, err)
	}
	s.put(t, entry(key(1, 1), 1, "new"))
	entries, _ := s.changes(t, 0, 10)
	same(t, "changes", []string{"new@2"}, seen(entries))
}

// testCounter has writers step one counter: compare-and-swap must lose none.
func testCounter(t *testing.T, s *subject) {
	const writers, steps = 8, 25
	k := key(1, 1)
	s.put(t, entry(k, 1, ""))
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range steps {
				for {
					e, _, err := s.Get(t.Context(), k)
					if err != nil {
						t.Error(err)
						return
					}
					next := entry(k, e.Version+1, string(e.Value)+"x")
					errs, err := s.Write(t.Context(), []databroker.Put{{Entry: next, Expected: e.Version}})
					if err != nil {
						t.Error(err)
						return
					}
					if errs[0] == nil {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	e := s.get(t, k)
	if len(e.Value) != writers*steps || e.Version != writers*steps+1 || e.Position != e.Version {
		t.Errorf("%d steps, version %d, position %d; want %d", len(e.Value), e.Version, e.Position, writers*steps)
	}
}

// testFollow has a watcher follow concurrent writers and compares what it saw
// last with what there is.
func testFollow(t *testing.T, s *subject) {
	const writers, keys, rounds = 4, 5, 6 // stays within the log
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for round := range uint64(rounds) {
				for n := range keys {
					e := entry(key(byte(w), n), round+1, fmt.Sprintf("%d/%d/%d", w, n, round))
					errs, err := s.Write(t.Context(), []databroker.Put{{Entry: e, Expected: round}})
					if err != nil || errs[0] != nil {
						t.Errorf("Write = %v, %v", errs, err)
						return
					}
				}
			}
		})
	}
	const total = writers * keys * rounds
	last := make(map[databroker.Key]databroker.Entry)
	for after := uint64(0); after < total; {
		if err := s.Wait(t.Context(), after); err != nil {
			t.Fatal(err)
		}
		entries, reached, err := s.Changes(t.Context(), after, 7)
		if errors.Is(err, databroker.ErrRelist) {
			after = s.position(t) // overrun: the other tests are about that
			clear(last)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if old := last[e.Key]; old.Version >= e.Version || old.Position >= e.Position || e.Position <= after {
				t.Errorf("version %d at %d came after version %d at %d", e.Version, e.Position, old.Version, old.Position)
			}
			last[e.Key] = e
		}
		after = reached
	}
	wg.Wait()
	for k, e := range last {
		if now := s.get(t, k); now.Version != e.Version || !bytes.Equal(now.Value, e.Value) {
			t.Errorf("the watcher saw version %d last, there is version %d", e.Version, now.Version)
		}
	}
}
