package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

func TestAnEntryComesBackAsItWas(t *testing.T) {
	t.Parallel()
	o := options(t)
	j := open(t, o)
	for _, e := range []*Entry{full(), simple(1), {RequestID: "bare", Time: start}} {
		want := *e
		j.Add(e)
		got, err := j.Find(t.Context(), want.RequestID)
		if err != nil {
			t.Fatalf("in memory: %v", err)
		}
		if diff := same(want, got); diff != "" {
			t.Errorf("in memory (-want +got):\n%s", diff)
		}
		flushed(t, j)
		if got, err = j.Find(t.Context(), want.RequestID); err != nil {
			t.Fatalf("on disk: %v", err)
		}
		if diff := same(want, got); diff != "" {
			t.Errorf("on disk (-want +got):\n%s", diff)
		}
		r, err := OpenReader(o.Dir, testKey)
		if err != nil {
			t.Fatal(err)
		}
		if got, err = r.Find(t.Context(), want.RequestID); err != nil {
			t.Fatalf("by a reader: %v", err)
		}
		if diff := same(want, got); diff != "" {
			t.Errorf("by a reader (-want +got):\n%s", diff)
		}
	}
}

func TestFindGivesTheNewestAndSaysWhenThereIsNone(t *testing.T) {
	t.Parallel()
	j := open(t, options(t))
	j.Add(&Entry{Time: start})
	for i, outcome := range []string{"first", "second", "third"} {
		e := simple(i)
		e.RequestID, e.Outcome = "again", outcome
		j.Add(e)
		if i == 1 {
			j.flush()
		}
	}
	for _, where := range []string{"in memory", "on disk"} {
		if e, err := j.Find(t.Context(), "again"); err != nil || e.Outcome != "third" {
			t.Errorf("%s: found %q, %v, want the third", where, e.Outcome, err)
		}
		for _, id := range []string{"", "agai", "again\"", "other"} {
			if _, err := j.Find(t.Context(), id); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: Find(%q) = %v, want ErrNotFound", where, id, err)
			}
		}
		j.flush()
	}
}

func TestASecretQueryIsNeverRecorded(t *testing.T) {
	t.Parallel()
	j := open(t, options(t))
	e := simple(1)
	e.RawQuery, e.QueryHidden = "token=hunter2", true
	j.Add(e)
	for range 2 {
		got, err := j.Find(t.Context(), e.RequestID)
		if err != nil || got.RawQuery != "" || !got.QueryHidden {
			t.Errorf("found %q, hidden %v, %v", got.RawQuery, got.QueryHidden, err)
		}
		j.flush()
	}
}

func TestAPersonIsMadeOnceForEachBlock(t *testing.T) {
	t.Parallel()
	j := open(t, options(t))
	var made atomic.Int64
	p := person("a@example.com", &made)
	for block := range 3 {
		for i := range 50 {
			e := simple(50*block + i)
			e.Person = p
			j.Add(e)
		}
		j.flush()
	}
	if made.Load() != 3 {
		t.Errorf("the person was made %d times for 3 blocks", made.Load())
	}
	entries, err := Collect(j.Read(t.Context(), time.Time{}))
	if err != nil || len(entries) != 150 {
		t.Fatalf("read %d entries, %v, want 150", len(entries), err)
	}
	for i := range entries {
		if got := string(entries[i].Person.JSON); got != `{"email":"a@example.com","groups":["ops"]}` {
			t.Fatalf("entry %d has person %s", i, got)
		}
	}
	if entries[0].Person != entries[49].Person {
		t.Error("one person of one block was read as two")
	}
}

