package idp

import (
	"context"
	"net/url"

	"github.com/cardea-proxy/cardea/config"
)

// maxQuery keeps an address under 8000 octets (RFC 9110, section 4.1).
const maxQuery = 7 << 10

// EndSession returns where to send the browser so that the provider's own
// session ends too, and "" when the provider has no such address (OpenID
// Connect RP-Initiated Logout 1.0, section 2). state comes back to returnTo
// with the browser; "" leaves it out.
func (p *Provider) EndSession(ctx context.Context, idToken config.Secret, returnTo, state string) (string, error) {
	m, err := p.metadata(ctx)
	if err != nil || m.endSession == "" {
		return "", err
	}
	u, err := url.Parse(m.endSession)
	if err != nil {
		return "", refuse("end_session_endpoint is not an address")
	}
	q := u.Query()
	if idToken != "" {
		q.Set("id_token_hint", idToken.Reveal())
	}
	q.Set("client_id", p.o.ClientID)
	if returnTo != "" {
		q.Set("post_logout_redirect_uri", returnTo)
	}
	if state != "" {
		q.Set("state", state)
	}
	if u.RawQuery = q.Encode(); len(u.RawQuery) > maxQuery {
		q.Del("id_token_hint") // recommended, not required; without it the provider may ask the person
		u.RawQuery = q.Encode()
	}
	return u.String(), nil
}
