package ceremony

import "errors"

// VerifyAssertion checks the browser's answer to r by the credential stored
// under the id that CredentialOf found in it.
func (p *Party) VerifyAssertion(r *Request, stored Credential, responseJSON []byte) (*Asserted, error) {
	return nil, errors.New("ceremony: not built yet")
}
