package audit

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/google/go-cmp/cmp"
)

// tamperings are what somebody who can write to the store, and has the secret
// that seals it, may do to 12 entries. Each says what has to be found.
func tamperings() map[string]struct {
	harm func(*bent, []Entry)
	want []What
	text string // in the first finding
} {
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	type tampering = struct {
		harm func(*bent, []Entry)
		want []What
		text string
	}
	return map[string]tampering{
		"an entry is deleted":  {func(b *bent, _ []Entry) { b.remove(5) }, []What{Gap}, "gap at 5: the entry is missing"},
		"the first is deleted": {func(b *bent, _ []Entry) { b.remove(1) }, []What{Gap}, "gap at 1: the entry is missing"},
		"three are deleted":    {func(b *bent, _ []Entry) { b.remove(5); b.remove(6); b.remove(7) }, []What{Gap}, "gap at 5: the entries 5 to 7 are missing"},
		"two are swapped": {func(b *bent, e []Entry) {
			b.data[entryID(5)], b.data[entryID(6)] = e[5].record(), e[4].record()
		}, []What{Changed, Changed}, "entry 6 stands in the place of entry 5"},
		"two are swapped and renumbered": {func(b *bent, e []Entry) {
			e[4].Sequence, e[5].Sequence = 6, 5
			b.put(b.rehash(e[4]))
			b.put(b.rehash(e[5]))
		}, []What{Fork, Fork, Fork}, "chain forks at 5: entry 5 does not follow the entry 4"},
		"one takes another's place": {func(b *bent, e []Entry) { b.data[entryID(5)] = e[3].record() }, []What{Changed}, "entry 4 stands in the place of entry 5"},
		"one is rehashed": {func(b *bent, e []Entry) { e[4].Result = Refused; b.put(b.rehash(e[4])) },
			[]What{Fork}, "chain forks at 6: entry 6 does not follow the entry 5 that is there"},
		"the last is rehashed": {func(b *bent, e []Entry) { e[11].Result = Refused; b.put(b.rehash(e[11])) },
			[]What{Fork}, "chain forks at 12: the head was made for another entry 12"},
		"the chain is made anew from 5 on": {func(b *bent, e []Entry) { remake(b, e, 5) },
			[]What{Fork}, "chain forks at 12: the head was made for another entry 12"},
		"the chain is made anew and signed with another key": {func(b *bent, e []Entry) { b.head(signed(remake(b, e, 5), other)) },
			[]What{BadSignature}, "the signature of the head does not match the key"},
		"the head is signed with another key": {func(b *bent, e []Entry) { b.head(signed(e[11], other)) },
			[]What{BadSignature}, "the signature of the head does not match the key"},
		"an entry is put between": {func(b *bent, e []Entry) {
			for _, one := range e[5:] {
				one.Sequence++
				b.put(b.rehash(one))
			}
			more := full(99)
			more.Sequence, more.Previous = 6, e[4].Hash
			b.put(b.rehash(more))
		}, []What{Fork, Fork, Fork, Fork, Fork, Fork, Fork, Fork}, "chain forks at 7"},
		"an entry is put before the first": {func(b *bent, e []Entry) {
			e[0].Previous[0] = 1
			b.put(b.rehash(e[0]))
		}, []What{Fork, Fork}, "chain forks at 1"},
		"the last three are cut off": {func(b *bent, _ []Entry) { b.remove(10); b.remove(11); b.remove(12) },
			[]What{Gap}, "gap at 10: the entries 10 to 12 are missing: the head is at 12"},
		"the head goes back": {func(b *bent, e []Entry) { b.head(signed(e[8], testKey)) },
			[]What{HeadWrong}, "the head was put back: it is at 9, and the entries go on to 12"},
		"the head is gone":       {func(b *bent, _ []Entry) { b.data[headID] = nil }, []What{HeadWrong}, "the head is missing, with 12 entries there"},
		"the head does not open": {func(b *bent, _ []Entry) { b.err[headID] = databroker.ErrTampered }, []What{Changed, HeadWrong}, "its head does not open"},
		"an entry does not open": {func(b *bent, _ []Entry) { b.err[entryID(7)] = databroker.ErrTampered }, []What{Changed}, "entry 7 does not open"},
		"the hash is changed": {func(b *bent, e []Entry) {
			e[6].Hash[3]++
			b.data[entryID(7)] = append(e[6].canonical(), e[6].Hash[:]...)
		}, []What{Changed}, "entry 7 was changed"},
		"a byte is changed": {func(b *bent, e []Entry) {
			data := e[6].record()
			data[bytes.Index(data, []byte("Lovelace"))] = 'l'
			b.data[entryID(7)] = data
		}, []What{Changed}, "entry 7 was changed: its content does not have the hash it carries"},
		"a foreign record lies there": {func(b *bent, _ []Entry) { b.data["7"] = []byte("x") }, []What{Changed}, `the record "7" is no entry`},
		"entries lie far ahead": {func(b *bent, e []Entry) {
			e[11].Sequence = 5000
			b.put(b.rehash(e[11]))
			b.put(Entry{Sequence: 12, Previous: e[10].Hash, Result: Done, Hash: e[11].Hash})
		}, nil, ""},
	}
}

