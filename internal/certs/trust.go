package certs

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// commandTime bounds one call of a system's tool.
const commandTime = time.Minute

// TrustOptions say what to trust and where. Certificate, File and Home are
// required.
type TrustOptions struct {
	Certificate *x509.Certificate // the authority
	File        string            // where it lies, PEM, for the tools that read a file
	Home        string            // of the person whose browsers are meant

	System string // "linux" or "darwin"; "" means this one
	Root   string // prefix of the system's paths; "" means none
	// Run runs a tool and returns what it wrote; nil means to really run it.
	Run func(ctx context.Context, name string, args ...string) ([]byte, error)
	// Look finds a tool; nil means exec.LookPath.
	Look func(name string) (string, error)
}

// An Outcome is what became of one trust store.
type Outcome string

// The outcomes. Skipped comes with a hint, Failed with an error.
const (
	Added        Outcome = "added"
	AlreadyThere Outcome = "already there"
	Removed      Outcome = "removed"
	NotThere     Outcome = "not there"
	Skipped      Outcome = "skipped"
	Failed       Outcome = "failed"
)

// A Change is one trust store and what became of it.
type Change struct {
	Store   string // for a person: "system", "Firefox profile …"
	Outcome Outcome
	Hint    string // what a person can do, when Skipped
	Err     error  // when Failed
}

// store is one place where trusted authorities are kept.
type store interface {
	name() string
	trust(ctx context.Context) (Outcome, string, error)
	untrust(ctx context.Context) (Outcome, string, error)
}

// Trust puts the authority into the system's trust store and those of the
// person's browsers. It goes on after a failure and reports every store; the
// error joins the failures. What needs rights or tools that are missing is
// skipped, with a hint. To do it twice is to do it once.
func Trust(ctx context.Context, o TrustOptions) ([]Change, error) {
	return each(o, func(s store) (Outcome, string, error) { return s.trust(ctx) })
}

// Untrust takes the authority out of every store that Trust may have put it
// into: this very certificate, compared byte for byte, and no other.
func Untrust(ctx context.Context, o TrustOptions) ([]Change, error) {
	return each(o, func(s store) (Outcome, string, error) { return s.untrust(ctx) })
}

func each(o TrustOptions, do func(store) (Outcome, string, error)) ([]Change, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	var changes []Change
	var errs []error
	for _, s := range append(systemStores(o), nssStores(o)...) {
		outcome, hint, err := do(s)
		if err != nil {
			outcome = Failed
			errs = append(errs, fmt.Errorf("%s: %w", s.name(), err))
		}
		changes = append(changes, Change{Store: s.name(), Outcome: outcome, Hint: hint, Err: err})
	}
	return changes, errors.Join(errs...)
}

// label is the name that the authority has in a store.
func (o TrustOptions) label() string { return o.Certificate.Subject.CommonName }

// same reports whether text is PEM of this very certificate.
func (o TrustOptions) same(text []byte) bool {
	block, _ := pem.Decode(text)
	return block != nil && bytes.Equal(block.Bytes, o.Certificate.Raw)
}

// run calls a tool; the error carries what it complained about.
func (o TrustOptions) run(ctx context.Context, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	return o.Run(ctx, name, args...)
}

// reallyRun gives the tool no standard input: one that wants a password fails
// instead of waiting for it.
func reallyRun(ctx context.Context, name string, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if said := strings.TrimSpace(string(exit.Stderr)); said != "" {
			return out, fmt.Errorf("%s: %s", name, said)
		}
	}
	if err != nil {
		return out, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}
