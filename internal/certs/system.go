package certs

import (
	"context"
	"crypto/sha1" //nolint:gosec // macOS names certificates by it
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// filled puts the real things where o leaves room, and checks the rest.
func (o TrustOptions) filled() (TrustOptions, error) {
	if o.Certificate == nil || o.File == "" || o.Home == "" {
		return o, errors.New("trust: Certificate, File and Home are required")
	}
	if o.System == "" {
		o.System = runtime.GOOS
	}
	if o.Run == nil {
		o.Run = reallyRun
	}
	if o.Look == nil {
		o.Look = exec.LookPath
	}
	return o, nil
}

// layouts are the systems' ways of adding an authority: drop a file, call a
// tool. The first whose tool and folder are there is the system's.
var layouts = []layout{
	// Without --fresh, Debian's tool leaves links to a file that is gone.
	{"Debian, Ubuntu, Alpine", "/usr/local/share/ca-certificates", ".crt", []string{"update-ca-certificates"}, []string{"update-ca-certificates", "--fresh"}},
	{"Fedora, RHEL", "/etc/pki/ca-trust/source/anchors", ".pem", []string{"update-ca-trust", "extract"}, nil},
	{"Arch", "/etc/ca-certificates/trust-source/anchors", ".crt", []string{"trust", "extract-compat"}, nil},
	{"openSUSE", "/etc/pki/trust/anchors", ".pem", []string{"update-ca-certificates"}, nil},
}

type layout struct {
	system, folder, suffix string
	tool                   []string // called after a file was added
	dropTool               []string // called after one was removed; nil means tool
}

func (l layout) afterRemoval() []string {
	if l.dropTool == nil {
		return l.tool
	}
	return l.dropTool
}

func systemStores(o TrustOptions) []store {
	if o.System == "darwin" {
		return []store{keychain{o}}
	}
	for _, l := range layouts {
		if _, err := o.Look(l.tool[0]); err != nil {
			continue
		}
		if info, err := os.Stat(o.Root + l.folder); err == nil && info.IsDir() {
			return []store{anchors{o, l}}
		}
	}
	return []store{unknownSystem{o}}
}

// anchors is a system store made of files in a folder.
type anchors struct {
	o TrustOptions
	layout
}

func (a anchors) name() string { return "system (" + a.system + ")" }

func (a anchors) file() string {
	base := strings.ToLower(strings.ReplaceAll(a.o.label(), " ", "-"))
	return filepath.Join(a.o.Root+a.folder, base+a.suffix)
}

func (a anchors) trust(ctx context.Context) (Outcome, string, error) {
	if text, err := os.ReadFile(a.file()); err == nil && a.o.same(text) {
		return AlreadyThere, "", nil
	}
	err := replace(a.file(), certificatePEM(a.o.Certificate.Raw), 0o644)
	if errors.Is(err, fs.ErrPermission) {
		return Skipped, fmt.Sprintf("needs root: sudo cp '%s' '%s' && sudo %s", a.o.File, a.file(), strings.Join(a.tool, " ")), nil
	}
	if err != nil {
		return "", "", err
	}
	_, err = a.o.run(ctx, a.tool[0], a.tool[1:]...)
	return Added, "", err
}

func (a anchors) untrust(ctx context.Context) (Outcome, string, error) {
	text, err := os.ReadFile(a.file())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return NotThere, "", nil
	case err != nil:
		return "", "", err
	case !a.o.same(text):
		return Skipped, fmt.Sprintf("%s is another certificate; it is left alone", a.file()), nil
	}
	err = os.Remove(a.file())
	if errors.Is(err, fs.ErrPermission) {
		return Skipped, fmt.Sprintf("needs root: sudo rm '%s' && sudo %s", a.file(), strings.Join(a.afterRemoval(), " ")), nil
	}
	if err != nil {
		return "", "", err
	}
	tool := a.afterRemoval()
	_, err = a.o.run(ctx, tool[0], tool[1:]...)
	return Removed, "", err
}

// keychain is the person's login keychain on macOS; Safari and Chrome read it.
type keychain struct{ o TrustOptions }

func (k keychain) name() string { return "login keychain" }

func (k keychain) file() string {
	return filepath.Join(k.o.Home, "Library", "Keychains", "login.keychain-db")
}

// present looks for the certificate by its SHA-1, the keychain's name for it.
func (k keychain) present(ctx context.Context) bool {
	out, err := k.o.run(ctx, "security", "find-certificate", "-a", "-Z", "-c", k.o.label(), k.file())
	return err == nil && strings.Contains(string(out), k.fingerprint())
}

func (k keychain) fingerprint() string {
	sum := sha1.Sum(k.o.Certificate.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func (k keychain) trust(ctx context.Context) (Outcome, string, error) {
	if k.present(ctx) {
		return AlreadyThere, "", nil
	}
	_, err := k.o.run(ctx, "security", "add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", k.file(), k.o.File)
	return Added, "", err
}

func (k keychain) untrust(ctx context.Context) (Outcome, string, error) {
	if !k.present(ctx) {
		return NotThere, "", nil
	}
	_, err := k.o.run(ctx, "security", "delete-certificate", "-t", "-Z", k.fingerprint(), k.file())
	return Removed, "", err
}

// unknownSystem says what a person can do where we cannot.
type unknownSystem struct{ o TrustOptions }

func (unknownSystem) name() string { return "system" }

func (u unknownSystem) trust(context.Context) (Outcome, string, error) {
	return Skipped, "this system's way of trusting an authority is not known here; add " + u.o.File + " by hand", nil
}

func (unknownSystem) untrust(context.Context) (Outcome, string, error) { return NotThere, "", nil }
