package journal

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsExportedIsImported(t *testing.T) {
	t.Parallel()
	j := open(t, options(t))
	for _, e := range []*Entry{full(), simple(1), {RequestID: "bare", Time: start.Add(time.Hour)}} {
		if e.RequestID == "bare" {
			e.Person = &Person{Data: func() ([]byte, error) { return nil, errors.New("gone") }}
		}
		j.Add(e)
	}
	j.flush()
	want, err := Collect(j.Read(t.Context(), time.Time{}))
	if err != nil || len(want) != 3 {
		t.Fatalf("read %d entries, %v", len(want), err)
	}
	var out bytes.Buffer
	if err := Export(&out, j.Read(t.Context(), time.Time{})); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != 3 {
		t.Errorf("3 entries make %d lines", n)
	}
	got, err := Collect(Import(bytes.NewReader(out.Bytes())))
	if err != nil {
		t.Fatal(err)
	}
	if diff := same(want, got); diff != "" {
		t.Errorf("(-exported +imported):\n%s", diff)
	}
}

// The names are what others have stored: they may only be added to.
func TestTheFormOfALineStays(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	e := full()
	e.Time = start
	if err := Export(&out, func(yield func(Entry, error) bool) { yield(*e, nil) }); err != nil {
		t.Fatal(err)
	}
	const want = `{"request_id":"7a0e\"\u003c\u0026\u003e","time":"2026-03-01T09:00:00Z","generation":18446744073709551615,` +
		`"route_id":"r1","from":"https://app.example.com","policy_digest":"sha256:00ff","method":"POST","host":"app.example.com",` +
		`"raw_path":{"base64":"L2ElZmYv//4="},"path":{"base64":"L2H/L+KAqAA8"},"raw_query":"q=1\u0026r=\"",` +
		`"headers":{"Accept":"text/html","X-Empty":"","X-Odd":{"base64":"wyg="}},"header_names":["Accept","X-Odd","X-Empty","X-Absent"],` +
		`"ip":"2001:db8::1","certificate":{"presented":true,"valid":false,"leaf_der":"MAD/","intermediates_der":["AQ==","/wA="]},` +
		`"person":{"data":{"email":"a@example.com","n":12345678901234567890}},"impersonated_by":"ada@example.com","outcome":"deny","allow":true,"deny":true,` +
		`"allow_reasons":["email-ok"],"deny_reasons":["reject","non-cors-request"],` +
		`"records":[{"type":"device","key":{"base64":"a/8="},"value":"v","data":{"a":[1,2.50]}},` +
		`{"type":"device","key":"absent"},{"type":"device","key":"null","data":null}],"error":"évaluation"}` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestImportSaysWhichLineIsWrongAndGoesOn(t *testing.T) {
	t.Parallel()
	const good = `{"request_id":"a","time":"2026-03-01T09:00:00Z"}`
	for _, tc := range []struct{ name, line, want string }{
		{"text", "GET /", "want one JSON object"},
		{"an array", "[]", "want one JSON object"},
		{"not complete", good[:20], "not complete"},
		{"two values", good + good, "nothing after"},
		{"no time", `{"request_id":"a"}`, "want the time"},
		{"unknown key", `{"time":"2026-03-01T09:00:00Z","colour":"red"}`, `unknown key "colour"`},
		{"key in other letters", `{"Time":"2026-03-01T09:00:00Z"}`, `unknown key "Time"`},
		{"key twice", `{"time":"2026-03-01T09:00:00Z","ip":"192.0.2.1","ip":"192.0.2.2"}`, `"ip" stands twice`},
		{"unknown key within", `{"time":"2026-03-01T09:00:00Z","certificate":{"colour":"red"}}`, "colour"},
		{"wrong type", `{"time":"2026-03-01T09:00:00Z","allow":"yes"}`, "allow"},
		{"text of another form", `{"time":"2026-03-01T09:00:00Z","path":{"hex":"00"}}`, "base64"},
		{"text that is a number", `{"time":"2026-03-01T09:00:00Z","path":1}`, "base64"},
		{"a place in a block", `{"time":"2026-03-01T09:00:00Z","person":{"at":0}}`, "not a place"},
		{"empty person", `{"time":"2026-03-01T09:00:00Z","person":{}}`, "person: want data"},
		{"person with both", `{"time":"2026-03-01T09:00:00Z","person":{"data":{},"error":"e"}}`, "person: want data"},
		{"hidden and shown query", `{"time":"2026-03-01T09:00:00Z","query_hidden":true,"raw_query":"a"}`, "raw_query"},
		{"other bytes", `{"time":"2026-03-01T09:00:00Z","path":"/` + "\xff" + `"}`, "want UTF-8"},
		{"too long", `{"request_id":"` + strings.Repeat("a", 5000) + `"}`, "at most 4000 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, end := range []string{"", "\n", "\r\n\n" + good + "\n"} {
				in := good + "\n\n" + tc.line + end
				got, err := Collect(importLines(strings.NewReader(in), 4000, 100))
				lineErr := new(LineError)
				if !errors.As(err, &lineErr) || lineErr.Line != 3 || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("error %v, want line 3 and %q", err, tc.want)
				}
				if want := 1 + strings.Count(end, good); len(got) != want {
					t.Errorf("%d entries, want %d", len(got), want)
				}
			}
		})
	}
}

func TestImportIsBounded(t *testing.T) {
	t.Parallel()
	const good = `{"request_id":"a","time":"2026-03-01T09:00:00Z"}` + "\n"
	got, err := Collect(importLines(strings.NewReader(strings.Repeat(good, 10)), 100, 7))
	if len(got) != 7 || err == nil || !strings.Contains(err.Error(), "line 8: want at most 7 lines") {
		t.Errorf("%d entries, %v, want 7 and an error", len(got), err)
	}
	got, err = Collect(Import(io.MultiReader(strings.NewReader(good), iotest.ErrReader(errors.New("disk on fire")))))
	if len(got) != 1 || err == nil || !strings.Contains(err.Error(), "line 2: read: disk on fire") {
		t.Errorf("%d entries, %v, want 1 and an error", len(got), err)
	}
}

func TestExportEndsAtAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	if err := Export(io.Discard, func(yield func(Entry, error) bool) { yield(Entry{}, broken) }); !errors.Is(err, broken) {
		t.Errorf("Export = %v", err)
	}
}

// FuzzImport: nothing panics, and what is imported exports and imports as the
// same.
func FuzzImport(f *testing.F) {
	var out bytes.Buffer
	if err := Export(&out, func(yield func(Entry, error) bool) { _ = yield(*full(), nil) && yield(*simple(1), nil) }); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Add([]byte(`{"time":"2026-03-01T09:00:00+14:00","path":{"base64":"YQ=="},"person":{"error":"e"},"headers":{"":""}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, _ := Collect(importLines(bytes.NewReader(in), 1<<16, 1000))
		var out bytes.Buffer
		if err := Export(&out, func(yield func(Entry, error) bool) {
			for _, e := range got {
				if !yield(e, nil) {
					return
				}
			}
		}); err != nil {
			t.Fatalf("what was imported cannot be exported: %v", err)
		}
		again, err := Collect(Import(bytes.NewReader(out.Bytes())))
		if err != nil {
			t.Fatalf("what was exported cannot be imported: %v", err)
		}
		if diff := same(slices.Clone(got), again); diff != "" {
			t.Errorf("(-first +second):\n%s", diff)
		}
	})
}
