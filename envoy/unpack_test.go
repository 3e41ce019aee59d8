package envoy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// squeezed returns a small program as the build would embed it.
func squeezed(t *testing.T, program string) (packed, hash string) {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(program)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(program))
	return out.String(), hex.EncodeToString(sum[:])
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	const program = "#!/bin/sh\necho envoy\n"
	packed, hash := squeezed(t, program)
	cache := filepath.Join(t.TempDir(), "cache")
	path, err := unpack(t.Context(), packed, hash, cache)
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, program)
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if mode := dir.Mode().Perm(); mode != 0o700 {
		t.Errorf("the folder has mode %#o, want 0700", mode)
	}
	if err := executable(path); err != nil {
		t.Error(err)
	}
	long := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}

	t.Run("it is unpacked once", func(t *testing.T) {
		if _, err := unpack(t.Context(), "not even zstd", hash, cache); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if !info.ModTime().Equal(long) {
			t.Error("it was written again")
		}
	})

	t.Run("a changed copy is replaced, even one of the same size and time", func(t *testing.T) {
		evil := strings.Replace(program, "echo", "evil", 1)
		os.Chmod(path, 0o700)
		if err := os.WriteFile(path, []byte(evil), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, long, long); err != nil {
			t.Fatal(err)
		}
		if _, err := unpack(t.Context(), packed, hash, cache); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, program)
	})

	t.Run("nothing is left of one that was interrupted", func(t *testing.T) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := unpack(ctx, packed, hash, cache); !errors.Is(err, context.Canceled) {
			t.Errorf("unpack: %v", err)
		}
		left, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(left) != 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}

func TestUnpackRefuses(t *testing.T) {
	t.Parallel()
	packed, hash := squeezed(t, "good")
	other, _ := squeezed(t, "evil")
	for _, tc := range []struct {
		name, packed, hash string
		prepare            func(t *testing.T, dir string)
		want               string
	}{
		{"content with another hash", other, hash, nil, "want " + hash},
		{"content that is cut", packed[:len(packed)-3], hash, nil, ""},
		{"a hash that is none", packed, "abc", nil, "not a sha256"},
		{"a folder that others may write to", packed, hash, func(t *testing.T, dir string) {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}, "may be written to by others"},
		{"a link in place of the folder", packed, hash, func(t *testing.T, dir string) {
			if err := os.Symlink(t.TempDir(), dir); err != nil {
				t.Fatal(err)
			}
		}, "not a folder"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cache := t.TempDir()
			dir := filepath.Join(cache, "envoy-"+hash[:16])
			if tc.prepare != nil {
				tc.prepare(t, dir)
			}
			_, err := unpack(t.Context(), tc.packed, tc.hash, cache)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("unpack: %v, want %q in it", err, tc.want)
			}
			if _, err := os.Stat(filepath.Join(dir, "envoy")); err == nil {
				t.Error("the executable is there all the same")
			}
		})
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	good, plain := filepath.Join(dir, "good"), filepath.Join(dir, "plain")
	for path, mode := range map[string]os.FileMode{good: 0o755, plain: 0o644} {
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("CARDEA_ENVOY", plain)
	if path, err := Find(t.Context(), good, dir); err != nil || path != good {
		t.Errorf("envoy_path: %q, %v", path, err)
	}
	for path, want := range map[string]string{
		plain: "not executable", dir: "not a file", filepath.Join(dir, "none"): "there is no file",
	} {
		if _, err := Find(t.Context(), path, dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Find(%q): %v, want %q in it", path, err, want)
		}
	}
	if Embedded() {
		return
	}
	if _, err := Find(t.Context(), "", dir); err == nil || !strings.Contains(err.Error(), "CARDEA_ENVOY") {
		t.Errorf("CARDEA_ENVOY that is not executable: %v", err)
	}
	t.Setenv("CARDEA_ENVOY", good)
	if path, err := Find(t.Context(), "", dir); err != nil || path != good {
		t.Errorf("CARDEA_ENVOY: %q, %v", path, err)
	}
	t.Setenv("CARDEA_ENVOY", "")
	t.Chdir(dir)
	if _, err := Find(t.Context(), "", dir); !errors.Is(err, ErrNoEnvoy) {
		t.Errorf("nothing to find: %v", err)
	}
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", path, got, err, want)
	}
}
