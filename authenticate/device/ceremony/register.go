package ceremony

import "errors"

// VerifyRegistration checks the browser's answer to c.
func (p *Party) VerifyRegistration(c *Creation, responseJSON []byte) (*Registered, error) {
	return nil, errors.New("ceremony: not built yet")
}
