package ceremony

import (
	"context"
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"github.com/pomerium/webauthn"
)

// background is for the library, whose steps wait for nothing but the two stores
// below.
var background = context.Background()

// secondOpinion runs the library over a registration that passed our checks.
// Three formats are hidden from it: of TPMs it compares the wrong keys, of
// Android it loses the fields behind a NULL, and of U2F it moves coordinates
// that begin with a zero.
func (p *Party) secondOpinion(c *Creation, r *response, object *attestation, a *authData) error {
	seen := r.attestationObject
	switch object.format {
	case formatTPM, formatAndroid, formatU2F:
		var err error
		seen, err = cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": a.raw})
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	answer := &webauthn.PublicKeyCreationCredential{
		RawID:    r.id,
		Response: webauthn.AuthenticatorAttestationResponse{ClientDataJSON: r.clientData, AttestationObject: seen},
	}
	return guard(ErrAttestation, func() error {
		_, err := webauthn.NewRelyingParty(p.origin, noCredential{}).VerifyRegistrationCeremony(background, &c.options, answer)
		return err
	})
}

// secondSight runs the library over an assertion; the signature is its to check.
func (p *Party) secondSight(q *Request, stored Credential, r *response) error {
	answer := &webauthn.PublicKeyAssertionCredential{
		RawID: r.id,
		Response: webauthn.AuthenticatorAssertionResponse{
			ClientDataJSON: r.clientData, AuthenticatorData: r.authData, Signature: r.signature,
			// A device that keeps no user handle sends none, and the library
			// wants it. The owner has been checked.
			UserHandle: stored.OwnerID,
		},
	}
	known := oneCredential{&webauthn.Credential{ID: stored.ID, OwnerID: stored.OwnerID, PublicKey: stored.PublicKey}}
	return guard(ErrSignature, func() error {
		_, err := webauthn.NewRelyingParty(p.origin, known).VerifyAuthenticationCeremony(background, &q.options, answer)
		return err
	})
}

// guard turns what f says, and any panic of it, into a refusal.
func guard(refusal error, f func() error) (err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("%w: the library gave up: %v", refusal, problem)
		}
	}()
	if err := f(); err != nil {
		return fmt.Errorf("%w: %w", refusal, err)
	}
	return nil
}

// noCredential is a store that holds nothing and keeps nothing: storing is the
// caller's.
type noCredential struct{}

func (noCredential) GetCredential(context.Context, []byte) (*webauthn.Credential, error) {
	return nil, webauthn.ErrCredentialNotFound
}
func (noCredential) SetCredential(context.Context, *webauthn.Credential) error { return nil }

// oneCredential is a store of the one credential that was looked up already.
type oneCredential struct{ *webauthn.Credential }

func (s oneCredential) GetCredential(context.Context, []byte) (*webauthn.Credential, error) {
	return s.Credential, nil
}
func (oneCredential) SetCredential(context.Context, *webauthn.Credential) error { return nil }
