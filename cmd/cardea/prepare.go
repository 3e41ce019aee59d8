package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/envoy/xds"
	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/policy"
	"golang.org/x/sync/errgroup"
)

// compileAll compiles the policy of every route. A program of before serves
// again where it would decide the same: it remembers decisions. The compiler
// shares work among routes that differ only in names.
func compileAll(ctx context.Context, cfg *config.Config, compiler *policy.Compiler, before map[string]*policy.Program) (map[string]*policy.Program, error) {
	programs, errs := make([]*policy.Program, len(cfg.Routes)), make([]error, len(cfg.Routes))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, r := range cfg.Routes {
		g.Go(func() error {
			p, err := compiler.Compile(ctx, r.Policy)
			if err != nil {
				errs[i] = fmt.Errorf("line %d: policy of route %s: %w", r.Line, r.From, err)
				return nil // all of them are said at once
			}
			p.Inherit(before[r.ID])
			programs[i] = p
			return nil
		})
	}
	if err := errors.Join(append(errs, g.Wait())...); err != nil {
		return nil, err
	}
	byID := make(map[string]*policy.Program, len(programs))
	for i, r := range cfg.Routes {
		byID[r.ID] = programs[i]
	}
	return byID, nil
}

// newMinter returns the signer of assertions: with the configured keys, else
// with the one derived from the shared secret.
func newMinter(cfg *config.Config, k keys) (*assertion.Minter, error) {
	if len(cfg.SigningKeys) > 0 {
		return assertion.New(cfg.SigningKeys)
	}
	key, err := assertion.DeriveKey(k.signing)
	if err != nil {
		return nil, err
	}
	return assertion.New([]crypto.Signer{key})
}

// buildSnapshot makes what Envoy is told.
func buildSnapshot(cfg *config.Config, programs map[string]*policy.Program, list []*config.Certificate, s xds.Sockets, errorPages []xds.ErrorPage) (*xds.Snapshot, error) {
	digests := make(map[string]string, len(programs))
	for id, p := range programs {
		digests[id] = p.Digest()
	}
	ca := systemCA()
	var trust []byte
	if len(cfg.UpstreamCA) > 0 && ca != "" { // it stands beside the system's authorities
		var err error
		if trust, err = os.ReadFile(ca); err != nil {
			return nil, fmt.Errorf("read the system's certificates: %w", err)
		}
	}
	return xds.Build(xds.Input{
		Config: cfg, Certificates: list, PolicyDigests: digests, ErrorPages: errorPages, Sockets: s,
		SystemCA: ca, SystemTrust: trust, IPv4Only: !hasIPv6(),
	})
}

// errorPagesOf turns the pages for Envoy's own failures into what xds takes.
func errorPagesOf(p *pages.Pages) []xds.ErrorPage {
	var out []xds.ErrorPage
	for _, reply := range p.LocalReplies() {
		page := xds.ErrorPage{HTML: string(reply.HTML), JSON: string(reply.JSON), Plain: string(reply.Plain), HTMLHeader: reply.HeaderMap()}
		if reply.Status != 0 {
			page.Statuses = []uint32{uint32(reply.Status)}
		}
		out = append(out, page)
	}
	return out
}

// systemCA returns the file with the certificates that the system trusts, as
// the usual distributions place it; "" when there is none.
func systemCA() string {
	for _, path := range []string{
		os.Getenv("SSL_CERT_FILE"),
		"/etc/ssl/certs/ca-certificates.crt", // Debian, Alpine
		"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora
		"/etc/ssl/ca-bundle.pem",             // openSUSE
		"/etc/ssl/cert.pem",                  // macOS
	} {
		if info, err := os.Stat(path); path != "" && err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}

func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	_ = l.Close() // it was only tried
	return true
}
