package bolt_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/databroker/bolt"
	"github.com/cardea-proxy/cardea/databroker/storetest"
)

func open(t *testing.T, o bolt.Options) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Options{
		Open: func(t *testing.T, logSize int) databroker.Store {
			return open(t, bolt.Options{Path: path(t), LogSize: logSize})
		},
		Reopen: func(t *testing.T, s databroker.Store) databroker.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, bolt.Options{Path: path(t), LogSize: 64})
		},
	})
}

// path returns one file for each test, the same each time.
func path(t *testing.T) string {
	t.Helper()
	return filepath.Join(os.TempDir(), fmt.Sprintf("cardea-bolt-%d", os.Getpid()), strings.ReplaceAll(t.Name(), "/", "-"), "store.db")
}

func TestMain(m *testing.M) {
	if target := os.Getenv(childEnv); target != "" {
		os.Exit(writeForEver(target))
	}
	if target := os.Getenv(fullEnv); target != "" {
		os.Exit(runFull(target))
	}
	code := m.Run()
	_ = os.RemoveAll(filepath.Join(os.TempDir(), fmt.Sprintf("cardea-bolt-%d", os.Getpid())))
	os.Exit(code)
}

func entry(id byte, version uint64, value string) databroker.Entry {
	return databroker.Entry{Key: databroker.Key{1: id, 40: id}, Version: version, Value: []byte(value)}
}

func write(t *testing.T, s *bolt.Store, e databroker.Entry) {
	t.Helper()
	errs, err := s.Write(t.Context(), []databroker.Put{{Entry: e, Expected: e.Version - 1}})
	if err != nil || errs[0] != nil {
		t.Fatalf("Write = %v, %v", errs, err)
	}
}

func TestASecondProcessIsToldThatTheStoreIsInUse(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	open(t, bolt.Options{Path: file})
	_, err := bolt.Open(bolt.Options{Path: file, LockWait: 20 * time.Millisecond})
	if !errors.Is(err, databroker.ErrLocked) || !strings.Contains(err.Error(), file) {
		t.Errorf("second Open = %v, want ErrLocked with the file's name", err)
	}
}

func TestTheStoreIsForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "data")
	open(t, bolt.Options{Path: filepath.Join(folder, "store.db")})
	for name, want := range map[string]os.FileMode{folder: 0o700, filepath.Join(folder, "store.db"): 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", filepath.Base(name), info.Mode().Perm(), want)
		}
	}
}

func TestWhatIsNoStoreIsRefused(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"text":         strings.Repeat("this is not a store\n", 2000),
		"a few bytes":  "x",
		"zeros":        strings.Repeat("\x00", 64<<10),
		"no directory": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "store.db")
			if name == "no directory" {
				file = filepath.Join("/proc/nowhere", "store.db")
			} else if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if s, err := bolt.Open(bolt.Options{Path: file}); err == nil {
				_ = s.Close()
				t.Error("it was opened")
			}
		})
	}
}

func TestAFileCutShortUnderTheStoreIsAnErrorNotACrash(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	s := open(t, bolt.Options{Path: file})
	for n := range byte(50) {
		write(t, s, entry(n, 1, strings.Repeat("x", 4000)))
	}
	if err := os.Truncate(file, 8192); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for n := range byte(50) {
		if _, _, err := s.Get(t.Context(), entry(n, 1, "").Key); err != nil {
			if !errors.Is(err, databroker.ErrUnavailable) {
				t.Fatalf("Get = %v, want ErrUnavailable", err)
			}
			lost++
		}
	}
	if lost == 0 {
		t.Error("nothing was lost: the test cuts nothing off")
	}
}

func TestAShorterLogThanBeforeIsKeptShort(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	s := open(t, bolt.Options{Path: file, LogSize: 40})
	for v := range uint64(60) {
		write(t, s, entry(byte(v), 1, "x"))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{10, 40} {
		s = open(t, bolt.Options{Path: file, LogSize: size})
		write(t, s, entry(byte(100+size), 1, "y"))
		p, _ := s.Position(t.Context())
		if _, _, err := s.Changes(t.Context(), p-15, 100); !errors.Is(err, databroker.ErrRelist) {
			t.Errorf("log of %d: Changes(15 back) = %v, want ErrRelist", size, err)
		}
		if found, reached, err := s.Changes(t.Context(), p-5, 100); err != nil || len(found) != 5 || reached != p {
			t.Errorf("log of %d: Changes(5 back) = %d entries, reached %d, %v", size, len(found), reached, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
