package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

func TestAnEmptyAuditIsIntact(t *testing.T) {
	t.Parallel()
	b := newDial(t)()
	wantIntact(t, b, 0)
	page, err := newLog(t, b).Read(t.Context(), Query{})
	if err != nil || len(page.Rows) != 0 || page.Total != 0 || page.Next != 0 {
		t.Errorf("Read = %+v, %v", page, err)
	}
}

func TestEntriesFollowEachOther(t *testing.T) {
	t.Parallel()
	b := newDial(t)()
	l := newLog(t, b)
	entries := fill(t, l, 3)
	var previous Hash
	for i, e := range entries {
		if e.Sequence != uint64(i+1) || e.Previous != previous || e.Hash != e.sum() {
			t.Errorf("entry %d is %+v", i+1, e)
		}
		previous = e.Hash
		stored, err := l.Entry(t.Context(), e.Sequence)
		if diff := cmp.Diff(e, stored); diff != "" || err != nil {
			t.Errorf("stored %v (-appended +stored):\n%s", err, diff)
		}
	}
	h, err := l.Head(t.Context())
	if err != nil || h.Sequence != 3 || h.Hash != previous || !h.SignedBy(l.PublicKey()) {
		t.Errorf("Head = %+v, %v", h, err)
	}
	wantIntact(t, b, 3)
}

func TestWhatCannotBeAnEntryIsRefused(t *testing.T) {
	t.Parallel()
	l := newLog(t, newDial(t)())
	for name, spoil := range map[string]func(*Entry){
		"an action of another form":   func(e *Entry) { e.Action = "RevokeSession" },
		"no action":                   func(e *Entry) { e.Action = "" },
		"no result":                   func(e *Entry) { e.Result = "" },
		"another result":              func(e *Entry) { e.Result = "perhaps" },
		"no change":                   func(e *Entry) { e.Change = "" },
		"no way":                      func(e *Entry) { e.Actor.Via = "" },
		"a time that no calendar has": func(e *Entry) { e.Time = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		e := full(1)
		spoil(&e)
		if _, err := l.Append(t.Context(), e); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: Append = %v, want ErrInvalid", name, err)
		}
	}
}

// TestHostileTextIsCut appends what people can put into their claims: it must
// neither fail nor grow the audit without bound.
func TestHostileTextIsCut(t *testing.T) {
	t.Parallel()
	b := newDial(t)()
	l := newLog(t, b)
	e := full(1)
	e.Actor.Name = strings.Repeat("ä", MaxText)
	e.ObjectID = "\xff\x00\n\u202e"
	e.Details = map[string]string{"long": strings.Repeat("x", MaxText+1), strings.Repeat("n", 100): "\xc3\x28"}
	for i := range 40 {
		e.Details[fmt.Sprintf("z%02d", i)] = "v"
	}
	got, err := l.Append(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.check(); err != nil {
		t.Error(err)
	}
	if len(got.Actor.Name) > MaxText || !strings.HasSuffix(got.Actor.Name, "ä…") || got.ObjectID != "\uFFFD\x00\n\u202e" {
		t.Errorf("cut to %q and %q", got.Actor.Name, got.ObjectID)
	}
	if len(got.Details) != MaxDetails || got.Details["…"] != "27 more" || len(got.Details["long"]) != MaxText {
		t.Errorf("details %q", got.Details)
	}
	wantIntact(t, b, 1)
}

// TestManyWriters appends from four logs on two clients, with two goroutines
// each, as replicas do.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	const each = 25
	dial := newDial(t)
	clients := []*databroker.Client{dial(), dial()}
	var writers sync.WaitGroup
	var mu sync.Mutex
	got := map[uint64]string{}
	for i := range 4 {
		l := newLog(t, clients[i%2])
		for j := range 2 {
			writers.Go(func() {
				for n := range each {
					e := full(n)
					e.Change = fmt.Sprintf("writer %d/%d, %d", i, j, n)
					e, err := l.Append(t.Context(), e)
					mu.Lock()
					if err != nil || got[e.Sequence] != "" {
						t.Errorf("writer %d/%d: entry %d (before: %q), %v", i, j, e.Sequence, got[e.Sequence], err)
					}
					got[e.Sequence] = e.Change
					mu.Unlock()
				}
			})
		}
	}
	writers.Wait()
	wantIntact(t, clients[0], 8*each)
	l := newLog(t, clients[1])
	for n := range uint64(8 * each) {
		if e, err := l.Entry(t.Context(), n+1); err != nil || e.Change != got[n+1] {
			t.Errorf("entry %d is %q, its writer was told %q; %v", n+1, e.Change, got[n+1], err)
		}
	}
}

// A faulty broker fails its writes of one type from a number on, before or after
// they are made.
type faulty struct {
	Broker
	mu    sync.Mutex
	typ   string
	after bool // the write is made, and its answer lost
	left  int  // writes that succeed; then one fails
	fails int
}

var errCut = errors.New("the connection is gone")

