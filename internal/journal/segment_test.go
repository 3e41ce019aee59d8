package journal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/internal/seal"
)

// frames returns where the blocks of a whole segment start, and its end.
func frames(t testing.TB, data []byte) []int {
	t.Helper()
	s, err := look(seal.NewBox(testKey), "whole", data)
	if err != nil || s.torn || len(s.damage) > 0 {
		t.Fatalf("the segment is not whole: %v, %v, torn %v", err, s.damage, s.torn)
	}
	var at []int
	for _, b := range s.blocks {
		at = append(at, int(b.at)-frameSize)
	}
	return append(at, len(data))
}

func TestATornEndIsNotedAndTheRestIsRead(t *testing.T) {
	t.Parallel()
	whole := load(t, segmentOf(t, 2, 2, 2))
	at := frames(t, whole)
	for size := 1; size < len(whole); size++ {
		want := 0
		for want < 3 && at[want+1] <= size {
			want++
		}
		r, err := OpenReader(saved(t, whole[:size]), testKey)
		if err != nil {
			t.Fatalf("%d of %d bytes: %v", size, len(whole), err)
		}
		got, err := Collect(r.Read(t.Context(), time.Time{}))
		if err != nil || len(got) != 2*want {
			t.Errorf("%d of %d bytes: %d entries, %v, want %d", size, len(whole), len(got), err, 2*want)
		}
		if torn := !slices.Contains(at, size); torn != (len(r.Notes()) == 1) {
			t.Errorf("%d of %d bytes: notes %q", size, len(whole), r.Notes())
		}
	}
	r, err := OpenReader(saved(t, append(whole, make([]byte, 5000)...)), testKey)
	if err != nil || len(r.Notes()) != 1 || len(r.view.damage) > 0 {
		t.Errorf("zeros at the end: %v, notes %q, damage %v", err, r.Notes(), r.view.damage)
	}
}

// Whatever byte is changed, it is said, no entry reads as another, and only
// the entries of that block are missing.
func TestAChangedByteIsSaidAndSparesTheOtherBlocks(t *testing.T) {
	t.Parallel()
	path := segmentOf(t, 2, 2, 2)
	whole := load(t, path)
	at := frames(t, whole)
	all, err := read(t, path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		changed := slices.Clone(whole)
		changed[i] ^= 1 << (i % 8)
		got, err := read(t, saved(t, changed))
		if i < headerSize {
			if err == nil || len(got) > 0 {
				t.Errorf("byte %d of the header changed: %d entries, %v", i, len(got), err)
			}
			continue
		}
		hit := slices.IndexFunc(at, func(start int) bool { return start > i }) - 1
		want := slices.Delete(slices.Clone(all), 2*hit, 2*hit+2)
		if diff := same(want, got); diff != "" || !isDamage(err) {
			t.Errorf("byte %d, in block %d, changed: %v (-want +got):\n%s", i, hit, err, diff)
		}
	}
}

func TestBlocksOpenOnlyWhereTheyWereWritten(t *testing.T) {
	t.Parallel()
	a, b := load(t, segmentOf(t, 1, 1, 1)), load(t, segmentOf(t, 1, 1, 1))
	at := frames(t, a)
	if !slices.Equal(at, frames(t, b)) {
		t.Fatal("the two segments differ in form: the cases below mean nothing")
	}
	head := a[:at[0]]
	block := func(of []byte, n int) []byte { return of[at[n]:at[n+1]] }
	renumbered := slices.Clone(block(a, 2))
	renumbered[idSize+3] = 1
	foreign := slices.Concat(a[at[1]:at[1]+idSize], block(b, 1)[idSize:])
	otherBody := slices.Concat(block(a, 1)[:frameSize], block(a, 2)[frameSize:])
	for _, tc := range []struct {
		name   string
		blocks [][]byte
		want   string // the entries, in their order
		say    string
	}{
		{"as they were written", [][]byte{block(a, 0), block(a, 1), block(a, 2)}, "0 1 2", ""},
		{"two swapped", [][]byte{block(a, 1), block(a, 0), block(a, 2)}, "1 2", "block 1 stands where block 0 should"},
		{"one left out at the start", [][]byte{block(a, 1), block(a, 2)}, "1 2", "block 1 stands where block 0 should"},
		{"one left out in the middle", [][]byte{block(a, 0), block(a, 2)}, "0 2", "block 2 stands where block 1 should"},
		{"one twice", [][]byte{block(a, 0), block(a, 0), block(a, 1)}, "0 1", "block 0 stands where block 1 should"},
		{"another number", [][]byte{block(a, 0), renumbered, block(a, 2)}, "0 2", "a block is damaged"},
		{"one of another file", [][]byte{block(a, 0), block(b, 1), block(a, 2)}, "0 2", "a block is damaged"},
		{"one of another file under this one's id", [][]byte{block(a, 0), foreign, block(a, 2)}, "0 2", "a block is damaged"},
		{"the body of another", [][]byte{block(a, 0), otherBody, block(a, 2)}, "0 2", "the body of a block is damaged"},
		{"something between", [][]byte{block(a, 0), []byte("something"), block(a, 1)}, "0 1", "a block is damaged"},
		{"something behind", [][]byte{block(a, 0), []byte("something")}, "0", "a block is damaged"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			path := saved(t, append(slices.Clone(head), bytes.Join(tc.blocks, nil)...))
			got, err := read(t, path)
			var want []string
			for n := range strings.FieldsSeq(tc.want) {
				want = append(want, "request-000"+n)
			}
			if diff := cmp.Diff(want, ids(got)); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if (err == nil) != (tc.say == "") || err != nil && (!strings.Contains(err.Error(), tc.say) || !strings.Contains(err.Error(), path)) {
				t.Errorf("error %v, want %q and the file", err, tc.say)
			}
		})
	}
}

