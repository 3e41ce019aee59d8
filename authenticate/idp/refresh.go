package idp

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Refresh renews the tokens and the claims of subject. ErrRevoked means never
// again, and so does a Refusal; ErrUnavailable means later. A provider that
// rotates refresh tokens voids the old one here: so an Identity that comes with
// ErrUnavailable holds new tokens, to be kept, and nothing else.
func (p *Provider) Refresh(ctx context.Context, tokens Tokens, subject string) (*Identity, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return nil, err
	}
	old := &oauth2.Token{RefreshToken: tokens.Refresh.Reveal(), Expiry: time.Unix(1, 0)}
	token, err := p.oauth(m).TokenSource(oidc.ClientContext(ctx, p.client), old).Token()
	if err != nil {
		return nil, tokenError("refresh", err)
	}
	id, err := p.renewed(ctx, m, token, tokens)
	if err != nil {
		if !errors.Is(err, ErrUnavailable) {
			return nil, err
		}
		// The tokens are new and the old refresh token may be void by now:
		// losing them because userinfo was slow would sign the person out.
		return &Identity{Subject: subject, Tokens: keep(tokensOf(token), tokens)}, err
	}
	if id.Subject != subject {
		return nil, refuse("refresh answered for another subject")
	}
	return id, nil
}

// renewed makes a person of a refresh answer. It may hold no ID token (OpenID
// Connect Core, section 12.2): then userinfo alone speaks.
func (p *Provider) renewed(ctx context.Context, m *metadata, token *oauth2.Token, before Tokens) (*Identity, error) {
	if m.verifier == nil {
		return p.githubIdentity(ctx, token)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw != "" {
		id, err := p.identify(ctx, m, token, raw, "")
		if err != nil {
			return nil, err
		}
		id.Tokens = keep(id.Tokens, before)
		return id, nil
	}
	first, _, err := p.verifyStored(ctx, m, before.ID)
	if err != nil {
		return nil, err
	}
	claims := map[string]any{}
	if err := first.Claims(&claims); err != nil {
		return nil, refuse("id token claims: %v", err)
	}
	if m.userInfo != "" && !p.preset.noUserInfo {
		more, err := p.userInfo(ctx, m, token, first.Subject)
		if err != nil {
			return nil, err
		}
		for name, value := range more {
			claims[name] = value
		}
	}
	id, err := p.identityFrom(first.Subject, claims)
	if err != nil {
		return nil, err
	}
	id.Tokens = keep(tokensOf(token), before)
	return id, nil
}

// verifyStored opens the ID token of the sign-in itself. It was checked when it
// came and lay sealed since; it has expired by now and its key may be gone, so
// only its form is read.
func (p *Provider) verifyStored(ctx context.Context, m *metadata, raw config.Secret) (*oidc.IDToken, string, error) {
	reader := oidc.NewVerifier(m.issuer, m.keys, &oidc.Config{
		ClientID: p.o.ClientID, SkipExpiryCheck: true, SkipIssuerCheck: p.preset.tenantIssuer, InsecureSkipSignatureCheck: true,
	})
	token, err := reader.Verify(ctx, raw.Reveal())
	if err != nil {
		return nil, "", refuse("stored id token: %v", err)
	}
	return token, raw.Reveal(), nil
}

// keep fills what a refresh answer leaves out with what there was.
func keep(now, before Tokens) Tokens {
	if now.Refresh == "" {
		now.Refresh = before.Refresh // not rotated (RFC 6749, section 6)
	}
	if now.ID == "" {
		now.ID = before.ID
	}
	return now
}

// EndSession returns where to send the browser so that the provider's own
// session ends too, and "" when the provider has no such address (OpenID
// Connect RP-Initiated Logout 1.0, section 2).
func (p *Provider) EndSession(ctx context.Context, idToken config.Secret, returnTo string) (string, error) {
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
	u.RawQuery = q.Encode()
	return u.String(), nil
}
