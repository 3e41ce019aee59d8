package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Sizes in bytes of what is written and, so that a file from elsewhere cannot
// ask for more, of what is read.
const (
	blockTarget = 256 << 10 // of JSON, at which a block is closed
	maxEntry    = 1 << 20   // of JSON, for an entry and for what stands around a person
	maxPerson   = maxEntry - 64
	// maxPlain bounds a block before compression: it was not full, and then
	// took one person and one entry, each with kind and length in front.
	maxPlain = blockTarget + 2*(maxEntry+1+binary.MaxVarintLen64)
	// maxPacked bounds it after compression: zstd adds little to what it cannot
	// make smaller, RFC 8878, section 3.1.1.2.
	maxPacked = maxPlain + maxPlain/256 + 64
)

// The parts of a block, each its kind, its length as a varint, and JSON.
const (
	partPerson = 'p' // a linePerson; the entries behind it name it by its place among persons
	partEntry  = 'e' // a line
	partAgain  = 'a' // a lineAgain
)

// A packer gathers entries into one block at a time. Not for calls that
// overlap.
type packer struct {
	plain   []byte
	persons map[*Person]int
	alike   map[likeness]written
	lines   int // entries that are written in full
	count   int
	first   time.Time
	last    time.Time

	scratch []byte
	zstd    *zstd.Encoder
}

func newPacker() *packer {
	p := &packer{persons: make(map[*Person]int), alike: make(map[likeness]written)}
	// Blocks are small and the seal shows damage: neither a large window nor a
	// checksum is of use. These options cannot be refused.
	p.zstd, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true), zstd.WithEncoderLevel(zstd.SpeedFastest))
	return p
}

func (p *packer) reset() {
	p.plain = p.plain[:0]
	clear(p.persons)
	clear(p.alike)
	p.lines, p.count = 0, 0
}

// add puts e into the block. After an error the block is as if e had not been.
func (p *packer) add(e *Entry) error {
	if err := p.write(e); err != nil {
		return err
	}
	if p.count == 0 || e.Time.Before(p.first) {
		p.first = e.Time
	}
	if p.count == 0 || e.Time.After(p.last) {
		p.last = e.Time
	}
	p.count++
	return nil
}

// write puts e there, in full or as one that stands there already.
func (p *packer) write(e *Entry) error {
	like := likenessOf(e)
	if w, ok := p.alike[like]; ok && w.entry.alike(e) {
		data, err := appendAgain(p.scratch[:0], e, w.at)
		if err != nil {
			return err
		}
		p.scratch = data
		return p.part(partAgain, data)
	}
	person := -1
	if e.Person != nil {
		at, err := p.person(e.Person)
		if err != nil {
			return fmt.Errorf("person: %w", err)
		}
		person = at
	}
	data, err := appendLine(p.scratch[:0], e, person)
	if err != nil {
		return err
	}
	p.scratch = data
	if err := p.part(partEntry, data); err != nil {
		return err
	}
	p.alike[like] = written{e, p.lines}
	p.lines++
	return nil
}

// person returns the place of person in the block. It is put there once.
func (p *packer) person(person *Person) (int, error) {
	if at, ok := p.persons[person]; ok {
		return at, nil
	}
	s := person.settled()
	var data bytes.Buffer
	to := json.NewEncoder(&data)
	to.SetEscapeHTML(false)
	if err := to.Encode(&linePerson{Data: s.JSON, Err: text(s.Err)}); err != nil {
		return 0, fmt.Errorf("encode: %w", err)
	}
	if err := p.part(partPerson, bytes.TrimSuffix(data.Bytes(), []byte("\n"))); err != nil {
		return 0, err
	}
	at := len(p.persons)
	p.persons[person] = at
	return at, nil
}

func (p *packer) part(kind byte, data []byte) error {
	if len(data) > maxEntry {
		return fmt.Errorf("%d bytes of JSON, more than the %d that are recorded", len(data), maxEntry)
	}
	p.plain = append(p.plain, kind)
	p.plain = binary.AppendUvarint(p.plain, uint64(len(data)))
	p.plain = append(p.plain, data...)
	return nil
}

// full reports whether the block should be written.
func (p *packer) full() bool { return len(p.plain) >= blockTarget }

