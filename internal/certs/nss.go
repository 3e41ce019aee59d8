package certs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// getCertutil says how to get the tool that writes the browsers' stores.
const getCertutil = "certutil is not installed: apt install libnss3-tools (Debian, Ubuntu), " +
	"dnf install nss-tools (Fedora), brew install nss (macOS); then run this again"

// nssStores lists the certificate databases of the person's browsers: those
// that are there, and on Linux the one that Chromium and Chrome will use once
// they run.
func nssStores(o TrustOptions) []store {
	var stores []store
	if o.System != "darwin" { // there, Chrome reads the keychain
		stores = append(stores, nss{o: o, dir: filepath.Join(o.Home, ".pki", "nssdb"), browser: "Chromium and Chrome", make: true})
		for _, dir := range []string{
			filepath.Join(o.Home, ".local", "share", "pki", "nssdb"),
			filepath.Join(o.Home, "snap", "chromium", "current", ".pki", "nssdb"),
		} {
			if hasDatabase(dir) {
				stores = append(stores, nss{o: o, dir: dir, browser: "Chromium"})
			}
		}
	}
	for _, pattern := range []string{
		".mozilla/firefox/*",
		".config/mozilla/firefox/*",
		"snap/firefox/common/.mozilla/firefox/*",
		".var/app/org.mozilla.firefox/.mozilla/firefox/*",
		"Library/Application Support/Firefox/Profiles/*",
	} {
		profiles, _ := filepath.Glob(filepath.Join(globEscape(o.Home), filepath.FromSlash(pattern))) // the pattern is ours and well formed
		for _, dir := range profiles {
			if hasDatabase(dir) {
				stores = append(stores, nss{o: o, dir: dir, browser: "Firefox"})
			}
		}
	}
	return stores
}

// hasDatabase reports whether dir holds an NSS database in today's format.
func hasDatabase(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "cert9.db"))
	return err == nil
}

// globEscape keeps a home folder with brackets in its name from being a
// pattern.
func globEscape(path string) string {
	var out []rune
	for _, r := range path {
		if r == '*' || r == '?' || r == '[' || r == '\\' {
			out = append(out, '\\')
		}
		out = append(out, r)
	}
	return string(out)
}

// nss is one certificate database of a browser.
type nss struct {
	o       TrustOptions
	dir     string
	browser string
	make    bool // make it if it is absent
}

func (n nss) name() string { return fmt.Sprintf("%s (%s)", n.browser, n.dir) }

func (n nss) certutil(ctx context.Context, args ...string) ([]byte, error) {
	return n.o.run(ctx, "certutil", append([]string{"-d", "sql:" + n.dir}, args...)...)
}

// present reports whether the very certificate is in the database. taken says
// that another one has its name.
func (n nss) present(ctx context.Context) (present, taken bool) {
	text, err := n.certutil(ctx, "-L", "-n", n.o.label(), "-a")
	if err != nil {
		return false, false // certutil has no other way of saying "not there"
	}
	return n.o.same(text), !n.o.same(text)
}

func (n nss) trust(ctx context.Context) (Outcome, string, error) {
	if _, err := n.o.Look("certutil"); err != nil {
		return Skipped, getCertutil, nil
	}
	if !hasDatabase(n.dir) {
		if !n.make {
			return NotThere, "", nil
		}
		if err := os.MkdirAll(n.dir, 0o700); err != nil {
			return "", "", err
		}
		if _, err := n.certutil(ctx, "-N", "--empty-password"); err != nil {
			return "", "", err
		}
	}
	present, taken := n.present(ctx)
	if taken {
		return Skipped, fmt.Sprintf("another certificate is called %q there; it is left alone", n.o.label()), nil
	}
	// Also when it is present: somebody may have taken the trust from it. "C"
	// trusts it to sign servers' certificates and nothing else.
	if _, err := n.certutil(ctx, "-A", "-t", "C,,", "-n", n.o.label(), "-i", n.o.File); err != nil {
		return "", "", err
	}
	if present {
		return AlreadyThere, "", nil
	}
	return Added, "", nil
}

func (n nss) untrust(ctx context.Context) (Outcome, string, error) {
	if !hasDatabase(n.dir) {
		return NotThere, "", nil
	}
	if _, err := n.o.Look("certutil"); err != nil {
		return Skipped, getCertutil, nil
	}
	present, taken := n.present(ctx)
	switch {
	case taken:
		return Skipped, fmt.Sprintf("another certificate is called %q there; it is left alone", n.o.label()), nil
	case !present:
		return NotThere, "", nil
	}
	if _, err := n.certutil(ctx, "-D", "-n", n.o.label()); err != nil {
		return "", "", err
	}
	return Removed, "", nil
}
