package local

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestKindsOfSealedTextAreNotTakenForOneAnother(t *testing.T) {
	t.Parallel()
	k, err := newKeys([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	kinds := []string{sealRequest, sealCode, sealAccess, sealRefresh, sealSitting}
	for _, made := range kinds {
		text := k.seal(made, map[string]string{"j": "x"})
		for _, asked := range kinds {
			var v map[string]string
			if err := k.open(asked, text, &v); (err == nil) != (made == asked) {
				t.Errorf("a %s opened as a %s: %v", made, asked, err)
			}
		}
	}
}

func TestReplicasWithOneKeySignAlike(t *testing.T) {
	t.Parallel()
	a, _ := newKeys([32]byte{1})
	b, _ := newKeys([32]byte{1})
	c, _ := newKeys([32]byte{2})
	if a.signing.id != b.signing.id || !a.signing.private.Equal(b.signing.private) {
		t.Error("one root gives two signing keys")
	}
	if a.signing.id == c.signing.id {
		t.Error("two roots give one signing key")
	}
}

func FuzzOpen(f *testing.F) {
	k, err := newKeys([32]byte{1})
	if err != nil {
		f.Fatal(err)
	}
	good := k.seal(sealCode, grant{ID: "x"})
	f.Add(good)
	f.Add(good + "=")
	f.Add(flip(good))
	f.Add(good[:len(good)-1])
	f.Add("\n" + good)
	f.Fuzz(func(t *testing.T, text string) {
		var g grant
		if k.open(sealCode, text, &g) != nil {
			return
		}
		sealed, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || base64.RawURLEncoding.EncodeToString(sealed) != text {
			t.Errorf("%q opens and has another spelling", text)
		}
	})
}

func FuzzCanonicalEmail(f *testing.F) {
	f.Add("Ann@Example.com")
	f.Add("a@evil@good")
	f.Add("\u212a@x\u0301")
	f.Add(" \x00@\u202e")
	f.Fuzz(func(t *testing.T, text string) {
		one, ok := canonicalEmail(text)
		if !ok {
			return
		}
		if again, ok := canonicalEmail(one); !ok || again != one {
			t.Errorf("%q becomes %q, then %q, %v", text, one, again, ok)
		}
		if strings.ContainsAny(one, "\x00\r\n <>") || strings.Count(one, "@") != 1 || len(one) > maxEmail {
			t.Errorf("%q becomes %q", text, one)
		}
	})
}
