package ceremony

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// The types of device that can be demanded.
const (
	Any     = "any"          // any authenticator, a synced passkey too
	Enclave = "enclave_only" // built in, and its key never leaves it
)

// How much an authenticator has to know of the person before it signs
// (Web Authentication Level 3, section 5.8.6).
const (
	VerificationRequired    = "required"
	VerificationPreferred   = "preferred"
	VerificationDiscouraged = "discouraged"
)

// Timeout is how long a person may take, and how long a challenge holds.
const Timeout = 15 * time.Minute

// Options are the parts a Party is built from.
type Options struct {
	// Name is shown by the browser's dialog.
	Name string
	// Origin is that of the sign-in host, as browsers write it: scheme, host,
	// and the port where it is not the scheme's own; no path. https, or http on
	// localhost. Its host is the RP ID, exactly.
	Origin string
	// Roots are the certificates that attestations may lead to. Nil for none,
	// and then every credential is self-asserted unless AppleRoot is set.
	Roots *x509.CertPool
	// AppleRoot adds Apple's WebAuthn root, for the format apple alone.
	AppleRoot bool
	Now       func() time.Time // nil means time.Now
}

// A Party is the sign-in host in the eyes of an authenticator (the "relying
// party"). Its methods may be called at once.
type Party struct {
	id        string
	name      string
	origin    string
	roots     *x509.CertPool
	appleRoot *x509.CertPool // nil unless configured
	now       func() time.Time
}

// New returns a Party, or says which option is wrong.
func New(o Options) (*Party, error) {
	host, err := hostOf(o.Origin)
	if err != nil {
		return nil, err
	}
	if o.Name == "" {
		return nil, errors.New("ceremony: a name is required")
	}
	p := &Party{id: host, name: o.Name, origin: o.Origin, roots: o.Roots, now: o.Now}
	if o.AppleRoot {
		p.appleRoot = appleRoot()
	}
	if p.now == nil {
		p.now = time.Now
	}
	return p, nil
}

// ID returns the RP ID: the host name of the sign-in host.
func (p *Party) ID() string { return p.id }

// Origin returns the origin that every answer has to come from.
func (p *Party) Origin() string { return p.origin }

// hostOf returns the host name of origin, which must be written as a browser
// writes it, since it is compared letter for letter.
func hostOf(origin string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin {
		return "", fmt.Errorf("ceremony: origin %q: want a scheme and a host, such as https://login.example.com", origin)
	}
	host := u.Hostname()
	switch {
	case host != strings.ToLower(host) || strings.ContainsFunc(host, func(r rune) bool { return r > '~' }):
		return "", fmt.Errorf("ceremony: origin %q: want the host in lower case and ASCII", origin)
	case u.Scheme == "https" && u.Port() == "443", u.Scheme == "http" && u.Port() == "80", strings.HasSuffix(origin, ":"):
		return "", fmt.Errorf("ceremony: origin %q: browsers leave this port out", origin)
	case u.Scheme != "https" && (u.Scheme != "http" || host != "localhost" && !strings.HasSuffix(host, ".localhost")):
		return "", fmt.Errorf("ceremony: origin %q: want https", origin)
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return "", fmt.Errorf("ceremony: origin %q: browsers keep no credentials for an IP address", origin)
	}
	return host, nil
}

// A User is the person a credential is made for.
type User struct {
	// ID is the user handle: 1 to 64 bytes that name the person to us and say
	// nothing to others. The caller derives 32 bytes that look random.
	ID          []byte
	Name        string // such as an email address
	DisplayName string
}

// A Credential is what is kept of a registration.
type Credential struct {
	ID        []byte // 1 to 1023 bytes
	PublicKey []byte // COSE_Key, as in Registered
	SignCount uint32
	OwnerID   []byte // user handle of the person it was registered for
	// BackupEligible is whether it could be copied when it was registered.
	BackupEligible bool
	Transports     []string // as in Registered; nil where unknown
}

// Registered is what a registration proved. The caller refuses an ID that is
// registered already (ErrOtherPerson, where to somebody else), and stores the
// rest.
type Registered struct {
	CredentialID []byte // 1 to 1023 bytes
	PublicKey    []byte // COSE_Key (RFC 9052, section 7), checked
	OwnerID      []byte // the user handle that was asked for
	SignCount    uint32 // 0 where the device does not count
	AAGUID       string // lower-case UUID of the model; all zeros where it is not told
	Model        string // name of the model, "" where unknown
	Format       string // of the attestation: none, packed, tpm, apple, android-key, fido-u2f
	// Attested is whether the attestation leads to a configured root; without,
	// all that is said of model and storage is self-asserted.
	Attested bool
	// Certificates are those of the attestation, as sent, the device's first;
	// nil for none and self. At most 6.
	Certificates   []*x509.Certificate
	BackupEligible bool // the key may be copied to other devices
	BackedUp       bool // and it is
	UserVerified   bool
	Transports     []string // such as usb or internal, as the browser said; at most 8
	Attachment     string   // platform, cross-platform, or "" where the browser did not say
	Resident       *bool    // credProps.rk; nil where the browser did not say
}

// Credential returns what VerifyAssertion needs of r.
func (r *Registered) Credential() Credential {
	return Credential{
		ID: r.CredentialID, PublicKey: r.PublicKey, SignCount: r.SignCount, OwnerID: r.OwnerID,
		BackupEligible: r.BackupEligible, Transports: r.Transports,
	}
}

// Asserted is what a touch proved.
type Asserted struct {
	SignCount    uint32 // to be stored
	UserVerified bool
	BackedUp     bool
	// CounterWentBack is whether the counter is not above the stored one: two
	// copies of the key may be in use. The caller flags the device; it is not
	// refused, since some authenticators reset their counter.
	CounterWentBack bool
}
