package main

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/certs"
)

// authorityDir is where the local authority lives.
func authorityDir(cfg *config.Config) string { return filepath.Join(cfg.DataDir, "authority") }

// listenerCertificates returns what the listeners show: the configured
// certificates, else one of the local authority for hosts on localhost and the
// derived one for the others. renew says when to ask again; zero is never.
func listenerCertificates(cfg *config.Config, secret []byte, now time.Time) (list []*config.Certificate, renew time.Time, err error) {
	if len(cfg.Certificates) > 0 || cfg.InsecureServer {
		return cfg.Certificates, time.Time{}, nil
	}
	local, other := splitHosts(cfg)
	if len(local) > 0 {
		authority, err := certs.LoadOrCreate(authorityDir(cfg), nil)
		if err != nil {
			return nil, time.Time{}, err
		}
		pair, err := authority.Issue(local...)
		if err != nil {
			return nil, time.Time{}, err
		}
		list, renew = append(list, certificateOf(pair)), pair.RenewAt
	}
	if len(other) > 0 || len(local) == 0 {
		pair, err := certs.Fallback(secret, other, now)
		if err != nil {
			return nil, time.Time{}, err
		}
		list = append(list, certificateOf(pair))
		if renew.IsZero() || pair.RenewAt.Before(renew) {
			renew = pair.RenewAt
		}
	}
	return list, renew, nil
}

// validationCertificates stand in for those that only a running program makes.
func validationCertificates(cfg *config.Config) []*config.Certificate {
	if len(cfg.Certificates) > 0 || cfg.InsecureServer {
		return cfg.Certificates
	}
	pair, err := certs.Fallback(make([]byte, 32), []string{"localhost"}, time.Now())
	if err != nil {
		return nil // then the snapshot says that one is missing
	}
	return []*config.Certificate{certificateOf(pair)}
}

// splitHosts sorts the hosts of routes and of sign-in into those that the local
// authority may speak for and the others.
func splitHosts(cfg *config.Config) (local, other []string) {
	hosts := []string{cfg.AuthenticateServiceURL.Hostname()}
	for _, r := range cfg.Routes {
		hosts = append(hosts, r.From.Host)
	}
	slices.Sort(hosts)
	for _, h := range slices.Compact(hosts) {
		switch {
		case h == "":
		case isLocal(h) && !strings.Contains(h, "*"):
			local = append(local, h)
		default:
			other = append(other, h)
		}
	}
	return local, other
}

func isLocal(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// usesLocalAuthority reports whether a browser has to trust ours.
func usesLocalAuthority(cfg *config.Config) bool {
	local, _ := splitHosts(cfg)
	return len(cfg.Certificates) == 0 && !cfg.InsecureServer && len(local) > 0
}

func certificateOf(p *certs.Pair) *config.Certificate {
	return &config.Certificate{CertPEM: p.CertPEM, KeyPEM: config.Secret(p.KeyPEM), TLS: p.TLS, Leaf: p.TLS.Leaf}
}
