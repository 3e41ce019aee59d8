package seal_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/internal/seal"
)

func TestDeriveSeparatesPurposes(t *testing.T) {
	t.Parallel()
	root := bytes.Repeat([]byte{7}, 32)
	a, b := seal.Derive(root, "ticket"), seal.Derive(root, "handoff")
	if a == b {
		t.Error("two purposes gave one key")
	}
	if a != seal.Derive(root, "ticket") {
		t.Error("one purpose gave two keys")
	}
	if a == seal.Derive(bytes.Repeat([]byte{8}, 32), "ticket") {
		t.Error("two roots gave one key")
	}
}

// The value stands in sealed stores and cookies: it may never change.
func TestDeriveIsWhatStoresWereWrittenWith(t *testing.T) {
	t.Parallel()
	got := seal.Derive(bytes.Repeat([]byte{1}, 32), "example")
	const want = "da80407726c7b44b6bead82c0e92c25b3eaa1a952d1509dd1204724fdf35f1fb"
	if hex.EncodeToString(got[:]) != want {
		t.Errorf("Derive = %x, want %s", got, want)
	}
}

type box interface {
	Seal(plain, additional []byte) []byte
	Open(sealed, additional []byte) ([]byte, error)
}

func key(b byte) (k [seal.KeySize]byte) {
	for i := range k {
		k[i] = b
	}
	return k
}

func ring(t *testing.T, active uint32, ids ...uint32) *seal.Ring {
	t.Helper()
	var keys []seal.Key
	for _, id := range ids {
		keys = append(keys, seal.Key{ID: id, Bytes: key(byte(id))})
	}
	r, err := seal.NewRing(active, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEveryBoxOpensOnlyWhatItSealed(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string][2]box{
		"box":   {seal.NewBox(key(1)), seal.NewBox(key(2))},
		"field": {seal.NewField(key(1)), seal.NewField(key(2))},
		"ring":  {ring(t, 1, 1), ring(t, 2, 2)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, other := pair[0], pair[1]
			plain, additional := []byte("a secret"), []byte("session/1")
			sealed := b.Seal(plain, additional)
			if bytes.Contains(sealed, plain) {
				t.Error("the sealed text holds the plain one")
			}
			if bytes.Equal(sealed, b.Seal(plain, additional)) {
				t.Error("the same text sealed twice looks the same: the nonce is not random")
			}
			got, err := b.Open(sealed, additional)
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("Open = %q, %v", got, err)
			}
			refused := func(what string, b box, sealed, additional []byte) {
				t.Helper()
				if plain, err := b.Open(sealed, additional); err == nil {
					t.Errorf("%s opened to %q", what, plain)
				} else if !errors.Is(err, seal.ErrOpen) && !errors.Is(err, seal.ErrUnknownKey) {
					t.Errorf("%s: error %v", what, err)
				}
			}
			for i := range sealed {
				changed := bytes.Clone(sealed)
				changed[i] ^= 1
				refused(fmt.Sprintf("bit %d flipped", i), b, changed, additional)
				refused(fmt.Sprintf("cut to %d bytes", i), b, sealed[:i], additional)
			}
			refused("lengthened", b, append(bytes.Clone(sealed), 0), additional)
			refused("other additional data", b, sealed, []byte("session/2"))
			refused("no additional data", b, sealed, nil)
			refused("another key", other, sealed, additional)
			if got, err := b.Open(b.Seal(nil, nil), nil); err != nil || len(got) != 0 {
				t.Errorf("empty text: %q, %v", got, err)
			}
		})
	}
}

func TestRingOpensOldKeysAndSealsWithTheActiveOne(t *testing.T) {
	t.Parallel()
	old := ring(t, 1, 1).Seal([]byte("old"), nil)
	both := ring(t, 2, 1, 2)
	if got, err := both.Open(old, nil); err != nil || string(got) != "old" {
		t.Fatalf("Open = %q, %v", got, err)
	}
	if id, err := seal.KeyID(both.Seal([]byte("new"), nil)); err != nil || id != 2 {
		t.Errorf("KeyID = %d, %v; want 2", id, err)
	}
	if _, err := ring(t, 2, 2).Open(old, nil); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("a key that left the ring: error %v, want ErrUnknownKey", err)
	}
	// Renaming the key in front must not help.
	moved := bytes.Clone(old)
	moved[3] = 2
	if _, err := both.Open(moved, nil); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("a renamed key: error %v, want ErrOpen", err)
	}
}

func TestNewRingRefusesWhatCannotSeal(t *testing.T) {
	t.Parallel()
	if _, err := seal.NewRing(3, seal.NewKey(1)); err == nil {
		t.Error("a ring without its active key was made")
	}
	if _, err := seal.NewRing(1, seal.NewKey(1), seal.NewKey(1)); err == nil {
		t.Error("a ring with one id twice was made")
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	t.Parallel()
	k := seal.Key{ID: 1, Bytes: key('k')}
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(form, k); strings.Contains(s, "107") || strings.Contains(s, "kkkk") {
			t.Errorf("%s prints %s", form, s)
		}
	}
}
