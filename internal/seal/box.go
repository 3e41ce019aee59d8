package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// NonceSize is the size in bytes of the random nonce in front of every sealed
// text: 192 bits, for Box and for Field.
const NonceSize = chacha20poly1305.NonceSizeX

// Overhead is how many bytes a sealed text is longer than its plain text.
const Overhead = NonceSize + chacha20poly1305.Overhead

// A Box seals with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03). Calls may
// overlap.
type Box struct{ aead cipher.AEAD }

// NewBox returns a Box under key.
func NewBox(key [KeySize]byte) *Box {
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("seal: " + err.Error()) // only a key of another size: a programmer's mistake
	}
	return &Box{aead: aead}
}

// Seal returns nonce || ciphertext || tag of plain. The additional data is
// not part of the result; Open needs the same again.
func (b *Box) Seal(plain, additional []byte) []byte {
	return sealTo(b.aead, make([]byte, 0, len(plain)+Overhead), plain, additional)
}

// Open returns the plain text of sealed, or ErrOpen.
func (b *Box) Open(sealed, additional []byte) ([]byte, error) {
	return openFrom(b.aead, sealed, additional)
}

// sealTo appends nonce and sealed text to dst. crypto/rand never fails: the
// runtime ends the program when the system has no randomness.
func sealTo(aead cipher.AEAD, dst, plain, additional []byte) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, NonceSize)...)
	nonce := dst[at : at+NonceSize]
	_, _ = rand.Read(nonce)
	return aead.Seal(dst, nonce, plain, additional)
}

func openFrom(aead cipher.AEAD, sealed, additional []byte) ([]byte, error) {
	if len(sealed) < Overhead {
		return nil, ErrOpen
	}
	plain, err := aead.Open(nil, sealed[:NonceSize], sealed[NonceSize:], additional)
	if err != nil {
		return nil, fmt.Errorf("%w", ErrOpen) // the cause would say nothing more
	}
	return plain, nil
}
