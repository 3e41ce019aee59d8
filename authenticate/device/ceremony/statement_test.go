package ceremony_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/cardea-proxy/cardea/authenticate/device/softkey"
	"github.com/fxamacker/cbor/v2"
)

func newP256(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// field sets or, for nil, removes one field of the attestation statement.
func field(name string, value any) softkey.Lies {
	return softkey.Lies{Statement: func(m map[string]any) {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}}
}

func leaf(change func(*x509.Certificate)) softkey.Lies { return softkey.Lies{Certificate: change} }

// object sets one field of the attestation object.
func object(name string, value any) softkey.Lies {
	return softkey.Lies{Object: func(b []byte) []byte {
		var fields map[string]any
		if err := cbor.Unmarshal(b, &fields); err != nil {
			return nil
		}
		fields[name] = value
		b, err := cbor.Marshal(fields)
		if err != nil {
			return nil
		}
		return b
	}}
}

func TestFormatsThatAreNotTaken(t *testing.T) {
	t.Parallel()
	refuseRegistrations(t, ceremony.Any, []registrationLie{
		{"android-safetynet", softkey.Options{}, softkey.Lies{Format: "android-safetynet"}, ceremony.ErrFormat, "safetynet"},
		{"compound", softkey.Options{}, softkey.Lies{Format: "compound"}, ceremony.ErrFormat, ""},
		{"Packed in capitals", softkey.Options{Format: softkey.Packed}, softkey.Lies{Format: "PACKED"}, ceremony.ErrFormat, ""},
		{"a number for a format", softkey.Options{}, object("fmt", 1), ceremony.ErrMalformed, "fmt"},
		{"a text for authenticator data", softkey.Options{}, object("authData", "a"), ceremony.ErrMalformed, "authData"},
		{"a list for a statement", softkey.Options{}, object("attStmt", []any{}), ceremony.ErrMalformed, "attStmt"},
		{"numbers for the fields of a statement", softkey.Options{}, object("attStmt", map[int]any{1: 2}), ceremony.ErrMalformed, "attStmt"},
		{"none that says something", softkey.Options{}, field("sig", []byte{1}), ceremony.ErrAttestation, "sig"},
	})
}

func TestPackedStatementsHold(t *testing.T) {
	t.Parallel()
	self, packed := softkey.Options{Format: softkey.PackedSelf}, softkey.Options{Format: softkey.Packed, AAGUID: hello}
	model := func(critical bool, value []byte) softkey.Lies {
		return leaf(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}, Critical: critical, Value: value}}
		})
	}
	right := append([]byte{4, 16}, hello[:]...)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	refuseRegistrations(t, ceremony.Any, []registrationLie{
		{"self, by another key", self, softkey.Lies{AttestedBy: newP256(t)}, ceremony.ErrAttestation, "signature"},
		{"self, over something else", self, softkey.Lies{Attested: truncated}, ceremony.ErrAttestation, "signature"},
		{"self, by another algorithm", self, field("alg", softkey.RS256), ceremony.ErrAttestation, "alg -257"},
		{"self, without a signature", self, field("sig", nil), ceremony.ErrMalformed, "sig"},
		{"self, with a number for a signature", self, field("sig", 1), ceremony.ErrMalformed, "sig"},
		{"self, with a text for an algorithm", self, field("alg", "ES256"), ceremony.ErrMalformed, "alg"},
		{"by another key than the certificate's", packed, softkey.Lies{AttestedBy: newP256(t)}, ceremony.ErrAttestation, "packed: ceremony: attestation does not hold: signature"},
		{"over something else", packed, softkey.Lies{Attested: truncated}, ceremony.ErrAttestation, "signature"},
		{"with SHA-1", packed, field("alg", softkey.RS1), ceremony.ErrAttestation, "SHA-1"},
		{"by an unknown algorithm", packed, field("alg", -1000), ceremony.ErrAttestation, "signature"},
		{"by ECDAA", packed, field("ecdaaKeyId", []byte{1}), ceremony.ErrAttestation, "ecdaaKeyId"},
		{"no certificates in the list", packed, field("x5c", []any{}), ceremony.ErrAttestation, "0 certificates"},
		{"no list", packed, field("x5c", []byte{1}), ceremony.ErrMalformed, "x5c"},
		{"certificates that are none", packed, field("x5c", []any{[]byte{1}}), ceremony.ErrAttestation, "x5c[0]"},
		{"certificates that are texts", packed, field("x5c", []any{"a"}), ceremony.ErrAttestation, "x5c[0]: want"},
		{"seven certificates", packed, field("x5c", slices.Repeat([]any{[]byte{1}}, 7)), ceremony.ErrAttestation, "7 certificates"},
		{"a long certificate", packed, field("x5c", []any{make([]byte, 9000)}), ceremony.ErrAttestation, "x5c[0]: want"},
		{"a certificate of a short key", packed, softkey.Lies{CertifiedKey: short.Public()}, ceremony.ErrAttestation, "1024 bits"},
		{"for another model", packed, softkey.Lies{AuthData: func(b []byte) []byte { b[40] ^= 1; return b }}, ceremony.ErrAttestation, "model"},
		{"the model is critical", packed, model(true, right), ceremony.ErrAttestation, "model"},
		{"the model without its wrapping", packed, model(false, hello[:]), ceremony.ErrAttestation, "model"},
		{"the model and a byte", packed, model(false, append(slices.Clone(right), 0)), ceremony.ErrAttestation, "model"},
		{"the model as 15 bytes", packed, model(false, append([]byte{4, 15}, hello[1:]...)), ceremony.ErrAttestation, "model"},
		{"another unit", packed, leaf(func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"Other"} }), ceremony.ErrAttestation, "not one for attestations"},
		{"the unit in two parts", packed, leaf(func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"Authenticator ", "Attestation"} }), ceremony.ErrAttestation, "not one for attestations"},
		{"no country", packed, leaf(func(c *x509.Certificate) { c.Subject.Country = nil }), ceremony.ErrAttestation, "not one for attestations"},
		{"no maker", packed, leaf(func(c *x509.Certificate) { c.Subject.Organization = nil }), ceremony.ErrAttestation, "not one for attestations"},
		{"no name", packed, leaf(func(c *x509.Certificate) { c.Subject.CommonName = "" }), ceremony.ErrAttestation, "not one for attestations"},
		{"an authority", packed, leaf(func(c *x509.Certificate) { c.IsCA = true }), ceremony.ErrAttestation, "authority"},
	})
}

