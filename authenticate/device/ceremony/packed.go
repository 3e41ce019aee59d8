package ceremony

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"github.com/pomerium/webauthn/cose"
)

// oidAAGUID names the extension that holds the model (Web Authentication Level
// 3, section 8.2.1).
var oidAAGUID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}

// verifyPacked follows section 8.2: a statement signed by a key of the model, or
// by the credential's own key ("self"), which says that the credential exists
// and no more.
func (a *attestation) verifyPacked(data *authData, hash []byte) (*statement, error) {
	if err := a.only("alg", "sig", "x5c"); err != nil {
		return nil, err
	}
	algorithm, signature, err := a.signature()
	if err != nil {
		return nil, err
	}
	if _, there := a.fields["x5c"]; !there {
		// The signature is the library's to check, with the credential's key.
		if algorithm != data.key.algorithm {
			return nil, fmt.Errorf("%w: alg %d is not the credential's", ErrAttestation, algorithm)
		}
		return &statement{}, nil
	}
	chain, err := a.certificates()
	if err != nil {
		return nil, err
	}
	if algorithm == cose.AlgorithmRS1 {
		return nil, fmt.Errorf("%w: signature with SHA-1", ErrAttestation)
	}
	if err := checkSignature(chain[0], algorithm, bytes.Join([][]byte{data.raw, hash}, nil), signature); err != nil {
		return nil, err
	}
	if err := checkPackedCertificate(chain[0], data.aaguid); err != nil {
		return nil, err
	}
	return &statement{chain: chain, hardware: true}, nil
}

// checkPackedCertificate follows section 8.2.1.
func checkPackedCertificate(c *x509.Certificate, aaguid [16]byte) error {
	subject := c.Subject
	switch {
	case c.Version != 3:
		return fmt.Errorf("%w: certificate of version %d", ErrAttestation, c.Version)
	case len(subject.Country) != 1 || len(subject.Organization) != 1 || subject.CommonName == "" ||
		len(subject.OrganizationalUnit) != 1 || subject.OrganizationalUnit[0] != "Authenticator Attestation":
		return fmt.Errorf("%w: certificate is not one for attestations: %.200q", ErrAttestation, subject.String())
	case c.IsCA:
		return fmt.Errorf("%w: certificate of an authority", ErrAttestation)
	}
	return checkModel(c, aaguid)
}

// checkModel refuses a certificate made for another model than the credential
// claims. Certificates of makers with one model may leave the model out.
func checkModel(c *x509.Certificate, aaguid [16]byte) error {
	value, critical, there := extension(c, oidAAGUID)
	if !there {
		return nil
	}
	var model []byte
	if err := der(value, &model); err != nil || critical || !bytes.Equal(model, aaguid[:]) {
		return fmt.Errorf("%w: certificate is for another model", ErrAttestation)
	}
	return nil
}
