package audit

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/cardea-proxy/cardea/databroker"
)

func TestMend(t *testing.T) {
	t.Parallel()
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	put := func(t *testing.T, c *databroker.Client, typ, id string, data []byte) {
		t.Helper()
		if _, err := c.Put(t.Context(), databroker.Write{Type: typ, ID: id, Data: data, Overwrite: true}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		harm func(*testing.T, *databroker.Client, []Entry)
		want uint64 // number of the entry that tells of it
		left []What // findings that stay
	}{
		{"the head is nonsense", func(t *testing.T, c *databroker.Client, _ []Entry) {
			put(t, c, typeHead, headID, []byte("x"))
		}, 6, nil},
		{"another key signed it", func(t *testing.T, c *databroker.Client, e []Entry) {
			h := signed(e[4], other)
			put(t, c, typeHead, headID, h.record())
		}, 6, nil},
		{"something foreign lies ahead", func(t *testing.T, c *databroker.Client, _ []Entry) {
			put(t, c, typeEntry, entryID(6), []byte("x"))
		}, 7, []What{Changed}},
		{"an entry that does not follow lies ahead", func(t *testing.T, c *databroker.Client, e []Entry) {
			e[2].Sequence = 6
			put(t, c, typeEntry, entryID(6), e[2].record())
		}, 7, []What{Fork}},
		{"the head went back", func(t *testing.T, c *databroker.Client, e []Entry) {
			h := signed(e[2], testKey)
			put(t, c, typeHead, headID, h.record())
		}, 6, nil},
		{"the head is gone", func(t *testing.T, c *databroker.Client, _ []Entry) {
			if err := c.Remove(t.Context(), typeHead, headID); err != nil {
				t.Fatal(err)
			}
		}, 6, nil},
		{"the head is nonsense, and an entry was changed", func(t *testing.T, c *databroker.Client, _ []Entry) {
			put(t, c, typeHead, headID, []byte("x"))
			put(t, c, typeEntry, entryID(3), []byte("x"))
		}, 6, []What{Changed}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newDial(t)()
			tc.harm(t, c, fill(t, newLog(t, c), 5))
			l := newLog(t, c)
			if _, err := l.Append(t.Context(), full(6)); !errors.Is(err, ErrBroken) {
				t.Fatalf("Append = %v, want ErrBroken", err)
			}
			why := full(6)
			why.Action, why.Details = AuditMend, map[string]string{"reason": "r"}
			e, err := l.Mend(t.Context(), why)
			if err != nil || e.Sequence != tc.want || e.Details["problem"] == "" || e.Details["reason"] != "r" {
				t.Fatalf("Mend = %+v, %v", e, err)
			}
			for _, again := range []*Log{l, newLog(t, c)} {
				if _, err := again.Append(t.Context(), full(7)); err != nil {
					t.Errorf("Append = %v after it was mended", err)
				}
				if _, err := again.Mend(t.Context(), why); !errors.Is(err, ErrNothingToMend) {
					t.Errorf("Mend again = %v", err)
				}
			}
			if stored, err := l.Entry(t.Context(), tc.want); err != nil || stored.Hash != e.Hash {
				t.Errorf("the entry that tells of it: %+v, %v", stored, err)
			}
			r := verified(t, c)
			left := map[What]bool{}
			for _, f := range r.Findings {
				left[f.What] = true
			}
			for _, what := range tc.left {
				delete(left, what)
			}
			if len(left) > 0 || len(tc.left) == 0 != r.Intact() || r.Head.Sequence != tc.want+2 {
				t.Errorf("afterwards %+v, want %v", r, tc.left)
			}
		})
	}
}

func TestThereIsNothingToMend(t *testing.T) {
	t.Parallel()
	c := newDial(t)()
	l := newLog(t, c)
	for range 2 {
		if _, err := l.Mend(t.Context(), full(1)); !errors.Is(err, ErrNothingToMend) {
			t.Errorf("Mend = %v", err)
		}
		fill(t, l, 3)
	}
	wantIntact(t, c, 6)
}
