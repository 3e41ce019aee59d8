package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/seal"
)

// secretFile holds the shared secret of an installation that was given none.
const secretFile = "shared_secret"

// sharedKey returns the configured shared secret, or the one in the data
// folder, which is made there once: sessions must outlive a restart.
func sharedKey(cfg *config.Config) ([]byte, error) {
	if len(cfg.SharedKey) > 0 {
		return cfg.SharedKey, nil
	}
	path := filepath.Join(cfg.DataDir, secretFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeSecret(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read shared secret: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read shared secret: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others: run chmod 600 on it, and think whether they have", path)
	}
	key, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil || len(key) != seal.KeySize {
		return nil, fmt.Errorf("%s does not hold 32 bytes in base64: restore it, or remove the data folder with all it holds", path)
	}
	return key, nil
}

// makeSecret writes a new secret whole or not at all: half a secret would lock
// the store for good.
func makeSecret(path string) ([]byte, error) {
	key := make([]byte, seal.KeySize)
	_, _ = rand.Read(key) // never fails since Go 1.24
	f, err := os.CreateTemp(filepath.Dir(path), secretFile+".*")
	if err != nil {
		return nil, fmt.Errorf("make shared secret: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path) // fails where another process was first
	}
	if err != nil {
		return nil, fmt.Errorf("make shared secret: %w", err)
	}
	return key, nil
}

// keys are derived from the shared secret, each for one purpose.
type keys struct {
	root          []byte
	routeTicket   [32]byte
	signInTicket  [32]byte
	handoffMAC    [32]byte
	handoffSeal   [32]byte
	state         [32]byte
	localProvider [32]byte
	devices       [32]byte
	signing       [32]byte
	consoleForm   [32]byte
}

func deriveKeys(root []byte, cfg *config.Config) keys {
	k := keys{
		root:          root,
		routeTicket:   seal.Derive(root, "ticket/route"),
		signInTicket:  seal.Derive(root, "ticket/sign-in"),
		handoffMAC:    seal.Derive(root, "handoff/mac"),
		handoffSeal:   seal.Derive(root, "handoff/seal"),
		state:         seal.Derive(root, "sign-in/state"),
		localProvider: seal.Derive(root, "local-provider"),
		devices:       seal.Derive(root, "devices"),
		signing:       seal.Derive(root, "assertion"),
		consoleForm:   seal.Derive(root, "console/form"),
	}
	if len(cfg.CookieKey) > 0 {
		k.state = seal.Derive(cfg.CookieKey, "sign-in/state")
	}
	return k
}

// knownKey is sharedKey for tools: it makes none.
func knownKey(cfg *config.Config) ([]byte, error) {
	if len(cfg.SharedKey) > 0 {
		return cfg.SharedKey, nil
	}
	if _, err := os.Stat(filepath.Join(cfg.DataDir, secretFile)); err != nil {
		return nil, fmt.Errorf("no shared secret: the configuration names none, and %s holds none", cfg.DataDir)
	}
	return sharedKey(cfg)
}