func TestAppleStatementsHold(t *testing.T) {
	t.Parallel()
	apple := softkey.Options{Format: softkey.Apple}
	oid := asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 2}
	refuseRegistrations(t, ceremony.Any, []registrationLie{
		{"for another key", apple, softkey.Lies{CertifiedKey: newP256(t).Public()}, ceremony.ErrAttestation, "another key"},
		{"for another ceremony", apple, softkey.Lies{Attested: truncated}, ceremony.ErrAttestation, "another ceremony"},
		{"without a nonce", apple, leaf(func(c *x509.Certificate) { c.ExtraExtensions = nil }), ceremony.ErrAttestation, "nonce"},
		{"with an empty nonce", apple, leaf(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: oid, Value: []byte{0x30, 4, 0xa1, 2, 4, 0}}}
		}), ceremony.ErrAttestation, "another ceremony"},
		{"with a byte behind the nonce", apple, leaf(func(c *x509.Certificate) {
			c.ExtraExtensions[0].Value = append(c.ExtraExtensions[0].Value, 0)
		}), ceremony.ErrAttestation, "nonce"},
		{"without certificates", apple, field("x5c", nil), ceremony.ErrMalformed, "x5c"},
		{"with a field of others", apple, field("ver", "2.0"), ceremony.ErrAttestation, "ver"},
	})
}

