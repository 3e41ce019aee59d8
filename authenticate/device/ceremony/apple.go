package ceremony

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/asn1"
	"fmt"
)

// oidAppleNonce names the extension that binds a certificate to one ceremony.
var oidAppleNonce = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 2}

// verifyApple follows Web Authentication Level 3, section 8.8: there is no
// signature, but a certificate made for this one key and this one ceremony.
func (a *attestation) verifyApple(data *authData, hash []byte) (*statement, error) {
	if err := a.only("alg", "x5c"); err != nil {
		return nil, err
	}
	chain, err := a.certificates()
	if err != nil {
		return nil, err
	}
	if !data.key.equal(chain[0].PublicKey) {
		return nil, fmt.Errorf("%w: certificate is for another key", ErrAttestation)
	}
	var bound struct {
		Nonce []byte `asn1:"tag:1,explicit"`
	}
	value, _, _ := extension(chain[0], oidAppleNonce)
	if err := der(value, &bound); err != nil {
		return nil, fmt.Errorf("%w: nonce: %w", ErrAttestation, err)
	}
	want := sha256.Sum256(bytes.Join([][]byte{data.raw, hash}, nil))
	if subtle.ConstantTimeCompare(bound.Nonce, want[:]) != 1 {
		return nil, fmt.Errorf("%w: certificate is for another ceremony", ErrAttestation)
	}
	return &statement{chain: chain, hardware: true}, nil
}
