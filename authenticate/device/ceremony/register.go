package ceremony

import (
	"bytes"
	"fmt"
	"slices"
)

// VerifyRegistration checks the browser's answer to c, in the order of section
// 7.1 of Web Authentication Level 3. It returns one of the errors of errors.go,
// wrapped. Whether the credential is registered already is the caller's to look
// up.
func (p *Party) VerifyRegistration(c *Creation, responseJSON []byte) (*Registered, error) {
	r, err := readResponse(responseJSON)
	if err != nil {
		return nil, err
	}
	if err := r.client.check(clientCreate, c.options.Challenge, p.origin); err != nil {
		return nil, err
	}
	object, err := readAttestation(r.attestationObject)
	if err != nil {
		return nil, err
	}
	a, err := readAuthData(object.authData, true)
	if err != nil {
		return nil, err
	}
	if err := a.check(p.id, string(c.options.AuthenticatorSelection.UserVerification)); err != nil {
		return nil, err
	}
	if !bytes.Equal(a.credential, r.id) {
		return nil, fmt.Errorf("%w: rawId is not the id that the device signed", ErrMalformed)
	}
	if c.deviceType == Enclave {
		if err := checkEnclave(a, r); err != nil {
			return nil, err
		}
	}
	s, err := object.verify(a, r.clientData)
	if err != nil {
		return nil, err
	}
	if err := p.secondOpinion(c, r, object, a); err != nil {
		return nil, err
	}
	attested := p.trusts(s)
	if c.deviceType == Enclave && p.demandsAttestation() && !attested {
		return nil, fmt.Errorf("%w: format %s", ErrNotAttested, s.format)
	}
	registered := proved(a, r, s)
	registered.OwnerID, registered.Attested = c.options.User.ID, attested
	return registered, nil
}

// proved gathers what the device, the browser and the statement said.
func proved(a *authData, r *response, s *statement) *Registered {
	return &Registered{
		CredentialID: r.id, PublicKey: a.key.raw, SignCount: a.signCount,
		AAGUID: a.model(), Model: modelNames()[a.model()], Format: s.format, Certificates: s.chain,
		BackupEligible: a.has(flagBackupEligible), BackedUp: a.has(flagBackedUp), UserVerified: a.has(flagVerified),
		Transports: r.transports, Attachment: r.attachment, Resident: r.resident,
	}
}

// checkEnclave refuses what is not bound to the device, as far as it is told.
// What the browser tells is hearsay; the flags are the device's own word.
func checkEnclave(a *authData, r *response) error {
	switch {
	case a.has(flagBackupEligible):
		return ErrSyncedPasskey
	case r.attachment == "cross-platform":
		return ErrNotPlatform
	case len(r.transports) > 0 && !slices.Contains(r.transports, "internal"):
		return fmt.Errorf("%w: reached by %q", ErrNotPlatform, r.transports)
	}
	return nil
}
