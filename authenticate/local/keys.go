package local

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/cardea-proxy/cardea/internal/seal"
)

// keys are what the provider derives from its root key; each has one use. They
// are derived, not made, so that a restart and a second replica have the same.
type keys struct {
	box        *seal.Box
	signing    signingKey
	subjectKey [seal.KeySize]byte // e-mail -> sub
	epochKey   [seal.KeySize]byte // hash -> epoch
	decoyKey   [seal.KeySize]byte // e-mail -> the hash an unknown one is held against
	formKey    [seal.KeySize]byte // sealed request and browser -> form token
	familyKey  [seal.KeySize]byte // code -> its refresh family
}

func newKeys(root [seal.KeySize]byte) (*keys, error) {
	signing, err := newSigningKey(root)
	if err != nil {
		return nil, err
	}
	return &keys{
		box:        seal.NewBox(seal.Derive(root[:], "local/box")),
		signing:    signing,
		subjectKey: seal.Derive(root[:], "local/subject"),
		epochKey:   seal.Derive(root[:], "local/epoch"),
		decoyKey:   seal.Derive(root[:], "local/decoy"),
		formKey:    seal.Derive(root[:], "local/form"),
		familyKey:  seal.Derive(root[:], "local/family"),
	}, nil
}

// The kinds of text that leave this package sealed. The kind is authenticated,
// so that a code is no refresh token and neither is a cookie.
const (
	sealRequest = "request"
	sealCode    = "code"
	sealAccess  = "access"
	sealRefresh = "refresh"
	sealSitting = "sitting"
)

// seal returns v as JSON, sealed, in unpadded base64url.
func (k *keys) seal(kind string, v any) string {
	plain, err := json.Marshal(v)
	if err != nil {
		panic("local: seal " + kind + ": " + err.Error()) // only for a type that JSON cannot hold
	}
	return base64.RawURLEncoding.EncodeToString(k.box.Seal(plain, []byte(kind)))
}

// open reads what seal made of the same kind. No two texts open to one value:
// base64 is strict, and the line breaks that its decoder skips are refused.
func (k *keys) open(kind, text string, v any) error {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return seal.ErrOpen
	}
	plain, err := k.box.Open(sealed, []byte(kind))
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, v)
}

// subject returns the `sub` of an address. It is keyed, so that a subject in a
// log does not tell the address to somebody who tries a list of them.
func (k *keys) subject(email string) string {
	return base64.RawURLEncoding.EncodeToString(mac(k.subjectKey, email)[:18])
}

// epoch names one hash without telling it.
func (k *keys) epoch(h hash) string {
	return base64.RawURLEncoding.EncodeToString(mac(k.epochKey, h.String())[:12])
}

// mac is HMAC-SHA256 over the parts, each closed by a zero byte.
func mac(key [seal.KeySize]byte, parts ...string) []byte {
	m := hmac.New(sha256.New, key[:])
	for _, part := range parts {
		m.Write([]byte(part))
		m.Write([]byte{0})
	}
	return m.Sum(nil)
}

// A signingKey signs ID tokens with ES256. It is op.SigningKey and op.Key.
type signingKey struct {
	private *ecdsa.PrivateKey
	id      string
	public  bool // Key returns the public half
}

// newSigningKey derives a P-256 key. About one scalar in 2^32 is out of range;
// the counter passes over it.
func newSigningKey(root [seal.KeySize]byte) (signingKey, error) {
	var private *ecdsa.PrivateKey
	var err error
	for i := range 4 {
		scalar := seal.Derive(root[:], "local/sign/"+strconv.Itoa(i))
		if private, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:]); err == nil {
			break
		}
	}
	if err != nil {
		return signingKey{}, err
	}
	thumb := jose.JSONWebKey{Key: &private.PublicKey}
	sum, err := thumb.Thumbprint(crypto.SHA256)
	if err != nil {
		return signingKey{}, err
	}
	return signingKey{private: private, id: base64.RawURLEncoding.EncodeToString(sum[:12])}, nil
}

func (s signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (s signingKey) Algorithm() jose.SignatureAlgorithm          { return jose.ES256 }
func (s signingKey) Use() string                                 { return "sig" }
func (s signingKey) ID() string                                  { return s.id }

func (s signingKey) Key() any {
	if s.public {
		return &s.private.PublicKey
	}
	return s.private
}
