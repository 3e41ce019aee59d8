package bolt_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/databroker/bolt"
)

// childEnv makes the test program a process that writes until it is killed.
const childEnv = "CARDEA_BOLT_TEST_CHILD"

// crashWriters write at the same time, each its own entry.
const crashWriters = 4

// writeForEver steps the version of each writer's entry and prints each step
// once it is acknowledged.
func writeForEver(file string) int {
	s, err := bolt.Open(bolt.Options{Path: file})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx := context.Background()
	var wg sync.WaitGroup
	for w := range byte(crashWriters) {
		wg.Go(func() {
			e, _, _ := s.Get(ctx, entry(w, 0, "").Key) // absent at first: version 0
			for v := e.Version + 1; ; v++ {
				errs, err := s.Write(ctx, []databroker.Put{{Entry: entry(w, v, crashValue(w, v)), Expected: v - 1}})
				if err != nil || errs[0] != nil {
					fmt.Fprintln(os.Stderr, errs, err)
					os.Exit(1)
				}
				fmt.Printf("%d %d\n", w, v) // one unbuffered write: whole or not at all
			}
		})
	}
	wg.Wait()
	return 0
}

func crashValue(w byte, v uint64) string { return fmt.Sprintf("writer %d version %d", w, v) }

func TestAKilledProcessLosesNoAcknowledgedWrite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	acknowledged := make(map[byte]uint64)
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	total := 0
	for round := range rounds {
		// Killed after another number of writes each time, and somewhere
		// within the next.
		total += writeAndKill(t, file, 5+13*round%97, acknowledged)
		s, err := bolt.Open(bolt.Options{Path: file})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for w, v := range acknowledged {
			e, _, err := s.Get(t.Context(), entry(w, 0, "").Key)
			if err != nil || e.Version < v || string(e.Value) != crashValue(w, e.Version) {
				t.Fatalf("round %d: writer %d was told that version %d is written; there is %d %q, %v", round, w, v, e.Version, e.Value, err)
			}
			acknowledged[w] = e.Version
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged writes, %d kills", total, rounds)
}

// writeAndKill starts the writers, kills them after n acknowledged writes and
// notes all that were acknowledged.
func writeAndKill(t *testing.T, file string, n int, acknowledged map[byte]uint64) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+file)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for scan := bufio.NewScanner(out); scan.Scan(); lines++ {
		if lines == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		var w byte
		var v uint64
		if _, err := fmt.Sscanf(scan.Text(), "%d %d", &w, &v); err != nil {
			t.Fatalf("line %q: %v", scan.Text(), err)
		}
		acknowledged[w] = max(acknowledged[w], v)
	}
	if err := cmd.Wait(); err == nil || lines <= n {
		t.Fatalf("the writers ended by themselves after %d writes: %v", lines, err)
	}
	return lines
}
