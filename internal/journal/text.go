package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of an import, which may come from anywhere.
const (
	// MaxLine is of one line, in bytes: what a block holds of an entry and its
	// person.
	MaxLine = 2*maxEntry + 64
	// MaxLines is of one import.
	MaxLines = 10_000_000
)

// A LineError says which line of an import is wrong, and why.
type LineError struct {
	Line int // 1-based
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// Export writes entries as plain JSON, one a line, persons and all: whoever
// has the file knows who asked for what. It ends at the first error.
func Export(w io.Writer, entries iter.Seq2[Entry, error]) error {
	buffered := bufio.NewWriter(w)
	out := json.NewEncoder(buffered)
	out.SetEscapeHTML(false)
	for e, err := range entries {
		if err != nil {
			return errors.Join(err, buffered.Flush())
		}
		l := newLine(&e)
		if p := e.Person.settled(); p != nil {
			l.Person = &linePerson{Data: p.JSON, Err: text(p.Err)}
		}
		if err := out.Encode(&l); err != nil {
			return fmt.Errorf("export request %q: %w", e.RequestID, err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// Import returns the entries that Export wrote, in the order of the lines. A
// line that is wrong is a *LineError, and reading goes on behind it. A key that
// is unknown or stands twice is wrong. Empty lines are passed over.
func Import(r io.Reader) iter.Seq2[Entry, error] { return importLines(r, MaxLine, MaxLines) }

func importLines(r io.Reader, maxLine, maxLines int) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		in := bufio.NewReader(r)
		for n := 1; ; n++ {
			data, err := readLine(in, maxLine)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil && n > maxLines {
				yield(Entry{}, &LineError{n, fmt.Errorf("want at most %d lines", maxLines)})
				return
			}
			var e Entry
			if err == nil {
				if len(data) == 0 {
					continue
				}
				e, err = importLine(data)
			}
			last := err != nil && !errors.As(err, new(*badLine))
			if err != nil {
				e, err = Entry{}, &LineError{n, err}
			}
			if !yield(e, err) || last {
				return
			}
		}
	}
}

// A badLine is an error that only its line has.
type badLine struct{ error }

func (b *badLine) Unwrap() error { return b.error }

// readLine returns the next line without its end; io.EOF when there is none.
// Of a line that is too long the rest is passed over.
func readLine(in *bufio.Reader, maxLine int) ([]byte, error) {
	var line []byte
	long := false
	for {
		piece, err := in.ReadSlice('\n')
		ended := err == nil
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("read: %w", err)
			}
			if len(line)+len(piece) == 0 && !long {
				return nil, io.EOF
			}
			ended = true
		}
		if long = long || len(line)+len(piece) > maxLine; !long {
			line = append(line, piece...)
		}
		if ended && long {
			return nil, &badLine{fmt.Errorf("want at most %d bytes", maxLine)}
		}
		if ended {
			return bytes.TrimSpace(line), nil
		}
	}
}

func importLine(data []byte) (Entry, error) {
	if !utf8.Valid(data) {
		return Entry{}, &badLine{errors.New("want UTF-8")} // other bytes would be read as replaced
	}
	var l line
	err := keysOnce(data)
	if err == nil {
		err = strict(data, &l)
	}
	if err == nil {
		err = l.check()
	}
	if err != nil {
		return Entry{}, &badLine{err}
	}
	var person *Person
	if p := l.Person; p != nil {
		person = &Person{JSON: p.Data, Err: string(p.Err)}
	}
	return l.entry(person), nil
}

// lineKeys are the keys of a line.
var lineKeys = func() []string {
	var keys []string
	for f := range reflect.TypeFor[line]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		keys = append(keys, name)
	}
	return keys
}()

// keysOnce refuses keys that encoding/json would forgive: one written in other
// letters, and one that stands twice, where only the last would count. What is
// not JSON is left for strict to name.
func keysOnce(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("want one JSON object")
	}
	var seen []string
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil
		}
		key, _ := t.(string)
		if !slices.Contains(lineKeys, key) {
			return fmt.Errorf("unknown key %q", key)
		}
		if slices.Contains(seen, key) {
			return fmt.Errorf("the key %q stands twice", key)
		}
		seen = append(seen, key)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil
		}
	}
	return nil
}
