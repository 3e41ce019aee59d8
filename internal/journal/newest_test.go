package journal

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

// TestNewestIsReadTurnedAround: over several files, blocks that overlap, and what
// is still in memory.
func TestNewestIsReadTurnedAround(t *testing.T) {
	t.Parallel()
	j := open(t, options(t))
	order := rand.New(rand.NewPCG(1, 2)).Perm(60)
	for i, n := range order[:50] {
		j.Add(simple(n))
		if i%5 == 4 {
			j.flush()
		}
		if i%20 == 19 {
			if err := j.finish(); err != nil { // the next goes into a file of its own
				t.Fatal(err)
			}
		}
	}
	for _, n := range order[50:] {
		j.Add(simple(n))
	}
	for _, before := range []time.Time{{}, simple(30).Time, simple(0).Time, simple(30).Time.Add(time.Millisecond)} {
		got, err := Collect(j.Newest(t.Context(), before))
		if err != nil {
			t.Fatal(err)
		}
		all, err := Collect(j.Read(t.Context(), time.Time{}))
		if err != nil || len(all) != 60 {
			t.Fatalf("%d entries, %v", len(all), err)
		}
		var want []string
		for _, e := range slices.Backward(all) {
			if before.IsZero() || e.Time.Before(before) {
				want = append(want, e.RequestID)
			}
		}
		if diff := same(want, ids(got)); diff != "" {
			t.Errorf("before %v (-want +got):\n%s", before, diff)
		}
	}
}

func TestNewestStopsWhenToldTo(t *testing.T) {
	t.Parallel()
	j := open(t, options(t))
	for i := range 20 {
		j.Add(simple(i))
		j.flush()
	}
	n := 0
	for range j.Newest(t.Context(), time.Time{}) {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d entries", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Collect(j.Newest(ctx, time.Time{})); err == nil {
		t.Error("no error after the end of the context")
	}
}

func TestNewestSaysWhatIsDamaged(t *testing.T) {
	t.Parallel()
	o := options(t)
	j := open(t, o)
	for i := range 3 {
		j.Add(simple(i))
		j.flush()
	}
	path := files(t, o.Dir)[0]
	data := load(t, path)
	data[len(data)-1] ^= 1 // in the body of the last block
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	damaged := 0
	for e, err := range j.Newest(t.Context(), time.Time{}) {
		if err == nil {
			got = append(got, e.RequestID)
		} else if isDamage(err) {
			damaged++
		}
	}
	if damaged != 1 || !slices.Equal(got, []string{"request-0001", "request-0000"}) {
		t.Errorf("%d damaged, and %v", damaged, got)
	}
}
