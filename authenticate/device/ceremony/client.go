package ceremony

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
)

// The types of client data (Web Authentication Level 3, section 5.8.1).
const (
	clientCreate = "webauthn.create"
	clientGet    = "webauthn.get"
)

// A clientData is what the browser says of the page that asked. The device
// signs it, so a page cannot choose it; a program in the place of a browser can.
type clientData struct {
	kind      string
	challenge []byte
	origin    string
	framed    bool // inside a page of another origin
	bound     bool // to a TLS connection, which we never ask for
}

// readClientData reads keys in their exact case; keys that it does not know
// are for later browsers.
func readClientData(raw []byte) (clientData, error) {
	m, err := object(raw, maxClientData)
	if err != nil {
		return clientData{}, fmt.Errorf("client data: %w", err)
	}
	var c clientData
	if c.kind, err = text(m, "type"); err != nil {
		return clientData{}, err
	}
	if c.origin, err = text(m, "origin"); err != nil {
		return clientData{}, err
	}
	if c.challenge, err = octets(m, "challenge", maxChallenge); err != nil {
		return clientData{}, err
	}
	if raw, there := m["crossOrigin"]; there && json.Unmarshal(raw, &c.framed) != nil {
		return clientData{}, fmt.Errorf("%w: crossOrigin: want true or false", ErrMalformed)
	}
	if _, there := m["topOrigin"]; there {
		c.framed = true // written only where crossOrigin is true
	}
	if raw, there := m["tokenBinding"]; there {
		var binding struct {
			Status string `json:"status"`
		}
		if json.Unmarshal(raw, &binding) != nil {
			return clientData{}, fmt.Errorf("%w: tokenBinding: want an object", ErrMalformed)
		}
		c.bound = binding.Status == "present"
	}
	return c, nil
}

// check refuses client data made for another ceremony, question or page. No
// challenge, that of a question that was never made, is answered by nobody.
func (c clientData) check(kind string, challenge []byte, origin string) error {
	switch {
	case c.kind != kind:
		return fmt.Errorf("%w: client data of type %.40q, not %s", ErrMalformed, c.kind, kind)
	case len(challenge) == 0 || subtle.ConstantTimeCompare(c.challenge, challenge) != 1:
		return fmt.Errorf("%w: answered another one", ErrChallenge)
	case c.origin != origin:
		return fmt.Errorf("%w: %.200q, not %q", ErrOrigin, c.origin, origin)
	case c.framed:
		return fmt.Errorf("%w: inside a frame of another site", ErrOrigin)
	case c.bound:
		return fmt.Errorf("%w: bound to a TLS connection", ErrMalformed)
	}
	return nil
}