// remake writes the entries from one on anew, with a change in the first.
func remake(b *bent, e []Entry, from int) Entry {
	previous := e[from-2].Hash
	for i, one := range e[from-1:] {
		if i == 0 {
			one.ObjectID = "d-other"
		}
		one.Previous = previous
		one = b.rehash(one)
		b.put(one)
		e[from-1+i], previous = one, one.Hash
	}
	return e[len(e)-1]
}

func TestEveryTamperingIsFound(t *testing.T) {
	t.Parallel()
	for name, tc := range tamperings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bend(newDial(t)())
			tc.harm(b, fill(t, newLog(t, b), 12))
			r := verified(t, b)
			var got []What
			for _, f := range r.Findings {
				got = append(got, f.What)
			}
			if tc.want == nil {
				if r.Intact() {
					t.Error("nothing is found")
				}
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Fatalf("(-want +got):\n%s\n%+v", diff, r.Findings)
			}
			if !strings.Contains(r.Findings[0].Text, tc.text) {
				t.Errorf("it says %q, want %q", r.Findings[0].Text, tc.text)
			}
		})
	}
}

// TestEveryEditIsFound edits each field of an entry, with its old hash and with
// a new one, in the middle and at the end.
func TestEveryEditIsFound(t *testing.T) {
	t.Parallel()
	b := newDial(t)()
	fill(t, newLog(t, b), 3)
	lines := collect(t, Export(t.Context(), b))
	edits := variants()
	delete(edits, "as it is")
	for name := range edits {
		for _, at := range []int{1, 2} {
			edited := slices.Clone(lines)
			before := *lines[at].Entry
			// The edit of the variant is done to what is there.
			base, variant := full(1), edits[name]
			e := before
			for i, s := range e.texts() {
				if *variant.texts()[i] != *base.texts()[i] {
					*s = *variant.texts()[i] + "!"
				}
			}
			if variant.Sequence != base.Sequence {
				e.Sequence++
			}
			if variant.Previous != base.Previous {
				e.Previous[31]++
			}
			if !variant.Time.Equal(base.Time) {
				e.Time = e.Time.Add(variant.Time.Sub(base.Time))
			}
			if !cmp.Equal(variant.Details, base.Details) {
				e.Details = variant.Details
			}
			for _, rehash := range []bool{false, true} {
				if rehash {
					e.Hash = e.sum()
				}
				edited[at] = Line{Entry: &e}
				r, err := Verify(ranged(edited), testKey.Public().(ed25519.PublicKey), nil)
				if err != nil || r.Intact() {
					t.Errorf("%s of entry %d (new hash: %v): nothing is found (%v)", name, at+1, rehash, err)
				}
			}
		}
	}
}

