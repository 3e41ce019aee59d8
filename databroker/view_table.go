package databroker

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A table remembers the records of one type, present and absent ones. Many
// locks, each held for one map operation, keep readers out of each other's way.
type table[T any] struct {
	view   *View
	typ    string
	decode func(*Record) (*T, error)
	quiet  bool // the feed says nothing about this type

	// fetched is told what was read from the broker and when; nil tells nobody.
	fetched func(value *T, asOf Position)

	seed   maphash.Seed
	shards [tableShards]shard[T]
}

const tableShards = 64

type shard[T any] struct {
	mu      sync.RWMutex
	slots   map[string]*slot[T]
	ring    []*slot[T] // the same slots; the hand goes round to find who leaves
	hand    int
	room    int
	flights map[string]*flight[T]
}

// A slot is the place of one id.
type slot[T any] struct {
	id      string
	state   atomic.Pointer[state[T]]
	used    atomic.Bool  // since the hand came by
	touched atomic.Int64 // Unix nanoseconds of the last Touch that was noted; 0 is never
}

// A state is what is known of a record. It is immutable.
type state[T any] struct {
	value    *T // nil: there is none
	err      error
	version  uint64 // of the record or its tombstone; 0: there never was one
	floor    uint64 // a version that was asked of the broker, which had none so late
	modified int64  // of the record, Unix milliseconds: tells two lives of an id apart
	expires  time.Time

	epoch      uint64 // of the position
	position   uint64 // the feed's, up to which this is what there was
	demand     uint64 // the feed's, below which this may be outdated
	generation uint64 // of the feed that has kept it true since; 0 is none
	read       int64  // moment at which it was known to be true
}

// A flight is one read from the broker that any number of callers wait for.
type flight[T any] struct {
	done   chan struct{}
	state  *state[T]
	err    error
	demand uint64
}

func newTable[T any](v *View, typ string, capacity int, decode func(*Record) (*T, error)) *table[T] {
	t := &table[T]{view: v, typ: typ, decode: decode, seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].slots = make(map[string]*slot[T])
		t.shards[i].flights = make(map[string]*flight[T])
		t.shards[i].room = max(1, capacity/tableShards)
	}
	return t
}

func (t *table[T]) shard(id string) *shard[T] {
	return &t.shards[maphash.String(t.seed, id)%tableShards]
}

// find returns the slot of id, or nil.
func (t *table[T]) find(id string) *slot[T] {
	s := t.shard(id)
	s.mu.RLock()
	p := s.slots[id]
	s.mu.RUnlock()
	if p != nil && !p.used.Load() {
		p.used.Store(true)
	}
	return p
}

// get is the hot path: one map operation and a few comparisons when the feed
// vouches for what is remembered.
func (t *table[T]) get(ctx context.Context, id string, minVersion uint64) (*T, error) {
	now := t.view.o.Now()
	if p := t.find(id); p != nil {
		if st := p.state.Load(); st != nil && st.covers(minVersion) && t.trusts(st, t.view.moment(now)) {
			return st.answer(minVersion, now)
		}
	}
	return t.fetch(ctx, id, minVersion)
}

// trusts reports whether st needs no look at the broker.
func (t *table[T]) trusts(st *state[T], now int64) bool {
	v := t.view
	if now-st.read < int64(v.o.Reread) && st.demand == 0 {
		return true
	}
	return !t.quiet && v.live(now) && st.generation == v.feed.generation.Load() && st.generation != 0 &&
		st.demand <= v.feed.position.Load()
}

// covers reports whether st can answer for version minVersion: it has it, or
// the broker was asked for it and did not.
func (st *state[T]) covers(minVersion uint64) bool {
	return minVersion <= st.version || minVersion <= st.floor
}

func (st *state[T]) answer(minVersion uint64, now time.Time) (*T, error) {
	switch {
	case st.err != nil:
		return nil, st.err
	case st.value == nil, st.version < minVersion:
		return nil, ErrNotFound
	case !st.expires.IsZero() && !now.Before(st.expires):
		return nil, ErrNotFound
	}
	return st.value, nil
}

