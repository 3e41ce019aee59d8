package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/cardea-proxy/cardea/internal/seal"
)

const (
	// flushEvery leaves the disk a quarter of the second that was promised.
	flushEvery = 750 * time.Millisecond
	tellEvery  = time.Minute // the log hears of dropped entries
	// wakeAt is what waits, in bytes of memory, when nobody waits for the clock:
	// enough that what is alike meets in a block, little beside maxWaitingBytes.
	wakeAt = 2 << 20
)

// An output is the segment that is being written.
type output struct {
	file   *os.File
	path   string
	id     fileID
	number uint32 // of the next block
	header []byte // written with the first block, so that no empty segment is left
	size   int64
	first  time.Time
}

// Run writes what is added, at least every second, and removes what is too
// much or too old, until ctx ends and the rest is written. Trouble with the
// disk does not end it: what cannot be written is dropped, and it tries again.
func (j *Journal) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-j.wake:
		}
		j.flush()
		if err := j.sweep(0); err != nil {
			j.troubled = err
		}
		j.tell(false)
	}
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	j.flush()
	j.tell(true)
	return j.finish()
}

// flush writes everything that waits.
func (j *Journal) flush() {
	batch := j.take()
	done := 0
	for i, e := range batch {
		if err := j.packer.add(e); err != nil {
			j.lose(1, fmt.Errorf("entry of request %q: %w", e.RequestID, err))
		}
		if !j.packer.full() && i < len(batch)-1 {
			continue
		}
		size, err := j.store()
		if err != nil {
			j.lose(j.packer.count, err)
		}
		j.written(size, batch[done:i+1], batch[i+1:])
		j.packer.reset()
		done = i + 1
	}
}

// take moves what waits to what is being written, in order of time. It can be
// found all the while.
func (j *Journal) take() []*Entry {
	j.mu.Lock()
	j.writing, j.waiting = j.waiting, nil
	batch := slices.Clone(j.writing)
	j.mu.Unlock()
	slices.SortStableFunc(batch, func(a, b *Entry) int { return a.Time.Compare(b.Time) })
	j.mu.Lock()
	j.writing = batch
	j.mu.Unlock()
	return batch
}

// written says that done is on disk, in a block of size bytes, or lost, and
// only rest is still to be written. For those who look, both are one step.
func (j *Journal) written(size int64, done, rest []*Entry) {
	var weight int64
	for _, e := range done {
		weight += e.weight()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writing = rest
	j.waitingBytes -= weight
	if len(rest) == 0 && j.waitingBytes >= wakeAt {
		j.hurry()
	}
	if size == 0 {
		return
	}
	if last := len(j.shelf.segments) - 1; last < 0 || j.shelf.segments[last].path != j.out.path {
		j.shelf.segments = append(j.shelf.segments, segment{path: j.out.path})
	}
	s := &j.shelf.segments[len(j.shelf.segments)-1]
	s.size, s.first = j.out.size, j.out.first
	s.entries += int64(j.packer.count)
}

// store writes the packer's block and returns how many bytes that took: none
// when the block is empty.
func (j *Journal) store() (int64, error) {
	p := j.packer
	if p.count == 0 {
		return 0, nil
	}
	j.packed = p.packed(j.packed)
	if o := j.out; o != nil && (o.size >= j.rotate || j.now().Sub(o.first) > j.span) {
		j.troubled = errors.Join(j.troubled, j.finish())
	}
	if err := j.sweep(int64(headerSize + frameSize + len(j.packed) + seal.Overhead)); err != nil {
		return 0, err // rather nothing new than more than was allowed
	}
	if j.out == nil {
		if err := j.start(); err != nil {
			return 0, err
		}
	}
	o := j.out
	data := frame(j.box, o.id, o.number, p, j.packed)
	if o.size == 0 {
		data = append(o.header, data...)
	}
	if _, err := o.file.Write(data); err != nil {
		return 0, errors.Join(fmt.Errorf("write segment: %w", err), j.abandon())
	}
	if o.number == 0 || p.first.Before(o.first) {
		o.first = p.first
	}
	o.number++
	o.size += int64(len(data))
	return int64(len(data)), nil
}

// start opens a new segment.
func (j *Journal) start() error {
	for {
		path := segmentPath(j.dir, j.next)
		j.next++
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("start segment: %w", err)
		}
		j.out = &output{file: f, path: path}
		j.out.id, j.out.header = newHeader(j.box)
		return nil
	}
}

// finish closes the segment.
func (j *Journal) finish() error {
	if j.out == nil {
		return nil
	}
	file := j.out.file
	j.out = nil
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("close segment: %w", err)
	}
	return nil
}

// abandon closes the segment after a write went wrong, without the piece of a
// block at its end.
func (j *Journal) abandon() error {
	o := j.out
	j.out = nil
	err := errors.Join(o.file.Truncate(o.size), o.file.Close())
	if o.size == 0 {
		err = errors.Join(err, remove(o.path))
	}
	return err
}

// sweep removes the segments that are too much, with more bytes to come, or
// too old.
func (j *Journal) sweep(more int64) error {
	j.mu.Lock()
	paths := j.shelf.surplus(j.now(), more)
	j.mu.Unlock()
	for _, path := range paths {
		var closing error
		if j.out != nil && j.out.path == path {
			closing = j.finish()
		}
		if err := errors.Join(closing, remove(path)); err != nil {
			return err
		}
		j.mu.Lock()
		j.shelf.drop(path)
		j.mu.Unlock()
	}
	return nil
}

func (j *Journal) lose(n int, why error) {
	j.dropped.Add(uint64(n))
	j.troubled = why
}

// tell warns of what was dropped since the last time, not too often unless it
// is the last chance.
func (j *Journal) tell(last bool) {
	dropped := j.dropped.Load()
	if dropped == j.told && j.troubled == nil || !last && j.now().Sub(j.toldAt) < tellEvery {
		return
	}
	event := j.log.Warn().Uint64("dropped", dropped-j.told)
	if j.troubled == nil {
		event.Msg("journal entries dropped: they came faster than they were written")
	} else {
		event.AnErr("last_error", j.troubled).Msg("journal cannot be written in full")
	}
	j.told, j.toldAt, j.troubled = dropped, j.now(), nil
}
