package ceremony

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"
	"github.com/pomerium/webauthn/cose"
)

// The formats that are taken (Web Authentication Level 3, section 8).
const (
	formatNone    = "none"
	formatPacked  = "packed"
	formatTPM     = "tpm"
	formatAndroid = "android-key"
	formatApple   = "apple"
	formatU2F     = "fido-u2f"
)

const (
	maxChain       = 6       // certificates
	maxCertificate = 8 << 10 // bytes
	// maxChainRSA bounds the keys of authorities in bits: some roots have 4096,
	// none more, and a longer one would cost long calculations.
	maxChainRSA = 4096
)

// An attestation is what came with a new credential to say what made it.
type attestation struct {
	format   string
	authData []byte
	fields   map[string]cbor.RawMessage // attStmt, each to be read by its format
}

// A statement is an attestation that holds: its signatures are right and it
// speaks of this credential. Whose word it is, trust.go asks.
type statement struct {
	format string
	chain  []*x509.Certificate // the device's first; nil for none and self
	// hardware is whether, going by the statement, the key lives in hardware.
	// Where false, a chain to a root proves nothing of worth.
	hardware bool
}

// readAttestation reads an attestation object (section 6.5.4) to its last byte.
func readAttestation(raw []byte) (*attestation, error) {
	r := newCBORReader()
	item, rest, err := r.first(raw, cborMap)
	if err != nil {
		return nil, fmt.Errorf("attestation object: %w", err)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the attestation object", ErrMalformed, len(rest))
	}
	var fields map[string]cbor.RawMessage
	if err := r.into(item, cborMap, &fields); err != nil || len(fields) != 3 {
		return nil, fmt.Errorf("%w: attestation object: want fmt, attStmt and authData", ErrMalformed)
	}
	a := &attestation{}
	if err := r.into(fields["fmt"], cborText, &a.format); err != nil {
		return nil, fmt.Errorf("fmt: %w", err)
	}
	if err := r.into(fields["authData"], cborBytes, &a.authData); err != nil {
		return nil, fmt.Errorf("authData: %w", err)
	}
	if err := r.into(fields["attStmt"], cborMap, &a.fields); err != nil {
		return nil, fmt.Errorf("attStmt: %w", err)
	}
	return a, nil
}

// verify checks the statement over data and the client data. ErrFormat: the
// format is not taken. ErrAttestation: the statement does not hold.
func (a *attestation) verify(data *authData, clientData []byte) (*statement, error) {
	check := map[string]func(*authData, []byte) (*statement, error){
		formatNone:    a.verifyNone,
		formatPacked:  a.verifyPacked,
		formatTPM:     a.verifyTPM,
		formatAndroid: a.verifyAndroid,
		formatApple:   a.verifyApple,
		formatU2F:     a.verifyU2F,
	}[a.format]
	if check == nil {
		return nil, fmt.Errorf("%w: %.40q", ErrFormat, a.format)
	}
	hash := sha256.Sum256(clientData)
	s, err := check(data, hash[:])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.format, err)
	}
	s.format = a.format
	return s, nil
}

// verifyNone takes the absence of a statement (section 8.7).
func (a *attestation) verifyNone(*authData, []byte) (*statement, error) {
	return &statement{}, a.only()
}

// only refuses fields other than these: what is not read must not be there.
func (a *attestation) only(names ...string) error {
	for name := range a.fields {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%w: field %.40q is not known", ErrAttestation, name)
		}
	}
	return nil
}

// bytes reads one field, which must be there.
func (a *attestation) bytes(name string) (b []byte, err error) {
	if err = newCBORReader().into(a.fields[name], cborBytes, &b); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// signature reads alg and sig, as most formats have them.
func (a *attestation) signature() (cose.Algorithm, []byte, error) {
	algorithm, err := newCBORReader().integer(a.fields["alg"])
	if err != nil {
		return 0, nil, fmt.Errorf("alg: %w", err)
	}
	signature, err := a.bytes("sig")
	return cose.Algorithm(algorithm), signature, err
}

// certificates reads x5c, of at least one.
func (a *attestation) certificates() ([]*x509.Certificate, error) {
	r := newCBORReader()
	var list []cbor.RawMessage
	if err := r.into(a.fields["x5c"], cborArray, &list); err != nil {
		return nil, fmt.Errorf("x5c: %w", err)
	}
	if len(list) < 1 || len(list) > maxChain {
		return nil, fmt.Errorf("%w: x5c: %d certificates: want 1 to %d", ErrAttestation, len(list), maxChain)
	}
	var chain []*x509.Certificate
	for i, item := range list {
		var der []byte
		if err := r.into(item, cborBytes, &der); err != nil || len(der) > maxCertificate {
			return nil, fmt.Errorf("%w: x5c[%d]: want at most %d bytes", ErrAttestation, i, maxCertificate)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: x5c[%d]: %w", ErrAttestation, i, err)
		}
		if key, ok := certificate.PublicKey.(*rsa.PublicKey); ok && (key.N.BitLen() < minRSA || key.N.BitLen() > maxChainRSA) {
			return nil, fmt.Errorf("%w: x5c[%d]: RSA key of %d bits", ErrAttestation, i, key.N.BitLen())
		}
		chain = append(chain, certificate)
	}
	return chain, nil
}

// checkSignature verifies a signature by the key of a certificate.
func checkSignature(by *x509.Certificate, algorithm cose.Algorithm, signed, signature []byte) error {
	if err := by.CheckSignature(algorithm.X509SignatureAlgorithm(), signed, signature); err != nil {
		return fmt.Errorf("%w: signature: %w", ErrAttestation, err)
	}
	return nil
}

// extension returns the value of an extension, and whether it is there.
// x509.ParseCertificate refuses certificates that have one twice.
func extension(of *x509.Certificate, id asn1.ObjectIdentifier) (value []byte, critical, there bool) {
	for _, e := range of.Extensions {
		if e.Id.Equal(id) {
			return e.Value, e.Critical, true
		}
	}
	return nil, false, false
}

// der reads one ASN.1 value and nothing behind it.
func der(raw []byte, value any) error {
	rest, err := asn1.Unmarshal(raw, value)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes behind the value", len(rest))
	}
	return err
}