// maxFlights bounds how many reads of others a caller waits for before its
// own must have come.
const maxFlights = 3

// fetch reads the record from the broker, together with everybody who wants it
// now. What is known holds for the grace when the broker does not answer.
func (t *table[T]) fetch(ctx context.Context, id string, minVersion uint64) (*T, error) {
	v := t.view
	for range maxFlights {
		if v.moment(v.o.Now()) < v.away.Load() {
			return t.grace(id, minVersion)
		}
		f := t.board(ctx, id, minVersion)
		if err := f.wait(ctx, v.o.Reread); err != nil {
			// A broker that says nothing must not hold up those whose answer is
			// known; the flight goes on, and lands for those who come later.
			value, err := t.grace(id, minVersion)
			if !errors.Is(err, ErrStale) {
				return value, err
			}
			if err := f.wait(ctx, v.o.ReadTimeout); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrStale, err)
			}
		}
		if f.err != nil {
			if errors.Is(f.err, ErrUnavailable) {
				return t.grace(id, minVersion)
			}
			return nil, f.err
		}
		if f.state.covers(minVersion) {
			return f.state.answer(minVersion, v.o.Now())
		}
		// The flight was another's, who wanted less: it had left before the
		// version that we know of was written.
	}
	return t.grace(id, minVersion)
}

// grace answers when the broker does not: with what was known for certain not
// longer than the grace ago.
func (t *table[T]) grace(id string, minVersion uint64) (*T, error) {
	v, now := t.view, t.view.o.Now()
	p := t.find(id)
	if p == nil {
		return nil, ErrStale
	}
	st := p.state.Load()
	if st == nil || !st.covers(minVersion) || st.demand > v.feed.position.Load() {
		return nil, ErrStale
	}
	known := st.read
	if heard := v.feed.heard.Load(); !t.quiet && st.generation != 0 && st.generation == v.feed.generation.Load() {
		known = max(known, heard)
	}
	if v.moment(now)-known >= int64(v.o.Grace) {
		return nil, ErrStale
	}
	return st.answer(minVersion, now)
}

var errSlow = errors.New("the broker is slow to answer")

// wait returns nil when the flight has landed, and an error when ctx or the
// patience ends before; the flight goes on for the others.
func (f *flight[T]) wait(ctx context.Context, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errSlow
	}
}

// board joins the flight for id, or starts one.
func (t *table[T]) board(ctx context.Context, id string, minVersion uint64) *flight[T] {
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flights[id]; f != nil {
		return f
	}
	f := &flight[T]{done: make(chan struct{})}
	s.flights[id] = f
	// The flight is everybody's: a caller who leaves must not end it.
	ctx = context.WithoutCancel(ctx)
	t.view.flights.Go(func() { t.fly(ctx, f, id, minVersion) })
	return f
}

// fly reads, remembers and lands.
func (t *table[T]) fly(ctx context.Context, f *flight[T], id string, minVersion uint64) {
	v := t.view
	// Both are taken before the read: what happens during it counts as later.
	generation, begun := v.feed.generation.Load(), v.moment(v.o.Now())
	ctx, cancel := context.WithTimeout(ctx, v.o.ReadTimeout)
	defer cancel()
	r, position, err := v.client.read(ctx, t.typ, id)
	st := t.stateOf(r, position)
	switch {
	case errors.Is(err, ErrTampered):
		// Known to be damaged, whatever was remembered: until it is written
		// anew, nobody is let in by it.
		st.err, err = err, nil
		st.epoch, st.position = v.feed.epoch.Load(), v.feed.position.Load()
		st.floor = ^uint64(0)
	case errors.Is(err, ErrUnavailable):
		v.brokerAway(v.moment(v.o.Now()))
	}
	st.read, st.floor = begun, max(st.floor, minVersion)
	if st.epoch == v.feed.epoch.Load() {
		st.generation = generation
	}

	s := t.shard(id)
	s.mu.Lock()
	if err == nil {
		if st.position < f.demand {
			st.demand = f.demand
		}
		f.state = t.remember(s, id, st)
	}
	f.err = err
	delete(s.flights, id)
	s.mu.Unlock()
	if err == nil && st.value != nil && t.fetched != nil {
		t.fetched(st.value, position)
	}
	close(f.done)
}

