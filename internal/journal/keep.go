package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cardea-proxy/cardea/internal/seal"
)

const (
	segmentSize = 8 << 20 // bytes, at which a segment is closed
	// maxSegments bounds how many files there are when the program is started
	// over and over, each time with a new segment.
	maxSegments = 4096
	suffix      = ".journal"
)

// A segment is one file of those that a journal keeps.
type segment struct {
	path    string
	size    int64
	entries int64
	first   time.Time // of its entries; of the file's last change if none can be read
}

// segmentPath names segments so that their names sort as they were made.
func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016d%s", number, suffix))
}

// segmentFiles returns the paths of the segments in dir, oldest first.
func segmentFiles(dir string) ([]string, error) {
	all, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, fmt.Errorf("journal: read folder: %w", err)
	}
	var paths []string
	for _, f := range all {
		if f.Type().IsRegular() && filepath.Ext(f.Name()) == suffix {
			paths = append(paths, filepath.Join(dir, f.Name()))
		}
	}
	return paths, nil
}

// readSegment returns up to size bytes of a segment.
func readSegment(path string, size int64) ([]byte, error) {
	if size > int64(maxSegment) {
		return nil, &DamageError{path, int64(maxSegment), "the file is longer than a segment gets"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data := make([]byte, size)
	n, err := io.ReadFull(f, data)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("journal: read %s: %w", path, err)
	}
	return data[:n], nil
}

// found returns the segment at path as an earlier run left it. The error says
// what of it cannot be read; it counts for the bounds all the same.
func found(box *seal.Box, path string) (segment, error) {
	info, err := os.Stat(path)
	if err != nil {
		return segment{}, fmt.Errorf("journal: %w", err)
	}
	s := segment{path: path, size: info.Size(), first: info.ModTime()}
	data, err := readSegment(path, s.size)
	if err != nil {
		return s, err
	}
	survey, err := look(box, path, data)
	if err != nil {
		return s, err
	}
	s.entries = survey.count()
	if first := survey.first(); !first.IsZero() {
		s.first = first
	}
	return s, errors.Join(survey.damage...)
}

// A shelf is the segments of a journal, oldest first. The journal's lock
// guards it.
type shelf struct {
	segments []segment
	maxBytes int64
	maxAge   time.Duration
}

func (s *shelf) size() (n int64) {
	for i := range s.segments {
		n += s.segments[i].size
	}
	return n
}

func (s *shelf) entries() (n int64) {
	for i := range s.segments {
		n += s.segments[i].entries
	}
	return n
}

// oldest returns the earliest time of an entry, zero when there is none.
func (s *shelf) oldest() (t time.Time) {
	for i := range s.segments {
		if first := s.segments[i].first; s.segments[i].entries > 0 && (t.IsZero() || first.Before(t)) {
			t = first
		}
	}
	return t
}

// surplus returns the segments that must go so that more bytes can come and
// nothing is older than maxAge. A segment goes when its first entry is too
// old: nothing stays longer than was promised.
func (s *shelf) surplus(now time.Time, more int64) []string {
	var paths []string
	size, count := s.size()+more, len(s.segments)
	for i := range s.segments {
		if g := &s.segments[i]; size > s.maxBytes || count > maxSegments || now.Sub(g.first) > s.maxAge {
			paths = append(paths, g.path)
			size, count = size-g.size, count-1
		}
	}
	return paths
}

func (s *shelf) drop(path string) {
	s.segments = slices.DeleteFunc(s.segments, func(g segment) bool { return g.path == path })
}

// remove takes a file away. One that is gone already is no error.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove segment: %w", err)
	}
	return nil
}
