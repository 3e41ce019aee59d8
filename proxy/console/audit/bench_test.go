package audit

import (
	"crypto/ed25519"
	"path/filepath"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/databroker/bolt"
)

const benchEntries = 100_000

// onDisk is a client of the store that installations have.
func onDisk(b *testing.B) *databroker.Client {
	b.Helper()
	store, err := bolt.Open(bolt.Options{Path: filepath.Join(b.TempDir(), "records.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	return dialTo(b, store)()
}

func BenchmarkRead(b *testing.B) {
	c := onDisk(b)
	many(b, c, benchEntries)
	l := newLog(b, c)
	start := time.Now()
	if err := l.Warm(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Logf("the first read of %d entries took %v", benchEntries, time.Since(start))
	for name, q := range map[string]Query{
		"newest": {}, "last page": {Before: 90, Each: true}, "rare actor": {Actor: "admin77@"},
		"everything":  {Actor: "admin77@", Action: "device.", Object: "device", Since: testTime, Until: testTime.Add(24 * time.Hour)},
		"page of 500": {Limit: 500},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := l.Read(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	c := onDisk(b)
	many(b, c, benchEntries)
	for b.Loop() {
		r, err := Verify(Export(b.Context(), c), testKey.Public().(ed25519.PublicKey), nil)
		if err != nil || !r.Intact() {
			b.Fatal(r, err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	l := newLog(b, onDisk(b))
	for b.Loop() {
		if _, err := l.Append(b.Context(), full(1)); err != nil {
			b.Fatal(err)
		}
	}
}
