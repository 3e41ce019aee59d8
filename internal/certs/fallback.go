package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/cardea-proxy/cardea/internal/seal"
)

// Fallback returns a self-signed certificate for hosts (with or without ports)
// whose key is derived from the shared secret.
//
// It proves nothing to anybody: it lets a listener without a certificate of its
// own speak TLS, and every replica of one secret shows the same certificate, so
// that a person who once accepted it is not asked again by the next replica. It
// is valid from the start of this year to the end of the next.
func Fallback(secret []byte, hosts []string, now time.Time) (*Pair, error) {
	if len(secret) < 32 {
		return nil, errors.New("derive the fallback certificate: want a secret of at least 32 bytes")
	}
	key, err := derivedKey(secret)
	if err != nil {
		return nil, fmt.Errorf("derive the fallback certificate: %w", err)
	}
	year := now.UTC().Year()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Cardea fallback certificate"},
		NotBefore:             time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(year+2, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, host := range hosts {
		name := withoutPort(host)
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		template.DNSNames = append(template.DNSNames, name)
	}
	slices.Sort(template.DNSNames)
	template.DNSNames = slices.Compact(template.DNSNames)
	template.SerialNumber = derivedSerial(key, year, fmt.Sprint(template.DNSNames, template.IPAddresses))
	// No source of randomness: the signature is then a function of key and
	// content (RFC 6979), and equal on every replica.
	der, err := x509.CreateCertificate(nil, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("sign the fallback certificate: %w", err)
	}
	return newPair(key, template.NotBefore.AddDate(1, 0, 0), der)
}

// derivedKey turns the secret into a private key. One candidate in 2^32 is not
// in the curve's range; then the next one is tried.
func derivedKey(secret []byte) (key *ecdsa.PrivateKey, err error) {
	for try := range 4 {
		candidate := seal.Derive(secret, "certs/fallback/"+strconv.Itoa(try))
		key, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), candidate[:])
		if err == nil {
			return key, nil
		}
	}
	return nil, err
}

// derivedSerial differs whenever the content does, as a browser demands of two
// certificates of one issuer.
func derivedSerial(key *ecdsa.PrivateKey, year int, names string) *big.Int {
	id, _ := keyID(&key.PublicKey) // cannot fail for a key of ours; an empty id only makes serials less unlike
	sum := sha256.Sum256(fmt.Appendf(id, "|%d|%s", year, names))
	serial := new(big.Int).SetBytes(sum[:15])
	return serial.Add(serial, big.NewInt(1)) // zero is not allowed
}
