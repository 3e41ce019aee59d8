package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// encodingVersion is the first byte of an encoding. Another order or another
// field is another version; entries keep the one they were written with.
const encodingVersion = 1

// A fields is a list of byte strings, each behind its length as 4 bytes, big
// end first. What one says cannot be taken for another, whatever is in it.
type fields []byte

func (f fields) text(s string) fields {
	return append(binary.BigEndian.AppendUint32(f, uint32(len(s))), s...)
}

func (f fields) number(n uint64) fields {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(f, 8), n)
}

// canonical are the bytes that are hashed: the version, then the fields. Numbers
// are of 8 bytes, the time is in milliseconds since 1970, and details, counted,
// are in the order of the bytes of their names.
func (e *Entry) canonical() []byte {
	f := fields{encodingVersion}.number(e.Sequence).text(string(e.Previous[:])).number(uint64(e.Time.UnixMilli()))
	for _, s := range e.texts() {
		f = f.text(*s)
	}
	f = f.number(uint64(len(e.Details)))
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		f = f.text(name).text(e.Details[name])
	}
	return f
}

func (e *Entry) sum() Hash { return sha256.Sum256(e.canonical()) }

// record is the data of the record that holds e: the canonical encoding, and its
// hash, by which a change of either shows that it is this entry that was changed.
func (e *Entry) record() []byte {
	data := e.canonical()
	hash := sha256.Sum256(data)
	return append(data, hash[:]...)
}

// errChanged is returned for an entry that does not have the hash it carries.
var errChanged = errors.New("its content does not have the hash it carries")

// entryFrom reads what record wrote.
func entryFrom(data []byte) (Entry, error) {
	at := len(data) - sha256.Size
	if at < 0 {
		return Entry{}, errors.New("it is too short")
	}
	e, err := decode(data[:at])
	if err != nil {
		return Entry{}, err
	}
	e.Hash = Hash(data[at:])
	if e.sum() != e.Hash {
		return Entry{}, errChanged
	}
	return e, nil
}

// decode reads what canonical wrote, and nothing else: what it takes encodes to
// the same bytes again. The hash is left out.
func decode(data []byte) (Entry, error) {
	r := reader{rest: data}
	if version := r.take(1); r.err == nil && version[0] != encodingVersion {
		return Entry{}, fmt.Errorf("it has the encoding %d, this program knows %d", version[0], encodingVersion)
	}
	e := Entry{Sequence: r.number(), Previous: r.hash(), Time: time.UnixMilli(int64(r.number())).UTC()}
	for _, s := range e.texts() {
		*s = string(r.field())
	}
	count, last := r.number(), ""
	for i := uint64(0); i < count && r.err == nil; i++ {
		name, value := string(r.field()), string(r.field())
		if i > 0 && name <= last {
			return Entry{}, errors.New("its details are out of order")
		}
		if e.Details == nil {
			e.Details = map[string]string{}
		}
		e.Details[name], last = value, name
	}
	switch {
	case r.err != nil:
		return Entry{}, r.err
	case len(r.rest) > 0:
		return Entry{}, errors.New("something follows its end")
	}
	return e, e.check()
}

// A reader takes fields apart. After its first error everything is empty.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) take(n uint32) []byte {
	if r.err == nil && uint64(n) > uint64(len(r.rest)) {
		r.err = errors.New("it ends too early")
	}
	if r.err != nil {
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *reader) field() []byte {
	size := r.take(4)
	if r.err != nil {
		return nil
	}
	return r.take(binary.BigEndian.Uint32(size))
}

// exactly is a field of n bytes.
func (r *reader) exactly(n int) []byte {
	b := r.field()
	if r.err == nil && len(b) != n {
		r.err = fmt.Errorf("a field has %d bytes, want %d", len(b), n)
	}
	if r.err != nil {
		return nil
	}
	return b
}

func (r *reader) number() uint64 {
	if b := r.exactly(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) hash() (h Hash) {
	copy(h[:], r.exactly(len(h)))
	return h
}