func ranged(lines []Line) func(func(Line, error) bool) {
	return func(yield func(Line, error) bool) {
		for _, l := range lines {
			if !yield(l, nil) {
				return
			}
		}
	}
}

// TestARecordThatWasWrittenTwiceIsFound goes by the broker itself, as somebody
// who has its socket would.
func TestARecordThatWasWrittenTwiceIsFound(t *testing.T) {
	t.Parallel()
	for _, remove := range []bool{false, true} {
		c := newDial(t)()
		e := fill(t, newLog(t, c), 3)[1]
		if remove {
			if err := c.Remove(t.Context(), typeEntry, entryID(2)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := c.Put(t.Context(), databroker.Write{Type: typeEntry, ID: entryID(2), Data: e.record(), Overwrite: true})
		if err != nil {
			t.Fatal(err)
		}
		r := verified(t, c)
		if len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Text, "entry 2 was written") {
			t.Errorf("removed first: %v: %+v", remove, r.Findings)
		}
	}
}

// TestAStoreThatWasPutBackIsFoundByTheHeadsOfTheLog has somebody exchange the
// whole store: by itself it is intact.
func TestAStoreThatWasPutBackIsFoundByTheHeadsOfTheLog(t *testing.T) {
	t.Parallel()
	b := bend(newDial(t)())
	e := fill(t, newLog(t, b), 12)
	kept := []KnownHead{{signed(e[3], testKey), "line 4 of cardea.log"}, {signed(e[11], testKey), "line 12 of cardea.log"}, {signed(e[10], testKey), ""}}
	if r := verified(t, b, kept...); !r.Intact() {
		t.Fatalf("%+v", r.Findings)
	}
	b.head(signed(e[9], testKey))
	b.remove(11)
	b.remove(12)
	if r := verified(t, b); !r.Intact() || r.Head.Sequence != 10 {
		t.Errorf("put back to 10, without the log: %+v; docs/audit.md says that it cannot be seen", r)
	}
	r := verified(t, b, kept...)
	if len(r.Findings) != 1 || r.Findings[0].What != CutOff ||
		r.Findings[0].Text != "the audit was cut off or put back: it ends at 10, the head in line 12 of cardea.log is of entry 12" {
		t.Errorf("put back to 10, with the log: %+v", r.Findings)
	}
	b.head(signed(remake(b, e, 3), testKey))
	if r := verified(t, b); !r.Intact() {
		t.Errorf("made anew with the key, without the log: %+v", r)
	}
	r = verified(t, b, kept...)
	if len(r.Findings) != 1 || r.Findings[0].What != Rewritten ||
		r.Findings[0].Text != "the audit was rewritten: entry 4 is another one than that of the head in line 4 of cardea.log" {
		t.Errorf("made anew with the key, with the log: %+v", r.Findings)
	}
	for n := range uint64(12) {
		b.remove(n + 1)
	}
	b.data[headID] = nil
	if r := verified(t, b, kept...); len(r.Findings) != 1 || r.Findings[0].What != CutOff {
		t.Errorf("emptied, with the log: %+v", r.Findings)
	}
}

func TestFindingsAreBounded(t *testing.T) {
	t.Parallel()
	lines := make([]Line, maxFindings+5)
	for i := range lines {
		lines[i] = Line{Problem: &Problem{Text: "x"}}
	}
	r, err := Verify(ranged(lines), nil, nil)
	if err != nil || len(r.Findings) != maxFindings || r.More != 6 {
		t.Errorf("%d findings and %d more, %v", len(r.Findings), r.More, err)
	}
}

func TestAnExportIsVerifiedElsewhere(t *testing.T) {
	t.Parallel()
	b := newDial(t)()
	l := newLog(t, b)
	fill(t, l, 5)
	var out bytes.Buffer
	if err := WriteLines(&out, l.Export(t.Context())); err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(KeyText(l.PublicKey()))
	if err != nil {
		t.Fatal(err)
	}
	text := out.String()
	of := strings.SplitAfter(text, "\n")
	for _, tc := range []struct {
		name, text string
		want       []What
	}{
		{"as it is", text, nil},
		{"without its last line end", strings.TrimSuffix(text, "\n"), nil},
		{"without its head", strings.Join(of[:5], ""), []What{HeadWrong}},
		{"a line is missing", of[0] + strings.Join(of[2:], ""), []What{Gap}},
		{"a line twice", of[0] + text, []What{Order}},
		{"two lines swapped", of[1] + of[0] + strings.Join(of[2:], ""), []What{Gap, Order}},
		{"a name changed", strings.Replace(text, "Ada Lovelace", "Eve Lovelace", 1), []What{Changed}},
		{"a space", strings.Replace(text, `{"entry":`, `{"entry": `, 1), []What{Changed, Gap}},
		{"a second result", strings.Replace(text, `"result":"done"`, `"result":"failed","result":"done"`, 1), []What{Changed, Gap}},
		{"another case of a name", strings.Replace(text, `"result":`, `"RESULT":`, 1), []What{Changed, Gap}},
		{"an escape", strings.Replace(text, "Ada", `\u0041da`, 1), []What{Changed, Gap}},
		{"another zone", strings.Replace(text, `"time":"2026-11-25T19:30:01.123Z"`, `"time":"2026-11-25T20:30:01.123+01:00"`, 1), []What{Changed, Gap}},
		{"an unknown name", strings.Replace(text, `{"entry":{`, `{"entry":{"x":1,`, 1), []What{Changed, Gap}},
		{"something behind", text + of[0], []What{Order}},
		{"a long line", text[:len(text)-len(of[5])] + strings.Repeat("x", maxLogLine+1) + "\n" + of[5], []What{Changed}},
		{"nothing", "", []What{HeadWrong}},
	} {
		r, err := Verify(ReadLines(strings.NewReader(tc.text)), key, nil)
		var got []What
		for _, f := range r.Findings {
			got = append(got, f.What)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tc.name, err, diff)
		}
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32)).Public().(ed25519.PublicKey)
	if r, err := Verify(ReadLines(strings.NewReader(text)), other, nil); err != nil || len(r.Findings) != 1 || r.Findings[0].What != BadSignature {
		t.Errorf("with another key: %+v, %v", r.Findings, err)
	}
}

