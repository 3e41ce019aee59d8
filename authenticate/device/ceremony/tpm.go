package ceremony

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // hash of RS1
	_ "crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"

	"github.com/pomerium/webauthn/cose"
	"github.com/pomerium/webauthn/tpm"
)

var (
	oidAIK = asn1.ObjectIdentifier{2, 23, 133, 8, 3} // tcg-kp-AIKCertificate
	oidSAN = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// Attributes of a TPM's key (TPM 2.0 Library, part 2, section 8.3): it stays in
// this TPM, under this parent, and was made there. Without them the TPM would
// vouch for a key that it was given.
const tpmBound = 1<<1 | 1<<4 | 1<<5 // fixedTPM, fixedParent, sensitiveDataOrigin

// verifyTPM follows Web Authentication Level 3, section 8.3: the TPM signs
// certInfo, certInfo names pubArea by its hash, pubArea holds the key.
func (a *attestation) verifyTPM(data *authData, hash []byte) (*statement, error) {
	if err := a.only("ver", "alg", "x5c", "sig", "certInfo", "pubArea"); err != nil {
		return nil, err
	}
	var version string
	if err := newCBORReader().into(a.fields["ver"], cborText, &version); err != nil || version != "2.0" {
		return nil, fmt.Errorf("%w: version %.10q of TPM: want 2.0", ErrAttestation, version)
	}
	algorithm, signature, err := a.signature()
	if err != nil {
		return nil, err
	}
	chain, err := a.certificates()
	if err != nil {
		return nil, err
	}
	area, rawArea, err := a.pubArea()
	if err != nil {
		return nil, err
	}
	key, err := area.Key()
	if err != nil || !data.key.equal(key) {
		return nil, fmt.Errorf("%w: the TPM speaks of another key", ErrAttestation)
	}
	if area.Attributes&tpmBound != tpmBound {
		return nil, fmt.Errorf("%w: key is not bound to the TPM", ErrAttestation)
	}
	signed := bytes.Join([][]byte{data.raw, hash}, nil)
	rawInfo, err := a.certInfo(algorithm, signed, area, rawArea)
	if err != nil {
		return nil, err
	}
	// RS1 is let through here and nowhere else: Windows signs so, and what is
	// signed leaves no room to prepare a collision (decision 0015).
	if err := checkSignature(chain[0], algorithm, rawInfo, signature); err != nil {
		return nil, err
	}
	return &statement{chain: chain, hardware: true}, checkAIK(chain[0], data.aaguid)
}

// pubArea reads the TPM's description of the key, as read and as sent.
func (a *attestation) pubArea() (*tpm.Public, []byte, error) {
	raw, err := a.bytes("pubArea")
	if err != nil {
		return nil, nil, err
	}
	var area *tpm.Public
	err = guard(ErrAttestation, func() (err error) {
		area, err = tpm.UnmarshalPublic(raw)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("pubArea: %w", err)
	}
	// Written again it must be the same: the reader stops where it has enough.
	again, err := area.Encode()
	if err != nil || !bytes.Equal(again, raw) {
		return nil, nil, fmt.Errorf("%w: pubArea is not as a TPM writes it", ErrAttestation)
	}
	return area, raw, nil
}

// certInfo reads what the TPM signed, and holds it against the ceremony and the
// key. It returns the bytes that are signed.
func (a *attestation) certInfo(algorithm cose.Algorithm, signed []byte, area *tpm.Public, rawArea []byte) ([]byte, error) {
	raw, err := a.bytes("certInfo")
	if err != nil {
		return nil, err
	}
	var info *tpm.AttestationData
	var again []byte
	err = guard(ErrAttestation, func() (err error) {
		if info, err = tpm.UnmarshalAttestationData(raw); err == nil {
			again, err = info.Encode()
		}
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("certInfo: %w", err)
	case !bytes.Equal(again, raw):
		return nil, fmt.Errorf("%w: certInfo is not as a TPM writes it", ErrAttestation)
	case info.Magic != tpm.GeneratedValue || info.Type != tpm.TagAttestCertify || info.AttestedCertifyInfo == nil:
		return nil, fmt.Errorf("%w: certInfo certifies no key", ErrAttestation)
	case !sums(algorithm.Hash(), signed, info.ExtraData):
		return nil, fmt.Errorf("%w: certInfo is for another ceremony", ErrAttestation)
	}
	name := info.AttestedCertifyInfo.Name.Digest // nil where a handle stands in its place
	hash, err := area.NameAlg.Hash()
	switch {
	case err != nil || hash == crypto.SHA1:
		return nil, fmt.Errorf("%w: name of the key by hash %#x", ErrAttestation, uint16(area.NameAlg))
	case name == nil || name.Alg != area.NameAlg || !sums(hash, rawArea, name.Value):
		return nil, fmt.Errorf("%w: certInfo names another key", ErrAttestation)
	}
	return raw, nil
}

// sums reports whether sum is the hash of data; a hash that is not built in, or
// none, is false.
func sums(hash crypto.Hash, data, sum []byte) bool {
	if hash == 0 || !hash.Available() {
		return false
	}
	h := hash.New()
	h.Write(data)
	return subtle.ConstantTimeCompare(h.Sum(nil), sum) == 1
}

// checkAIK follows section 8.3.1, and takes the subject's alternative name, which
// is critical and unknown to crypto/x509, for understood.
func checkAIK(c *x509.Certificate, aaguid [16]byte) error {
	details, err := tpm.GetHardwareDetailsFromCertificate(c)
	switch {
	case c.Version != 3:
		return fmt.Errorf("%w: certificate of version %d", ErrAttestation, c.Version)
	case err != nil:
		return fmt.Errorf("%w: certificate: %w", ErrAttestation, err)
	case details.Manufacturer.ID == tpm.VendorID{0xff, 0xff, 0xf1, 0xd0}:
		return fmt.Errorf("%w: certificate of a maker that exists in tests alone", ErrAttestation)
	case !slices.ContainsFunc(c.UnknownExtKeyUsage, oidAIK.Equal):
		return fmt.Errorf("%w: certificate is not one for attestations", ErrAttestation)
	case c.IsCA:
		return fmt.Errorf("%w: certificate of an authority", ErrAttestation)
	case len(c.Subject.Names) > 0:
		return fmt.Errorf("%w: certificate has a subject", ErrAttestation)
	}
	c.UnhandledCriticalExtensions = slices.DeleteFunc(c.UnhandledCriticalExtensions, oidSAN.Equal)
	return checkModel(c, aaguid)
}
