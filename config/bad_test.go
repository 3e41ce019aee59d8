package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBad loads every file of testdata/bad. Its first lines say which errors
// it must have, all of them and no others; where a line ends in "# here", the
// first error must be on it. An error may be cut short.
func TestBad(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad/*")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			want, line := expected(t, file)
			_, err := Load(t.Context(), Options{File: file})
			var all Errors
			if !errors.As(err, &all) {
				t.Fatalf("Load: %v, want Errors", err)
			}
			var got []string
			for i, e := range all {
				if e.File != file {
					t.Errorf("error in file %q, want %q", e.File, file)
				}
				e := *e
				if line > 0 && e.Line != line {
					t.Errorf("%v: on line %d, want %d", &e, e.Line, line)
				}
				e.File, e.Line = "", 0
				text := e.Error()
				if i < len(want) && strings.HasPrefix(text, want[i]) {
					text = want[i]
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

// expected reads the errors a file asks for and the line marked "# here".
func expected(t *testing.T, file string) (want []string, line int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range strings.Split(string(text), "\n") {
		if e, ok := strings.CutPrefix(l, "# error: "); ok {
			want = append(want, e)
		}
		if strings.HasSuffix(l, "# here") {
			line = i + 1
		}
	}
	return want, line
}
