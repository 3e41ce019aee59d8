package idp

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// clockLeeway is how far two honest clocks may be apart.
const clockLeeway = 2 * time.Minute

// verify checks an ID token as OpenID Connect Core, section 3.1.3.7 demands.
// wantNonce is "" at a refresh, where a token may repeat the first nonce or
// have none (section 12.2).
func (p *Provider) verify(ctx context.Context, m *metadata, raw, accessToken, wantNonce string) (*oidc.IDToken, map[string]any, error) {
	token, err := m.verifier.Verify(oidc.ClientContext(ctx, p.client), raw)
	if err != nil {
		if isNetwork(err) {
			return nil, nil, fmt.Errorf("%w: keys: %w", ErrUnavailable, err)
		}
		return nil, nil, refuse("id token: %v", err)
	}
	claims, err := claimsOf(token)
	if err != nil {
		return nil, nil, err
	}
	for _, check := range []error{
		checkIssuer(m, token, claims), p.checkTimes(token), p.checkParty(token, claims), checkNonce(token, wantNonce),
	} {
		if check != nil {
			return nil, nil, check
		}
	}
	if token.AccessTokenHash != "" && accessToken != "" {
		if err := token.VerifyAccessToken(accessToken); err != nil {
			return nil, nil, refuse("access token does not belong to the id token")
		}
	}
	return token, claims, nil
}

// claimsOf returns all claims of token.
func claimsOf(token *oidc.IDToken) (map[string]any, error) {
	var raw json.RawMessage
	if err := token.Claims(&raw); err != nil {
		return nil, refuse("id token claims: %v", err)
	}
	claims, err := decodeClaims(raw)
	if err != nil {
		return nil, refuse("id token claims are no JSON object")
	}
	return claims, nil
}

// decodeClaims keeps numbers as they are written: a large id has more digits
// than a float64.
func decodeClaims(raw []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	claims := map[string]any{}
	if err := decoder.Decode(&claims); err != nil {
		return nil, err
	}
	if claims == nil { // the JSON null
		claims = map[string]any{}
	}
	return claims, nil
}

// checkIssuer fills the token's tenant into an issuer that stands for all
// tenants; others were compared to the letter already.
func checkIssuer(m *metadata, token *oidc.IDToken, claims map[string]any) error {
	if !m.anyTenant {
		return nil
	}
	tenant, _ := claims["tid"].(string)
	want := strings.ReplaceAll(m.issuer, tenantPlaceholder, url.PathEscape(tenant))
	if tenant == "" || token.Issuer != want {
		return refuse("id token issued by %q, want %q", token.Issuer, want)
	}
	return nil
}

func (p *Provider) checkTimes(token *oidc.IDToken) error {
	now := p.o.Now()
	switch {
	case token.IssuedAt.IsZero() || token.IssuedAt.Unix() <= 0:
		return refuse("id token says not when it was issued")
	case token.Expiry.IsZero() || token.Expiry.Unix() <= 0:
		return refuse("id token says not when it expires")
	case now.Add(clockLeeway).Before(token.IssuedAt):
		return &ClockError{Ours: now, Theirs: token.IssuedAt, What: "was issued at"}
	case !now.Add(-clockLeeway).Before(token.Expiry):
		return &ClockError{Ours: now, Theirs: token.Expiry, What: "expired at"}
	}
	return nil
}

// checkParty: the token is for us, and if it is for others too, it names us as
// the one that asked.
func (p *Provider) checkParty(token *oidc.IDToken, claims map[string]any) error {
	azp, has := claims["azp"]
	switch {
	case !slices.Contains(token.Audience, p.o.ClientID):
		return refuse("id token is for another audience")
	case has && azp != p.o.ClientID:
		return refuse("id token was made for another party (azp)")
	case !has && len(token.Audience) > 1:
		return refuse("id token is for several audiences and names no authorized party (azp)")
	}
	return nil
}

// checkNonce binds the token to the browser that began; without it a token of
// another sign-in would pass.
func checkNonce(token *oidc.IDToken, want string) error {
	if want != "" && subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(want)) != 1 {
		return refuse("id token has another nonce")
	}
	return nil
}

// isNetwork tells a key set that cannot be fetched from a token that is wrong.
// The library gives both as text; its fetch errors begin so.
func isNetwork(err error) bool {
	return strings.Contains(err.Error(), "fetching keys")
}
