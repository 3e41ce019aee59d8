package softkey

import (
	"crypto"
	"crypto/x509"
)

// Lies are what an attacker, or a broken device, would send instead of the
// truth. Each function changes what it is given; nil changes nothing. What is
// signed is signed after the lie, where not said otherwise.
type Lies struct {
	Client     func(map[string]any)              // client data, before it is encoded
	ClientJSON func([]byte) []byte               // client data, encoded
	AuthData   func([]byte) []byte               // authenticator data
	COSEKey    func(map[int]any)                 // public key in the authenticator data
	COSEBytes  func([]byte) []byte               // the same, encoded
	Statement  func(map[string]any)              // attestation statement; signed before
	Object     func([]byte) []byte               // attestation object; signed before
	Signature  func([]byte) []byte               // signature of an assertion
	Answer     func(outer, inner map[string]any) // what the page posts
	JSON       func([]byte) []byte               // the same, encoded

	Format        string        // told in place of the true one
	Signer        crypto.Signer // key pair of the next credential
	AnyAlgorithm  bool          // makes keys that nobody asked for
	AnyCredential bool          // uses its newest, whatever is asked for

	Certificate  func(*x509.Certificate) // template of the leaf
	CertifiedKey crypto.PublicKey        // in the leaf, in place of the true one
	AttestedBy   crypto.Signer           // signs, in place of the leaf's key
	Attested     func([]byte) []byte     // what a statement vouches for
	TPM          TPMLies
	AndroidKey   func(*AndroidKey)
}

func alter(lie func([]byte) []byte, truth []byte) []byte {
	if lie == nil {
		return truth
	}
	return lie(truth)
}
