package databroker_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/cardea-proxy/cardea/databroker"
)

// warmView returns a view that hears its feed and remembers n sessions.
func warmView(tb testing.TB, n int) *databroker.View {
	tb.Helper()
	b := startBroker(tb, nil)
	v := b.runView(databroker.ViewOptions{})
	for !v.Live() {
		runtime.Gosched()
	}
	for i := range n {
		s := session(name(i))
		if err := b.client.PutSession(tb.Context(), s); err != nil {
			tb.Fatal(err)
		}
		if _, err := v.Session(tb.Context(), s.ID, 1); err != nil {
			tb.Fatal(err)
		}
	}
	return v
}

func TestTheHotPathOfAViewAllocatesNothing(t *testing.T) {
	v := warmView(t, 10)
	if !v.Live() {
		t.Skip("the machine is too busy to keep the feed alive")
	}
	got := testing.AllocsPerRun(100, func() {
		if _, err := v.Session(t.Context(), "n3", 1); err != nil {
			t.Fatal(err)
		}
		v.Touch("n3")
		if _, err := v.LastAccess(t.Context(), "n3"); err != nil {
			t.Fatal(err)
		}
	})
	if got >= 1 { // reading anew now and then, on a machine that stalls, is less than one
		t.Errorf("%v allocations for a session, a touch and its last access", got)
	}
}

func BenchmarkViewSession(b *testing.B) {
	v := warmView(b, 1000)
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = name(i)
	}
	ctx := b.Context()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := v.Session(ctx, ids[i%1000], 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPutSession(b *testing.B) {
	client := startBroker(b, nil).client
	s := session("s1")
	b.ReportAllocs()
	for b.Loop() {
		if err := client.PutSession(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCachedSession says how much memory one remembered session takes,
// with tokens as large as a provider's commonly are.
func BenchmarkCachedSession(b *testing.B) {
	br := startBroker(b, nil)
	v := br.runView(databroker.ViewOptions{})
	const n = 5000
	var total uint64
	token := func(size int) databroker.Secret { return databroker.NewSecret(fmt.Sprintf("%0*d", size, 0)) }
	for i := range n {
		s := session(name(i))
		s.IDToken, s.AccessToken, s.RefreshToken = token(800), token(100), token(100)
		if err := br.client.PutSession(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() { // once, whatever -benchtime says: the second time costs nothing
		before := heap()
		for i := range n {
			if _, err := v.Session(b.Context(), name(i), 1); err != nil {
				b.Fatal(err)
			}
		}
		if after := heap(); after > before && before > 0 {
			total = max(total, after-before)
		}
	}
	b.ReportMetric(float64(total)/n, "B/session")
}
