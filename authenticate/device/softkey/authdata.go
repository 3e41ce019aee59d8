package softkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
)

// clientData is what a browser signs on behalf of a page.
func (k *Key) clientData(kind, origin, challenge string) ([]byte, error) {
	data := map[string]any{"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false}
	if k.Lies.Client != nil {
		k.Lies.Client(data)
	}
	raw, err := json.Marshal(data)
	return alter(k.Lies.ClientJSON, raw), err
}

// authData is authenticator data (section 6.1), with the credential at its
// registration.
func (k *Key) authData(c *credential, registration bool) ([]byte, error) {
	if !k.CountNothing {
		k.Count++
	}
	hash := sha256.Sum256([]byte(c.rpID))
	raw := append(hash[:], k.flags(registration))
	raw = binary.BigEndian.AppendUint32(raw, k.Count)
	if registration {
		raw = append(raw, k.AAGUID[:]...)
		raw = binary.BigEndian.AppendUint16(raw, uint16(len(c.id)))
		raw = append(raw, c.id...)
		key, err := k.coseKey(c)
		if err != nil {
			return nil, err
		}
		raw = append(raw, key...)
	}
	if k.Extensions {
		more, err := canonical(map[string]any{"credProtect": 2})
		if err != nil {
			return nil, err
		}
		raw = append(raw, more...)
	}
	return alter(k.Lies.AuthData, raw), nil
}

func (k *Key) flags(registration bool) (flags byte) {
	for bit, set := range map[int]bool{
		0: !k.Absent, 2: !k.Unverified, 3: k.BackupEligible, 4: k.BackedUp, 6: registration, 7: k.Extensions,
	} {
		if set {
			flags |= 1 << bit
		}
	}
	return flags
}

// coseKey encodes the public key (RFC 9053, section 7; RFC 8230, section 4).
func (k *Key) coseKey(c *credential) ([]byte, error) {
	fields, err := coseFields(c.signer.Public(), c.algorithm)
	if err != nil {
		return nil, err
	}
	if k.Lies.COSEKey != nil {
		k.Lies.COSEKey(fields)
	}
	raw, err := canonical(fields)
	return alter(k.Lies.COSEBytes, raw), err
}

func coseFields(public crypto.PublicKey, algorithm int) (map[int]any, error) {
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x, y
		if err != nil {
			return nil, err
		}
		curve := map[string]int{"P-256": 1, "P-384": 2, "P-521": 3}[public.Curve.Params().Name]
		half := len(point) / 2
		return map[int]any{1: 2, 3: algorithm, -1: curve, -2: point[1 : 1+half], -3: point[1+half:]}, nil
	case ed25519.PublicKey:
		return map[int]any{1: 1, 3: algorithm, -1: 6, -2: []byte(public)}, nil
	case *rsa.PublicKey:
		return map[int]any{1: 3, 3: algorithm, -1: public.N.Bytes(), -2: big.NewInt(int64(public.E)).Bytes()}, nil
	}
	return nil, fmt.Errorf("softkey: no COSE key of %T", public)
}
