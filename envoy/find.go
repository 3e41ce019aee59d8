package envoy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrNoEnvoy is returned by Find when there is no executable to run.
var ErrNoEnvoy = errors.New(`this build has no Envoy inside: build with "make build", run "make envoy", or set envoy_path`)

// Embedded reports whether an Envoy is inside this program.
func Embedded() bool { return packed != "" }

// Find returns the path of the Envoy executable to run.
//
// A path from the configuration (envoy_path) comes first. Then the embedded
// one, unpacked to cacheDir (made with mode 0700 if absent) and verified
// against its hash at every call. A build without one looks at the environment
// variable CARDEA_ENVOY, then at build/envoy/envoy in the working folder; if
// there is neither, the error is ErrNoEnvoy.
func Find(ctx context.Context, envoyPath, cacheDir string) (string, error) {
	if envoyPath != "" {
		if err := executable(envoyPath); err != nil {
			return "", fmt.Errorf("envoy_path: %w", err)
		}
		return filepath.Abs(envoyPath)
	}
	if Embedded() {
		path, err := unpack(ctx, packed, strings.TrimSpace(packedHash), cacheDir)
		if err != nil {
			return "", fmt.Errorf("unpack the embedded envoy: %w", err)
		}
		return path, nil
	}
	if path := os.Getenv("CARDEA_ENVOY"); path != "" {
		if err := executable(path); err != nil {
			return "", fmt.Errorf("environment variable CARDEA_ENVOY: %w", err)
		}
		return filepath.Abs(path)
	}
	if fetched := filepath.Join("build", "envoy", "envoy"); executable(fetched) == nil {
		return filepath.Abs(fetched)
	}
	return "", ErrNoEnvoy
}

// executable says whether path is a file we could run.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file %s", path)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", path)
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("%s is not executable", path)
	}
	return nil
}
