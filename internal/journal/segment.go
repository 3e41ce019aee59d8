package journal

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-proxy/cardea/internal/seal"
)

// ErrKey is returned for a segment that was sealed under another key.
var ErrKey = errors.New("journal: it was sealed under another key: want the secret of the installation that wrote it")

// A DamageError says where a file is not what was written. Reading may go on.
type DamageError struct {
	File    string // as it was opened
	At      int64  // bytes from its start
	Problem string // what is wrong there, as a clause
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("journal: %s, byte %d: %s", e.File, e.At, e.Problem)
}

// The form of a segment. All parts but the bodies have a fixed size in bytes.
const (
	form      = 1
	magic     = "cardea journal\x00"
	idSize    = 16
	magicSize = len(magic) + 1
	// headerSize: magic and form, id, a sealed nothing that only the right key opens.
	headerSize = magicSize + idSize + seal.Overhead
	// plainHead: entries, size of the plain block, size of the sealed body, first and last time.
	plainHead = 4 + 4 + 4 + 8 + 8
	// frameSize is what stands before a body: id, number, sealed head.
	frameSize = idSize + 4 + plainHead + seal.Overhead

	maxBody = maxPacked + seal.Overhead
	// maxSegment bounds a file that is read: one block over the full size.
	maxSegment = segmentSize + headerSize + frameSize + maxBody
	// maxDamage is after how many damaged places a file is given up: it was made
	// to be expensive, or nothing is left to find.
	maxDamage = 100
)

// The last byte of the additional data says which part is sealed.
const (
	sealKey  = 'k'
	sealHead = 'h'
	sealBody = 'b'
)

// A fileID is random, names one segment and stands before each of its blocks,
// so that the next block is found behind a damaged one.
type fileID [idSize]byte

// place is the additional data of one seal: nothing that opens at one place
// opens at another.
func (id fileID) place(number uint32, part byte) []byte {
	b := make([]byte, 0, len(magic)+1+idSize+4+1)
	b = append(append(append(b, magic...), form), id[:]...)
	return append(binary.BigEndian.AppendUint32(b, number), part)
}

// newHeader returns the start of a new segment.
func newHeader(box *seal.Box) (id fileID, header []byte) {
	_, _ = rand.Read(id[:])
	header = append(append([]byte(magic), form), id[:]...)
	return id, append(header, box.Seal(nil, id.place(0, sealKey))...)
}

// openHeader returns the id of the segment that data starts. torn: the writer
// did not get as far as the header.
func openHeader(box *seal.Box, file string, data []byte) (id fileID, torn bool, err error) {
	switch {
	case len(data) < headerSize && bytes.HasPrefix([]byte(magic), data[:min(len(data), len(magic))]):
		return id, true, nil
	case !bytes.HasPrefix(data, []byte(magic)):
		return id, false, &DamageError{file, 0, "this is not a segment of a journal"}
	case data[len(magic)] != form:
		return id, false, &DamageError{file, int64(len(magic)), fmt.Sprintf("it has form %d, and this program reads form %d", data[len(magic)], form)}
	}
	copy(id[:], data[magicSize:])
	if _, err := box.Open(data[magicSize+idSize:headerSize], id.place(0, sealKey)); err != nil {
		return id, false, fmt.Errorf("%s: %w", file, ErrKey)
	}
	return id, false, nil
}

// A head says what is in a block, without opening it.
type head struct {
	count       uint32
	plain       uint32 // bytes before compression
	body        uint32 // bytes after it, sealed
	first, last int64  // of its entries' times, in microseconds since 1970, rounded down
}

func (h head) bytes() []byte {
	b := make([]byte, 0, plainHead)
	b = binary.BigEndian.AppendUint32(b, h.count)
	b = binary.BigEndian.AppendUint32(b, h.plain)
	b = binary.BigEndian.AppendUint32(b, h.body)
	b = binary.BigEndian.AppendUint64(b, uint64(h.first))
	return binary.BigEndian.AppendUint64(b, uint64(h.last))
}

func parseHead(b []byte) (h head, ok bool) {
	if len(b) != plainHead {
		return h, false
	}
	h = head{
		count: binary.BigEndian.Uint32(b), plain: binary.BigEndian.Uint32(b[4:]), body: binary.BigEndian.Uint32(b[8:]),
		first: int64(binary.BigEndian.Uint64(b[12:])), last: int64(binary.BigEndian.Uint64(b[20:])),
	}
	return h, h.count > 0 && h.plain <= maxPlain && h.body <= maxBody && h.body >= seal.Overhead && h.first <= h.last
}

