package softkey

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"time"
)

// statement makes an attestation statement of the Key's format.
func (k *Key) statement(c *credential, authData, client []byte) (format string, statement map[string]any, err error) {
	hash := sha256.Sum256(client)
	signed := alter(k.Lies.Attested, append(bytes.Clone(authData), hash[:]...))
	switch k.Format {
	case PackedSelf:
		signer := c.signer
		if k.Lies.AttestedBy != nil {
			signer = k.Lies.AttestedBy
		}
		signature, err := sign(signer, crypto.SHA256, signed)
		return "packed", map[string]any{"alg": c.algorithm, "sig": signature}, err
	case Packed:
		statement, err = k.packed(signed)
	case Apple:
		statement, err = k.apple(c, signed)
	case Android:
		statement, err = k.android(c, signed, hash[:])
	case TPM:
		statement, err = k.tpm(c, signed)
	case U2F:
		statement, err = k.u2f(c, authData, hash[:])
	default:
		return "none", map[string]any{}, nil
	}
	return k.Format, statement, err
}

// vouch has the authority issue a certificate for key, after template.
func (k *Key) vouch(key crypto.PublicKey, fill func(*x509.Certificate)) ([]any, error) {
	if k.Authority == nil {
		own, err := NewAuthority(time.Now())
		if err != nil {
			return nil, err
		}
		k.Authority = own
	}
	template := k.Authority.template("Softkey")
	template.BasicConstraintsValid = true
	fill(template)
	if k.Lies.Certificate != nil {
		k.Lies.Certificate(template)
	}
	if k.Lies.CertifiedKey != nil {
		key = k.Lies.CertifiedKey
	}
	if k.Format == U2F {
		return k.Authority.vouchAlone(template, key)
	}
	return k.Authority.vouch(template, key)
}

// packed is section 8.2, with a key of the model.
func (k *Key) packed(signed []byte) (map[string]any, error) {
	batch, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	model, err := asn1.Marshal(k.AAGUID[:])
	if err != nil {
		return nil, err
	}
	x5c, err := k.vouch(batch.Public(), func(c *x509.Certificate) {
		c.Subject = pkix.Name{
			Country: []string{"SE"}, Organization: []string{"Softkey"},
			OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Softkey Model",
		}
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}, Value: model}}
	})
	if err != nil {
		return nil, err
	}
	signature, err := k.attest(batch, crypto.SHA256, signed)
	return map[string]any{"alg": ES256, "sig": signature, "x5c": x5c}, err
}

func (k *Key) attest(by crypto.Signer, hash crypto.Hash, signed []byte) ([]byte, error) {
	if k.Lies.AttestedBy != nil {
		by = k.Lies.AttestedBy
	}
	return sign(by, hash, signed)
}

// apple is section 8.8.
func (k *Key) apple(c *credential, signed []byte) (map[string]any, error) {
	nonce := sha256.Sum256(signed)
	value, err := asn1.Marshal(struct {
		Nonce []byte `asn1:"tag:1,explicit"`
	}{nonce[:]})
	if err != nil {
		return nil, err
	}
	x5c, err := k.vouch(c.signer.Public(), func(t *x509.Certificate) {
		t.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 2}, Value: value}}
	})
	return map[string]any{"x5c": x5c}, err
}

// An AndroidKey is what Android says of a key in its certificate.
type AndroidKey struct {
	Version            int
	Level              asn1.Enumerated // 0 software, 1 trusted environment, 2 separate chip
	KeyMintVersion     int
	KeyMintLevel       asn1.Enumerated
	Challenge          []byte
	UniqueID           []byte
	Software, Hardware []asn1.RawValue // in ascending order of tags
}

// Field returns a field of AndroidKey's lists: a tag and the DER of its value.
func Field(tag int, der ...byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: der}
}

// android is section 8.4. The lists are like those of real devices: a NULL
// (noAuthRequired, 503) stands before the origin.
func (k *Key) android(c *credential, signed, hash []byte) (map[string]any, error) {
	key := AndroidKey{
		Version: 200, Level: 1, KeyMintVersion: 200, KeyMintLevel: 1, Challenge: hash, UniqueID: []byte{},
		Software: []asn1.RawValue{Field(701, 2, 1, 5)}, // creationDateTime
		Hardware: []asn1.RawValue{
			Field(1, 0x31, 3, 2, 1, 2), // purpose: sign
			Field(2, 2, 1, 3),          // algorithm: EC
			Field(503, 5, 0),           // noAuthRequired
			Field(702, 2, 1, 0),        // origin: generated
		},
	}
	if k.Lies.AndroidKey != nil {
		k.Lies.AndroidKey(&key)
	}
	value, err := asn1.Marshal(key)
	if err != nil {
		return nil, err
	}
	x5c, err := k.vouch(c.signer.Public(), func(t *x509.Certificate) {
		t.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}, Value: value}}
	})
	if err != nil {
		return nil, err
	}
	signature, err := k.attest(c.signer, crypto.SHA256, signed)
	return map[string]any{"alg": c.algorithm, "sig": signature, "x5c": x5c}, err
}

// u2f is section 8.6. What is signed leaves the flags and the counter out.
func (k *Key) u2f(c *credential, authData, hash []byte) (map[string]any, error) {
	public, ok := c.signer.Public().(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("softkey: U2F knows elliptic keys alone")
	}
	point, err := public.Bytes()
	if err != nil {
		return nil, err
	}
	batch, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	x5c, err := k.vouch(batch.Public(), func(*x509.Certificate) {})
	if err != nil {
		return nil, err
	}
	signed := alter(k.Lies.Attested, bytes.Join([][]byte{{0}, authData[:sha256.Size], hash, c.id, point}, nil))
	signature, err := k.attest(batch, crypto.SHA256, signed)
	return map[string]any{"sig": signature, "x5c": x5c}, err
}
