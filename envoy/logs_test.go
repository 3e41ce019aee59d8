package envoy

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

// pieces notes each write.
type pieces []string

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, string(b))
	return len(b), nil
}

func TestCopyLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3*chunk)
	huge := strings.Repeat("y", maxLine+10)
	for _, tc := range []struct {
		name string
		in   io.Reader
		want []string
	}{
		{"nothing", strings.NewReader(""), nil},
		{"many lines go out in one write", strings.NewReader("a\nb\nc\n"), []string{"a\nb\nc\n"}},
		{"a last line without its end gets one", strings.NewReader("a\nb"), []string{"a\n", "b\n"}},
		{"a line that comes in pieces goes out whole", io.MultiReader(strings.NewReader("a\nb"), strings.NewReader("c\nd\n")), []string{"a\n", "bc\nd\n"}},
		{"a long line goes out whole", strings.NewReader(long + "\nz\n"), []string{long + "\nz\n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var got pieces
			if err := copyLines(&got, tc.in); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, []string(got)); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a line beyond measure is cut, what follows is not lost", func(t *testing.T) {
		t.Parallel()
		var got bytes.Buffer
		if err := copyLines(&got, strings.NewReader(huge+"\nz\n")); err != nil {
			t.Fatal(err)
		}
		if want := huge[:maxLine] + "\n" + huge[maxLine:] + "\nz\n"; got.String() != want {
			t.Errorf("%d bytes, want %d", got.Len(), len(want))
		}
	})
	t.Run("byte by byte", func(t *testing.T) {
		t.Parallel()
		var got pieces
		if err := copyLines(&got, iotest.OneByteReader(strings.NewReader("ab\nc\n"))); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"ab\n", "c\n"}, []string(got)); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
	})
	t.Run("a writer that fails ends it", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("disk is full")
		r, w := io.Pipe()
		r.CloseWithError(broken)
		if err := copyLines(w, strings.NewReader("a\n")); !errors.Is(err, broken) {
			t.Errorf("copyLines: %v", err)
		}
	})
}

func TestRelay(t *testing.T) {
	t.Parallel()
	in := strings.Join([]string{
		`{"l":"info","n":"main","m":"starting main dispatch loop"}`,
		`{"l":"info","n":"main","m":"  envoy.http.original_ip_detection: many"}`,
		`{"l":"warning","n":"config","m":"two\nlines \"quoted\""}`,
		`{"l":"critical","n":"main","m":"assert failure"}`,
		`free(): invalid pointer`,
		``,
		`{"l":"debug","n":"http","m":"headers:\n':path', '/a?pomerium_session=s3cret'\n'cookie', 'a=1; _pomerium=s3cret'\n'x', 'y'"}`,
	}, "\n")
	var out bytes.Buffer
	last := relay(zerolog.New(&out), strings.NewReader(in))
	want := `{"level":"info","component":"main","message":"starting main dispatch loop"}
{"level":"debug","component":"main","message":"  envoy.http.original_ip_detection: many"}
{"level":"warn","component":"config","message":"two\nlines \"quoted\""}
{"level":"error","component":"main","message":"assert failure"}
{"level":"warn","message":"free(): invalid pointer"}
{"level":"debug","component":"http","message":"headers:\n':path', '/a?[redacted]'\n'cookie', '[redacted]'\n'x', 'y'"}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if last != "free(): invalid pointer" {
		t.Errorf("last complaint: %q", last)
	}
}

func TestEnvoysOwnLevelDecides(t *testing.T) {
	t.Parallel()
	in := `{"l":"debug","n":"http","m":"asked for"}
{"l":"info","n":"main","m":"  envoy.filters.http: many"}
`
	var out bytes.Buffer
	relay(zerolog.New(&out).Level(zerolog.WarnLevel), strings.NewReader(in))
	if want := `{"level":"debug","component":"http","message":"asked for"}` + "\n"; out.String() != want {
		t.Errorf("log: %s, want %s", &out, want)
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for _, header := range []string{
		"cookie", "set-cookie", "Authorization", "proxy-authorization", "x-pomerium-authorization", "x-pomerium-jwt-assertion",
	} {
		for _, value := range []string{"s3cret", "it's s3cret", "a', 's3cret", ""} {
			in := "request:\n':method', 'GET'\n'" + header + "', '" + value + "'\n'accept', '*/*'\n"
			want := "request:\n':method', 'GET'\n'" + header + "', '[redacted]'\n'accept', '*/*'\n"
			if got := redact(in); got != want {
				t.Errorf("redact(%q) = %q", in, got)
			}
		}
	}
	if in := "lds: add/update listener 'web'"; redact(in) != in {
		t.Errorf("redact(%q) = %q", in, redact(in))
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	for ours, theirs := range map[string]string{
		"": "info", "trace": "trace", "debug": "debug", "info": "info", "warn": "warning", "error": "error",
		"fatal": "critical", "panic": "critical", "disabled": "off",
	} {
		if got := envoyLevel(ours); got != theirs {
			t.Errorf("envoyLevel(%q) = %q, want %q", ours, got, theirs)
		}
	}
}

// FuzzRelay: whatever a client makes Envoy print, our log stays one JSON object
// a line, and a cookie stays out of it.
func FuzzRelay(f *testing.F) {
	f.Add("'cookie', 's3cretvalue'")
	f.Add("x', 'y\n'cookie', 's3cretvalue")
	f.Fuzz(func(t *testing.T, message string) {
		line := zerolog.New(io.Discard)
		redacted := redact("'cookie', 's3cretvalue'\n" + message)
		if strings.HasPrefix(redacted, "'cookie', 's3cretvalue'") {
			t.Errorf("a cookie is logged: %q", redacted)
		}
		relayLine(line, true, []byte(message))
		var out pieces
		relayLine(zerolog.New(&out), true, []byte(message))
		for _, written := range out {
			if strings.Count(written, "\n") != 1 || !strings.HasSuffix(written, "}\n") {
				t.Errorf("not one line: %q", written)
			}
		}
	})
}

func TestNoQueryAndNoTokenOutsideOfHeadersEither(t *testing.T) {
	for in, want := range map[string]string{
		"match for URL '/oauth2/callback?code=CANARY&state=CANARY'":   "match for URL '/oauth2/callback?[redacted]'",
		"'x-tok', 'Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln'": "'x-tok', 'Bearer [redacted]'",
		"is this a question?": "is this a question?",
	} {
		if got := redact(in); got != want {
			t.Errorf("redact(%q) = %q, want %q", in, got, want)
		}
	}
}
