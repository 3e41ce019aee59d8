package ceremony

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"

	"github.com/pomerium/webauthn/cose"
)

// verifyU2F follows Web Authentication Level 3, section 8.6: what keys sign that
// are older than WebAuthn. They verify no user and tell no model.
func (a *attestation) verifyU2F(data *authData, hash []byte) (*statement, error) {
	if err := a.only("sig", "x5c"); err != nil {
		return nil, err
	}
	signature, err := a.bytes("sig")
	if err != nil {
		return nil, err
	}
	chain, err := a.certificates()
	if err != nil {
		return nil, err
	}
	by, ok := chain[0].PublicKey.(*ecdsa.PublicKey)
	if !ok || by.Curve != elliptic.P256() || len(chain) != 1 {
		return nil, fmt.Errorf("%w: want one certificate, with a key on P-256", ErrAttestation)
	}
	own, ok := data.key.key.(*ecdsa.PublicKey)
	if !ok || data.aaguid != [16]byte{} {
		return nil, fmt.Errorf("%w: want a key on P-256 and no model", ErrAttestation)
	}
	point, err := own.Bytes() // 4, x, y
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAttestation, err)
	}
	signed := bytes.Join([][]byte{{0}, data.rpIDHash, hash, data.credential, point}, nil)
	return &statement{chain: chain, hardware: true}, checkSignature(chain[0], cose.AlgorithmES256, signed, signature)
}