func (f *faulty) Put(ctx context.Context, w databroker.Write) (uint64, error) {
	f.mu.Lock()
	fail := false
	if w.Type == f.typ {
		fail = f.left <= 0 && f.fails > 0
		if f.left--; fail {
			f.fails--
		}
	}
	f.mu.Unlock()
	if fail && !f.after {
		return 0, errCut
	}
	v, err := f.Broker.Put(ctx, w)
	if fail {
		return 0, errCut
	}
	return v, err
}

func TestAWriterIsStopped(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		typ    string
		after  bool
		orphan bool   // the entry waits for its head
		want   uint64 // entries after somebody else has appended one
	}{
		{"before the entry is written", typeEntry, false, false, 3},
		{"after the entry, before the head", typeEntry, true, true, 4},
		{"at the head", typeHead, false, true, 4},
		{"after the head", typeHead, true, false, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dial := newDial(t)
			b := dial()
			l := newLog(t, &faulty{Broker: b, typ: tc.typ, after: tc.after, left: 2, fails: 1})
			fill(t, l, 2)
			lost := full(3)
			lost.Change = "lost"
			if _, err := l.Append(t.Context(), lost); !errors.Is(err, errCut) {
				t.Fatalf("Append = %v, want the fault: what cannot be written must not be done", err)
			}
			r := verified(t, b)
			if !r.Intact() || tc.orphan != (len(r.Remarks) == 1) {
				t.Errorf("after the fault: %+v", r)
			}
			next, err := newLog(t, dial()).Append(t.Context(), full(4))
			if err != nil || next.Sequence != tc.want {
				t.Errorf("the next writer got entry %d, %v", next.Sequence, err)
			}
			wantIntact(t, b, tc.want)
			if e, err := l.Entry(t.Context(), 3); tc.want == 4 && (err != nil || e.Change != "lost") {
				t.Errorf("entry 3 is %q, %v", e.Change, err)
			}
		})
	}
}

// TestAnEntryWhoseAnswerWasLostIsNotWrittenTwice appends where the broker says
// "conflict" about our own write, as after a retry underneath.
func TestAnEntryWhoseAnswerWasLostIsNotWrittenTwice(t *testing.T) {
	t.Parallel()
	b := newDial(t)()
	l := newLog(t, twice{b})
	for n := range uint64(3) {
		if e, err := l.Append(t.Context(), full(int(n))); err != nil || e.Sequence != n+1 {
			t.Errorf("Append = entry %d, %v", e.Sequence, err)
		}
	}
	wantIntact(t, b, 3)
}

// twice writes everything twice and tells of the second time.
type twice struct{ Broker }

func (b twice) Put(ctx context.Context, w databroker.Write) (uint64, error) {
	if _, err := b.Broker.Put(ctx, w); err != nil {
		return 0, err
	}
	return b.Broker.Put(ctx, w)
}

func TestNothingIsAppendedToABrokenChain(t *testing.T) {
	t.Parallel()
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	for name, tc := range map[string]struct {
		harm func(*bent, []Entry)
		// reads: what can be read of it can be read; remembers: only the process
		// that saw its head before can tell.
		reads, remembers bool
	}{
		"the head went back":         {func(b *bent, e []Entry) { b.head(signed(e[1], testKey)) }, true, false},
		"the head is gone":           {func(b *bent, _ []Entry) { b.data[headID] = nil }, true, false},
		"it was cut off":             {func(b *bent, e []Entry) { b.head(signed(e[1], testKey)); b.remove(3); b.remove(4) }, true, true},
		"the head does not open":     {func(b *bent, _ []Entry) { b.err[headID] = databroker.ErrTampered }, false, false},
		"the head is nonsense":       {func(b *bent, _ []Entry) { b.data[headID] = []byte("head") }, false, false},
		"another key signed it":      {func(b *bent, e []Entry) { b.head(signed(e[3], other)) }, false, false},
		"it names another entry":     {func(b *bent, e []Entry) { e[3].Hash[0]++; b.head(signed(e[3], testKey)) }, true, true},
		"a foreign entry lies ahead": {func(b *bent, e []Entry) { ahead(t, b.Broker, e[0]) }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bend(newDial(t)())
			l := newLog(t, b)
			tc.harm(b, fill(t, l, 4))
			foreign := name == "a foreign entry lies ahead"
			if _, err := l.Append(t.Context(), full(5)); !errors.Is(err, ErrBroken) {
				t.Errorf("Append = %v, want ErrBroken", err)
			}
			if _, err := l.Read(t.Context(), Query{}); errors.Is(err, ErrBroken) == foreign {
				t.Errorf("Read = %v", err)
			}
			fresh := newLog(t, b)
			if _, err := fresh.Read(t.Context(), Query{}); (err == nil) != tc.reads {
				t.Errorf("after a restart, Read = %v", err)
			}
			if _, err := fresh.Append(t.Context(), full(5)); !tc.remembers && !errors.Is(err, ErrBroken) {
				t.Errorf("after a restart, Append = %v", err)
			}
		})
	}
}