func TestU2FStatementsHold(t *testing.T) {
	t.Parallel()
	u2f := softkey.Options{Format: softkey.U2F}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	refuseRegistrations(t, ceremony.Any, []registrationLie{
		{"by another key", u2f, softkey.Lies{AttestedBy: newP256(t)}, ceremony.ErrAttestation, "signature"},
		{"over something else", u2f, softkey.Lies{Attested: truncated}, ceremony.ErrAttestation, "signature"},
		{"by an RSA key", u2f, softkey.Lies{CertifiedKey: other.Public()}, ceremony.ErrAttestation, "P-256"},
		{"with a model", softkey.Options{Format: softkey.U2F, AAGUID: hello}, softkey.Lies{}, ceremony.ErrAttestation, "no model"},
		{"with two certificates", u2f, softkey.Lies{Statement: func(m map[string]any) {
			m["x5c"] = append(m["x5c"].([]any), m["x5c"].([]any)...)
		}}, ceremony.ErrAttestation, "one certificate"},
		{"without a signature", u2f, field("sig", nil), ceremony.ErrMalformed, "sig"},
		{"without certificates", u2f, field("x5c", nil), ceremony.ErrMalformed, "x5c"},
		{"with a field of others", u2f, field("alg", softkey.ES256), ceremony.ErrAttestation, "alg"},
		{"and the user must be verified", softkey.Options{Format: softkey.U2F, Unverified: true}, softkey.Lies{}, ceremony.ErrUserVerification, ""},
	})
}

func TestAndroidStatementsHold(t *testing.T) {
	t.Parallel()
	android := softkey.Options{Format: softkey.Android}
	says := func(change func(*softkey.AndroidKey)) softkey.Lies { return softkey.Lies{AndroidKey: change} }
	hard := func(fields ...asn1.RawValue) softkey.Lies {
		return says(func(k *softkey.AndroidKey) { k.Hardware = fields })
	}
	purpose, null, origin := softkey.Field(1, 0x31, 3, 2, 1, 2), softkey.Field(503, 5, 0), softkey.Field(702, 2, 1, 0)
	refuseRegistrations(t, ceremony.Any, []registrationLie{
		{"for another key", android, softkey.Lies{CertifiedKey: newP256(t).Public()}, ceremony.ErrAttestation, "another key"},
		{"by another key", android, softkey.Lies{AttestedBy: newP256(t)}, ceremony.ErrAttestation, "signature"},
		{"with SHA-1", android, field("alg", softkey.RS1), ceremony.ErrAttestation, "SHA-1"},
		{"for another ceremony", android, says(func(k *softkey.AndroidKey) { k.Challenge = make([]byte, 32) }), ceremony.ErrAttestation, "another ceremony"},
		{"without a description", android, leaf(func(c *x509.Certificate) { c.ExtraExtensions = nil }), ceremony.ErrAttestation, "description"},
		{"a byte behind the description", android, leaf(func(c *x509.Certificate) {
			c.ExtraExtensions[0].Value = append(c.ExtraExtensions[0].Value, 0)
		}), ceremony.ErrAttestation, "description"},
		{"a key of all applications", android, hard(purpose, null, softkey.Field(600, 5, 0), origin), ceremony.ErrAttestation, "all applications"},
		{"a key of all applications, by the software", android, says(func(k *softkey.AndroidKey) { k.Software = append(k.Software, softkey.Field(600, 5, 0)) }), ceremony.ErrAttestation, "all applications"},
		{"a key that was imported, behind a NULL", android, hard(purpose, null, softkey.Field(702, 2, 1, 2)), ceremony.ErrAttestation, "made on the device"},
		{"a key that was imported, by the software", android, says(func(k *softkey.AndroidKey) { k.Software = append(k.Software, softkey.Field(702, 2, 1, 2)) }), ceremony.ErrAttestation, "made on the device"},
		{"a key of no origin", android, hard(purpose, null), ceremony.ErrAttestation, "made on the device"},
		{"a key that decrypts too", android, hard(softkey.Field(1, 0x31, 6, 2, 1, 1, 2, 1, 2), origin), ceremony.ErrAttestation, "for signatures"},
		{"a key that only verifies", android, hard(softkey.Field(1, 0x31, 3, 2, 1, 3), origin), ceremony.ErrAttestation, "for signatures"},
		{"a key of no purpose", android, hard(origin), ceremony.ErrAttestation, "for signatures"},
		{"a purpose that is a number", android, hard(softkey.Field(1, 2, 1, 2), origin), ceremony.ErrAttestation, "field 1"},
		{"a purpose and a byte", android, hard(softkey.Field(1, 0x31, 3, 2, 1, 2, 0), origin), ceremony.ErrAttestation, "purpose"},
		{"a purpose that is a number, by the software", android, says(func(k *softkey.AndroidKey) { k.Software = []asn1.RawValue{softkey.Field(1, 2, 1, 2)} }), ceremony.ErrAttestation, "field 1"},
		{"without a signature", android, field("sig", nil), ceremony.ErrMalformed, "sig"},
		{"without certificates", android, field("x5c", nil), ceremony.ErrMalformed, "x5c"},
		{"with a field of others", android, field("ver", "2.0"), ceremony.ErrAttestation, "ver"},
		{"an origin that is a NULL", android, hard(purpose, softkey.Field(702, 5, 0)), ceremony.ErrAttestation, "field 702"},
	})
}