func TestAnotherKeyIsOneClearSentence(t *testing.T) {
	t.Parallel()
	path := segmentOf(t, 1)
	_, err := OpenReader(path, seal.Derive([]byte("another root secret of 32 bytes!"), "journal"))
	if !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
		t.Errorf("OpenReader = %v, want ErrKey in one line with the file", err)
	}
}

func TestWhatIsNoSegmentIsRefused(t *testing.T) {
	t.Parallel()
	later := load(t, segmentOf(t, 1))
	later[len(magic)] = 9
	for _, tc := range []struct {
		name string
		data []byte
		want string
	}{
		{"text", []byte("decisions:\n- a\n"), "not a segment"},
		{"another form", later, "form 9"},
		{"too long", make([]byte, maxSegment+1), "longer than"},
	} {
		if _, err := OpenReader(saved(t, tc.data), testKey); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: OpenReader = %v, want %q", tc.name, err, tc.want)
		}
	}
	for path, want := range map[string]string{t.TempDir(): "holds no file", "/nowhere": "no such file", "/dev/null": "neither"} {
		if _, err := OpenReader(path, testKey); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: OpenReader = %v, want %q", path, err, want)
		}
	}
}

// A file full of what looks like blocks must not be looked through for ever.
func TestAFileMadeToBeExpensiveIsGivenUp(t *testing.T) {
	t.Parallel()
	whole := load(t, segmentOf(t, 1))
	id := whole[magicSize : magicSize+idSize]
	data := append(whole[:headerSize:headerSize], bytes.Repeat(id, 100_000)...)
	s, err := look(seal.NewBox(testKey), "f", data)
	if err != nil || len(s.damage) != maxDamage {
		t.Errorf("%d places are damaged, %v, want %d", len(s.damage), err, maxDamage)
	}
}

// A block may be sealed with the right key and still not be one of ours.
func TestABlockIsCheckedBehindItsSeal(t *testing.T) {
	t.Parallel()
	u := newUnpacker()
	defer u.close()
	p := newPacker()
	p.plain = make([]byte, maxPlain+1)
	bomb := slices.Clone(p.packed(nil))
	for _, size := range []int{0, 1, 1000, maxPlain, maxPlain + 1, 1<<32 - 1} {
		if _, err := u.plain(bomb, size); err == nil {
			t.Errorf("a block of %d bytes opened as one of %d", maxPlain+1, size)
		}
	}
	for name, plain := range map[string]string{
		"unknown part":         "x\x02{}",
		"no length":            "e",
		"length without end":   "e\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"length beyond":        "e\x03{}",
		"huge length":          "e\xff\xff\xff\xff\xff\xff\xff\xff\x7f{}",
		"not JSON":             "e\x01{",
		"unknown key":          "e\x07{\"a\":1}",
		"two values":           "e\x04{}{}",
		"person that is none":  "p\x01[",
		"person not there":     fmt.Sprintf("e%c%s", 19, `{"person":{"at":0}}`),
		"person below zero":    "p\x02{}" + fmt.Sprintf("e%c%s", 20, `{"person":{"at":-1}}`),
		"person without place": "p\x02{}" + fmt.Sprintf("e%c%s", 13, `{"person":{}}`),
	} {
		if got, err := entries([]byte(plain), nil); err == nil {
			t.Errorf("%s: read %+v, want an error", name, got)
		}
	}
}

// FuzzSegment changes a segment: whatever comes, nothing panics and no entry is
// read that was not written.
func FuzzSegment(f *testing.F) {
	whole := load(f, segmentOf(f, 2, 1, 3))
	known := make(map[string]bool)
	for i := range 6 {
		known[simple(i).RequestID] = true
	}
	f.Add(uint16(headerSize), []byte{0}, uint16(1))
	f.Add(uint16(len(whole)), whole[headerSize:], uint16(0))
	f.Add(uint16(100), []byte(nil), uint16(300))
	f.Fuzz(func(t *testing.T, at uint16, put []byte, cut uint16) {
		from := min(int(at), len(whole))
		data := slices.Concat(whole[:from], put, whole[min(from+int(cut), len(whole)):])
		got, err := read(t, saved(t, data))
		seen := make(map[string]bool)
		for _, id := range ids(got) {
			if !known[id] || seen[id] {
				t.Errorf("read %q, which was not written, or twice", id)
			}
			seen[id] = true
		}
		if err == nil && len(got) == 6 && len(data) < len(whole) {
			t.Error("everything was read from less than was written")
		}
	})
}

// FuzzBlock reads what stands behind a seal.
func FuzzBlock(f *testing.F) {
	p := newPacker()
	for _, e := range []*Entry{full(), simple(1)} {
		e.Person = person("a@example.com", nil)
		if err := p.add(e); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(slices.Clone(p.plain), p.packed(nil), uint32(len(p.plain)))
	f.Add([]byte("p\x02{}e\x02{}"), []byte(nil), uint32(0))
	f.Fuzz(func(t *testing.T, plain, packed []byte, size uint32) {
		if out, err := func() ([]byte, error) { u := newUnpacker(); defer u.close(); return u.plain(packed, int(size)) }(); err == nil && len(out) != int(size) {
			t.Errorf("%d bytes came out, want %d", len(out), size)
		}
		got, err := entries(plain, nil)
		if err != nil {
			return
		}
		again := newPacker()
		for i := range got {
			if err := again.add(&got[i]); err != nil {
				return // such as a time that JSON cannot say
			}
		}
		back, err := entries(again.plain, nil)
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if diff := same(got, back); diff != "" {
			t.Errorf("read, written and read again (-first +second):\n%s", diff)
		}
	})
}