// frame returns block number of the segment id: everything that is written.
func frame(box *seal.Box, id fileID, number uint32, p *packer, packed []byte) []byte {
	body := box.Seal(packed, id.place(number, sealBody))
	h := head{
		count: uint32(p.count), plain: uint32(len(p.plain)), body: uint32(len(body)),
		first: p.first.UnixMicro(), last: p.last.UnixMicro(),
	}
	b := make([]byte, 0, frameSize+len(body))
	b = binary.BigEndian.AppendUint32(append(b, id[:]...), number)
	b = append(b, box.Seal(h.bytes(), id.place(number, sealHead))...)
	return append(b, body...)
}

// A block is where one stands in a file.
type block struct {
	head
	file   string
	id     fileID
	number uint32
	at     int64 // of its body, in bytes from the start of the file
}

// A survey is what stands in one file.
type survey struct {
	blocks []block
	torn   bool // the last block was being written when the writer was killed, or is
	damage []error
}

// first returns the earliest time in the file, zero if it holds no entry.
func (s *survey) first() (t time.Time) {
	for i := range s.blocks {
		if first := time.UnixMicro(s.blocks[i].first); t.IsZero() || first.Before(t) {
			t = first
		}
	}
	return t
}

func (s *survey) count() (n int64) {
	for i := range s.blocks {
		n += int64(s.blocks[i].count)
	}
	return n
}

// look finds the blocks of the file whose content is data by their heads. Only
// ErrKey, and what is not a segment at all, is an error of the whole.
func look(box *seal.Box, file string, data []byte) (*survey, error) {
	s := new(survey)
	id, torn, err := openHeader(box, file, data)
	if torn || err != nil {
		s.torn = torn
		return s, err
	}
	skipped := false // something damaged stands before what comes
	var next uint32  // the number that is to come
	for at := headerSize; at < len(data) && len(s.damage) < maxDamage; {
		number, h, ok := openFrame(box, id, data[at:])
		end := at + frameSize + int(h.body)
		if !ok || end > len(data) {
			behind := bytes.Index(data[at+1:], id[:])
			if behind < 0 && (ok || unfinished(id, data[at:])) {
				s.torn = true
				break
			}
			s.spoil(file, at, "a block is damaged")
			if behind < 0 {
				break
			}
			at, skipped = at+1+behind, true
			continue
		}
		if number < next || number > next && !skipped {
			s.spoil(file, at, fmt.Sprintf("block %d stands where block %d should", number, next))
		}
		if number >= next {
			s.blocks = append(s.blocks, block{head: h, file: file, id: id, number: number, at: int64(at + frameSize)})
			next = number + 1
		}
		at, skipped = end, false
	}
	return s, nil
}

func (s *survey) spoil(file string, at int, problem string) {
	s.damage = append(s.damage, &DamageError{file, int64(at), problem})
}

func openFrame(box *seal.Box, id fileID, data []byte) (number uint32, h head, ok bool) {
	if len(data) < frameSize || !bytes.Equal(data[:idSize], id[:]) {
		return 0, h, false
	}
	number = binary.BigEndian.Uint32(data[idSize:])
	plain, err := box.Open(data[idSize+4:frameSize], id.place(number, sealHead))
	if err != nil {
		return 0, h, false
	}
	h, ok = parseHead(plain)
	return number, h, ok
}

// unfinished reports whether data, the end of a file, is the start of a frame
// or the zeros that a file system leaves when the power fails.
func unfinished(id fileID, data []byte) bool {
	n := min(len(data), idSize)
	return len(data) < frameSize && bytes.Equal(data[:n], id[:n]) || len(bytes.Trim(data, "\x00")) == 0
}

// open returns block b before compression, from its sealed body.
func (b *block) open(box *seal.Box, u *unpacker, body []byte) ([]byte, error) {
	packed, err := box.Open(body, b.id.place(b.number, sealBody))
	if err != nil {
		return nil, b.damaged("the body of a block is damaged")
	}
	plain, err := u.plain(packed, int(b.plain))
	if err != nil {
		return nil, b.damaged(err.Error())
	}
	return plain, nil
}

func (b *block) damaged(problem string) error { return &DamageError{b.file, b.at, problem} }
