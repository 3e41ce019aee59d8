package audit

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/rs/zerolog"
)

// Record types, and the id of the one head.
const (
	typeEntry = "audit_entry"
	typeHead  = "audit_head"
	headID    = "head"
)

var (
	// ErrBroken is returned where the chain is not what it was: nothing may be
	// appended to it before somebody has looked. `cardea audit verify` says what
	// is wrong.
	ErrBroken = errors.New("audit: the chain is broken")
	// ErrInvalid is returned for an entry that lacks a part, or whose action is
	// none.
	ErrInvalid = errors.New("audit: invalid entry")
)

// A Broker is the part of the databroker's client that an audit needs.
type Broker interface {
	Get(ctx context.Context, typ, id string) (*databroker.Record, error)
	Put(ctx context.Context, w databroker.Write) (version uint64, err error)
	List(ctx context.Context, typ string, limit int, after []byte) (databroker.Page, error)
}

// Options are the parts a Log is built from. Fields are required unless said
// otherwise.
type Options struct {
	Broker Broker
	// Key signs heads. All replicas have the same.
	Key ed25519.PrivateKey
	// Log is told every head, so that an audit that was put back shows.
	Log zerolog.Logger

	Patience time.Duration    // bounds an append; 0 means 10 s
	Now      func() time.Time // nil means time.Now
}

// A Log is the audit of an installation, of which every replica has one. Calls
// may overlap.
type Log struct {
	o      Options
	public ed25519.PublicKey
	turn   chan struct{} // holds one token: appends of one process go one by one
	index  index

	mu   sync.Mutex
	seen Head // the highest head known here: a later one cannot be lower
}

// New returns a Log. It reads nothing and starts no goroutine.
func New(o Options) (*Log, error) {
	if o.Broker == nil || len(o.Key) != ed25519.PrivateKeySize {
		return nil, errors.New("audit: broker and key are both needed")
	}
	if o.Patience <= 0 {
		o.Patience = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Log{o: o, public: o.Key.Public().(ed25519.PublicKey), turn: make(chan struct{}, 1)}
	l.index.reset()
	return l, nil
}

// PublicKey is what the heads of this installation are checked with.
func (l *Log) PublicKey() ed25519.PublicKey { return l.public }

// Append writes e behind the last entry, so that it stays, and returns it as it
// was written: cut to the bounds, with its number and hashes; a zero Time becomes
// now. After an error nothing may be changed that e tells of, though e may have
// been written: an entry too many is harmless, a change without one is not.
func (l *Log) Append(ctx context.Context, e Entry) (Entry, error) {
	if !e.Action.Valid() || !e.Result.known() || e.Change == "" || e.Actor.Via == "" {
		return Entry{}, fmt.Errorf("%w: action %q, result %q, by %q", ErrInvalid, e.Action, e.Result, e.Actor.Via)
	}
	if e.Time.IsZero() {
		e.Time = l.o.Now()
	}
	e = e.clip()
	if err := checkTime(e.Time); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, l.o.Patience)
	defer cancel()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return Entry{}, fmt.Errorf("append to the audit: %w", ctx.Err())
	}
	for {
		head, err := l.Head(ctx)
		if err != nil {
			return Entry{}, err
		}
		done, err := l.appendTo(ctx, head, &e)
		if done || err != nil {
			return e, err
		}
	}
}

// appendTo tries to write e as the entry after head. It is not done, without an
// error, where another writer was there first.
func (l *Log) appendTo(ctx context.Context, head Head, e *Entry) (done bool, err error) {
	e.Sequence, e.Previous = head.Sequence+1, head.Hash
	e.Hash = e.sum()
	_, err = l.o.Broker.Put(ctx, databroker.Write{Type: typeEntry, ID: entryID(e.Sequence), Data: e.record()})
	next := *e
	switch {
	case errors.Is(err, databroker.ErrConflict):
		// Somebody has written it and not moved the head: he is about to, or was
		// stopped. In either case it is an entry, and we move the head over it.
		// It may be ours, where the answer to our first try was lost.
		if next, err = l.ahead(ctx, head); err != nil {
			return false, err
		}
	case err != nil:
		return false, fmt.Errorf("append to the audit: %w", err)
	}
	if err := l.move(ctx, head, &next); err != nil {
		return false, err
	}
	return next.Hash == e.Hash, nil
}

// ahead returns the entry behind head, to which the head has yet to be moved;
// databroker.ErrNotFound where there is none. It is ErrBroken where that entry
// does not follow the head, or is not the only one: nobody writes the one after
// it before the head has moved, so it has been put back.
func (l *Log) ahead(ctx context.Context, head Head) (Entry, error) {
	next, err := l.entry(ctx, head.Sequence+1)
	if err != nil {
		return Entry{}, err
	}
	if next.Previous != head.Hash {
		return Entry{}, fmt.Errorf("%w: entry %d does not follow the head", ErrBroken, next.Sequence)
	}
	if _, err := l.entry(ctx, head.Sequence+2); errors.Is(err, databroker.ErrNotFound) {
		return next, nil
	} else if err != nil && !errors.Is(err, ErrBroken) {
		return Entry{}, err
	}
	now, err := l.Head(ctx)
	if err == nil && now.version == head.version { // else it has moved while we looked
		err = fmt.Errorf("%w: its head is at %d, and there are more entries than one behind it", ErrBroken, head.Sequence)
	}
	return next, err
}