// stateOf turns a record, or its absence, as of a position into a state.
func (t *table[T]) stateOf(r *Record, p Position) *state[T] {
	st := &state[T]{epoch: p.Epoch, position: p.Number}
	if r == nil {
		return st
	}
	st.version = r.Version
	if r.Deleted {
		return st
	}
	st.modified, st.expires = r.ModifiedAt.UnixMilli(), r.ExpiresAt
	if st.value, st.err = t.decode(r); st.err != nil {
		st.value = nil
	}
	return st
}

// outranks reports whether the feed brought st while the read of other was
// under way. A read that began after st was known and still is of an earlier
// position tells that the store has gone back, and counts.
func (st *state[T]) outranks(other *state[T]) bool {
	if st.epoch != other.epoch {
		return st.read > other.read
	}
	return st.position > other.position && st.read >= other.read
}

// remember puts st into the slot of id unless something later stands there,
// and returns what stands there then. The shard is locked.
func (t *table[T]) remember(s *shard[T], id string, st *state[T]) *state[T] {
	p := s.slots[id]
	if p == nil {
		p = s.add(id)
	}
	if old := p.state.Load(); old != nil {
		if old.outranks(st) {
			return old
		}
		if old.value != nil && st.value != nil && old.version == st.version && old.modified == st.modified {
			st.value = old.value // the same version is the same pointer
		}
	}
	p.state.Store(st)
	return st
}

// add makes a slot for id; when there is no room, the first one goes that was
// not used since the hand came by last.
func (s *shard[T]) add(id string) *slot[T] {
	id = strings.Clone(id) // it may be a piece of a header, which must not stay in memory
	p := &slot[T]{id: id}
	p.used.Store(true)
	s.slots[id] = p
	if len(s.ring) < s.room {
		s.ring = append(s.ring, p)
		return p
	}
	for s.ring[s.hand].used.Swap(false) {
		s.hand = (s.hand + 1) % len(s.ring)
	}
	delete(s.slots, s.ring[s.hand].id)
	s.ring[s.hand] = p
	s.hand = (s.hand + 1) % len(s.ring)
	return p
}

// apply takes a change from the feed. Only what is remembered, or being read,
// is of interest.
func (t *table[T]) apply(r *Record, position Position, generation uint64, now int64) {
	s := t.shard(r.ID)
	s.mu.RLock()
	wanted := s.slots[r.ID] != nil || s.flights[r.ID] != nil
	s.mu.RUnlock()
	if !wanted {
		return
	}
	st := t.stateOf(r, position)
	st.generation, st.read = generation, now
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slots[r.ID] != nil || s.flights[r.ID] != nil {
		t.remember(s, r.ID, st)
	}
}

// demand says that what is remembered of id, if it is older than the position
// asOf, must not be used before the feed has come that far.
func (t *table[T]) demand(id string, asOf Position) {
	v := t.view
	if asOf.Epoch != v.feed.epoch.Load() || asOf.Number <= v.feed.position.Load() {
		return // the feed has come that far
	}
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flights[id]; f != nil {
		f.demand = max(f.demand, asOf.Number)
	}
	p := s.slots[id]
	if p == nil {
		return
	}
	old := p.state.Load()
	if old == nil || old.epoch != asOf.Epoch || old.position >= asOf.Number || old.demand >= asOf.Number {
		return
	}
	st := *old
	st.demand = asOf.Number
	p.state.Store(&st)
}
