package ceremony

import (
	"crypto/x509"

	"github.com/pomerium/webauthn"
)

// demandsAttestation reports whether roots were configured.
func (p *Party) demandsAttestation() bool { return p.roots != nil || p.appleRoot != nil }

// trusts reports whether s leads to a root that was configured, at this moment.
// A statement that is not about hardware is never worth that.
func (p *Party) trusts(s *statement) bool {
	if len(s.chain) == 0 || !s.hardware {
		return false
	}
	return leadsTo(p.roots, s.chain, p) || s.format == formatApple && leadsTo(p.appleRoot, s.chain, p)
}

// leadsTo reports whether the first certificate of chain is one of roots or was
// issued below one. What certificates may be used for is each format's to check.
func leadsTo(roots *x509.CertPool, chain []*x509.Certificate, p *Party) bool {
	if roots == nil {
		return false // crypto/x509 would take the roots of the system
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: p.now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err == nil
}

// appleRoot returns Apple's WebAuthn root alone.
func appleRoot() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(webauthn.AppleWebAuthnRootCAPEM)
	return pool
}
