package journal

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/cardea-proxy/cardea/internal/seal"
)

// bulky is an entry that compression does not make small.
func bulky(i int) *Entry {
	e := simple(i)
	noise := make([]byte, 50_000)
	_, _ = rand.Read(noise)
	e.RawPath = string(noise)
	return e
}

func TestTheOldestGoesWhenThereIsTooMuch(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.MaxBytes = MinBytes
	j := open(t, o)
	const n = 300 // three times what there is room for
	for i := range n {
		j.Add(bulky(i))
		if i%4 != 3 {
			continue
		}
		j.flush()
		var size int64
		for _, path := range files(t, o.Dir) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			size += info.Size()
		}
		if s := j.Stats(); size > o.MaxBytes || s.Bytes != size {
			t.Fatalf("%d bytes are on disk, %d by Stats, want at most %d", size, s.Bytes, o.MaxBytes)
		}
	}
	got, err := Collect(j.Read(t.Context(), time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	// Most of the room is used, and what is kept is the newest without a gap.
	if s := j.Stats(); s.Bytes < o.MaxBytes*3/4 || s.Entries != int64(len(got)) || s.Dropped > 0 || !s.Oldest.Equal(got[0].Time) {
		t.Errorf("Stats = %+v with %d entries read from %s on", s, len(got), got[0].Time)
	}
	for i := range got {
		if want := simple(n - len(got) + i).RequestID; got[i].RequestID != want {
			t.Fatalf("entry %d of %d is %q, want %q", i, len(got), got[i].RequestID, want)
		}
	}
	if _, err := j.Find(t.Context(), simple(0).RequestID); !errors.Is(err, ErrNotFound) {
		t.Errorf("the oldest: %v, want ErrNotFound", err)
	}
}

func TestNothingIsKeptBeyondItsAge(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Now, o.MaxAge = nil, time.Hour
	synctest.Test(t, func(t *testing.T) {
		j := open(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- j.Run(ctx) }()
		for range 180 {
			j.Add(&Entry{RequestID: "r"})
			time.Sleep(time.Minute)
			synctest.Wait()
			// The tick that removes it may be one behind.
			if oldest := j.Stats().Oldest; time.Since(oldest) > o.MaxAge+flushEvery {
				t.Fatalf("after %s the oldest entry is %s old", o.MaxAge, time.Since(oldest))
			}
		}
		if s := j.Stats(); s.Entries < 50 || s.Entries > 60 {
			t.Errorf("%d entries of the last 60 minutes are kept", s.Entries)
		}
		time.Sleep(o.MaxAge + time.Minute) // idle
		synctest.Wait()
		if n := len(files(t, o.Dir)); n > 0 {
			t.Errorf("%d files are left of an idle journal", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestOpenKeepsWhatIsThereWithinTheBounds(t *testing.T) {
	t.Parallel()
	o := options(t)
	now := start
	o.Now = func() time.Time { return now }
	for run := range 3 {
		j := open(t, o)
		if s := j.Stats(); s.Entries != int64(10*run) {
			t.Errorf("run %d starts with %d entries, want %d", run, s.Entries, 10*run)
		}
		for i := range 10 {
			j.Add(&Entry{RequestID: fmt.Sprint(run, "-", i)})
		}
		flushed(t, j)
		now = now.Add(10 * time.Hour)
	}
	j := open(t, o) // 30 hours after the first run
	if s := j.Stats(); s.Entries != 20 || len(files(t, o.Dir)) != 2 || !s.Oldest.Equal(start.Add(10*time.Hour)) {
		t.Errorf("Stats = %+v with %d files, want the two younger runs", s, len(files(t, o.Dir)))
	}
	if _, err := j.Find(t.Context(), "1-5"); err != nil {
		t.Errorf("an entry of an earlier run: %v", err)
	}
	flushed(t, j)
	if n := len(files(t, o.Dir)); n != 2 {
		t.Errorf("a run without entries left %d files, want 2", n)
	}
}

// The secret was changed: the program starts, says so, and the old segments
// leave in their time.
func TestOpenWarnsOfSegmentsUnderAnotherKey(t *testing.T) {
	t.Parallel()
	o := options(t)
	j := open(t, o)
	j.Add(simple(1))
	flushed(t, j)
	var log bytes.Buffer
	o.Key, o.Log = seal.Derive([]byte("another root secret of 32 bytes!"), "journal"), zerolog.New(&log)
	changed := time.Now()
	o.Now = func() time.Time { return changed }
	j = open(t, o)
	if !strings.Contains(log.String(), ErrKey.Error()) || j.Stats().Bytes == 0 {
		t.Errorf("log = %s, Stats = %+v", &log, j.Stats())
	}
	j.Add(&Entry{RequestID: "new"})
	j.flush()
	got, err := Collect(j.Read(t.Context(), time.Time{}))
	if len(got) != 1 || !errors.Is(err, ErrKey) {
		t.Errorf("read %d entries, %v, want the new one and ErrKey", len(got), err)
	}
	if got, err = func() ([]Entry, error) {
		r, err := OpenReader(o.Dir, o.Key)
		if err != nil {
			return nil, err
		}
		return Collect(r.Read(t.Context(), time.Time{}))
	}(); len(got) != 1 || !errors.Is(err, ErrKey) {
		t.Errorf("a reader read %d entries, %v, want the new one and ErrKey", len(got), err)
	}
	changed = changed.Add(o.MaxAge + time.Minute)
	if err := j.sweep(0); err != nil || len(files(t, o.Dir)) != 0 {
		t.Errorf("after their age %d files are left, %v", len(files(t, o.Dir)), err)
	}
}

const childDir = "CARDEA_JOURNAL_TEST_DIR"

// TestHelperWriter is the process that the next test kills.
func TestHelperWriter(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("it is a part of TestWhatWasFlushedOutlivesAKilledProcess")
	}
	// Nothing of the test's own: it has no end at which that would be removed.
	j := open(t, Options{Dir: dir, Key: testKey, MaxBytes: 64 << 20, MaxAge: time.Hour, Now: func() time.Time { return start }})
	go func() { _ = j.Run(t.Context()) }()
	for i := 0; ; i++ {
		for j.Stats().Waiting > 4096 {
			fmt.Println("stored", j.Stats().Entries) // and leaves the writer its time
		}
		j.Add(&Entry{RequestID: fmt.Sprintf("request-%d", i), Time: start})
		if i%100 == 0 {
			fmt.Println("stored", j.Stats().Entries)
		}
	}
}

func TestWhatWasFlushedOutlivesAKilledProcess(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "journal")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperWriter$", "-test.v")
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var stored int
	lines := bufio.NewScanner(out)
	for lines.Scan() && stored < 3000 {
		_, _ = fmt.Sscanf(lines.Text(), "stored %d", &stored)
	}
	if err := child.Process.Kill(); err != nil { // SIGKILL, in the midst of it
		t.Fatal(err)
	}
	for lines.Scan() {
		_, _ = fmt.Sscanf(lines.Text(), "stored %d", &stored)
	}
	_ = child.Wait() // it was killed
	if stored < 3000 {
		t.Fatalf("the process stored %d entries before it ended by itself", stored)
	}
	got, err := read(t, dir)
	if err != nil {
		t.Errorf("what was left: %v", err)
	}
	if len(got) < stored {
		t.Errorf("%d entries are left of %d that were stored", len(got), stored)
	}
	for i := range got {
		if want := fmt.Sprintf("request-%d", i); got[i].RequestID != want {
			t.Fatalf("entry %d is %q, want %q: there is a gap", i, got[i].RequestID, want)
		}
	}
	o := options(t)
	o.Dir = dir
	j := open(t, o)
	j.Add(simple(1))
	flushed(t, j)
	if s := j.Stats(); s.Entries != int64(len(got))+1 {
		t.Errorf("the next process keeps %d entries, want %d", s.Entries, len(got)+1)
	}
}
