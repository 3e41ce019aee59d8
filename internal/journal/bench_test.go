package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"
)

// typical is an entry as a browser's request makes it.
func typical(i int, p *Person) *Entry {
	e := simple(i)
	e.RequestID = rand.Text() + rand.Text()[:10] // as random as a UUID written out, or more
	e.From, e.PolicyDigest = "https://app.example.com", "3f2b6c1d9e8a7f60"
	e.RawPath, e.Path, e.RawQuery = "/api/v1/items/4711", "/api/v1/items/4711", fmt.Sprintf("page=%d&sort=name", i)
	e.Headers = []Header{{"Accept", "text/html,application/xhtml+xml"}, {"X-Team", "ops"}}
	e.HeaderNames = []string{"Accept", "X-Team", "X-Other"}
	e.IP, e.Person = "192.0.2.7", p
	e.AllowReasons, e.DenyReasons = []string{"email-ok", "group-ok"}, []string{"reject"}
	return e
}

func BenchmarkAdd(b *testing.B) {
	j := open(b, options(b))
	e := typical(1, person("a@example.com", nil))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if j.Add(e); i%20000 == 19999 {
			b.StopTimer()
			j.waiting, j.waitingBytes = nil, 0
			b.StartTimer()
		}
	}
	if n := j.Stats().Dropped; n > 0 {
		b.Fatalf("%d were dropped", n)
	}
}

func BenchmarkAddParallel(b *testing.B) {
	j := open(b, options(b))
	e := typical(1, person("a@example.com", nil))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			j.Add(e) // dropped when the queue is full: the cost of a flood
		}
	})
}

// BenchmarkWrite is what one core of the writer does: entries to the disk.
func BenchmarkWrite(b *testing.B) { benchmarkWrite(b, func(i int) int { return i }) }

// BenchmarkWriteAlike has 8 requests by 100 persons come over and over.
func BenchmarkWriteAlike(b *testing.B) { benchmarkWrite(b, func(i int) int { return i % 8 }) }

func benchmarkWrite(b *testing.B, query func(int) int) {
	const batch, persons = 4096, 100
	j := open(b, options(b))
	all := make([]*Entry, batch)
	shared := make([]*Person, persons)
	for i := range shared {
		shared[i] = person(fmt.Sprintf("person%d@example.com", i), nil)
	}
	for i := range all {
		all[i] = typical(i, shared[i%persons])
		all[i].RawQuery = fmt.Sprintf("page=%d&sort=name", query(i))
	}
	written := 0
	for b.Loop() {
		for _, e := range all {
			j.Add(e)
		}
		j.flush()
		written += batch
	}
	s := j.Stats()
	if s.Dropped > 0 {
		b.Fatalf("%d were dropped", s.Dropped)
	}
	b.ReportMetric(float64(written)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(s.Bytes)/float64(s.Entries), "disk-B/entry")
}

// BenchmarkFind looks for the entry that is found last, and reads all.
func BenchmarkFind(b *testing.B) {
	const many = 200_000
	j := open(b, options(b))
	shared := person("a@example.com", nil)
	for i := range many {
		if j.Add(typical(i, shared)); i%4096 == 4095 {
			j.flush()
		}
	}
	j.Add(&Entry{RequestID: "r"})
	j.flush()
	if n := j.Stats().Entries; n != many+1 {
		b.Fatalf("%d entries are kept", n)
	}
	b.Run("find", func(b *testing.B) {
		for b.Loop() {
			if _, err := j.Find(b.Context(), "no such request"); !errors.Is(err, ErrNotFound) {
				b.Fatal(err)
			}
		}
		b.ReportMetric(many*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			n := 0
			for _, err := range j.Read(b.Context(), time.Time{}) {
				if n++; err != nil {
					b.Fatal(err)
				}
			}
			if n != many+1 {
				b.Fatalf("read %d", n)
			}
		}
		b.ReportMetric(many*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	})
}
