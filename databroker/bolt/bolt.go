// Package bolt keeps sealed entries in one file on disk, with bbolt.
//
// It owns the file and its lock. What comes in are entries that the
// databroker has sealed; what goes out are the same entries and the feed of
// their changes. It knows nothing of records, keys or expiry beyond the times
// it sweeps by.
//
//	bolt.go    Open, Close, what a damaged file turns into
//	write.go   group commit: writers that come together share one fsync
//	read.go    Get, List, Changes, Wait
//	layout.go  buckets and the form of an entry in the file
//
// Every write is in the file, and the file on the disk, before it is
// acknowledged: a process that is killed at any moment loses none of them. The
// source is bbolt's documentation of its transactions.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/cardea-proxy/cardea/databroker"
)

// Options say where the store is. Path is required.
type Options struct {
	Path    string // of the file; its folder is made, with mode 0700
	LogSize int    // changes remembered for watchers; 0 means databroker.DefaultLogSize

	// LockWait is how long to wait for another process to let go of the file,
	// as when the program is restarted; 0 means 2 s.
	LockWait time.Duration
}

// A Store is a databroker.Store in one file. One process has it open at a
// time.
type Store struct {
	db      *bolt.DB
	path    string
	epoch   uint64
	logSize uint64

	queue  sync.Mutex // guards next
	next   *batch     // of writes that wait for the disk; nil when there are none
	commit sync.Mutex // held by the batch that is being written

	failed atomic.Pointer[error] // set when the disk broke a promise: no more writes

	feed   sync.Mutex    // guards moved and closed
	moved  chan struct{} // closed and replaced when the position grows
	closed bool
}

// Open opens the store at o.Path, or makes it. The error wraps
// databroker.ErrLocked when another process has it open.
func Open(o Options) (*Store, error) {
	if o.LogSize <= 0 {
		o.LogSize = databroker.DefaultLogSize
	}
	if o.LockWait <= 0 {
		o.LockWait = 2 * time.Second
	}
	s := &Store{path: o.Path, logSize: uint64(o.LogSize), moved: make(chan struct{})}
	err := guard(func() error { return s.open(o) })
	if err != nil {
		if s.db != nil {
			_ = s.db.Close()
		}
		return nil, fmt.Errorf("open the databroker's store %q: %w", o.Path, err)
	}
	return s, nil
}

func (s *Store) open(o Options) error {
	folder := filepath.Dir(o.Path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	_, err := os.Stat(o.Path)
	fresh := errors.Is(err, fs.ErrNotExist)
	s.db, err = bolt.Open(o.Path, 0o600, &bolt.Options{
		Timeout:      o.LockWait,
		FreelistType: bolt.FreelistMapType, // the array grows slow in large files
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return databroker.ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return fmt.Errorf("the file is damaged or not a store: %w", err)
	case err != nil:
		return err
	}
	if fresh {
		// The file's name must survive a power cut as its content does.
		if err := syncFolder(folder); err != nil {
			return err
		}
	}
	s.epoch, err = prepare(s.db)
	return err
}

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Epoch implements databroker.Store.
func (s *Store) Epoch() uint64 { return s.epoch }

// Close implements databroker.Store. It waits for calls that are under way.
func (s *Store) Close() error {
	s.feed.Lock()
	closed := s.closed
	if !closed {
		s.closed = true
		close(s.moved)
	}
	s.feed.Unlock()
	if closed {
		return nil
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the databroker's store: %w", err)
	}
	return nil
}

// errDamaged stands for what bbolt can only panic about.
var errDamaged = errors.New("the file is damaged")

// guard runs fn and turns a panic into an error. bbolt trusts its file: a
// page that is not what it should be panics, and a file that was cut short
// faults on the memory it is mapped to. Neither may take the program down.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errDamaged, r)
		}
	}()
	return fn()
}

// unavailable gives every error of the store the one meaning that callers
// know, and keeps its cause for the log.
func unavailable(op string, err error) error {
	return fmt.Errorf("%w: %s: %w", databroker.ErrUnavailable, op, err)
}

// view runs fn in a read transaction.
func (s *Store) view(ctx context.Context, op string, fn func(tx *bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := guard(func() error { return s.db.View(fn) })
	if err == nil || errors.Is(err, databroker.ErrRelist) || errors.Is(err, databroker.ErrNoEntry) {
		return err
	}
	return unavailable(op, err)
}

// update runs fn in a write transaction and commits it to the disk.
func (s *Store) update(op string, fn func(tx *bolt.Tx) error) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	return s.updateLocked(op, fn)
}

// updateLocked is update for a caller that holds s.commit.
func (s *Store) updateLocked(op string, fn func(tx *bolt.Tx) error) error {
	if failed := s.failed.Load(); failed != nil {
		return unavailable(op, *failed)
	}
	err := guard(func() error { return s.db.Update(fn) })
	if err == nil {
		return nil
	}
	if !passing(err) {
		// After a failed fsync the system may forget what it could not write
		// and report success the next time. Only a fresh look at the file, by
		// a restart, tells what is there.
		err = fmt.Errorf("no more writes before a restart: %w", err)
		s.failed.CompareAndSwap(nil, &err)
	}
	return unavailable(op, err)
}

// passing reports whether the store is as it was before err: the disk was too
// full to grow the file or to write a page, and may be less full later, or the
// store has been closed. A failed fsync is none of these: it comes as a bare
// error number, not as an error of a file. bbolt keeps no more of the cause of
// a failed growth than its text.
func passing(err error) bool {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) || strings.HasPrefix(err.Error(), "file resize error") {
		return true
	}
	var write *fs.PathError
	return errors.As(err, &write) && write.Op == "write" &&
		(errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG))
}
