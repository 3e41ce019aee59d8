package authorize

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/config"
)

// A clientCert is what one connection's certificate amounts to.
type clientCert struct {
	presented bool
	valid     bool
	leaf      *x509.Certificate // nil when none was presented or it cannot be read
	// intermediates are the others that came with it, as they came.
	intermediates []*x509.Certificate
}

// A certVerifier judges client certificates under one set of authorities.
// Envoy's own verdict is lost when a TLS session is resumed, so the chain is
// verified here, and the result remembered.
type certVerifier struct {
	roots    *x509.CertPool // nil: no authority is configured, everything is valid
	crls     map[string][]*x509.RevocationList
	names    []config.SANMatcher
	maxDepth int // authorities between leaf and root, root included; 0 is no limit
	now      func() time.Time
	known    *cache[certKey, certVerdict]
}

// A certKey holds the texts as Envoy sent them: compared whole, they need no
// hash of ours.
type certKey struct{ leaf, chain string }

type certVerdict struct {
	cert  clientCert
	until time.Time // the verdict may be another from then on
}

const (
	certCacheSize = 1024
	// invalidFor is how long an invalid certificate is remembered: it may become
	// valid as time goes on, and refusing it again must stay cheap.
	invalidFor = 10 * time.Second
)

// newCertVerifier returns a verifier for the authorities in ca (PEM; nil for
// none) and the rest of downstream_mtls.
func newCertVerifier(c *config.Config, ca []byte, now func() time.Time) (*certVerifier, error) {
	v := &certVerifier{
		names: c.DownstreamMTLS.MatchSubjectAltNames, maxDepth: 1, now: now,
		known: newCache[certKey, certVerdict](certCacheSize),
	}
	if d := c.DownstreamMTLS.MaxVerifyDepth; d != nil {
		v.maxDepth = int(*d)
	}
	if len(ca) == 0 {
		return v, nil
	}
	v.roots = x509.NewCertPool()
	if !v.roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("client certificate authorities: no certificate in the PEM text")
	}
	v.crls = make(map[string][]*x509.RevocationList)
	for block, rest := pem.Decode(c.ClientCRL); block != nil; block, rest = pem.Decode(rest) {
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate revocation list: %w", err)
		}
		v.crls[string(list.RawIssuer)] = append(v.crls[string(list.RawIssuer)], list)
	}
	return v, nil
}

// judge says what the certificate of a connection amounts to. leaf and chain
// are PEM, URL-encoded, as Envoy hands them over.
func (v *certVerifier) judge(leaf, chain string) clientCert {
	if leaf == "" && chain == "" {
		return clientCert{valid: v.roots == nil}
	}
	key := certKey{leaf, chain}
	now := v.now()
	if known, ok := v.known.get(key); ok && now.Before(known.until) {
		return known.cert
	}
	verdict := v.verify(leaf, chain, now)
	// The request's own texts would keep its whole message in memory.
	v.known.put(certKey{strings.Clone(leaf), strings.Clone(chain)}, verdict)
	return verdict.cert
}

func (v *certVerifier) verify(leafText, chainText string, now time.Time) certVerdict {
	verdict := certVerdict{cert: clientCert{presented: true}, until: now.Add(invalidFor)}
	certs, err := readChain(leafText, chainText)
	if err != nil {
		return verdict
	}
	leaf := certs[0]
	verdict.cert.leaf, verdict.cert.intermediates = leaf, certs[1:]
	if v.roots == nil {
		verdict.cert.valid, verdict.until = true, now.Add(time.Hour)
		return verdict
	}
	if hasNUL(leaf) || !v.nameAccepted(leaf) {
		return verdict
	}
	intermediates := x509.NewCertPool()
	for _, c := range certs[1:] {
		intermediates.AddCert(c)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: v.roots, Intermediates: intermediates, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return verdict
	}
	for _, chain := range chains {
		if v.maxDepth > 0 && len(chain)-1 > v.maxDepth {
			continue
		}
		if until, ok := v.notRevoked(chain, now); ok {
			verdict.cert.valid, verdict.until = true, until
			return verdict
		}
	}
	return verdict
}

// notRevoked looks leaf up in the lists of its issuer, and in no other. It
// returns when the answer has to be found anew. A list that is past its time or
// not signed by the issuer says nothing, and then the certificate is refused.
func (v *certVerifier) notRevoked(chain []*x509.Certificate, now time.Time) (until time.Time, ok bool) {
	leaf := chain[0]
	issuer := chain[min(1, len(chain)-1)]
	until = now.Add(time.Hour)
	for _, c := range chain {
		until = earlier(until, c.NotAfter)
	}
	for _, list := range v.crls[string(leaf.RawIssuer)] {
		if list.CheckSignatureFrom(issuer) != nil {
			return time.Time{}, false
		}
		if !list.NextUpdate.IsZero() {
			if now.After(list.NextUpdate) {
				return time.Time{}, false
			}
			until = earlier(until, list.NextUpdate)
		}
		for _, revoked := range list.RevokedCertificateEntries {
			if revoked.SerialNumber.Cmp(leaf.SerialNumber) == 0 {
				return time.Time{}, false
			}
		}
	}
	return until, true
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// maxChain bounds how many certificates of one connection are read.
const maxChain = 10

// readChain returns the certificates of a connection, leaf first.
func readChain(leafText, chainText string) ([]*x509.Certificate, error) {
	if chainText == "" {
		chainText = leafText
	}
	certs, err := readPEM(chainText)
	if err != nil || leafText == "" || leafText == chainText {
		return certs, err
	}
	leaf, err := readPEM(leafText)
	if err != nil {
		return nil, err
	}
	if !leaf[0].Equal(certs[0]) {
		return nil, errors.New("certificate chain: it begins with another certificate than the connection's")
	}
	return certs, nil
}

func readPEM(text string) ([]*x509.Certificate, error) {
	plain, err := url.PathUnescape(text)
	if err != nil {
		return nil, fmt.Errorf("certificate chain: %w", err)
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode([]byte(plain)); block != nil && len(certs) < maxChain; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate chain: %w", err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("certificate chain: no certificate in the text")
	}
	return certs, nil
}

// hasNUL reports whether a name of c holds a NUL: what reads it as the end of
// the text sees another name than what does not.
func hasNUL(c *x509.Certificate) bool {
	holds := func(s string) bool { return strings.IndexByte(s, 0) >= 0 }
	if holds(c.Subject.CommonName) || slices.ContainsFunc(c.DNSNames, holds) || slices.ContainsFunc(c.EmailAddresses, holds) {
		return true
	}
	return slices.ContainsFunc(c.URIs, func(u *url.URL) bool { return holds(u.String()) || holds(u.Host) || holds(u.Path) })
}
