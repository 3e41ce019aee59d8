package seal

import (
	"crypto/aes"
	"crypto/cipher"
)

// A Field seals single fields that are secrets in themselves, such as tokens,
// with AES-256-GCM. It lengthens GCM's nonce to 192 bits by deriving a fresh
// AES key for each text, as XAES-256-GCM of C2SP lays down: with GCM's own 96
// random bits a busy installation would come near the 2^32 texts that NIST SP
// 800-38D allows one key. Calls may overlap.
type Field struct{ aead cipher.AEAD }

// NewField returns a Field under key, which must not be a key of a Box: what
// is sealed twice is sealed under two keys.
func NewField(key [KeySize]byte) *Field { return &Field{aead: newXAES(key)} }

// Seal returns nonce || ciphertext || tag of plain.
func (f *Field) Seal(plain, additional []byte) []byte {
	return sealTo(f.aead, make([]byte, 0, len(plain)+Overhead), plain, additional)
}

// Open returns the plain text of sealed, or ErrOpen.
func (f *Field) Open(sealed, additional []byte) ([]byte, error) {
	return openFrom(f.aead, sealed, additional)
}

// xaes is XAES-256-GCM, https://c2sp.org/XAES-256-GCM: the first 12 bytes of
// the nonce and the key make a derived key by CMAC in counter mode, the last
// 12 are the nonce of AES-256-GCM under it.
type xaes struct {
	block cipher.Block
	k1    [aes.BlockSize]byte // CMAC subkey, NIST SP 800-38B
}

func newXAES(key [KeySize]byte) *xaes {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("seal: " + err.Error()) // only a key of another size: a programmer's mistake
	}
	x := &xaes{block: block}
	block.Encrypt(x.k1[:], x.k1[:])
	var carry byte
	for i := len(x.k1) - 1; i >= 0; i-- {
		next := x.k1[i] >> 7
		x.k1[i] = x.k1[i]<<1 | carry
		carry = next
	}
	// Without a branch: carry is the top bit of a secret.
	x.k1[len(x.k1)-1] ^= carry * 0x87
	return x
}

func (x *xaes) NonceSize() int { return NonceSize }

func (x *xaes) Overhead() int { return Overhead - NonceSize }

func (x *xaes) derived(nonce []byte) cipher.AEAD {
	var key [KeySize]byte
	for half := range 2 {
		part := key[half*aes.BlockSize : (half+1)*aes.BlockSize]
		copy(part, []byte{0, byte(half + 1), 'X', 0})
		copy(part[4:], nonce[:12])
		for i := range part {
			part[i] ^= x.k1[i]
		}
		x.block.Encrypt(part, part)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("seal: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("seal: " + err.Error())
	}
	return aead
}

func (x *xaes) Seal(dst, nonce, plain, additional []byte) []byte {
	return x.derived(nonce).Seal(dst, nonce[12:], plain, additional)
}

func (x *xaes) Open(dst, nonce, sealed, additional []byte) ([]byte, error) {
	return x.derived(nonce).Open(dst, nonce[12:], sealed, additional)
}
