// Package assertion signs the JWT that tells an upstream who is asking.
//
//	cmd        DeriveKey, New   at every reload
//	authorize  Sign             X-Pomerium-Jwt-Assertion
//	proxy      JWKS             /.well-known/pomerium/jwks.json
//	console    Verify           the same, received as an upstream
//
// What the claims are is authorize's to say; how long one may be reused too.
package assertion

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Header is the request header that carries an assertion.
const Header = "X-Pomerium-Jwt-Assertion"

// Lifetime is how long an assertion holds.
const Lifetime = 5 * time.Minute

// A Minter signs with one key and publishes it, with others that verifiers
// should still take. It may be used concurrently.
type Minter struct {
	signer jose.Signer
	set    jose.JSONWebKeySet // public halves
	jwks   []byte
	etag   string
}

// New returns a Minter that signs with the first key: ES256, ES384 or ES512 by
// the curve, RS256 for RSA of 2048 bits or more.
func New(keys []crypto.Signer) (*Minter, error) {
	if len(keys) == 0 {
		return nil, errors.New("assertion: no signing key")
	}
	var set jose.JSONWebKeySet
	for i, key := range keys {
		public, err := publish(key)
		if err != nil {
			return nil, fmt.Errorf("signing key %d: %w", i+1, err)
		}
		set.Keys = append(set.Keys, public)
	}
	first := set.Keys[0]
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.SignatureAlgorithm(first.Algorithm), Key: jose.JSONWebKey{Key: keys[0], KeyID: first.KeyID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("signing key 1: %w", err)
	}
	body, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	sum := sha256.Sum256(body)
	return &Minter{signer: signer, set: set, jwks: body, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}, nil
}

// publish returns the public half of key as verifiers see it; the key id is the
// thumbprint of RFC 7638.
func publish(key crypto.Signer) (jose.JSONWebKey, error) {
	algorithm, err := algorithmOf(key)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	public := jose.JSONWebKey{Key: key.Public(), Algorithm: string(algorithm), Use: "sig"}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("thumbprint: %w", err)
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return public, nil
}

func algorithmOf(key crypto.Signer) (jose.SignatureAlgorithm, error) {
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		switch k.Curve {
		case elliptic.P256():
			return jose.ES256, nil
		case elliptic.P384():
			return jose.ES384, nil
		case elliptic.P521():
			return jose.ES512, nil
		}
		return "", fmt.Errorf("curve %s is not P-256, P-384 or P-521", k.Curve.Params().Name)
	case *rsa.PrivateKey:
		if k.N.BitLen() < 2048 {
			return "", fmt.Errorf("an RSA key of %d bits is too short; want 2048 or more", k.N.BitLen())
		}
		return jose.RS256, nil
	}
	return "", fmt.Errorf("a key of type %T cannot sign assertions; want EC or RSA", key)
}

// Sign returns claims, which must marshal to a JSON object, as a signed JWT in
// compact form.
func (m *Minter) Sign(claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("claims: %w", err)
	}
	signed, err := m.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign assertion: %w", err)
	}
	return signed.CompactSerialize()
}

// JWKS returns the key set as JSON (RFC 7517) and its entity tag. The bytes must
// not be changed.
func (m *Minter) JWKS() (body []byte, etag string) { return m.jwks, m.etag }

// DeriveKey returns the P-256 key that belongs to seed, the same on every
// replica that shares it.
func DeriveKey(seed [32]byte) (*ecdsa.PrivateKey, error) {
	// 16 bytes more than the order is long make the reduction's bias negligible
	// (FIPS 186-5, appendix A.2.1).
	wide, err := hkdf.Key(sha256.New, seed[:], nil, "cardea/v1/assertion-key", 48)
	if err != nil {
		return nil, fmt.Errorf("derive signing key: %w", err)
	}
	order := new(big.Int).Sub(elliptic.P256().Params().N, big.NewInt(1))
	d := new(big.Int).SetBytes(wide)
	d.Mod(d, order).Add(d, big.NewInt(1))
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), d.FillBytes(make([]byte, 32)))
}
