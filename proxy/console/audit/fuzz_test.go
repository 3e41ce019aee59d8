package audit

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// FuzzVerifyExport has a stranger write an export: it is read as it is written,
// and is found intact only where its entries are the ones that were signed.
func FuzzVerifyExport(f *testing.F) {
	key := testKey.Public().(ed25519.PublicKey)
	e := full(1)
	e.Sequence = 1
	e.Hash = e.sum()
	h := signed(e, testKey)
	var good bytes.Buffer
	for _, l := range []Line{{Entry: &e}, {Head: &h}} {
		text, err := l.text()
		if err != nil {
			f.Fatal(err)
		}
		good.Write(text)
	}
	f.Add(good.String())
	f.Add(strings.Replace(good.String(), "Ada", "Eve", 1))
	f.Add(`{"problem":{"sequence":1,"text":"x"}}` + "\n{}\nnull\n")
	f.Fuzz(func(t *testing.T, text string) {
		var again bytes.Buffer
		if err := WriteLines(&again, ReadLines(strings.NewReader(text))); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(ReadLines(strings.NewReader(text)), key, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Intact() || r.Entries == 0 {
			return
		}
		// An intact export has one form. One entry may wait for its head.
		if again.String() != text && again.String() != text+"\n" {
			t.Errorf("%q is intact, and would be written %q", text, again.String())
		}
		if r.Head.Sequence > 0 && (r.Head.Hash != e.Hash || !strings.HasPrefix(text, good.String()[:strings.Index(good.String(), "\n")])) {
			t.Errorf("%q is intact, and nobody signed it", text)
		}
	})
}

// FuzzReadLog has a stranger write lines of a log: no head comes out of it that
// the key did not sign.
func FuzzReadLog(f *testing.F) {
	key := testKey.Public().(ed25519.PublicKey)
	var line bytes.Buffer
	h := signed(Entry{Sequence: 7, Hash: Hash{1}}, testKey)
	logHead(zerolog.New(&line), h)
	f.Add(line.String())
	f.Add("prefix " + line.String() + "{\"message\":\"audit head\"}\n{")
	f.Fuzz(func(t *testing.T, text string) {
		heads, _, err := ReadLog(strings.NewReader(text), "log", key)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range heads {
			if got.Sequence != h.Sequence || got.Hash != h.Hash {
				t.Errorf("%q holds the head %v", text, got.Head.String())
			}
		}
	})
}
