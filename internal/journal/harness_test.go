package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"github.com/cardea-proxy/cardea/internal/seal"
)

var (
	reflectPerson = reflect.TypeFor[Person]()
	testKey       = seal.Derive([]byte("a root secret of thirty-two byte"), "journal")
	start         = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
)

// options are those of a journal in a folder of the test's own.
func options(t testing.TB) Options {
	t.Helper()
	return Options{
		Dir: filepath.Join(t.TempDir(), "journal"), Key: testKey, MaxBytes: 64 << 20, MaxAge: 24 * time.Hour,
		Log: zerolog.Nop(), Now: func() time.Time { return start.Add(time.Hour) },
	}
}

func open(t testing.TB, o Options) *Journal {
	t.Helper()
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// flushed writes what waits, as Run does when its context ends.
func flushed(t testing.TB, j *Journal) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := j.Run(ctx); err != nil {
		t.Fatal(err)
	}
	j.closed = false
}

// simple returns entry i of many: one second after the one before.
func simple(i int) *Entry {
	return &Entry{
		RequestID: fmt.Sprintf("request-%04d", i), Time: start.Add(time.Duration(i) * time.Second),
		RouteID: "r1", Method: "GET", Host: "app.example.com", RawPath: "/", Path: "/", Outcome: "allow", Allow: true,
	}
}

// person returns a handle whose data are counted.
func person(name string, made *atomic.Int64) *Person {
	return &Person{Data: func() ([]byte, error) {
		if made != nil {
			made.Add(1)
		}
		return json.Marshal(map[string]any{"email": name, "groups": []string{"ops"}})
	}}
}

// full is an entry with everything, much of it awkward.
func full() *Entry {
	return &Entry{
		RequestID: "7a0e\"<&>", Time: start.Add(123456789), Generation: 1<<64 - 1,
		RouteID: "r1", From: "https://app.example.com", PolicyDigest: "sha256:00ff",
		Method: "POST", Host: "app.example.com", RawPath: "/a%ff/\xff\xfe", Path: "/a\xff/\u2028\x00<", RawQuery: "q=1&r=\"",
		ImpersonatedBy: "ada@example.com",
		Headers:        []Header{{"Accept", "text/html"}, {"X-Empty", ""}, {"X-Odd", "\xc3\x28"}},
		HeaderNames:    []string{"Accept", "X-Odd", "X-Empty", "X-Absent"},
		IP:             "2001:db8::1", Cert: &Certificate{Presented: true, LeafDER: []byte{0x30, 0, 0xff}, IntermediatesDER: [][]byte{{1}, {0xff, 0}}},
		Person:  &Person{JSON: json.RawMessage(`{"email":"a@example.com","n":12345678901234567890}`)},
		Outcome: "deny", Allow: true, Deny: true, AllowReasons: []string{"email-ok"}, DenyReasons: []string{"reject", "non-cors-request"},
		Records: []Record{
			{Type: "device", Key: "k\xff", Value: "v", Data: json.RawMessage(`{"a":[1,2.50]}`)},
			{Type: "device", Key: "absent"},
			{Type: "device", Key: "null", Data: json.RawMessage(`null`)},
		},
		Err: "évaluation",
	}
}

func ids(entries []Entry) []string {
	var out []string
	for i := range entries {
		out = append(out, entries[i].RequestID)
	}
	return out
}

// same compares entries as they are read: nil and empty are one.
func same(want, got any) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".Data" && p.Index(-2).Type() == reflectPerson
	}, cmp.Ignore()))
}

// files returns the segments in the journal's folder.
func files(t testing.TB, dir string) []string {
	t.Helper()
	paths, err := segmentFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func read(t testing.TB, path string) ([]Entry, error) {
	t.Helper()
	r, err := OpenReader(path, testKey)
	if err != nil {
		return nil, err
	}
	return Collect(r.Read(t.Context(), time.Time{}))
}

// segmentOf returns the file that holds blocks of the given numbers of entries.
func segmentOf(t testing.TB, counts ...int) string {
	t.Helper()
	o := options(t)
	j := open(t, o)
	i := 0
	for _, n := range counts {
		for range n {
			j.Add(simple(i))
			i++
		}
		j.flush()
	}
	if err := j.finish(); err != nil {
		t.Fatal(err)
	}
	paths := files(t, o.Dir)
	if len(paths) != 1 {
		t.Fatalf("there are %d segments, want 1", len(paths))
	}
	return paths[0]
}

func load(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// saved writes data as a segment of its own.
func saved(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "0000000000000001"+suffix)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func isDamage(err error) bool {
	d := new(DamageError)
	return errors.As(err, &d) && d.File != ""
}
