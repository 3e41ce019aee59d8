package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A Return is what the browser brought back, beside the state.
type Return struct {
	Code   string
	Issuer string // the parameter iss, "" when absent (RFC 9207)
}

// Exchange turns a code into a person. nonce and verifier are those of the
// Request whose state came back with it.
func (p *Provider) Exchange(ctx context.Context, r Return, nonce, verifier string) (*Identity, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return nil, err
	}
	// Two providers at one sign-in host could be mixed up by an attacker; the
	// one that answers says who it is (RFC 9207, section 2.4).
	if r.Issuer != m.issuer && (r.Issuer != "" || m.sendsIssuer) && !m.anyTenant {
		return nil, refuse("the answer names issuer %q, want %q", r.Issuer, m.issuer)
	}
	token, err := p.oauth(m).Exchange(oidc.ClientContext(ctx, p.client), r.Code, oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, tokenError("exchange code", err)
	}
	if m.verifier == nil {
		return p.githubIdentity(ctx, m, token)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, refuse("the token answer holds no id token")
	}
	return p.identify(ctx, m, token, raw, nonce)
}

// identify checks the ID token, adds userinfo, and makes a person of both.
func (p *Provider) identify(ctx context.Context, m *metadata, token *oauth2.Token, raw, nonce string) (*Identity, error) {
	idToken, claims, err := p.verify(ctx, m, raw, token.AccessToken, nonce)
	if err != nil {
		return nil, err
	}
	proved := provedAt(claims)
	if m.userInfo != "" && !p.preset.noUserInfo {
		more, err := p.userInfo(ctx, m, token, idToken.Subject)
		if err != nil {
			return nil, err
		}
		maps.Copy(claims, more)
	}
	id, err := p.identityFrom(m, idToken.Subject, claims)
	if err != nil {
		return nil, err
	}
	id.ProvedAt, id.Tokens = proved, p.tokensOf(token)
	id.Tokens.ID, id.Tokens.IDExpires = config.Secret(raw), idToken.Expiry
	return id, nil
}

// userInfo fetches the claims of the access token's owner, who must be the
// subject: else one person's claims would be given to another (OpenID Connect
// Core, section 5.3.2).
func (p *Provider) userInfo(ctx context.Context, m *metadata, token *oauth2.Token, subject string) (map[string]any, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.userInfo, nil)
	if err != nil {
		return nil, fmt.Errorf("userinfo request: %w", err)
	}
	token.SetAuthHeader(req)
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: userinfo: %w", ErrUnavailable, err)
	}
	defer func() { _ = resp.Body.Close() }() // only reads were made
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: userinfo: %w", ErrUnavailable, err)
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return nil, fmt.Errorf("%w: userinfo answered %s", ErrUnavailable, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return nil, refuse("userinfo answered %s", resp.Status)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "application/jwt" {
		if body, err = p.signedUserInfo(ctx, m, string(body)); err != nil {
			return nil, err
		}
	}
	claims, err := decodeClaims(body)
	if err != nil {
		return nil, refuse("userinfo is not a JSON object")
	}
	if claims["sub"] != subject {
		return nil, refuse("userinfo is about another subject")
	}
	return claims, nil
}

// signedUserInfo opens a userinfo answer that is a JWT: signed by the provider,
// and for us (OpenID Connect Core, section 5.3.2).
func (p *Provider) signedUserInfo(ctx context.Context, m *metadata, raw string) ([]byte, error) {
	signed := oidc.NewVerifier(m.issuer, m.keys, &oidc.Config{
		ClientID: p.o.ClientID, SupportedSigningAlgs: signingAlgorithms, SkipExpiryCheck: true, SkipIssuerCheck: m.anyTenant,
	})
	token, err := signed.Verify(oidc.ClientContext(ctx, p.client), raw)
	if err != nil {
		if isNetwork(err) {
			return nil, fmt.Errorf("%w: keys: %w", ErrUnavailable, err)
		}
		return nil, refuse("signed userinfo: %v", err)
	}
	var body json.RawMessage
	if err := token.Claims(&body); err != nil {
		return nil, refuse("signed userinfo: %v", err)
	}
	return body, nil
}

func (p *Provider) tokensOf(token *oauth2.Token) Tokens {
	t := Tokens{Access: config.Secret(token.AccessToken), Refresh: config.Secret(token.RefreshToken)}
	if token.ExpiresIn > 0 {
		t.AccessExpires = p.o.Now().Add(time.Duration(min(token.ExpiresIn, maxExpiresIn)) * time.Second)
	}
	return t
}

// maxExpiresIn bounds, in seconds, what a provider may say of its access
// tokens: ten years. No session lives so long, and dates stay printable.
const maxExpiresIn = 10 * 365 * 24 * 3600

// tokenError sorts the failures of the token endpoint: its own faults, and its
// word that the grant is void. The library's text quotes the answer, which may
// hold anything, so only the code is kept.
func tokenError(doing string, err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
	}
	status := 0
	if answer.Response != nil {
		status = answer.Response.StatusCode
	}
	switch {
	case answer.ErrorCode == "invalid_grant":
		return fmt.Errorf("%s: %w", doing, ErrRevoked)
	case status >= 500 || status == http.StatusTooManyRequests || answer.ErrorCode == "temporarily_unavailable" || answer.ErrorCode == "server_error":
		return fmt.Errorf("%w: %s: status %d", ErrUnavailable, doing, status)
	}
	return refuse("%s: status %d, code %q", doing, status, clip(answer.ErrorCode))
}

// clip keeps a stranger's word short enough for a log line.
func clip(s string) string { return s[:min(len(s), 64)] }
