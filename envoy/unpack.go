package envoy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/klauspost/compress/zstd"
)

// unpack puts the compressed executable into a folder of its own under
// cacheDir, named for its hash, and returns its path.
//
// It is unpacked once; what is found there later is hashed whole at every call
// (0.1 s for 107 MB) and replaced if it is anything else. Two programs may do
// this at once: the file appears by a rename.
func unpack(ctx context.Context, packed, hash, cacheDir string) (string, error) {
	if len(hash) != hex.EncodedLen(sha256.Size) {
		return "", errors.New("the embedded hash is not a sha256")
	}
	dir := filepath.Join(cacheDir, "envoy-"+hash[:16])
	if err := privateDir(dir); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "envoy")
	have, err := hashFile(ctx, path)
	switch {
	case err == nil && have == hash:
		return path, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	if err := decompress(ctx, packed, hash, path); err != nil {
		return "", err
	}
	return path, nil
}

// decompress writes the executable to path, whole and with the right hash, or
// leaves path as it was.
func decompress(ctx context.Context, packed, hash, path string) (err error) {
	reader, err := zstd.NewReader(strings.NewReader(packed))
	if err != nil {
		return err
	}
	defer reader.Close()
	file, err := os.CreateTemp(filepath.Dir(path), "envoy-*.partial")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(file.Name())
		}
	}()
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(file, sum), contextReader{ctx, reader}); err != nil {
		return err
	}
	if have := hex.EncodeToString(sum.Sum(nil)); have != hash {
		return fmt.Errorf("it has sha256 %s, want %s", have, hash)
	}
	if err := file.Chmod(0o500); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// privateDir makes dir if it is absent, and refuses one that somebody else
// could write to: a file verified there could be another one when it is run.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", dir)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("the folder %s belongs to another user", dir)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("the folder %s may be written to by others: its mode is %#o, want 0700", dir, info.Mode().Perm())
	}
	return nil
}

// hashFile returns the sha256 of the file at path, in hex.
func hashFile(ctx context.Context, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, contextReader{ctx, file}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// contextReader stops a long copy when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
