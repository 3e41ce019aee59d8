package bolt

import (
	"bytes"
	"context"
	"errors"

	bolt "go.etcd.io/bbolt"

	"github.com/cardea-proxy/cardea/databroker"
)

// Get implements databroker.Store.
func (s *Store) Get(ctx context.Context, key databroker.Key) (e databroker.Entry, position uint64, err error) {
	err = s.view(ctx, "get", func(tx *bolt.Tx) (err error) {
		position = number(tx.Bucket(bucketMeta).Get(metaPosition))
		b := tx.Bucket(bucketEntries).Get(key[:])
		if b == nil {
			return databroker.ErrNoEntry
		}
		e, err = decode(key[:], b)
		return err
	})
	return e, position, err
}

// List implements databroker.Store.
func (s *Store) List(ctx context.Context, prefix []byte, after *databroker.Key, limit int) ([]databroker.Entry, error) {
	var found []databroker.Entry
	err := s.view(ctx, "list", func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketEntries).Cursor()
		k, b := c.Seek(prefix)
		if after != nil && after.Compare(keyOr(k, *after)) >= 0 {
			if k, b = c.Seek(after[:]); bytes.Equal(k, after[:]) {
				k, b = c.Next()
			}
		}
		for ; k != nil && bytes.HasPrefix(k, prefix) && len(found) < limit; k, b = c.Next() {
			e, err := decode(k, b)
			if err != nil {
				return err
			}
			found = append(found, e)
		}
		return nil
	})
	return found, err
}

// keyOr returns k as a Key, or other when k is none.
func keyOr(k []byte, other databroker.Key) databroker.Key {
	if len(k) != databroker.KeySize {
		return other
	}
	return databroker.Key(k)
}

// Changes implements databroker.Store.
func (s *Store) Changes(ctx context.Context, after uint64, limit int) (found []databroker.Entry, reached uint64, err error) {
	err = s.view(ctx, "changes", func(tx *bolt.Tx) error {
		position := number(tx.Bucket(bucketMeta).Get(metaPosition))
		if after > position || position-after > s.logSize {
			return databroker.ErrRelist
		}
		entries, c := tx.Bucket(bucketEntries), tx.Bucket(bucketLog).Cursor()
		reached = after
		for k, key := c.Seek(numberBytes(after + 1)); k != nil && len(found) < limit; k, key = c.Next() {
			n := number(k)
			if n != reached+1 {
				return databroker.ErrRelist // a log that was kept shorter once
			}
			reached = n
			b := entries.Get(key)
			if b == nil {
				continue // swept
			}
			e, err := decode(key, b)
			if err != nil {
				return err
			}
			if e.Position == n { // else written again: it comes later
				found = append(found, e)
			}
		}
		if reached < position && len(found) < limit {
			return databroker.ErrRelist
		}
		return nil
	})
	return found, reached, err
}

// Position implements databroker.Store.
func (s *Store) Position(ctx context.Context) (position uint64, err error) {
	err = s.view(ctx, "position", func(tx *bolt.Tx) error {
		position = number(tx.Bucket(bucketMeta).Get(metaPosition))
		return nil
	})
	return position, err
}

// Wait implements databroker.Store.
func (s *Store) Wait(ctx context.Context, after uint64) error {
	for {
		// Taken before the position is read: a write in between closes it.
		s.feed.Lock()
		moved, closed := s.moved, s.closed
		s.feed.Unlock()
		if closed {
			return unavailable("wait", errors.New("the store is closed"))
		}
		position, err := s.Position(ctx)
		if err != nil {
			return err
		}
		if position > after {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// announce wakes everybody who waits.
func (s *Store) announce() {
	s.feed.Lock()
	defer s.feed.Unlock()
	if s.closed {
		return
	}
	close(s.moved)
	s.moved = make(chan struct{})
}
