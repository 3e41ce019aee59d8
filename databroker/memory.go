package databroker

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"
)

// MemoryOptions are what a MemoryStore may be told. The zero value is good.
type MemoryOptions struct {
	LogSize int // changes remembered for watchers; 0 means DefaultLogSize
}

// A MemoryStore is a Store that ends with the process.
type MemoryStore struct {
	epoch   uint64
	logSize uint64

	mu       sync.Mutex
	closed   bool
	entries  map[Key]*Entry
	position uint64
	log      []Key         // ring: the key written at position n stands at n % logSize
	moved    chan struct{} // closed and replaced when position grows
}

// NewMemoryStore returns an empty store.
func NewMemoryStore(o MemoryOptions) *MemoryStore {
	if o.LogSize <= 0 {
		o.LogSize = DefaultLogSize
	}
	return &MemoryStore{
		epoch:   NewEpoch(),
		logSize: uint64(o.LogSize),
		entries: make(map[Key]*Entry),
		moved:   make(chan struct{}),
	}
}

// NewEpoch returns a random number for a new store, never 0.
func NewEpoch() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:])
		if n := binary.BigEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}

// Epoch implements Store.
func (s *MemoryStore) Epoch() uint64 { return s.epoch }

func (s *MemoryStore) lock() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("%w: the store is closed", ErrUnavailable)
	}
	return nil
}

// Get implements Store.
func (s *MemoryStore) Get(_ context.Context, key Key) (Entry, uint64, error) {
	if err := s.lock(); err != nil {
		return Entry{}, 0, err
	}
	defer s.mu.Unlock()
	e, ok := s.entries[key]
	if !ok {
		return Entry{}, s.position, ErrNoEntry
	}
	return *e, s.position, nil
}

// List implements Store. It sorts what it finds: the memory store serves
// tests and small installations.
func (s *MemoryStore) List(_ context.Context, prefix []byte, after *Key, limit int) ([]Entry, error) {
	if err := s.lock(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var found []Entry
	for k, e := range s.entries {
		if bytes.HasPrefix(k[:], prefix) && (after == nil || k.Compare(*after) > 0) {
			found = append(found, *e)
		}
	}
	slices.SortFunc(found, func(a, b Entry) int { return a.Key.Compare(b.Key) })
	return found[:min(limit, len(found))], nil
}

// Write implements Store.
func (s *MemoryStore) Write(_ context.Context, puts []Put) ([]error, error) {
	if err := s.lock(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	before, errs := s.position, make([]error, len(puts))
	for i := range puts {
		errs[i] = s.put(&puts[i])
	}
	if s.position != before {
		close(s.moved)
		s.moved = make(chan struct{})
	}
	return errs, nil
}

func (s *MemoryStore) put(p *Put) error {
	var version, position uint64
	if old, ok := s.entries[p.Entry.Key]; ok {
		version, position = old.Version, old.Position
	}
	if version != p.Expected {
		return ErrConflict
	}
	e := p.Entry
	e.Value = bytes.Clone(e.Value) // never changed from here on: readers share it
	e.Position = position
	if !p.Quiet {
		s.position++
		e.Position = s.position
		s.remember(s.position, e.Key)
	}
	s.entries[e.Key] = &e
	return nil
}

func (s *MemoryStore) remember(position uint64, key Key) {
	if uint64(len(s.log)) < s.logSize {
		s.log = append(s.log, key) // the ring grows to its size
		return
	}
	s.log[(position-1)%s.logSize] = key
}

// Changes implements Store.
func (s *MemoryStore) Changes(_ context.Context, after uint64, limit int) ([]Entry, uint64, error) {
	if err := s.lock(); err != nil {
		return nil, 0, err
	}
	defer s.mu.Unlock()
	if after > s.position || s.position-after > s.logSize {
		return nil, 0, ErrRelist
	}
	var found []Entry
	for n := after + 1; n <= s.position; n++ {
		if len(found) == limit {
			return found, n - 1, nil
		}
		e, ok := s.entries[s.log[(n-1)%s.logSize]]
		if ok && e.Position == n {
			found = append(found, *e)
		}
	}
	return found, s.position, nil
}

// Position implements Store.
func (s *MemoryStore) Position(context.Context) (uint64, error) {
	if err := s.lock(); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	return s.position, nil
}

// Wait implements Store.
func (s *MemoryStore) Wait(ctx context.Context, after uint64) error {
	for {
		if err := s.lock(); err != nil {
			return err
		}
		past, moved := s.position > after, s.moved
		s.mu.Unlock()
		if past {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Sweep implements Store.
func (s *MemoryStore) Sweep(_ context.Context, now time.Time, limit int) (int, error) {
	if err := s.lock(); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	n := 0
	for k, e := range s.entries {
		if n == limit {
			break
		}
		if !e.ExpiresAt.IsZero() && !e.ExpiresAt.After(now) {
			delete(s.entries, k)
			n++
		}
	}
	return n, nil
}

// Close implements Store.
func (s *MemoryStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.moved)
	}
	return nil
}
