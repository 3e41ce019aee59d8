package ceremony

import (
	"encoding/json"
	"fmt"

	"github.com/pomerium/webauthn"
	"github.com/pomerium/webauthn/cose"
)

// maxListed bounds the credentials named in one question. A person has few, and
// authenticators look through the list one by one.
const maxListed = 64

// A Creation asks a browser to make a credential. It encodes as the JSON that
// PublicKeyCredential.parseCreationOptionsFromJSON reads.
type Creation struct {
	deviceType string
	options    webauthn.PublicKeyCredentialCreationOptions
}

// A Request asks a browser to use a credential. It encodes as the JSON that
// PublicKeyCredential.parseRequestOptionsFromJSON reads.
type Request struct {
	owner   []byte
	options webauthn.PublicKeyCredentialRequestOptions
}

// MarshalJSON encodes the question; bytes are base64url without padding.
func (c *Creation) MarshalJSON() ([]byte, error) { return json.Marshal(c.options) }

// MarshalJSON encodes the question; bytes are base64url without padding.
func (r *Request) MarshalJSON() ([]byte, error) { return json.Marshal(r.options) }

// CreationOptions asks for a new credential of deviceType (Any or Enclave) for
// u, on no authenticator that holds one of exclude. Every credential of a person
// may be listed; the first 64 are. The same question, made again from the same
// challenge, serves to check the answer.
func (p *Party) CreationOptions(u User, deviceType string, challenge []byte, exclude []Credential, verification string) (*Creation, error) {
	selection := webauthn.AuthenticatorSelectionCriteria{
		ResidentKey:      webauthn.ResidentKeyPreferred,
		UserVerification: webauthn.UserVerificationRequirement(verification),
	}
	switch deviceType {
	case Any:
	case Enclave:
		selection.AuthenticatorAttachment = webauthn.AuthenticatorAttachmentPlatform
		selection.ResidentKey = webauthn.ResidentKeyRequired
		selection.RequireResidentKey = true
	default:
		return nil, fmt.Errorf("ceremony: type of device %q: want %q or %q", deviceType, Any, Enclave)
	}
	if len(u.ID) < 1 || len(u.ID) > 64 {
		return nil, fmt.Errorf("ceremony: user handle has %d bytes: want 1 to 64", len(u.ID))
	}
	if err := checkAsked(challenge, verification); err != nil {
		return nil, err
	}
	return &Creation{deviceType: deviceType, options: webauthn.PublicKeyCredentialCreationOptions{
		RP:                     webauthn.PublicKeyCredentialRPEntity{ID: p.id, Name: p.name},
		User:                   webauthn.PublicKeyCredentialUserEntity{ID: u.ID, Name: u.Name, DisplayName: u.DisplayName},
		Challenge:              challenge,
		PubKeyCredParams:       parameters(),
		Timeout:                Timeout,
		ExcludeCredentials:     descriptors(exclude),
		AuthenticatorSelection: &selection,
		Attestation:            webauthn.AttestationConveyanceDirect,
		Extensions:             map[string]any{"credProps": true},
	}}, nil
}

// RequestOptions asks owner, by user handle, for a touch of one of allow, or of
// any device with a credential for this host where allow is empty.
func (p *Party) RequestOptions(owner []byte, allow []Credential, challenge []byte, verification string) (*Request, error) {
	if len(owner) < 1 || len(owner) > 64 {
		return nil, fmt.Errorf("ceremony: user handle has %d bytes: want 1 to 64", len(owner))
	}
	if err := checkAsked(challenge, verification); err != nil {
		return nil, err
	}
	return &Request{owner: owner, options: webauthn.PublicKeyCredentialRequestOptions{
		Challenge:        challenge,
		Timeout:          Timeout,
		RPID:             p.id,
		AllowCredentials: descriptors(allow),
		UserVerification: webauthn.UserVerificationRequirement(verification),
	}}, nil
}

func checkAsked(challenge []byte, verification string) error {
	if len(challenge) < 16 { // section 13.4.3: at least 16 bytes
		return fmt.Errorf("ceremony: challenge has %d bytes: want 16 or more", len(challenge))
	}
	switch verification {
	case VerificationRequired, VerificationPreferred, VerificationDiscouraged:
		return nil
	}
	return fmt.Errorf("ceremony: user verification %q: want %q, %q or %q",
		verification, VerificationRequired, VerificationPreferred, VerificationDiscouraged)
}

// parameters are the algorithms asked for, the best liked first. RS1 is not one:
// its SHA-1 would be under every later touch.
func parameters() []webauthn.PublicKeyCredentialParameters {
	var list []webauthn.PublicKeyCredentialParameters
	for _, algorithm := range []cose.Algorithm{cose.AlgorithmES256, cose.AlgorithmEdDSA, cose.AlgorithmRS256} {
		list = append(list, webauthn.PublicKeyCredentialParameters{
			Type: webauthn.PublicKeyCredentialTypePublicKey, COSEAlgorithmIdentifier: algorithm,
		})
	}
	return list
}

func descriptors(credentials []Credential) []webauthn.PublicKeyCredentialDescriptor {
	var list []webauthn.PublicKeyCredentialDescriptor
	for _, c := range credentials[:min(len(credentials), maxListed)] {
		d := webauthn.PublicKeyCredentialDescriptor{Type: webauthn.PublicKeyCredentialTypePublicKey, ID: c.ID}
		for _, transport := range c.Transports {
			d.Transports = append(d.Transports, webauthn.AuthenticatorTransport(transport))
		}
		list = append(list, d)
	}
	return list
}