func TestTPMStatementsHold(t *testing.T) {
	t.Parallel()
	elliptic, rsaKey := softkey.Options{Format: softkey.TPM, AAGUID: hello}, softkey.Options{Format: softkey.TPM, Algorithm: softkey.RS256}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	lie := func(l softkey.TPMLies) softkey.Lies { return softkey.Lies{TPM: l} }
	info := func(at int, value ...byte) softkey.Lies {
		return lie(softkey.TPMLies{CertInfo: func(b []byte) []byte { return slices.Replace(slices.Clone(b), at, at+len(value), value...) }})
	}
	refuseRegistrations(t, ceremony.Any, []registrationLie{
		{"another elliptic key", elliptic, lie(softkey.TPMLies{Key: newP256(t).Public()}), ceremony.ErrAttestation, "another key"},
		{"another RSA key of the same exponent", rsaKey, lie(softkey.TPMLies{Key: other.Public()}), ceremony.ErrAttestation, "another key"},
		{"the key's exponent changed", rsaKey, softkey.Lies{TPM: softkey.TPMLies{PubArea: func(b []byte) []byte { b = slices.Clone(b); b[16] = 9; return b }}}, ceremony.ErrAttestation, "another key"},
		{"an RSA key for an elliptic one", elliptic, lie(softkey.TPMLies{Key: other.Public()}), ceremony.ErrAttestation, "another key"},
		{"a key that may leave the TPM", elliptic, lie(softkey.TPMLies{Attributes: 0x00060470}), ceremony.ErrAttestation, "bound"},
		{"a key that was brought to the TPM", elliptic, lie(softkey.TPMLies{Attributes: 0x00060452}), ceremony.ErrAttestation, "bound"},
		{"the name of another key", elliptic, lie(softkey.TPMLies{Named: truncated}), ceremony.ErrAttestation, "names another key"},
		{"a byte behind pubArea", elliptic, lie(softkey.TPMLies{PubArea: appended(0)}), ceremony.ErrAttestation, "pubArea"},
		{"pubArea cut short", elliptic, lie(softkey.TPMLies{PubArea: truncated}), ceremony.ErrAttestation, "pubArea"},
		{"pubArea changed after it was named", elliptic, softkey.Lies{Statement: func(m map[string]any) { m["pubArea"].([]byte)[4] ^= 4 }}, ceremony.ErrAttestation, "names another key"},
		{"named with SHA-1", elliptic, lie(softkey.TPMLies{PubArea: func(b []byte) []byte { b = slices.Clone(b); b[3] = 4; return b }}), ceremony.ErrAttestation, "by hash 0x4"},
		{"named with no hash", elliptic, lie(softkey.TPMLies{PubArea: func(b []byte) []byte { b = slices.Clone(b); b[3] = 0x10; return b }}), ceremony.ErrAttestation, "by hash 0x10"},
		{"not made by a TPM", elliptic, info(0, 0xff, 0x54, 0x43, 0x48), ceremony.ErrAttestation, "certInfo"},
		{"a quote", elliptic, info(4, 0x80, 0x18), ceremony.ErrAttestation, "certInfo"},
		{"the making of a key", elliptic, info(4, 0x80, 0x1a), ceremony.ErrAttestation, "certifies no key"},
		{"another ceremony", elliptic, softkey.Lies{Attested: truncated}, ceremony.ErrAttestation, "another ceremony"},
		{"an algorithm without a hash", elliptic, field("alg", softkey.EdDSA), ceremony.ErrAttestation, "another ceremony"},
		{"an algorithm that nobody knows", elliptic, field("alg", -1000), ceremony.ErrAttestation, "another ceremony"},
		{"a byte behind certInfo", elliptic, lie(softkey.TPMLies{CertInfo: appended(0)}), ceremony.ErrAttestation, "certInfo"},
		{"certInfo cut short", elliptic, lie(softkey.TPMLies{CertInfo: truncated}), ceremony.ErrAttestation, "certInfo"},
		{"a handle for a name", elliptic, lie(softkey.TPMLies{CertInfo: func(b []byte) []byte {
			return append(append(slices.Clone(b[:len(b)-72]), 0, 4, 0x80, 0, 0, 1), b[len(b)-36:]...)
		}}), ceremony.ErrAttestation, "names another key"},
		{"signed by another key", elliptic, softkey.Lies{AttestedBy: other}, ceremony.ErrAttestation, "signature"},
		{"certInfo changed after it was signed", elliptic, softkey.Lies{Statement: func(m map[string]any) { m["certInfo"].([]byte)[90] ^= 1 }}, ceremony.ErrAttestation, "signature"},
		{"another version", elliptic, field("ver", "1.2"), ceremony.ErrAttestation, "1.2"},
		{"no version", elliptic, field("ver", nil), ceremony.ErrAttestation, "version"},
		{"no signature", elliptic, field("sig", nil), ceremony.ErrMalformed, "sig"},
		{"no certificates", elliptic, field("x5c", nil), ceremony.ErrMalformed, "x5c"},
		{"a field of others", elliptic, field("nonce", []byte{1}), ceremony.ErrAttestation, "nonce"},
		{"no pubArea", elliptic, field("pubArea", nil), ceremony.ErrMalformed, "pubArea"},
		{"no certInfo", elliptic, field("certInfo", nil), ceremony.ErrMalformed, "certInfo"},
		{"empty pubArea and certInfo", elliptic, softkey.Lies{Statement: func(m map[string]any) { m["pubArea"], m["certInfo"] = []byte{}, []byte{} }}, ceremony.ErrAttestation, "pubArea"},
		{"an unknown maker", elliptic, lie(softkey.TPMLies{Maker: "id:00000001"}), ceremony.ErrAttestation, "certificate"},
		{"the maker of the conformance tests", elliptic, lie(softkey.TPMLies{Maker: "id:FFFFF1D0"}), ceremony.ErrAttestation, "tests"},
		{"a certificate without makers' names", elliptic, leaf(func(c *x509.Certificate) { c.ExtraExtensions = nil }), ceremony.ErrAttestation, "certificate"},
		{"a certificate for something else", elliptic, leaf(func(c *x509.Certificate) {
			c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), ceremony.ErrAttestation, "not one for attestations"},
		{"a certificate of an authority", elliptic, leaf(func(c *x509.Certificate) { c.IsCA = true }), ceremony.ErrAttestation, "authority"},
		{"a certificate with a subject", elliptic, leaf(func(c *x509.Certificate) { c.Subject.CommonName = "TPM" }), ceremony.ErrAttestation, "subject"},
		{"a certificate for another model", elliptic, leaf(func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{
				Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}, Value: append([]byte{4, 16}, make([]byte, 16)...)})
		}), ceremony.ErrAttestation, "another model"},
	})
}

