package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	authorityFile = "local-ca.pem"     // 0644: anybody may trust it
	keyFile       = "local-ca-key.pem" // 0600
	// authorityLife is as long as people keep a development machine.
	authorityLife = 10 * 365 * 24 * time.Hour
	// slack dates certificates back: the clock of a client on the same machine
	// in a container or virtual machine may be behind.
	slack = time.Hour
)

// ErrAuthority is in the error of LoadOrCreate when what is on the disk must
// not be used.
var ErrAuthority = errors.New("the local certificate authority cannot be used")

// Authority is the local certificate authority. It may be used by several
// goroutines.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	path        string
	now         func() time.Time
}

// LoadOrCreate returns the authority kept in dir, or makes one there (and dir,
// with mode 0700). Two programs that do so at once get the same one. now nil
// means time.Now.
//
// It refuses, with ErrAuthority, a key that others may read, a key that is not
// the certificate's, an expired authority, and one that is not constrained to
// localhost: nobody should have trusted that, and we do not use it.
func LoadOrCreate(dir string, now func() time.Time) (*Authority, error) {
	if now == nil {
		now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the local authority: %w", err)
	}
	a, err := load(dir, now)
	if !errors.Is(err, fs.ErrNotExist) {
		return a, err
	}
	if err := create(dir, now()); err != nil {
		return nil, fmt.Errorf("make a local certificate authority: %w", err)
	}
	return load(dir, now)
}

// Certificate returns the authority's own certificate.
func (a *Authority) Certificate() *x509.Certificate { return a.certificate }

// Path returns the file with the authority's certificate, PEM.
func (a *Authority) Path() string { return a.path }

// PEM returns the authority's own certificate.
func (a *Authority) PEM() []byte { return certificatePEM(a.certificate.Raw) }

// load reads and checks the authority. The error is fs.ErrNotExist if neither
// file is there.
func load(dir string, now func() time.Time) (*Authority, error) {
	keyPath, path := filepath.Join(dir, keyFile), filepath.Join(dir, authorityFile)
	refuse := func(path, why string) (*Authority, error) {
		return nil, fmt.Errorf("%w: %s %s; remove both %s and %s to get a new one",
			ErrAuthority, path, why, keyPath, path)
	}
	keyInfo, err := os.Stat(keyPath)
	if err != nil {
		return nil, err
	}
	if mode := keyInfo.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%w: others may read its key %s: its mode is %#o, want 0600", ErrAuthority, keyPath, mode)
	}
	key, err := readKey(keyPath)
	if err != nil {
		return refuse(keyPath, "does not hold a key")
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return refuse(path, "is missing, though its key is there")
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return refuse(path, "does not hold a certificate")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil:
		return refuse(path, "does not hold a certificate")
	case !key.PublicKey.Equal(certificate.PublicKey):
		return refuse(path, "belongs to another key")
	case !now().Before(certificate.NotAfter):
		return refuse(path, "has expired")
	case !constrained(certificate):
		return refuse(path, "may speak for more than localhost")
	}
	return &Authority{certificate: certificate, key: key, path: path, now: now}, nil
}

// create writes a new authority. Under the lock a key that is there is never
// replaced: of two programs one wins, and the other reads what it made.
func create(dir string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template, err := authorityTemplate(&key.PublicKey, now)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer lock.Close() // which also unlocks
	if _, err := os.Stat(filepath.Join(dir, keyFile)); err == nil {
		return nil // another program was faster
	}
	// The certificate first: a crash in between leaves no key, and the next
	// start makes both anew.
	if err := replace(filepath.Join(dir, authorityFile), certificatePEM(der), 0o644); err != nil {
		return err
	}
	return replace(filepath.Join(dir, keyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600)
}

// authorityTemplate says what the authority may do: sign servers' certificates
// for localhost, names under it, and loopback addresses; no further authority.
func authorityTemplate(key *ecdsa.PublicKey, now time.Time) (*x509.Certificate, error) {
	id, err := keyID(key)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial,
		// The id makes the name unique, so that a trust store of a person with
		// two machines' authorities can tell them apart.
		Subject:               pkix.Name{CommonName: "Cardea local authority " + hex.EncodeToString(id[:4])},
		SubjectKeyId:          id,
		NotBefore:             now.Add(-slack),
		NotAfter:              now.Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// Critical: software that does not understand the constraint must
		// refuse the authority rather than ignore it (RFC 5280, 4.2.1.10). A
		// form of name without a constraint would be free, so all have one.
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{"localhost"},
		PermittedIPRanges:           loopback(),
		PermittedEmailAddresses:     []string{"localhost"},
		PermittedURIDomains:         []string{"localhost"},
	}, nil
}

// constrained reports whether the authority may speak for localhost at most.
func constrained(c *x509.Certificate) bool {
	if !c.IsCA || !c.MaxPathLenZero || !c.PermittedDNSDomainsCritical {
		return false
	}
	if len(c.PermittedDNSDomains) != 1 || c.PermittedDNSDomains[0] != "localhost" {
		return false
	}
	if len(c.PermittedIPRanges) == 0 {
		return false
	}
	for _, permitted := range c.PermittedIPRanges {
		if !permitted.IP.IsLoopback() {
			return false
		}
	}
	return true
}

// loopback is 127.0.0.0/8 and ::1.
func loopback() []*net.IPNet {
	return []*net.IPNet{
		{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
		{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
}

// keyID is a name for the key (RFC 7093, section 2, method 1).
func keyID(key *ecdsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	return sum[:20], nil
}

// newSerial is random, 127 bits: unique, and positive in DER.
func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}

func readKey(path string) (*ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an ECDSA key")
	}
	return key, nil
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