// packed returns the block, compressed. It is valid until the next call.
func (p *packer) packed(dst []byte) []byte { return p.zstd.EncodeAll(p.plain, dst[:0]) }

// An unpacker opens what a packer made. Not for calls that overlap.
type unpacker struct{ zstd *zstd.Decoder }

func newUnpacker() *unpacker {
	d, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(maxPlain), zstd.WithDecodeAllCapLimit(true))
	return &unpacker{zstd: d}
}

// close lets go of the decoder's memory.
func (u *unpacker) close() { u.zstd.Close() }

// plain returns the block before compression, which must have exactly size
// bytes: not one more is ever made.
func (u *unpacker) plain(packed []byte, size int) ([]byte, error) {
	if size > maxPlain {
		return nil, fmt.Errorf("it says %d bytes, more than a block holds", size)
	}
	plain, err := u.zstd.DecodeAll(packed, make([]byte, 0, size))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if len(plain) != size {
		return nil, errors.New("it is shorter than it says")
	}
	return plain, nil
}

// entries returns the entries of a block in their order, or only those whose
// JSON contains needle when that is not nil.
func entries(plain, needle []byte) ([]Entry, error) {
	var out []Entry
	var b unpacked
	for len(plain) > 0 {
		kind, data, rest, err := nextPart(plain)
		if err != nil {
			return out, err
		}
		plain = rest
		wanted := needle == nil || bytes.Contains(data, needle)
		var e Entry
		switch kind {
		case partPerson:
			if err = b.person(data); err != nil {
				return out, err
			}
			continue
		case partEntry:
			b.lines = append(b.lines, packedLine{data: data})
			if wanted {
				e, err = b.line(len(b.lines) - 1)
			}
		case partAgain:
			if wanted {
				e, err = b.again(data)
			}
		}
		if err != nil {
			return out, err
		}
		if wanted {
			out = append(out, e)
		}
	}
	return out, nil
}

// An unpacked is what of a block later parts refer to.
type unpacked struct {
	persons []*Person
	lines   []packedLine
}

// A packedLine is an entry that is written in full, read when somebody asks.
type packedLine struct {
	data  []byte
	entry *Entry
}

func (b *unpacked) person(data []byte) error {
	var p linePerson
	if err := strict(data, &p); err != nil {
		return fmt.Errorf("person: %w", err)
	}
	b.persons = append(b.persons, &Person{JSON: p.Data, Err: string(p.Err)})
	return nil
}

func (b *unpacked) line(at int) (Entry, error) {
	l := &b.lines[at]
	if l.entry == nil {
		e, err := blockEntry(l.data, b.persons)
		if err != nil {
			return Entry{}, err
		}
		l.entry = &e
	}
	return *l.entry, nil
}

func (b *unpacked) again(data []byte) (Entry, error) {
	var a lineAgain
	if err := strict(data, &a); err != nil {
		return Entry{}, fmt.Errorf("entry: %w", err)
	}
	if a.At < 0 || a.At >= len(b.lines) {
		return Entry{}, errors.New("an entry is like one that is not in its block")
	}
	e, err := b.line(a.At)
	e.RequestID, e.Time = string(a.RequestID), a.Time
	return e, err
}

func nextPart(plain []byte) (kind byte, data, rest []byte, err error) {
	kind = plain[0]
	size, n := binary.Uvarint(plain[1:])
	if kind != partEntry && kind != partPerson && kind != partAgain || n <= 0 || size > uint64(len(plain)-1-n) {
		return 0, nil, nil, errors.New("its parts do not add up")
	}
	data = plain[1+n:][:size]
	return kind, data, plain[1+n+len(data):], nil
}

func blockEntry(data []byte, persons []*Person) (Entry, error) {
	var l line
	if err := strict(data, &l); err != nil {
		return Entry{}, fmt.Errorf("entry: %w", err)
	}
	if l.Person == nil {
		return l.entry(nil), nil
	}
	at := l.Person.At
	if at == nil || *at < 0 || *at >= len(persons) {
		return Entry{}, errors.New("an entry names a person that is not in its block")
	}
	return l.entry(persons[*at]), nil
}
