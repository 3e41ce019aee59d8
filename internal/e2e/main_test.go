package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// built is the program under test, made once by TestMain and only read after.
var built string

// TestMain builds the program, without the embedded Envoy, and runs the tests.
func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cardea-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if built, err = buildProgram(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if _, err := findEnvoy(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// What runs in parallel here waits for connections to be closed; processors
	// are not what it needs. Fuzzing starts an instance for each.
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() == "" {
		if err := flag.Set("test.parallel", "16"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	defer shared.stop()
	defer stopDifferences()
	return m.Run()
}

// buildProgram builds the program in dir. CARDEA_PROGRAM names one that is tried
// as it is.
func buildProgram(dir string) (string, error) {
	if path := os.Getenv("CARDEA_PROGRAM"); path != "" {
		return filepath.Abs(path)
	}
	path := filepath.Join(dir, "cardea")
	build := exec.Command("go", "build", "-o", path, "github.com/cardea-proxy/cardea/cmd/cardea")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the program does not build: %w\n%s", err, out)
	}
	return path, nil
}

// findEnvoy returns the Envoy that the program is told to run.
func findEnvoy() (string, error) {
	path := os.Getenv("CARDEA_ENVOY")
	if path == "" {
		path = filepath.Join(repository(), "build", "envoy", "envoy")
	}
	if _, err := os.Stat(path); err != nil {
		return "", errors.New("these tests run the real Envoy: run \"make envoy\" first, or name one in CARDEA_ENVOY")
	}
	return path, nil
}

// repository is the root of the source tree.
func repository() string {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		panic(err) // the working directory is gone
	}
	return root
}
