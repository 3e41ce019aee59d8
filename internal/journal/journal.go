package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/cardea-proxy/cardea/internal/seal"
)

// Bounds of what waits to be written: a second of a busy proxy, unless
// somebody sends it requests that are large on purpose.
const (
	maxWaiting      = 32 << 10 // entries
	maxWaitingBytes = 32 << 20
)

// Options say where a journal is and how much it keeps. Fields are required
// unless said otherwise.
type Options struct {
	// Dir is made with mode 0700 if absent. One process writes into it.
	Dir string
	// Key is for this purpose alone, as seal.Derive makes one.
	Key      [seal.KeySize]byte
	MaxBytes int64         // on disk, in all; at least MinBytes
	MaxAge   time.Duration // of the oldest entry on disk
	Log      zerolog.Logger
	Now      func() time.Time // nil means time.Now
}

// MinBytes is the least that Options.MaxBytes may be: two of the largest blocks,
// about 5 MB.
const MinBytes = int64(2 * (headerSize + frameSize + maxBody))

// A Journal takes entries and gives them back. Calls may overlap.
type Journal struct {
	dir     string
	box     *seal.Box
	log     zerolog.Logger
	now     func() time.Time
	rotate  int64         // bytes, at which a segment is closed
	span    time.Duration // of a segment's entries, at which it is closed
	wake    chan struct{} // much waits
	dropped atomic.Uint64

	mu           sync.Mutex
	waiting      []*Entry // added, not yet taken by Run
	writing      []*Entry // taken, not yet in a segment
	waitingBytes int64    // of both
	closed       bool     // Run has ended
	shelf        shelf

	// Of the goroutine in Run alone.
	packer   *packer
	packed   []byte  // used again for each block
	out      *output // nil: the next block starts a segment
	next     uint64  // the number of that segment
	told     uint64  // how many of the dropped the log has been told of
	toldAt   time.Time
	troubled error // the last reason for which entries were dropped, not told yet
}

// Open returns the journal in o.Dir. It reads what earlier runs left there and
// removes what is too much or too old. Segments under another key, as after
// the secret was changed, are warned of, counted and removed in their time.
// Open starts no goroutine: entries wait for Run.
func Open(o Options) (*Journal, error) {
	switch {
	case o.Dir == "":
		return nil, errors.New("journal: want a folder")
	case o.MaxBytes < MinBytes:
		return nil, fmt.Errorf("journal: %d bytes are too few: want at least %d", o.MaxBytes, MinBytes)
	case o.MaxAge <= 0:
		return nil, fmt.Errorf("journal: %s is no age to keep entries to: want more than 0", o.MaxAge)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: make folder: %w", err)
	}
	j := &Journal{
		dir: o.Dir, box: seal.NewBox(o.Key), log: o.Log, now: o.Now,
		// Bounds are kept by removing whole segments: a sixteenth each, so that
		// little goes at once.
		rotate: min(segmentSize, o.MaxBytes/16), span: o.MaxAge / 16,
		wake:   make(chan struct{}, 1),
		shelf:  shelf{maxBytes: o.MaxBytes, maxAge: o.MaxAge},
		packer: newPacker(), next: 1,
	}
	paths, err := segmentFiles(o.Dir)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		s, err := found(j.box, path)
		if err != nil {
			j.log.Warn().Err(err).Str("file", path).Msg("journal segment cannot be read in full")
		}
		if s.path != "" {
			j.shelf.segments = append(j.shelf.segments, s)
		}
		if number, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(path), suffix), 10, 63); err == nil {
			j.next = max(j.next, number+1)
		}
	}
	_ = j.sweep(0) // what could not be removed is tried again by Run, which says so
	return j, nil
}

// Add records e, which must not change any more. It never waits: when Run
// cannot keep up, or has ended, e is dropped and counted.
func (j *Journal) Add(e *Entry) {
	if e.Time.IsZero() {
		e.Time = j.now()
	}
	weight := e.weight()
	j.mu.Lock()
	if j.closed || len(j.waiting)+len(j.writing) >= maxWaiting || j.waitingBytes+weight > maxWaitingBytes {
		j.mu.Unlock()
		j.dropped.Add(1)
		return
	}
	before := j.waitingBytes
	j.waitingBytes += weight
	j.waiting = append(j.waiting, e)
	j.mu.Unlock()
	if before < wakeAt && before+weight >= wakeAt {
		j.hurry()
	}
}

// hurry has Run write now.
func (j *Journal) hurry() {
	select {
	case j.wake <- struct{}{}:
	default: // it was told already
	}
}

// Stats say how much a journal holds and what it has lost.
type Stats struct {
	Entries int64     // on disk
	Waiting int64     // for the disk
	Bytes   int64     // on disk
	Dropped uint64    // since Open: not recorded, for lack of time, of room or because they cannot be
	Oldest  time.Time // entry on disk; zero when there is none
}

// Stats returns the figures of this moment.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Stats{
		Entries: j.shelf.entries(), Bytes: j.shelf.size(), Oldest: j.shelf.oldest(),
		Waiting: int64(len(j.waiting) + len(j.writing)),
		Dropped: j.dropped.Load(),
	}
}
