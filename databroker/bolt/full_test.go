package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/databroker/bolt"
)

// fullEnv makes the test program a process whose files may not grow for a
// while: what a full disk looks like, without one.
const fullEnv = "CARDEA_BOLT_TEST_FULL"

func TestAFullDiskIsToldAndGotOver(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fullEnv+"="+filepath.Join(t.TempDir(), "store.db"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

func runFull(file string) int {
	if err := fullDisk(file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func fullDisk(file string) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := bolt.Open(bolt.Options{Path: file})
	if err != nil {
		return err
	}
	ctx := context.Background()
	put := func(n int) error {
		errs, err := s.Write(ctx, []databroker.Put{{Entry: entry(byte(n), 1, strings.Repeat("x", 8000))}})
		return errors.Join(append(errs, err)...)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	roomy := limit
	limit.Cur = 256 << 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	written := 0
	for ; written < 100; written++ {
		if err = put(written); err != nil {
			break
		}
	}
	if !errors.Is(err, databroker.ErrUnavailable) || !strings.Contains(err.Error(), syscall.EFBIG.Error()) {
		return fmt.Errorf("after %d writes: %v, want ErrUnavailable with its cause", written, err)
	}
	for n := range written {
		if _, _, err := s.Get(ctx, entry(byte(n), 1, "").Key); err != nil {
			return fmt.Errorf("read %d of %d while the disk is full: %w", n, written, err)
		}
	}
	if _, _, err := s.Get(ctx, entry(byte(written), 1, "").Key); !errors.Is(err, databroker.ErrNoEntry) {
		return fmt.Errorf("the refused write is there: %v", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &roomy); err != nil {
		return err
	}
	for n := written; n < 100; n++ {
		if err := put(n); err != nil {
			return fmt.Errorf("write %d once there is room again: %w", n, err)
		}
	}
	if err := s.Close(); err != nil {
		return err
	}
	if s, err = bolt.Open(bolt.Options{Path: file}); err != nil {
		return err
	}
	for n := range 100 {
		if _, _, err := s.Get(ctx, entry(byte(n), 1, "").Key); err != nil {
			return fmt.Errorf("read %d after all: %w", n, err)
		}
	}
	return s.Close()
}
