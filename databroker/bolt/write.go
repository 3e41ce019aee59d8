package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cardea-proxy/cardea/databroker"
)

// A batch is what goes to the disk with one fsync: while one batch is being
// written, all who come wait together in the next one.
type batch struct {
	calls []*call
	done  chan struct{} // closed when the batch is on the disk, or not
	err   error         // of the transaction, for every call
}

// A call is one Write.
type call struct {
	puts []databroker.Put
	errs []error
}

// Write implements databroker.Store. Who comes first to an empty queue leads
// its batch: it waits for the disk, takes everybody who came meanwhile, and
// tells them. No goroutine is needed for it, and a lone writer waits for
// nobody.
func (s *Store) Write(ctx context.Context, puts []databroker.Put) ([]error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &call{puts: puts, errs: make([]error, len(puts))}
	s.queue.Lock()
	leads := s.next == nil
	if leads {
		s.next = &batch{done: make(chan struct{})}
	}
	b := s.next
	b.calls = append(b.calls, c)
	s.queue.Unlock()
	if leads {
		s.lead(b)
	}
	// Not left early for ctx: the puts are the disk's by now, and whoever goes
	// without the answer would have to read again what became of them.
	<-b.done
	if b.err != nil {
		return nil, b.err
	}
	return c.errs, nil
}

// lead writes the batch when the one before it is done.
func (s *Store) lead(b *batch) {
	s.commit.Lock()
	defer s.commit.Unlock()
	defer close(b.done)
	s.queue.Lock()
	s.next = nil // who comes now is for the next batch
	s.queue.Unlock()

	var moved bool
	b.err = s.updateLocked("write", func(tx *bolt.Tx) error {
		w := newWriter(tx, s.logSize)
		for _, c := range b.calls {
			for i := range c.puts {
				var err error
				if c.errs[i], err = w.put(&c.puts[i]); err != nil {
					return err
				}
			}
		}
		moved = w.position != w.before
		return w.finish()
	})
	if b.err == nil && moved {
		s.announce()
	}
}

// A writer applies puts within one transaction.
type writer struct {
	meta, entries, log, expiry *bolt.Bucket

	logSize          uint64
	before, position uint64
}

func newWriter(tx *bolt.Tx, logSize uint64) *writer {
	w := &writer{
		meta: tx.Bucket(bucketMeta), entries: tx.Bucket(bucketEntries),
		log: tx.Bucket(bucketLog), expiry: tx.Bucket(bucketExpiry),
		logSize: logSize,
	}
	w.before = number(w.meta.Get(metaPosition))
	w.position = w.before
	return w
}

// put applies one put. The first error is that of the put alone, the second
// ends the transaction.
func (w *writer) put(p *databroker.Put) (refused, err error) {
	e := p.Entry
	e.Position = 0
	var old databroker.Entry
	if b := w.entries.Get(e.Key[:]); b != nil {
		if old, err = decode(e.Key[:], b); err != nil {
			return nil, err
		}
	}
	if old.Version != p.Expected {
		return databroker.ErrConflict, nil
	}
	e.Position = old.Position
	if !p.Quiet {
		w.position++
		e.Position = w.position
		if err := w.remember(&e); err != nil {
			return nil, err
		}
	}
	if err := w.schedule(&old, &e); err != nil {
		return nil, err
	}
	return nil, w.entries.Put(e.Key[:], encode(&e))
}

// remember logs the write and forgets the one that falls out of the log.
func (w *writer) remember(e *databroker.Entry) error {
	if err := w.log.Put(numberBytes(e.Position), e.Key[:]); err != nil {
		return err
	}
	if e.Position <= w.logSize {
		return nil
	}
	return w.log.Delete(numberBytes(e.Position - w.logSize))
}

// schedule keeps the order of expiry.
func (w *writer) schedule(old, e *databroker.Entry) error {
	was, is := expiryKey(&e.Key, old.ExpiresAt), expiryKey(&e.Key, e.ExpiresAt)
	if bytes.Equal(was, is) {
		return nil
	}
	if was != nil {
		if err := w.expiry.Delete(was); err != nil {
			return err
		}
	}
	if is == nil {
		return nil
	}
	return w.expiry.Put(is, nil)
}

func (w *writer) finish() error {
	// The program before may have kept a longer log: forget the rest of it.
	c := w.log.Cursor()
	for k, _ := c.First(); k != nil && number(k)+w.logSize <= w.position; k, _ = c.First() {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	if w.position == w.before {
		return nil
	}
	return w.meta.Put(metaPosition, numberBytes(w.position))
}

// Sweep implements databroker.Store.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	due, err := s.due(ctx, now) // an idle store needs no transaction on the disk
	if err != nil || !due {
		return 0, err
	}
	n := 0
	err = s.update("sweep", func(tx *bolt.Tx) error {
		entries, expiry := tx.Bucket(bucketEntries), tx.Bucket(bucketExpiry)
		var keys [][]byte
		c := expiry.Cursor()
		for k, _ := c.First(); k != nil && len(keys) < limit && expired(k, now); k, _ = c.Next() {
			keys = append(keys, bytes.Clone(k))
		}
		for _, k := range keys {
			if err := entries.Delete(k[8:]); err != nil {
				return err
			}
			if err := expiry.Delete(k); err != nil {
				return err
			}
		}
		n = len(keys)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (s *Store) due(ctx context.Context, now time.Time) (due bool, err error) {
	err = s.view(ctx, "sweep", func(tx *bolt.Tx) error {
		k, _ := tx.Bucket(bucketExpiry).Cursor().First()
		due = k != nil && expired(k, now)
		return nil
	})
	return due, err
}

func expired(k []byte, now time.Time) bool {
	return len(k) == 8+databroker.KeySize && int64(binary.BigEndian.Uint64(k)) <= now.UnixMilli()
}
