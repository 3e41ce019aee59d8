package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/cardea-proxy/cardea/internal/seal"
)

// ErrNotFound is returned by Find for a request of which nothing is recorded,
// or no longer.
var ErrNotFound = errors.New("journal: no such request is recorded")

// Find returns the newest entry of a request. It sees also what is not yet on
// disk. The error is ErrNotFound, together with what could not be read; the
// entry may have been there.
func (j *Journal) Find(ctx context.Context, requestID string) (Entry, error) {
	v, err := j.view(ctx)
	if err != nil {
		return Entry{}, err
	}
	return v.find(ctx, requestID)
}

// Read returns the entries since a time, in order of time, as they are when it
// is called. An error stands for a place that cannot be read, as a *DamageError
// or ErrKey, and reading goes on behind it; after the error of ctx it ends.
func (j *Journal) Read(ctx context.Context, since time.Time) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		v, err := j.view(ctx)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		v.read(ctx, since, yield)
	}
}

// view returns what j holds at this moment: each entry once, in memory or in a
// file.
func (j *Journal) view(ctx context.Context) (*view, error) {
	j.mu.Lock()
	segments := slices.Clone(j.shelf.segments)
	memory := slices.Concat(j.writing, j.waiting)
	j.mu.Unlock()
	v := &view{box: j.box, memory: memory}
	for _, s := range segments {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v.add(s.path, s.size)
	}
	return v, nil
}

// A Reader reads segments without a Journal: also while the process that
// writes them runs, as they are when it is opened, and what a killed one left.
type Reader struct {
	view  view
	notes []string
}

// OpenReader returns a Reader of the segment at path, or of those in the
// folder at path. The error is ErrKey when key opens none of them.
func OpenReader(path string, key [seal.KeySize]byte) (*Reader, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	paths := []string{path}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("journal: %s is neither a file nor a folder", path)
	}
	if info.IsDir() {
		if paths, err = segmentFiles(path); err != nil {
			return nil, err
		}
		if len(paths) == 0 {
			return nil, fmt.Errorf("journal: the folder %s holds no file that ends in %s", path, suffix)
		}
	}
	r := &Reader{view: view{box: seal.NewBox(key)}}
	usable := false
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			continue // removed meanwhile: it was too old
		}
		opened, torn := r.view.add(p, info.Size())
		usable = usable || opened
		if torn {
			r.notes = append(r.notes, fmt.Sprintf("%s ends within a block: its writer was killed, or is writing", p))
		}
	}
	if !usable && len(r.view.damage) > 0 {
		return nil, r.view.damage[0]
	}
	return r, nil
}

// Notes are sentences about what is missing without being damaged.
func (r *Reader) Notes() []string { return r.notes }

// Find is Journal.Find.
func (r *Reader) Find(ctx context.Context, requestID string) (Entry, error) {
	return r.view.find(ctx, requestID)
}

// Read is Journal.Read.
func (r *Reader) Read(ctx context.Context, since time.Time) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) { r.view.read(ctx, since, yield) }
}

// A view is what can be read at one moment.
type view struct {
	box    *seal.Box
	memory []*Entry
	blocks []block // in the order they were written
	damage []error
}

// add takes in the first size bytes of a file. One that has gone is too old.
func (v *view) add(path string, size int64) (opened, torn bool) {
	data, err := readSegment(path, size)
	if errors.Is(err, fs.ErrNotExist) {
		return false, false
	}
	if err != nil {
		v.damage = append(v.damage, err)
		return false, false
	}
	s, err := look(v.box, path, data)
	if err != nil {
		v.damage = append(v.damage, err)
		return false, false
	}
	v.blocks = append(v.blocks, s.blocks...)
	v.damage = append(v.damage, s.damage...)
	return true, s.torn
}

func (v *view) find(ctx context.Context, requestID string) (Entry, error) {
	if requestID == "" {
		return Entry{}, ErrNotFound // it would name every entry without an id
	}
	for _, e := range slices.Backward(v.memory) {
		if e.RequestID == requestID {
			l := newLine(e)
			return l.entry(e.Person.settled()), nil
		}
	}
	needle, err := text(requestID).MarshalJSON()
	if err != nil {
		return Entry{}, ErrNotFound
	}
	damage := slices.Clip(v.damage)
	o := newOpener(v.box)
	defer o.close()
	for i := range slices.Backward(v.blocks) {
		if err := ctx.Err(); err != nil {
			return Entry{}, err
		}
		entries, err := o.entries(&v.blocks[i], needle)
		for _, e := range slices.Backward(entries) {
			if e.RequestID == requestID {
				return e, nil
			}
		}
		if err != nil {
			damage = append(damage, err)
		}
	}
	return Entry{}, errors.Join(append([]error{ErrNotFound}, damage...)...)
}

func (v *view) read(ctx context.Context, since time.Time, yield func(Entry, error) bool) {
	for _, err := range v.damage {
		if !yield(Entry{}, err) {
			return
		}
	}
	blocks := slices.Clone(v.blocks)
	slices.SortStableFunc(blocks, func(a, b block) int { return cmp.Compare(a.first, b.first) })
	m := merge{since: since, yield: yield, pending: settled(v.memory)}
	m.order()
	o := newOpener(v.box)
	defer o.close()
	for i := range blocks {
		b := &blocks[i]
		if b.last < since.UnixMicro() {
			continue
		}
		if err := ctx.Err(); err != nil {
			yield(Entry{}, err)
			return
		}
		entries, err := o.entries(b, nil)
		if !m.until(time.UnixMicro(b.first)) || err != nil && !yield(Entry{}, err) {
			return
		}
		m.pending = append(m.pending, entries...)
		m.order()
	}
	m.all()
}