// Somebody who was signed in must not read as nobody: the replay of a rule
// would come out otherwise than the decision did.
func TestAPersonThatCannotBeRecordedIsStillSomebody(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*Person{
		"an error":  {Data: func() ([]byte, error) { return nil, errors.New(strings.Repeat("gone ", 1000)) }},
		"not JSON":  {Data: func() ([]byte, error) { return []byte("{"), nil }},
		"too large": {Data: func() ([]byte, error) { return fmt.Appendf(nil, "%q", strings.Repeat("a", maxEntry)), nil }},
		"nothing":   {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := open(t, options(t))
			e := simple(1)
			e.Person = p
			j.Add(e)
			for _, where := range []string{"in memory", "on disk"} {
				got, err := j.Find(t.Context(), e.RequestID)
				if err != nil || got.Person == nil || got.Person.JSON != nil || got.Person.Err == "" {
					t.Errorf("%s: person %+v, %v; want one without data and with an error", where, got.Person, err)
				}
				j.flush()
			}
		})
	}
}

func TestReadIsInOrderOfTimeAndSince(t *testing.T) {
	t.Parallel()
	o := options(t)
	j := open(t, o)
	var want []string
	for i := range 100 {
		want = append(want, simple(i).RequestID)
	}
	// 37 and 100 share no factor: every entry once, far from its neighbours.
	for i := range 100 {
		j.Add(simple(i * 37 % 100))
		if i%15 == 14 {
			j.flush()
		}
		if i == 60 {
			_ = j.finish() // the rest goes to a second segment
		}
	}
	for _, since := range []int{0, 1, 50, 99, 100} {
		got, err := Collect(j.Read(t.Context(), start.Add(time.Duration(since)*time.Second)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := same(want[since:], ids(got)); diff != "" {
			t.Errorf("since second %d (-want +got):\n%s", since, diff)
		}
	}
	for range j.Read(t.Context(), start) {
		break // no more is wanted: nothing is left open, nothing panics
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Collect(j.Read(ctx, start)); !errors.Is(err, context.Canceled) {
		t.Errorf("Read after its context ended: %v", err)
	}
}

func TestWhatWasAddedIsOnDiskWithinASecond(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Now = nil
	synctest.Test(t, func(t *testing.T) {
		j := open(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- j.Run(ctx) }()
		for i := range 5 {
			j.Add(&Entry{RequestID: fmt.Sprint(i)})
			time.Sleep(time.Second)
			synctest.Wait()
			if got, err := read(t, o.Dir); err != nil || len(got) != i+1 {
				t.Fatalf("after %d seconds a reader sees %d entries, %v", i+1, len(got), err)
			}
		}
		j.Add(&Entry{RequestID: "last"})
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got, err := read(t, o.Dir); err != nil || len(got) != 6 {
			t.Errorf("after the end a reader sees %d entries, %v, want 6", len(got), err)
		}
		j.Add(&Entry{RequestID: "too late"})
		if s := j.Stats(); s.Dropped != 1 || s.Entries != 6 || s.Waiting != 0 {
			t.Errorf("Stats = %+v, want 6 entries and the late one dropped", s)
		}
	})
}

func TestWhatDoesNotFitIsDroppedCountedAndTold(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := options(t)
	now := start
	o.Now, o.Log = func() time.Time { return now }, zerolog.New(&log)
	j := open(t, o)
	for range maxWaiting + 7 {
		j.Add(&Entry{RequestID: "r"})
	}
	if s := j.Stats(); s.Dropped != 7 || s.Waiting != maxWaiting {
		t.Errorf("Stats = %+v, want 7 dropped", s)
	}
	j.tell(false)
	if got := log.String(); !strings.Contains(got, `"level":"warn","dropped":7`) {
		t.Errorf("log = %s", got)
	}
	j.flush()
	log.Reset()
	long := strings.Repeat("a", maxWaitingBytes/4)
	for range 5 {
		j.Add(&Entry{RequestID: "r", RawPath: long})
	}
	if s := j.Stats(); s.Dropped != 9 || s.Waiting != 3 {
		t.Errorf("Stats = %+v, want entries dropped by their size", s)
	}
	j.flush() // they are too large for a block as well
	if s := j.Stats(); s.Dropped != 12 || s.Waiting != 0 || s.Entries != maxWaiting {
		t.Errorf("Stats = %+v, want 12 dropped", s)
	}
	if j.tell(false); log.Len() > 0 {
		t.Errorf("told again at once: %s", &log)
	}
	now = now.Add(tellEvery)
	if j.tell(false); !strings.Contains(log.String(), `"dropped":5`) || !strings.Contains(log.String(), "bytes of JSON") {
		t.Errorf("log = %s", &log)
	}
}

func TestTroubleWithTheDiskDropsAndPasses(t *testing.T) {
	t.Parallel()
	o := options(t)
	j := open(t, o)
	j.Add(simple(0))
	j.flush()
	_ = j.out.file.Close() // the disk fails
	j.Add(simple(1))
	j.flush()
	if s := j.Stats(); s.Dropped != 1 || s.Entries != 1 || s.Waiting != 0 {
		t.Errorf("Stats = %+v, want one dropped", s)
	}
	j.Add(simple(2))
	flushed(t, j)
	got, err := read(t, o.Dir)
	if diff := cmp.Diff([]string{"request-0000", "request-0002"}, ids(got)); diff != "" || err != nil {
		t.Errorf("read %v (-want +got):\n%s", err, diff)
	}
}

func TestManyAddAndReadAtOnce(t *testing.T) {
	t.Parallel()
	const writers, each = 8, 500
	o := options(t)
	j := open(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	var run, add sync.WaitGroup
	run.Go(func() { _ = j.Run(ctx) })
	p := person("a@example.com", nil)
	for w := range writers {
		add.Go(func() {
			for i := range each {
				e := simple(w*each + i)
				e.Person = p
				j.Add(e)
				if i%100 != 0 {
					continue
				}
				if _, err := j.Find(ctx, e.RequestID); err != nil {
					t.Errorf("just added: %v", err)
				}
				seen := make(map[string]int)
				for e, err := range j.Read(ctx, time.Time{}) {
					if seen[e.RequestID]++; err != nil || seen[e.RequestID] > 1 {
						t.Errorf("read %q %d times, %v", e.RequestID, seen[e.RequestID], err)
					}
				}
				j.Stats()
			}
		})
	}
	add.Wait()
	cancel()
	run.Wait()
	got, err := read(t, o.Dir)
	if err != nil || len(got) != writers*each || !slices.IsSortedFunc(got, func(a, b Entry) int { return a.Time.Compare(b.Time) }) {
		t.Errorf("read %d entries, %v, want %d in order", len(got), err, writers*each)
	}
}

func TestNothingIsOnDiskInPlain(t *testing.T) {
	t.Parallel()
	const marker = "Xyzzy-marker"
	o := options(t)
	j := open(t, o)
	for i := range 3 {
		e := full()
		e.RequestID, e.Host, e.RawPath, e.Headers[0].Value = fmt.Sprint(marker, i), marker, marker, marker
		e.Person = person(marker, nil)
		j.Add(e)
		j.flush()
	}
	flushed(t, j)
	err := filepath.WalkDir(o.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s: others may use it", path, info.Mode())
		}
		if !d.IsDir() && bytes.Contains(load(t, path), []byte(marker[:5])) {
			t.Errorf("%s holds what was recorded in plain", path)
		}
		return nil
	})
	if err != nil || len(files(t, o.Dir)) == 0 {
		t.Errorf("nothing was looked at: %v", err)
	}
}

func TestOpenRefusesWhatItCannotKeep(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Options){
		"want a folder":    func(o *Options) { o.Dir = "" },
		"want at least":    func(o *Options) { o.MaxBytes = MinBytes - 1 },
		"want more than 0": func(o *Options) { o.MaxAge = 0 },
		"make folder":      func(o *Options) { o.Dir = "/dev/null/journal" },
		"not a directory":  func(o *Options) { o.Dir = "/dev/null" },
	} {
		o := options(t)
		change(&o)
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open = %v, want %q", err, want)
		}
	}
}