// ahead writes an entry 5 that does not follow entry 4.
func ahead(t *testing.T, b Broker, e Entry) {
	e.Sequence = 5
	_, err := b.Put(t.Context(), databroker.Write{Type: typeEntry, ID: entryID(5), Data: e.record()})
	if err != nil {
		t.Fatal(err)
	}
}

func TestChange(t *testing.T) {
	t.Parallel()
	b := newDial(t)()
	l := newLog(t, b)
	e := full(0)
	e.Details = map[string]string{"count": "?"}
	ok := l.Change(t.Context(), e, func(_ context.Context, d map[string]string) error { d["count"] = "3"; return nil })
	no := errors.New("the disk is full")
	failed := l.Change(t.Context(), e, func(context.Context, map[string]string) error { return no })
	if ok != nil || !errors.Is(failed, no) {
		t.Errorf("Change = %v and %v", ok, failed)
	}
	if err := l.Refuse(t.Context(), e); err != nil {
		t.Error(err)
	}
	type seen struct {
		Result  Result
		Details map[string]string
	}
	var got []seen
	var changes []string
	for _, line := range collect(t, l.Export(t.Context())) {
		if line.Entry != nil {
			got, changes = append(got, seen{line.Entry.Result, line.Entry.Details}), append(changes, line.Entry.Change)
		}
	}
	want := []seen{
		{Begun, map[string]string{"count": "?"}}, {Done, map[string]string{"count": "3"}},
		{Begun, map[string]string{"count": "?"}}, {Failed, map[string]string{"count": "?", "problem": "the disk is full"}},
		{Refused, map[string]string{"count": "?"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if changes[0] != changes[1] || changes[1] == changes[2] || changes[2] != changes[3] || changes[3] == changes[4] {
		t.Errorf("changes %q", changes)
	}
}

func TestNoChangeWithoutAnEntry(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{typeEntry, typeHead} {
		l := newLog(t, &faulty{Broker: newDial(t)(), typ: typ, fails: 1})
		err := l.Change(t.Context(), full(0), func(context.Context, map[string]string) error {
			t.Errorf("%s: the change is made though its entry is not written", typ)
			return nil
		})
		if !errors.Is(err, errCut) {
			t.Errorf("%s: Change = %v", typ, err)
		}
	}
}

func TestAChangeWhoseEndIsNotWrittenIsMade(t *testing.T) {
	t.Parallel()
	b := newDial(t)()
	l := newLog(t, &faulty{Broker: b, typ: typeEntry, left: 1, fails: 1})
	if err := l.Change(t.Context(), full(0), func(context.Context, map[string]string) error { return nil }); err != nil {
		t.Errorf("Change = %v, and it was made", err)
	}
	page, err := newLog(t, b).Read(t.Context(), Query{})
	if err != nil || len(page.Rows) != 1 || page.Rows[0].Outcome != Begun || page.Rows[0].End != 0 {
		t.Errorf("Read = %+v, %v: want one change without an end", page, err)
	}
}

// TestHeadsAreInTheLog reads them back out of what the program writes, with
// something in front of each line and other lines between.
func TestHeadsAreInTheLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := newDial(t)()
	log := zerolog.New(&out).Level(zerolog.ErrorLevel)
	l, err := New(Options{Broker: b, Key: testKey, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if _, err := l.Append(t.Context(), full(n)); err != nil {
			t.Fatal(err)
		}
		out.WriteString("\nnoise {\"message\":\"audit head\n" + `{"message":"decision","path":"/{\"message\":\"audit head\"}"}` + "\n" + strings.Repeat("audit head{", 1<<18) + "\n")
	}
	text := "2026-11-25 host cardea[1]: " + out.String()
	heads, findings, err := ReadLog(strings.NewReader(text), "cardea.log", l.PublicKey())
	if err != nil || len(findings) > 0 || len(heads) != 3 || heads[1].From != "line 6 of cardea.log" || heads[2].Sequence != 3 {
		t.Fatalf("ReadLog = %+v, %+v, %v", heads, findings, err)
	}
	if r := verified(t, b, heads...); !r.Intact() {
		t.Errorf("%+v", r.Findings)
	}
	forged := strings.Replace(text, `"audit_sequence":2`, `"audit_sequence":9`, 1)
	heads, findings, err = ReadLog(strings.NewReader(forged), "cardea.log", l.PublicKey())
	if err != nil || len(heads) != 2 || len(findings) != 1 || findings[0].What != BadSignature {
		t.Errorf("forged: ReadLog = %d heads, %+v, %v", len(heads), findings, err)
	}
}

func TestAChangeIsNotBrokenOff(t *testing.T) {
	t.Parallel()
	l := newLog(t, newDial(t)())
	ctx, leave := context.WithCancel(t.Context())
	err := l.Change(ctx, full(0), func(ctx context.Context, _ map[string]string) error {
		leave()
		return ctx.Err()
	})
	if err != nil {
		t.Errorf("the change was told that its caller has gone: %v", err)
	}
}
