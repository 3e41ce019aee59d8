package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// leafLife is how long a certificate for hosts is valid. It is renewed when a
// third of that is left.
const leafLife = 90 * 24 * time.Hour

// A KeyPEM is a private key, PKCS #8 in PEM, that does not print itself.
type KeyPEM []byte

func (KeyPEM) String() string               { return "[redacted]" }
func (KeyPEM) GoString() string             { return "[redacted]" }
func (KeyPEM) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// A Pair is a certificate chain with its key.
type Pair struct {
	CertPEM []byte // the leaf, then what signed it, if it is not itself
	KeyPEM  KeyPEM
	TLS     tls.Certificate // the same, parsed; TLS.Leaf is set
	RenewAt time.Time       // when to ask for the next one
}

// Issue returns a certificate for hosts: localhost, names under it, loopback
// addresses, each with or without a port. 127.0.0.1 and ::1 are always in.
//
// Each host must be named: browsers refuse a wildcard right under localhost,
// which they take for a top-level domain. A host that the authority may not
// speak for is an error that names it.
func (a *Authority) Issue(hosts ...string) (*Pair, error) {
	names, addresses, err := localNames(hosts)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	now := a.now()
	end := now.Add(leafLife)
	if end.After(a.certificate.NotAfter) {
		end = a.certificate.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Cardea local certificate"},
		NotBefore:    now.Add(-slack),
		NotAfter:     end,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// Says that this is no authority, to software that would not guess.
		BasicConstraintsValid: true,
		DNSNames:              names,
		IPAddresses:           addresses,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	return newPair(key, end.Add(-end.Sub(now)/3), der, a.certificate.Raw)
}

// newPair puts a key and its chain, leaf first, into every form of a Pair.
func newPair(key *ecdsa.PrivateKey, renewAt time.Time, chain ...[]byte) (*Pair, error) {
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, fmt.Errorf("read back a certificate: %w", err)
	}
	p := &Pair{
		KeyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		TLS:     tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf},
		RenewAt: renewAt,
	}
	for _, der := range chain {
		p.CertPEM = append(p.CertPEM, certificatePEM(der)...)
	}
	return p, nil
}

// localNames sorts hosts into names and addresses and refuses what is not
// local.
func localNames(hosts []string) (names []string, addresses []net.IP, err error) {
	addresses = []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback}
	var errs []error
	for _, host := range hosts {
		name := withoutPort(host)
		if ip := net.ParseIP(name); ip != nil {
			if !ip.IsLoopback() {
				errs = append(errs, fmt.Errorf("the local authority may not speak for the address %s, only for loopback", name))
				continue
			}
			addresses = append(addresses, ip)
			continue
		}
		if !local(name) {
			errs = append(errs, fmt.Errorf("the local authority may not speak for %q, only for localhost and names that end in .localhost", name))
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	slices.SortFunc(addresses, func(a, b net.IP) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(names),
		slices.CompactFunc(addresses, func(a, b net.IP) bool { return a.Equal(b) }),
		errors.Join(errs...)
}

// withoutPort returns the host in lower case, without its port, brackets and
// final dot.
func withoutPort(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// local reports whether name is localhost or a well-formed name under it.
func local(name string) bool {
	if name == "localhost" {
		return true
	}
	labels, ok := strings.CutSuffix(name, ".localhost")
	if !ok || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimPrefix(labels, "*."), ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}
