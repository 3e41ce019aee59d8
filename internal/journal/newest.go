package journal

import (
	"context"
	"iter"
	"slices"
	"time"
)

// Newest returns the entries before a time, zero for all, the newest first. Files
// are opened as far as the caller reads on. Entries are in order as long as clocks
// were not set back by more than a file holds. Errors are those of Read.
func (j *Journal) Newest(ctx context.Context, before time.Time) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		j.mu.Lock()
		segments := slices.Clone(j.shelf.segments)
		memory := slices.Concat(j.writing, j.waiting)
		j.mu.Unlock()
		d := &descent{before: before, yield: yield, segments: segments, view: &view{box: j.box}, opener: newOpener(j.box)}
		defer d.opener.close()
		d.take(settled(memory))
		for d.next(ctx) {
		}
	}
}

// A descent gives entries out from the newest to the oldest, though blocks
// overlap. A block is read once the segment before its own has been looked at:
// that one may hold something newer.
type descent struct {
	before   time.Time
	yield    func(Entry, error) bool
	segments []segment // not yet looked at, oldest first
	oldest   string    // path of the one that was looked at last
	view     *view
	opener   *opener
	blocks   []block // not yet read, the one that ends last at the end
	pending  []Entry // the newest at the end
}

// next reads one block. It returns false when all is said, or no more is wanted.
func (d *descent) next(ctx context.Context) bool {
	if err := ctx.Err(); err != nil {
		d.yield(Entry{}, err)
		return false
	}
	for len(d.segments) > 0 && (len(d.blocks) == 0 || d.blocks[len(d.blocks)-1].file == d.oldest) {
		if !d.look() {
			return false
		}
	}
	if len(d.blocks) == 0 {
		return d.give(func(Entry) bool { return true }) && false
	}
	b := d.blocks[len(d.blocks)-1]
	d.blocks = d.blocks[:len(d.blocks)-1]
	if !d.give(func(e Entry) bool { return e.Time.UnixMicro() > b.last }) {
		return false
	}
	entries, err := d.opener.entries(&b, nil)
	d.take(entries)
	return err == nil || d.yield(Entry{}, err)
}

// look finds the blocks of the newest segment that was not looked at.
func (d *descent) look() bool {
	s := d.segments[len(d.segments)-1]
	d.segments = d.segments[:len(d.segments)-1]
	d.oldest = s.path
	d.view.blocks, d.view.damage = nil, nil
	d.view.add(s.path, s.size)
	for _, err := range d.view.damage {
		if !d.yield(Entry{}, err) {
			return false
		}
	}
	for _, b := range d.view.blocks {
		if d.before.IsZero() || time.UnixMicro(b.first).Before(d.before) {
			d.blocks = append(d.blocks, b)
		}
	}
	slices.SortStableFunc(d.blocks, func(a, b block) int { return time.UnixMicro(a.last).Compare(time.UnixMicro(b.last)) })
	return true
}

func (d *descent) take(entries []Entry) {
	d.pending = append(entries, d.pending...)
	slices.SortStableFunc(d.pending, func(a, b Entry) int { return a.Time.Compare(b.Time) })
}

// give gives out entries, as long as they are ready.
func (d *descent) give(ready func(Entry) bool) bool {
	for len(d.pending) > 0 {
		e := d.pending[len(d.pending)-1]
		if !ready(e) {
			return true
		}
		d.pending = d.pending[:len(d.pending)-1]
		if (d.before.IsZero() || e.Time.Before(d.before)) && !d.yield(e, nil) {
			return false
		}
	}
	return true
}
