package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// read returns the content of a regular file and remembers it for Config.Files
// and the watcher. Pipes and devices are refused: reading one may never end.
func (l *loading) read(path string) ([]byte, error) {
	path = absolute(path)
	l.files[path] = fileHash{}
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	l.files[path] = sha256.Sum256(b)
	return b, nil
}

// readFile reads at most maxBytes of a regular file.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	b, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > maxBytes:
		return nil, fmt.Errorf("larger than %d MiB", maxBytes>>20)
	}
	return b, nil
}

// named reads the file that key names. A relative path is meant from the
// working directory, and when nothing is there, from the folder of the
// document. A file that cannot be read is refused, and ok is false.
func (l *loading) named(key, path string) (content []byte, ok bool) {
	if path == "" {
		return nil, false
	}
	content, err := l.read(path)
	if errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(path) && l.options.File != "" {
		beside := filepath.Join(filepath.Dir(l.options.File), path)
		if b, besideErr := l.read(beside); !errors.Is(besideErr, fs.ErrNotExist) {
			content, err = b, besideErr
		}
	}
	if err != nil {
		l.refuse(key, readProblem(err), "a readable file")
		return nil, false
	}
	return content, true
}