// move makes next the head after old, unless another writer has.
func (l *Log) move(ctx context.Context, old Head, next *Entry) error {
	h := Head{Sequence: next.Sequence, Hash: next.Hash, Time: l.o.Now().UTC().Truncate(time.Millisecond)}
	h.sign(l.o.Key)
	_, err := l.o.Broker.Put(ctx, databroker.Write{Type: typeHead, ID: headID, Data: h.record(), Expected: old.version})
	switch {
	case errors.Is(err, databroker.ErrConflict):
		now, err := l.Head(ctx)
		if err != nil {
			return err
		}
		if now.Sequence < h.Sequence || now.Sequence == h.Sequence && now.Hash != h.Hash {
			return fmt.Errorf("%w: the head has left entry %d", ErrBroken, h.Sequence)
		}
		return nil
	case err != nil:
		return fmt.Errorf("move the head of the audit: %w", err)
	}
	l.saw(h)
	logHead(l.o.Log, h)
	return nil
}

// Head returns the head as it is, the zero Head where nothing was ever appended.
// One that is not signed with our key, or is lower than one that was seen
// before, is ErrBroken.
func (l *Log) Head(ctx context.Context) (Head, error) {
	l.mu.Lock()
	floor := l.seen // before reading: another call may see a later one meanwhile
	l.mu.Unlock()
	h, err := readHead(ctx, l.o.Broker)
	if err != nil {
		return Head{}, err
	}
	switch {
	case h.Sequence > 0 && !h.SignedBy(l.public):
		return Head{}, fmt.Errorf("%w: the signature of its head does not match the key", ErrBroken)
	case h.Sequence < floor.Sequence:
		return Head{}, fmt.Errorf("%w: its head went back from %d to %d", ErrBroken, floor.Sequence, h.Sequence)
	case h.Sequence == floor.Sequence && h.Hash != floor.Hash:
		return Head{}, fmt.Errorf("%w: its head has another entry %d than before", ErrBroken, h.Sequence)
	}
	l.saw(h)
	return h, nil
}

func (l *Log) saw(h Head) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.Sequence > l.seen.Sequence {
		l.seen = h
	}
}

// readHead returns the head as it is stored, whoever signed it.
func readHead(ctx context.Context, b Broker) (Head, error) {
	r, err := b.Get(ctx, typeHead, headID)
	switch {
	case errors.Is(err, databroker.ErrNotFound):
		return Head{}, nil
	case errors.Is(err, databroker.ErrTampered):
		return Head{}, fmt.Errorf("%w: its head does not open: %w", ErrBroken, err)
	case err != nil:
		return Head{}, fmt.Errorf("read the head of the audit: %w", err)
	}
	h, err := headFrom(r.Data)
	if err != nil {
		return Head{}, fmt.Errorf("%w: its head: %w", ErrBroken, err)
	}
	h.version = r.Version
	return h, nil
}

// entryID is the id of an entry's record. It has digits enough for every number.
func entryID(sequence uint64) string { return fmt.Sprintf("%020d", sequence) }

// sequenceOf is the number that an id stands for; 0 for what is no such id.
func sequenceOf(id string) uint64 {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil || entryID(n) != id {
		return 0
	}
	return n
}

// entry reads one entry. What is not there is databroker.ErrNotFound; what is
// there and is not what was written is ErrBroken.
func (l *Log) entry(ctx context.Context, sequence uint64) (Entry, error) {
	return readEntry(ctx, l.o.Broker, sequence)
}

func readEntry(ctx context.Context, b Broker, sequence uint64) (Entry, error) {
	r, err := b.Get(ctx, typeEntry, entryID(sequence))
	switch {
	case errors.Is(err, databroker.ErrTampered):
		return Entry{}, fmt.Errorf("%w: entry %d does not open", ErrBroken, sequence)
	case err != nil:
		return Entry{}, fmt.Errorf("read entry %d of the audit: %w", sequence, err)
	}
	return entryOf(r, sequence)
}

// entryOf reads the entry out of the record of its number.
func entryOf(r *databroker.Record, sequence uint64) (Entry, error) {
	e, err := entryFrom(r.Data)
	switch {
	case err != nil:
		return Entry{}, fmt.Errorf("%w: entry %d was changed: %w", ErrBroken, sequence, err)
	case e.Sequence != sequence:
		return Entry{}, fmt.Errorf("%w: entry %d stands in the place of entry %d", ErrBroken, e.Sequence, sequence)
	case r.Version != 1:
		return Entry{}, fmt.Errorf("%w: entry %d was written %d times", ErrBroken, sequence, r.Version)
	}
	return e, nil
}
