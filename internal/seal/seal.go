// Package seal turns one root secret into keys that each serve one purpose,
// and closes bytes with them so that they can be neither read nor changed.
//
// What comes in is a root secret (or a key made here) and plain bytes; what
// goes out is a key, or a sealed text that opens only under the same key and
// the same additional data. Where a sealed text is kept, what its additional
// data says and when a key is replaced belong to the caller.
//
//	Derive   root, purpose          -> key        HKDF-SHA256, RFC 5869
//	Box      key, text, additional  -> sealed     XChaCha20-Poly1305
//	Field    key, text, additional  -> sealed     XAES-256-GCM (C2SP)
//	Ring     several Box keys with ids, one of which seals
//
// Both ciphers take a random nonce of 192 bits for every text, so that no
// caller has to count messages: the same nonce twice is out of reach however
// long a key serves.
package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
)

// KeySize is the size in bytes of every key in this package.
const KeySize = 32

// ErrOpen is returned for a sealed text that was cut, changed, made under
// another key or sealed with other additional data. It never says which: the
// difference would help only somebody who is guessing.
var ErrOpen = errors.New("seal: the sealed text does not open")

// Derive returns the key for purpose under root: HKDF-SHA256 (RFC 5869) with
// no salt and the info "cardea/v1/" + purpose. Different purposes give keys
// that tell nothing about each other. Purposes are constants of the program;
// root should hold at least 32 bytes of randomness, which the configuration
// sees to.
func Derive(root []byte, purpose string) [KeySize]byte {
	key, err := hkdf.Key(sha256.New, root, nil, "cardea/v1/"+purpose, KeySize)
	if err != nil {
		// Only a length above 255 hashes or a root that the FIPS mode refuses
		// gets here, and no key is safer than a weak one.
		panic("seal: derive " + purpose + ": " + err.Error())
	}
	return [KeySize]byte(key)
}
