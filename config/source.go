package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A Source is where configurations come from: a file now, a cluster or a
// remote control plane later.
type Source interface {
	// Load reads the configuration as it is now. Errors leave the source
	// usable: the next Load may succeed.
	Load(ctx context.Context) (*Config, error)
	// Watch calls changed, one call at a time, when Load would read something
	// else than it last did. It returns when ctx ends, or with an error when
	// it can no longer tell.
	Watch(ctx context.Context, changed func()) error
}

// A FileSource reads a document, the files it names and the environment. Its
// methods may be called at the same time.
type FileSource struct {
	options Options
	loaded  chan struct{} // told after each Load, for Watch

	mu    sync.Mutex
	files map[string]reading // of the last Load, failed or not
	hot   bool               // whether the last good configuration wants to be watched
}

// NewFileSource returns a source that has read nothing yet.
func NewFileSource(o Options) *FileSource {
	return &FileSource{options: o, loaded: make(chan struct{}, 1), hot: true}
}

// Load is the function of the same name; Watch compares with what it read.
func (s *FileSource) Load(ctx context.Context) (*Config, error) {
	c, files, err := load(ctx, s.options)
	s.mu.Lock()
	s.files = files
	if err == nil {
		s.hot = c.Flag(FlagHotReload)
	}
	s.mu.Unlock()
	select {
	case s.loaded <- struct{}{}:
	default: // Watch has not looked at the one before yet
	}
	return c, err
}

const (
	// quiet is how long the files must rest before a change counts: editors
	// and deployments write several files, and each in several steps.
	quiet = 100 * time.Millisecond
	// patrol is how often the files are read without being told to: network
	// and overlay file systems report no changes made elsewhere.
	patrol = 30 * time.Second
)

// Watch watches folders, not files: an atomic rename and a symbolic link that
// is turned around, as Kubernetes does for a whole folder, put another file in
// the place of the watched one. With the runtime flag config_hot_reload off it
// only waits.
func (s *FileSource) Watch(ctx context.Context, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch configuration: %w", err)
	}
	defer func() { _ = w.Close() }() // nothing is left to do about it
	s.follow(w)
	rounds := time.NewTicker(patrol)
	defer rounds.Stop()
	rest := time.NewTimer(quiet) // the first look, for changes since Load
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.loaded:
			s.follow(w)
			rest.Reset(quiet) // what changed before the new folders were watched
		case _, open := <-w.Events:
			if !open {
				return errors.New("watch configuration: the watcher stopped")
			}
			rest.Reset(quiet)
		case <-w.Errors: // events were lost: look for ourselves
			rest.Reset(quiet)
		case <-rounds.C:
			s.follow(w) // a folder may have been made since
			s.look(changed)
		case <-rest.C:
			s.look(changed)
		}
	}
}

// look calls changed when a file, or the list of policies in a folder, is no
// longer what Load read.
func (s *FileSource) look(changed func()) {
	s.mu.Lock()
	files, hot := maps.Clone(s.files), s.hot
	s.mu.Unlock()
	if !hot || files == nil {
		return
	}
	now := make(map[string]reading, len(files))
	differs := false
	for path, before := range files {
		now[path] = before.again(path)
		differs = differs || now[path] != before
	}
	if !differs {
		return
	}
	s.mu.Lock()
	s.files = now // one change is told once, also when nobody loads it
	s.mu.Unlock()
	changed()
}

// follow watches the folder of every file and every folder of policies, by its
// name and by where links on the way lead.
func (s *FileSource) follow(w *fsnotify.Watcher) {
	s.mu.Lock()
	want := make(map[string]bool, len(s.files))
	for path, r := range s.files {
		add := func(path string) {
			want[filepath.Dir(path)] = true
			if r.folder {
				want[path] = true
			}
		}
		add(path)
		if real, err := filepath.EvalSymlinks(path); err == nil {
			add(real)
		}
	}
	s.mu.Unlock()
	for _, dir := range w.WatchList() {
		if !want[dir] {
			_ = w.Remove(dir) // gone already
		}
	}
	for dir := range want {
		_ = w.Add(dir) // a missing folder is found on a later round
	}
}
