package config

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/cardea-proxy/cardea/policy"
)

// A Config is one whole, checked configuration. It is never changed after Load
// returns it; a reload makes the next one.
type Config struct {
	Settings

	// Generation counts configurations within one process, from 1. The loader
	// leaves it 0; whoever applies configurations numbers them.
	Generation uint64
	// Document is the file with the settings, as it was named; "" where the
	// environment says everything.
	Document string
	// Files are all files that were read to make this value, absolute, sorted:
	// the document itself and every file it names.
	Files []string
	// Routes in the order they are tried: all of `policy`, then all of `routes`.
	Routes []*Route
	// Policies are those with a name, in the order of `policies` and then of the
	// files in policy_dir. Routes share them.
	Policies []*policy.Policy
	// ConsoleRoles is console, ready to compile.
	ConsoleRoles ConsoleRoles
	// Certificates of the listeners, in the order of the keys. Empty when the
	// configuration names none: then cmd supplies a local or a fallback one.
	Certificates []*Certificate
	// ClientCA and ClientCRL are downstream_mtls, as PEM; nil when absent.
	ClientCA  []byte
	ClientCRL []byte
	// AttestationCA is device_attestation_ca(_file) as PEM; nil means that no
	// device has to prove what it is.
	AttestationCA []byte
	// UpstreamCA is certificate_authority(_file) as PEM; nil means system trust.
	UpstreamCA []byte
	// SharedKey and CookieKey are the decoded secrets; nil when absent.
	SharedKey Key
	CookieKey Key
	// SigningKeys are the decoded signing_key entries, the first signs; empty
	// means that the key is derived from the shared secret.
	SigningKeys []crypto.Signer
	// Warnings are remarks that do not refuse the configuration.
	Warnings []*Error
}

// A Certificate is a chain with its key, read, matched and parsed.
type Certificate struct {
	CertPEM []byte
	KeyPEM  Secret
	TLS     tls.Certificate
	Leaf    *x509.Certificate
}

// UpstreamTimeout returns how long a request on r may take: the route's own
// timeout, else 0 (no limit) for tunnels, websockets and the console, else the
// default.
func (c *Config) UpstreamTimeout(r *Route) time.Duration {
	switch {
	case r.Timeout != nil:
		return *r.Timeout
	case r.IsTCP() || r.Upgrades(c)["websocket"] || r.Console: // it streams what happens
		return 0
	}
	return c.DefaultUpstreamTimeout
}
