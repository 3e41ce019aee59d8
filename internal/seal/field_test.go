package seal

import (
	"encoding/hex"
	"testing"
)

// The vectors stand in the specification, https://c2sp.org/XAES-256-GCM. The
// two keys take both branches of the CMAC subkey.
func TestFieldIsXAES256GCM(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		key        byte
		additional string
		want       string
	}{
		{"most significant bit clear", 1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{"most significant bit set", 3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var key [KeySize]byte
			for i := range key {
				key[i] = tc.key
			}
			got := newXAES(key).Seal(nil, []byte("ABCDEFGHIJKLMNOPQRSTUVWX"), []byte("XAES-256-GCM"), []byte(tc.additional))
			if hex.EncodeToString(got) != tc.want {
				t.Errorf("sealed = %x, want %s", got, tc.want)
			}
		})
	}
}

func BenchmarkFieldOpen(b *testing.B) {
	f := NewField([KeySize]byte{1})
	sealed := f.Seal(make([]byte, 1024), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Open(sealed, nil); err != nil {
			b.Fatal(err)
		}
	}
}
