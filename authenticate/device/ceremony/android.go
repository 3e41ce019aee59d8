package ceremony

import (
	"bytes"
	"crypto/subtle"
	"encoding/asn1"
	"fmt"

	"github.com/pomerium/webauthn/cose"
)

// oidAndroidKey names the extension in which Android describes a key.
var oidAndroidKey = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}

// What Android says of a key (its "key and ID attestation", schema of the
// extension).
const (
	androidPurpose         = 1   // SET OF INTEGER
	androidAllApplications = 600 // NULL
	androidOrigin          = 702 // INTEGER

	androidPurposeSign     = 2
	androidPurposeVerify   = 3
	androidGenerated       = 0 // origin: made on the device
	androidLevelTrustedEnv = 1 // 0 is software, 2 a separate chip
)

// An androidKey is the extension. Its lists are read field by field: asn1 takes
// an optional field that it cannot read for absent, and then all behind it.
type androidKey struct {
	Version          int
	SecurityLevel    asn1.Enumerated
	KeyMintVersion   int
	KeyMintLevel     asn1.Enumerated
	Challenge        []byte
	UniqueID         []byte
	SoftwareEnforced []asn1.RawValue
	HardwareEnforced []asn1.RawValue
}

// verifyAndroid follows Web Authentication Level 3, section 8.4.
func (a *attestation) verifyAndroid(data *authData, hash []byte) (*statement, error) {
	if err := a.only("alg", "sig", "x5c"); err != nil {
		return nil, err
	}
	algorithm, signature, err := a.signature()
	if err != nil {
		return nil, err
	}
	chain, err := a.certificates()
	if err != nil {
		return nil, err
	}
	if !data.key.equal(chain[0].PublicKey) {
		return nil, fmt.Errorf("%w: certificate is for another key", ErrAttestation)
	}
	if algorithm == cose.AlgorithmRS1 {
		return nil, fmt.Errorf("%w: signature with SHA-1", ErrAttestation)
	}
	if err := checkSignature(chain[0], algorithm, bytes.Join([][]byte{data.raw, hash}, nil), signature); err != nil {
		return nil, err
	}
	var key androidKey
	value, _, _ := extension(chain[0], oidAndroidKey)
	if err := der(value, &key); err != nil {
		return nil, fmt.Errorf("%w: description of the key: %w", ErrAttestation, err)
	}
	if subtle.ConstantTimeCompare(key.Challenge, hash) != 1 {
		return nil, fmt.Errorf("%w: certificate is for another ceremony", ErrAttestation)
	}
	hardware, err := key.check()
	return &statement{chain: chain, hardware: hardware}, err
}

// check refuses keys of all applications, keys that were brought to the device,
// and keys that do anything but sign. hardware: the trusted environment or a
// chip says so of the key, and not Android alone.
func (k *androidKey) check() (hardware bool, err error) {
	soft, err := readAuthorizations(k.SoftwareEnforced)
	if err != nil {
		return false, err
	}
	hard, err := readAuthorizations(k.HardwareEnforced)
	if err != nil {
		return false, err
	}
	switch {
	case soft.allApplications || hard.allApplications:
		return false, fmt.Errorf("%w: key is open to all applications", ErrAttestation)
	case !soft.made && !hard.made || soft.brought || hard.brought:
		return false, fmt.Errorf("%w: key was not made on the device", ErrAttestation)
	case !soft.signs && !hard.signs || soft.doesMore || hard.doesMore:
		return false, fmt.Errorf("%w: key is not one for signatures", ErrAttestation)
	}
	return hard.made && hard.signs && k.SecurityLevel >= androidLevelTrustedEnv && k.KeyMintLevel >= androidLevelTrustedEnv, nil
}

// authorizations are what one list says; what it does not name is false.
type authorizations struct {
	allApplications bool
	made, brought   bool // by its origin
	signs, doesMore bool // by its purposes
}

func readAuthorizations(list []asn1.RawValue) (found authorizations, err error) {
	for _, field := range list {
		if field.Class != asn1.ClassContextSpecific {
			continue
		}
		switch field.Tag {
		case androidAllApplications:
			found.allApplications = true
		case androidOrigin:
			var origin int
			err = der(field.Bytes, &origin)
			found.made, found.brought = found.made || origin == androidGenerated, found.brought || origin != androidGenerated
		case androidPurpose:
			var purposes []int
			rest, problem := asn1.UnmarshalWithParams(field.Bytes, &purposes, "set")
			if err = problem; len(rest) > 0 {
				return found, fmt.Errorf("%w: purpose of the key", ErrAttestation)
			}
			for _, purpose := range purposes {
				found.signs = found.signs || purpose == androidPurposeSign
				found.doesMore = found.doesMore || purpose != androidPurposeSign && purpose != androidPurposeVerify
			}
		}
		if err != nil {
			return found, fmt.Errorf("%w: description of the key: field %d: %w", ErrAttestation, field.Tag, err)
		}
	}
	return found, nil
}