// TestWindowsSignsWithSHA1 is the one place where SHA-1 is taken.
func TestWindowsSignsWithSHA1(t *testing.T) {
	t.Parallel()
	vouching := authority(t)
	p := party(t, vouching.Pool())
	key := softkey.New(softkey.Options{Format: softkey.TPM, AAGUID: hello, Authority: vouching})
	key.Lies.TPM.Algorithm = softkey.RS1
	c, answer := create(t, p, key, ceremony.Enclave, ceremony.VerificationRequired)
	if r, err := p.VerifyRegistration(c, answer); err != nil || !r.Attested {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestCriticalExtensionsAreNotPassedOver: only the one that was checked is taken
// for understood.
func TestCriticalExtensionsAreNotPassedOver(t *testing.T) {
	t.Parallel()
	vouching := authority(t)
	p := party(t, vouching.Pool())
	for _, format := range []string{softkey.TPM, softkey.Packed, softkey.Apple, softkey.Android} {
		key := softkey.New(softkey.Options{Format: format, AAGUID: hello, Authority: vouching})
		key.Lies.Certificate = func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}})
		}
		c, answer := create(t, p, key, ceremony.Any, ceremony.VerificationRequired)
		if r, err := p.VerifyRegistration(c, answer); err != nil || r.Attested {
			t.Errorf("%s: %+v, %v", format, r, err)
		}
	}
}