func TestParseHead(t *testing.T) {
	t.Parallel()
	h := signed(Entry{Sequence: 7, Hash: Hash{1, 2}}, testKey)
	got, err := ParseHead(h.String())
	if err != nil || got.Sequence != 7 || got.Hash != h.Hash {
		t.Errorf("ParseHead(%q) = %+v, %v", h.String(), got, err)
	}
	for _, text := range []string{"", "7", "7 ab", "0 " + h.Hash.String(), "-1 " + h.Hash.String(), "7 " + h.Hash.String() + " 8", "x " + h.Hash.String()} {
		if _, err := ParseHead(text); err == nil {
			t.Errorf("ParseHead(%q) is no error", text)
		}
	}
	for _, text := range []string{"", "AAAA", KeyText(testKey.Public().(ed25519.PublicKey)) + "A"} {
		if _, err := ParseKey(text); err == nil {
			t.Errorf("ParseKey(%q) is no error", text)
		}
	}
}

// TestAnExportDuringAppendsIsIntact has others append while it is read.
func TestAnExportDuringAppendsIsIntact(t *testing.T) {
	t.Parallel()
	b := newDial(t)()
	l := newLog(t, b)
	fill(t, l, 20)
	entries := 0
	r, err := Verify(func(yield func(Line, error) bool) {
		for line, err := range Export(t.Context(), b) {
			if line.Entry != nil && line.Entry.Sequence <= 23 {
				entries++
				fill(t, l, 1)
			}
			if !yield(line, err) {
				return
			}
		}
	}, l.PublicKey(), nil)
	if err != nil || !r.Intact() || len(r.Remarks) > 0 || r.Entries < 40 {
		t.Errorf("%+v, %v, after %d appends", r, err, entries)
	}
}
