package softkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"
)

// An Authority vouches for authenticators: a root and one certificate below it.
type Authority struct {
	Root         *x509.Certificate
	intermediate *x509.Certificate
	rootSigner   crypto.Signer
	signer       crypto.Signer // of intermediate
	now          time.Time
}

// NewAuthority returns an Authority whose certificates are good for a year
// around now.
func NewAuthority(now time.Time) (*Authority, error) {
	a := &Authority{now: now}
	rootKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := a.template("Softkey Root")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	if a.Root, err = issue(template, template, rootKey.Public(), rootKey); err != nil {
		return nil, err
	}
	below := a.template("Softkey Attestation")
	below.IsCA, below.BasicConstraintsValid, below.KeyUsage = true, true, x509.KeyUsageCertSign
	a.rootSigner, a.signer = rootKey, signer
	a.intermediate, err = issue(below, a.Root, signer.Public(), rootKey)
	return a, err
}

// Pool returns the root as a pool of its own.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Root)
	return pool
}

func (a *Authority) template(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		serial = big.NewInt(1)
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    a.now.AddDate(0, -6, 0),
		NotAfter:     a.now.AddDate(0, 6, 0),
	}
}

// vouch returns x5c for key: the leaf, and what stands between it and the root.
func (a *Authority) vouch(template *x509.Certificate, key crypto.PublicKey) ([]any, error) {
	leaf, err := issue(template, a.intermediate, key, a.signer)
	if err != nil {
		return nil, err
	}
	return []any{leaf.Raw, a.intermediate.Raw}, nil
}

// vouchAlone returns x5c of one certificate, issued by the root.
func (a *Authority) vouchAlone(template *x509.Certificate, key crypto.PublicKey) ([]any, error) {
	leaf, err := issue(template, a.Root, key, a.rootSigner)
	if err != nil {
		return nil, err
	}
	return []any{leaf.Raw}, nil
}

func issue(template, parent *x509.Certificate, key crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(raw)
}
