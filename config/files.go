package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A reading is what was found at a path.
type reading struct {
	folder bool     // looked for as a folder of policies
	hash   fileHash // of the file, or of the names of the policies in the folder
}

// A fileHash is the SHA-256 of a file; zero when there was none.
type fileHash [sha256.Size]byte

// again reads path once more.
func (r reading) again(path string) reading {
	if r.folder {
		_, r.hash, _ = readFolder(path)
		return r
	}
	r.hash = fileHash{}
	if b, err := readFile(path); err == nil {
		r.hash = sha256.Sum256(b)
	}
	return r
}

// errNoFiles is what is wrong with every file that Options.Text names.
var errNoFiles = errors.New("files cannot be read for a document that stands alone")

// read returns the content of a regular file and remembers it for Config.Files
// and the watcher. Pipes and devices are refused: reading one may never end.
func (l *loading) read(path string) ([]byte, error) {
	if l.options.Text != nil {
		return nil, errNoFiles
	}
	path = absolute(path)
	l.files[path] = reading{}
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	l.files[path] = reading{hash: sha256.Sum256(b)}
	return b, nil
}

// readNames returns the names of the policies in a folder, and remembers them
// for the watcher.
func (l *loading) readNames(path string) ([]string, error) {
	if l.options.Text != nil {
		return nil, errNoFiles
	}
	path = absolute(path)
	names, hash, err := readFolder(path)
	l.files[path] = reading{folder: true, hash: hash}
	return names, err
}

// readFolder returns the names of the policies that stand directly in a folder,
// sorted, and their hash; zero when it cannot be read.
func readFolder(path string) ([]string, fileHash, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fileHash{}, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && isPolicyFile(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, sha256.Sum256([]byte(strings.Join(names, "\x00"))), nil
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
	content, _, err := find(l, path, l.read)
	if err != nil {
		l.refuse(key, readProblem(err), "a readable file")
		return nil, false
	}
	return content, true
}

// find reads path where it is: from the working directory or, when nothing is
// there, from the folder of the document. It also returns where that was.
func find[T any](l *loading, path string, read func(string) (T, error)) (T, string, error) {
	content, err := read(path)
	if errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(path) && l.options.File != "" {
		beside := filepath.Join(filepath.Dir(l.options.File), path)
		if b, besideErr := read(beside); !errors.Is(besideErr, fs.ErrNotExist) {
			return b, beside, besideErr
		}
	}
	return content, path, err
}
