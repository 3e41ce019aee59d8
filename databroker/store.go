package databroker

import (
	"bytes"
	"context"
	"errors"
	"time"
)

// Sizes of a Key in bytes: first the keyed hash of the type, then that of type
// and id.
const (
	KindSize = 16
	KeySize  = KindSize + 32
)

// A Key says where an entry rests. It is made of keyed hashes: whoever reads a
// store learns how many records of how many types there are, nothing else.
// Entries of one type share the first KindSize bytes.
type Key [KeySize]byte

// Kind returns the part that entries of one type share.
func (k Key) Kind() []byte { return k[:KindSize] }

// Compare orders keys as bytes.
func (k Key) Compare(o Key) int { return bytes.Compare(k[:], o[:]) }

// An Entry is a record as a store sees it. The times and the mark stand there
// for sweeping; what counts is the copy of them under the seal.
type Entry struct {
	Key       Key
	Version   uint64
	Value     []byte    // sealed
	ExpiresAt time.Time // zero is never; UTC, to the millisecond

	// Position is the feed's number of the last write that was not quiet; 0
	// if there was none. Stores set it.
	Position uint64
}

// A Put asks a store to write an entry.
type Put struct {
	Entry    Entry  // its Position is not looked at
	Expected uint64 // the entry's version in the store now; 0: there is none
	Quiet    bool   // keep the entry's position, and the write out of the log
}

// ErrNoEntry is returned by a Store that has no entry under a key.
var ErrNoEntry = errors.New("databroker: no entry under that key")

// ErrLocked is returned when a store that serves one process is open in
// another.
var ErrLocked = errors.New("databroker: the store is in use by another process")

// A Store is a place where sealed entries rest. It knows neither types nor
// ids nor values; deletion and expiry are the vault's, which keeps tombstones
// as entries like any other. databroker/storetest tries every sentence below.
//
// Calls may overlap. A write that was acknowledged survives whatever survives
// the store: the process for memory, a power cut for a disk. Errors other
// than those named wrap ErrUnavailable.
type Store interface {
	// Epoch returns the random number of this incarnation of the store: a new
	// or restored store has another one.
	Epoch() uint64

	// Get returns the entry under key, or ErrNoEntry, and in either case the
	// position of the feed at the moment of reading.
	Get(ctx context.Context, key Key) (Entry, uint64, error)

	// List returns up to limit entries whose keys begin with prefix, in the
	// order of their keys, beginning after the key after; nil begins at the
	// first. Fewer than limit means that there are no more.
	List(ctx context.Context, prefix []byte, after *Key, limit int) ([]Entry, error)

	// Write applies puts, each for itself, and returns an error for each: nil
	// or ErrConflict. Every put that succeeds and is not quiet gets the next
	// position of the feed. No reader sees a position before all the writes up
	// to it. An error of the call means that nothing is known of any of them,
	// as when ctx ends while the disk is at work.
	Write(ctx context.Context, puts []Put) ([]error, error)

	// Changes returns up to limit entries whose last position is above after,
	// in the order of positions, and the position then reached: the feed's own
	// when there is no more. Entries written again meanwhile come only at
	// their last position. ErrRelist says that the log begins later than
	// after, or ends before it.
	Changes(ctx context.Context, after uint64, limit int) ([]Entry, uint64, error)

	// Position returns the feed's position.
	Position(ctx context.Context) (uint64, error)

	// Wait returns when the feed is past after, or with ctx's error.
	Wait(ctx context.Context, after uint64) error

	// Sweep removes up to limit entries that expired at or before now, without
	// a trace in the feed, and returns how many they were.
	Sweep(ctx context.Context, now time.Time, limit int) (int, error)

	// Close releases the store. Calls that are under way end first; later
	// ones fail.
	Close() error
}

// DefaultLogSize is how many changes a store remembers for watchers.
const DefaultLogSize = 1 << 16
