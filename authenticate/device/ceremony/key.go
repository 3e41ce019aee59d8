package ceremony

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"math/big"

	"github.com/fxamacker/cbor/v2"
	"github.com/pomerium/webauthn/cose"
)

// Bounds of RSA keys in bits. Below, they can be broken; above, a stranger would
// have us calculate for long.
const (
	minRSA = 2048
	maxRSA = 4096
)

// A publicKey is the key of a credential, as sent and as read.
type publicKey struct {
	raw       []byte // COSE_Key
	algorithm cose.Algorithm
	key       crypto.PublicKey // *ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey
}

// equal reports whether other is the same key: all of it, not the exponent
// alone.
func (k publicKey) equal(other crypto.PublicKey) bool {
	own, ok := k.key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && own.Equal(other)
}

// Labels of a COSE_Key (RFC 9052, section 7.1; RFC 9053, section 7; RFC 8230,
// section 4).
const (
	labelType      = 1
	labelAlgorithm = 3
	labelFirst     = -1 // crv, or n
	labelSecond    = -2 // x, or e
	labelThird     = -3 // y
)

// readKey reads a COSE_Key of one of the kinds asked for, ErrAlgorithm otherwise.
// It may hold no other labels (Web Authentication Level 3, section 6.5.1.1), so
// that the library finds nothing in it that we did not see.
func readKey(raw []byte) (publicKey, error) {
	r := newCBORReader()
	var fields map[int64]cbor.RawMessage
	if err := r.into(raw, cborMap, &fields); err != nil {
		return publicKey{}, fmt.Errorf("public key: %w", err)
	}
	kind, err := r.integer(fields[labelType])
	if err != nil {
		return publicKey{}, fmt.Errorf("public key: type: %w", err)
	}
	algorithm, err := r.integer(fields[labelAlgorithm])
	if err != nil {
		return publicKey{}, fmt.Errorf("public key: algorithm: %w", err)
	}
	k := publicKey{raw: raw, algorithm: cose.Algorithm(algorithm)}
	switch {
	case kind == int64(cose.KeyTypeElliptic) && k.algorithm == cose.AlgorithmES256:
		k.key, err = readP256(r, fields)
	case kind == int64(cose.KeyTypeOctet) && k.algorithm == cose.AlgorithmEdDSA:
		k.key, err = readEd25519(r, fields)
	case kind == int64(cose.KeyTypeRSA) && k.algorithm == cose.AlgorithmRS256:
		k.key, err = readRSA(r, fields)
	default:
		err = fmt.Errorf("%w: key of type %d for algorithm %d", ErrAlgorithm, kind, algorithm)
	}
	return k, err
}

func readP256(r cborReader, fields map[int64]cbor.RawMessage) (crypto.PublicKey, error) {
	curve, err := r.integer(fields[labelFirst])
	if err != nil || curve != int64(cose.CurveP256) || len(fields) != 5 {
		return nil, fmt.Errorf("%w: elliptic key on another curve than P-256", ErrAlgorithm)
	}
	point := []byte{4} // uncompressed (SEC 1, section 2.3.3)
	for _, label := range []int64{labelSecond, labelThird} {
		var coordinate []byte
		if err := r.into(fields[label], cborBytes, &coordinate); err != nil || len(coordinate) != 32 {
			return nil, fmt.Errorf("%w: public key: want coordinates of 32 bytes", ErrMalformed)
		}
		point = append(point, coordinate...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, fmt.Errorf("%w: public key: not a point of the curve", ErrMalformed)
	}
	return key, nil
}

func readEd25519(r cborReader, fields map[int64]cbor.RawMessage) (crypto.PublicKey, error) {
	curve, err := r.integer(fields[labelFirst])
	if err != nil || curve != int64(cose.CurveEd25519) || len(fields) != 4 {
		return nil, fmt.Errorf("%w: Edwards key on another curve than Ed25519", ErrAlgorithm)
	}
	var key []byte
	if err := r.into(fields[labelSecond], cborBytes, &key); err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: public key: want %d bytes", ErrMalformed, ed25519.PublicKeySize)
	}
	return ed25519.PublicKey(key), nil
}

func readRSA(r cborReader, fields map[int64]cbor.RawMessage) (crypto.PublicKey, error) {
	var modulus, exponent []byte
	if len(fields) != 4 || r.into(fields[labelFirst], cborBytes, &modulus) != nil ||
		r.into(fields[labelSecond], cborBytes, &exponent) != nil || len(modulus) == 0 || modulus[0] == 0 {
		return nil, fmt.Errorf("%w: public key: want a modulus and an exponent", ErrMalformed)
	}
	// The library keeps 64 bits of an exponent, whatever its length. Every
	// authenticator uses 65537.
	if e := new(big.Int).SetBytes(exponent); !e.IsInt64() || e.Int64() != 65537 {
		return nil, fmt.Errorf("%w: RSA exponent is not 65537", ErrAlgorithm)
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}
	return key, checkRSA(key)
}

// checkRSA refuses keys of a size that is not taken.
func checkRSA(key *rsa.PublicKey) error {
	if bits := key.N.BitLen(); bits < minRSA || bits > maxRSA || key.N.Bit(0) == 0 {
		return fmt.Errorf("%w: RSA key of %d bits: want %d to %d", ErrAlgorithm, bits, minRSA, maxRSA)
	}
	return nil
}
