package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/proxy/console"
)

// Where the path of the one socket is too long and that of the other is not,
// nobody has made their folder private, or made it at all.
func TestNoSocketInAFolderThatIsNotPrivate(t *testing.T) {
	t.Parallel()
	base, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	fill := maxSocketPath - len("/admin/grpc") - len(base) - 1
	if fill < 1 {
		t.Skipf("the folder for temporary files has too long a name: %s", base)
	}
	cfg := &config.Config{}
	cfg.DataDir = filepath.Join(base, strings.Repeat("d", fill))
	if len(adminGRPC(cfg)) != maxSocketPath || len(adminSocket(cfg)) <= maxSocketPath {
		t.Fatalf("%d and %d bytes", len(adminGRPC(cfg)), len(adminSocket(cfg)))
	}
	admin := filepath.Join(cfg.DataDir, "admin")
	for _, made := range []bool{false, true} {
		if made {
			if err := os.MkdirAll(admin, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		h := &house{log: zerolog.Nop(), consoleService: &console.Service{}}
		ctx, stop := context.WithCancel(t.Context())
		g, ctx := errgroup.WithContext(ctx)
		if err := errors.Join(h.serveAdmin(ctx, g, cfg), h.serveAdminGRPC(ctx, g, cfg)); err != nil {
			t.Errorf("folder made before: %v: %v", made, err)
		}
		if _, err := os.Stat(adminGRPC(cfg)); !errors.Is(err, fs.ErrNotExist) {
			if folder, err := os.Stat(admin); err != nil || folder.Mode().Perm() != 0o700 {
				t.Errorf("a socket in a folder of mode %v, %v", folder.Mode(), err)
			}
		}
		stop()
		_ = g.Wait()
	}
}
