package ceremony

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

// Bits of the flags (Web Authentication Level 3, section 6.1).
const (
	flagPresent        = 1 << 0 // UP
	flagVerified       = 1 << 2 // UV
	flagBackupEligible = 1 << 3 // BE
	flagBackedUp       = 1 << 4 // BS
	flagAttested       = 1 << 6 // AT
	flagExtensions     = 1 << 7 // ED
)

// authDataHead is the size of what every authenticator data begins with: hash
// of the RP ID, flags, counter.
const authDataHead = sha256.Size + 1 + 4

// An authData is what the device itself says, as it signs it.
type authData struct {
	raw        []byte
	rpIDHash   []byte
	flags      byte
	signCount  uint32
	aaguid     [16]byte  // of a registration
	credential []byte    // id, of a registration
	key        publicKey // of a registration
}

func (a *authData) has(flag byte) bool { return a.flags&flag != 0 }

// model returns the AAGUID as a UUID in lower case.
func (a *authData) model() string {
	g := a.aaguid
	return fmt.Sprintf("%x-%x-%x-%x-%x", g[:4], g[4:6], g[6:8], g[8:10], g[10:])
}

// readAuthData reads raw to its last byte. A registration holds a credential,
// an assertion none.
func readAuthData(raw []byte, registration bool) (*authData, error) {
	if len(raw) < authDataHead || len(raw) > maxAuthData {
		return nil, fmt.Errorf("%w: authenticator data of %d bytes: want %d to %d", ErrMalformed, len(raw), authDataHead, maxAuthData)
	}
	a := &authData{
		raw: raw, rpIDHash: raw[:sha256.Size], flags: raw[sha256.Size],
		signCount: binary.BigEndian.Uint32(raw[sha256.Size+1:]),
	}
	if a.has(flagAttested) != registration {
		return nil, fmt.Errorf("%w: authenticator data: a credential stands in it only at a registration", ErrMalformed)
	}
	rest, err := raw[authDataHead:], error(nil)
	if registration {
		if rest, err = a.readCredential(rest); err != nil {
			return nil, err
		}
	}
	if a.has(flagExtensions) {
		if _, rest, err = newCBORReader().first(rest, cborMap); err != nil {
			return nil, fmt.Errorf("extensions: %w", err)
		}
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the authenticator data", ErrMalformed, len(rest))
	}
	return a, nil
}

// readCredential reads the attested credential data (section 6.5.1) and returns
// what is behind it.
func (a *authData) readCredential(raw []byte) (rest []byte, err error) {
	const head = 16 + 2 // AAGUID and length
	if len(raw) < head {
		return nil, fmt.Errorf("%w: authenticator data ends before the credential", ErrMalformed)
	}
	copy(a.aaguid[:], raw)
	size := int(binary.BigEndian.Uint16(raw[16:]))
	if raw = raw[head:]; size < 1 || size > maxCredential || size > len(raw) {
		return nil, fmt.Errorf("%w: credential id of %d bytes", ErrMalformed, size)
	}
	a.credential = raw[:size]
	key, rest, err := newCBORReader().first(raw[size:], cborMap)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	a.key, err = readKey(key)
	return rest, err
}

// check refuses what was made for another host, without a person, or with flags
// that contradict each other. verification is what was asked for.
func (a *authData) check(rpID, verification string) error {
	want := sha256.Sum256([]byte(rpID))
	switch {
	case subtle.ConstantTimeCompare(a.rpIDHash, want[:]) != 1:
		return fmt.Errorf("%w: credential is for another RP ID than %q", ErrOrigin, rpID)
	case !a.has(flagPresent):
		return ErrUserPresence
	case verification == VerificationRequired && !a.has(flagVerified):
		return ErrUserVerification
	case a.has(flagBackedUp) && !a.has(flagBackupEligible):
		return fmt.Errorf("%w: backed up and not eligible for it", ErrMalformed) // section 6.1.3
	}
	return nil
}