// TestARootMayBeTheCertificateItself (section 7.1, step 24).
func TestARootMayBeTheCertificateItself(t *testing.T) {
	t.Parallel()
	key := softkey.New(softkey.Options{Format: softkey.Packed, AAGUID: hello, Authority: authority(t)})
	p := party(t, nil)
	c, answer := create(t, p, key, ceremony.Any, ceremony.VerificationRequired)
	r, err := p.VerifyRegistration(c, answer)
	if err != nil || r.Attested {
		t.Fatalf("%+v, %v", r, err)
	}
	own := x509.NewCertPool()
	own.AddCert(r.Certificates[0])
	if r, err := party(t, own).VerifyRegistration(c, answer); err != nil || !r.Attested {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestTheSystemsRootsVouchForNothing: they are for web servers. It stays before
// the parallel tests, since the system's roots are read once.
func TestTheSystemsRootsVouchForNothing(t *testing.T) {
	vouching := authority(t)
	file := filepath.Join(t.TempDir(), "roots.pem")
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: vouching.Root.Raw})
	if err := os.WriteFile(file, root, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file)
	key := softkey.New(softkey.Options{Format: softkey.Packed, AAGUID: hello, Authority: vouching})
	p := party(t, nil)
	c, answer := create(t, p, key, ceremony.Any, ceremony.VerificationRequired)
	if r, err := p.VerifyRegistration(c, answer); err != nil || r.Attested {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestApplesRootIsForApplesFormat: it is there when asked for, demands an
// attestation of enclaves, and vouches for nothing that another issued.
func TestApplesRootIsForApplesFormat(t *testing.T) {
	t.Parallel()
	p, err := ceremony.New(ceremony.Options{Name: "Example", Origin: origin, AppleRoot: true, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	key := softkey.New(softkey.Options{Format: softkey.Apple, Authority: authority(t)})
	c, answer := create(t, p, key, ceremony.Any, ceremony.VerificationRequired)
	if r, err := p.VerifyRegistration(c, answer); err != nil || r.Attested {
		t.Errorf("%+v, %v", r, err)
	}
	refused(t, p, key, ceremony.ErrNotAttested)
}

func refused(t *testing.T, p *ceremony.Party, key *softkey.Key, want error) {
	t.Helper()
	c, answer := create(t, p, key, ceremony.Enclave, ceremony.VerificationRequired)
	_, err := p.VerifyRegistration(c, answer)
	isError(t, err, want)
}
