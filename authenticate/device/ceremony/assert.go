package ceremony

import (
	"bytes"
	"fmt"

	"github.com/pomerium/webauthn"
)

// VerifyAssertion checks the browser's answer to q, in the order of section 7.2
// of Web Authentication Level 3, by the credential stored under the id that
// CredentialOf found in it. It returns one of the errors of errors.go, wrapped.
func (p *Party) VerifyAssertion(q *Request, stored Credential, responseJSON []byte) (*Asserted, error) {
	r, err := readResponse(responseJSON)
	if err != nil {
		return nil, err
	}
	if err := checkOwner(q, stored, r); err != nil {
		return nil, err
	}
	if err := r.client.check(clientGet, q.options.Challenge, p.origin); err != nil {
		return nil, err
	}
	a, err := readAuthData(r.authData, false)
	if err != nil {
		return nil, err
	}
	if err := a.check(p.id, string(q.options.UserVerification)); err != nil {
		return nil, err
	}
	if a.has(flagBackupEligible) != stored.BackupEligible {
		return nil, ErrBackupChanged // section 6.1.3: fixed at the registration
	}
	if _, err := readKey(stored.PublicKey); err != nil {
		return nil, fmt.Errorf("stored key: %w", err)
	}
	if err := p.secondSight(q, stored, r); err != nil {
		return nil, err
	}
	counts := a.signCount != 0 || stored.SignCount != 0
	return &Asserted{
		SignCount: a.signCount, UserVerified: a.has(flagVerified), BackedUp: a.has(flagBackedUp),
		CounterWentBack: counts && a.signCount <= stored.SignCount,
	}, nil
}

// checkOwner refuses a credential that was not asked for or is not the asked
// person's.
func checkOwner(q *Request, stored Credential, r *response) error {
	switch {
	case len(stored.ID) == 0 || !bytes.Equal(stored.ID, r.id):
		return fmt.Errorf("%w: it is not the one that is stored", ErrOtherDevice)
	case len(stored.OwnerID) == 0 || !bytes.Equal(stored.OwnerID, q.owner):
		return ErrOtherPerson
	case r.userHandle != nil && !bytes.Equal(r.userHandle, stored.OwnerID):
		return fmt.Errorf("%w: by the user handle", ErrOtherPerson)
	case len(q.options.AllowCredentials) > 0 && !lists(q.options.AllowCredentials, r.id):
		return ErrOtherDevice
	}
	return nil
}

func lists(allowed []webauthn.PublicKeyCredentialDescriptor, id []byte) bool {
	for _, descriptor := range allowed {
		if bytes.Equal(descriptor.ID, id) {
			return true
		}
	}
	return false
}
