package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/cardea-proxy/cardea/internal/seal"
)

// A merge gives entries out in order of time, though blocks overlap: decisions
// that are made at once are added in any order, and clocks are set back.
type merge struct {
	since   time.Time
	yield   func(Entry, error) bool
	pending []Entry // in order of time; a later block may hold some that go between
}

func (m *merge) order() {
	slices.SortStableFunc(m.pending, func(a, b Entry) int { return a.Time.Compare(b.Time) })
}

// until gives out what is before t. It returns false when no more is wanted.
func (m *merge) until(t time.Time) bool {
	n := 0
	for n < len(m.pending) && m.pending[n].Time.Before(t) {
		n++
	}
	ready := m.pending[:n]
	m.pending = m.pending[n:]
	return m.give(ready)
}

// all gives out the rest.
func (m *merge) all() { m.give(m.pending) }

func (m *merge) give(entries []Entry) bool {
	for _, e := range entries {
		if !e.Time.Before(m.since) && !m.yield(e, nil) {
			return false
		}
	}
	return true
}

// settled returns entries in memory as they will be read from the disk.
func settled(memory []*Entry) []Entry {
	persons := make(map[*Person]*Person)
	out := make([]Entry, 0, len(memory))
	for _, e := range memory {
		person, ok := persons[e.Person]
		if !ok {
			person = e.Person.settled()
			persons[e.Person] = person
		}
		l := newLine(e)
		out = append(out, l.entry(person))
	}
	return out
}

// An opener opens blocks. It keeps the file of the last one open, since the
// next is likely in it too.
type opener struct {
	box      *seal.Box
	unpacker *unpacker
	file     *os.File
	path     string
}

func newOpener(box *seal.Box) *opener { return &opener{box: box, unpacker: newUnpacker()} }

func (o *opener) close() {
	o.unpacker.close()
	if o.file != nil {
		_ = o.file.Close() // it was only read
	}
}

// entries returns those of block b that contain needle, all for nil. Of a block
// that has been removed meanwhile there are none.
func (o *opener) entries(b *block, needle []byte) ([]Entry, error) {
	plain, err := o.plain(b)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	es, err := entries(plain, needle)
	if err == nil && needle == nil && len(es) != int(b.count) {
		err = fmt.Errorf("it holds %d entries and says %d", len(es), b.count)
	}
	if err != nil {
		return es, b.damaged(err.Error())
	}
	return es, nil
}

func (o *opener) plain(b *block) ([]byte, error) {
	if o.path != b.file || o.file == nil {
		if o.file != nil {
			_ = o.file.Close()
			o.file = nil
		}
		f, err := os.Open(b.file)
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		o.file, o.path = f, b.file
	}
	body := make([]byte, b.body)
	if _, err := o.file.ReadAt(body, b.at); err != nil {
		return nil, b.damaged("a block cannot be read: " + err.Error())
	}
	return b.open(o.box, o.unpacker, body)
}

// Collect returns the entries of a sequence, and all its errors joined.
func Collect(seq iter.Seq2[Entry, error]) ([]Entry, error) {
	var out []Entry
	var errs []error
	for e, err := range seq {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, e)
	}
	return out, errors.Join(errs...)
}
