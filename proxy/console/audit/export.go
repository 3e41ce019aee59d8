package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/cardea-proxy/cardea/databroker"
)

// A Line is one line of an export. One part of it is set: an entry, in the order
// of their numbers; what is wrong with the record of one; or, at the end, the
// head.
type Line struct {
	Entry   *Entry   `json:"entry,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
	Head    *Head    `json:"head,omitempty"`
}

// A Problem is a record that is no entry.
type Problem struct {
	Sequence uint64 `json:"sequence"` // 0: it is about none
	Text     string `json:"text"`
}

// Export ranges over all that is stored, without judging it. A missing entry is
// a missing line. It ends after the first error.
func Export(ctx context.Context, b Broker) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		x := exporting{broker: b, yield: yield}
		if err := x.run(ctx); err != nil && !errors.Is(err, errEnough) {
			yield(Line{}, err)
		}
	}
}

// Export is that of the package, from the store of l.
func (l *Log) Export(ctx context.Context) iter.Seq2[Line, error] { return Export(ctx, l.o.Broker) }

var errEnough = errors.New("the reader has enough")

type exporting struct {
	broker  Broker
	yield   func(Line, error) bool
	next    uint64 // the entry that has not been looked at
	highest uint64 // number that was seen in a list
}

func (x *exporting) emit(l Line) error {
	if !x.yield(l, nil) {
		return errEnough
	}
	return nil
}

func (x *exporting) run(ctx context.Context) error {
	if err := x.look(ctx); err != nil {
		return err
	}
	head, err := x.head(ctx)
	if err != nil {
		return err
	}
	for x.next = 1; ; {
		if err := x.walk(ctx, head); err != nil {
			return err
		}
		beyond, err := x.beyond(ctx)
		if err != nil {
			return err
		}
		// Others may be appending meanwhile: what is beyond the head is so only if
		// the head still stands where it stood.
		now, err := readHead(ctx, x.broker)
		if err == nil && head != nil && now.Sequence > head.Sequence {
			head = &now
			continue
		}
		for _, l := range beyond {
			if err := x.emit(l); err != nil {
				return err
			}
		}
		if head == nil {
			return nil
		}
		return x.emit(Line{Head: head})
	}
}

// look lists the records for those that no head leads to.
func (x *exporting) look(ctx context.Context) error {
	var strange []string
	err := list(ctx, x.broker, func(r *databroker.Record) {
		n := sequenceOf(r.ID)
		if x.highest = max(x.highest, n); n == 0 {
			strange = append(strange, r.ID)
		}
	})
	// What does not open is found again when it is read by its number.
	if err != nil && !errors.Is(err, databroker.ErrTampered) {
		return err
	}
	for _, id := range strange {
		if err := x.emit(Line{Problem: &Problem{Text: fmt.Sprintf("the record %q is no entry", id)}}); err != nil {
			return err
		}
	}
	return nil
}

// head is nil, and a problem of the export, where it is no head.
func (x *exporting) head(ctx context.Context) (*Head, error) {
	h, err := readHead(ctx, x.broker)
	switch {
	case errors.Is(err, ErrBroken):
		return nil, x.emit(Line{Problem: &Problem{Text: err.Error()}})
	case err != nil:
		return nil, err
	}
	return &h, nil
}

// walk emits the entries up to the head.
func (x *exporting) walk(ctx context.Context, head *Head) error {
	for head != nil && x.next <= head.Sequence {
		last := min(head.Sequence, x.next+exportPart-1)
		lines, err := x.lines(ctx, x.next, last)
		if err != nil {
			return err
		}
		for _, l := range lines {
			if err := x.emit(l); err != nil {
				return err
			}
		}
		x.next = last + 1
	}
	return nil
}

// exportPart bounds how many entries are in memory at once. Each part costs a
// list of all of them.
const exportPart = 100_000

// beyond returns the entries that no head leads to: as far as the list goes, and
// until a good piece of nothing.
func (x *exporting) beyond(ctx context.Context) (found []Line, err error) {
	const piece = 64
	for first := x.next; ; first += piece {
		lines, err := x.lines(ctx, first, first+piece-1)
		if err != nil {
			return nil, err
		}
		found = append(found, lines...)
		if len(lines) == 0 && first+piece > x.highest {
			return found, nil
		}
	}
}

// lines reads the entries from first to last; of what is missing there is none.
func (x *exporting) lines(ctx context.Context, first, last uint64) ([]Line, error) {
	all := make([]Line, last-first+1)
	err := fetch(ctx, x.broker, first, last, func(n uint64, e *Entry, err error) {
		switch {
		case errors.Is(err, databroker.ErrNotFound):
		case err != nil:
			all[n-first].Problem = &Problem{Sequence: n, Text: err.Error()}
		default:
			all[n-first].Entry = e
		}
	})
	return slices.DeleteFunc(all, func(l Line) bool { return l == Line{} }), err
}

// WriteLines writes lines of JSON.
func WriteLines(w io.Writer, lines iter.Seq2[Line, error]) error {
	out := bufio.NewWriter(w)
	for l, err := range lines {
		if err != nil {
			return err
		}
		text, err := l.text()
		if err != nil {
			return err
		}
		if _, err := out.Write(text); err != nil {
			return err
		}
	}
	return out.Flush()
}

// text is the line with its end.
func (l *Line) text() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(l)
	return b.Bytes(), err
}

// ReadLines reads what WriteLines wrote. Any other line is a problem: were there
// two ways to write an entry, two programs might read two things.
func ReadLines(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		in := bufio.NewReaderSize(r, maxLogLine)
		for number := 1; ; number++ {
			text, err := readLine(in)
			if err != nil && !errors.Is(err, io.EOF) {
				yield(Line{}, fmt.Errorf("read the export: %w", err))
				return
			}
			if err != nil && len(text) == 0 {
				return
			}
			line, ok := parseLine(text)
			if !ok {
				line = Line{Problem: &Problem{Text: fmt.Sprintf("line %d is not as an export writes it", number)}}
			}
			if !yield(line, nil) || err != nil {
				return
			}
		}
	}
}

func parseLine(text []byte) (Line, bool) {
	var l Line
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if d.Decode(&l) != nil {
		return Line{}, false
	}
	parts := 0
	if l.Entry != nil {
		l.Entry.Time = l.Entry.Time.UTC()
		parts++
		if l.Entry.check() != nil {
			return Line{}, false
		}
	}
	if l.Head != nil {
		l.Head.Time = l.Head.Time.UTC()
		parts++
		if l.Head.Sequence > 0 && checkTime(l.Head.Time) != nil {
			return Line{}, false
		}
	}
	if l.Problem != nil {
		parts++
	}
	same, err := l.text()
	return l, err == nil && parts == 1 && bytes.Equal(bytes.TrimRight(same, "\n"), text)
}
