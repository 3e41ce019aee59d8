package idp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Refresh renews the tokens and the claims of subject. ErrRevoked means never
// again, and so does a Refusal; ErrUnavailable and a ClockError mean later. A
// provider that rotates refresh tokens voids the old one here: so an Identity
// that comes with an error holds new tokens, to be kept, and nothing else.
func (p *Provider) Refresh(ctx context.Context, tokens Tokens, subject string) (*Identity, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return nil, err
	}
	old := &oauth2.Token{RefreshToken: tokens.Refresh.Reveal(), Expiry: time.Unix(1, 0)}
	token, err := p.oauth(m).TokenSource(oidc.ClientContext(ctx, p.client), old).Token()
	if err != nil {
		return nil, refreshError(err)
	}
	id, err := p.renewed(ctx, m, token, tokens)
	if err != nil {
		var clock *ClockError
		if !errors.Is(err, ErrUnavailable) && !errors.As(err, &clock) {
			return nil, err
		}
		// The tokens are new and the old refresh token may be void by now:
		// losing them because userinfo was slow would sign the person out.
		return &Identity{Subject: subject, Tokens: keep(p.tokensOf(token), tokens)}, err
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
		id, err := p.githubIdentity(ctx, m, token)
		if err != nil {
			return nil, err
		}
		id.Tokens = keep(id.Tokens, before)
		return id, nil
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
	first, err := p.readStored(ctx, m, before.ID)
	if err != nil {
		return nil, err
	}
	claims, err := claimsOf(first)
	if err != nil {
		return nil, err
	}
	if m.userInfo != "" && !p.preset.noUserInfo {
		more, err := p.userInfo(ctx, m, token, first.Subject)
		if err != nil {
			return nil, err
		}
		maps.Copy(claims, more)
	}
	id, err := p.identityFrom(m, first.Subject, claims)
	if err != nil {
		return nil, err
	}
	id.Tokens = keep(p.tokensOf(token), before)
	return id, nil
}

// readStored opens the ID token of the sign-in itself. It was checked when it
// came and lay sealed since; it has expired by now and its key may be gone, so
// only its form is read.
func (p *Provider) readStored(ctx context.Context, m *metadata, raw config.Secret) (*oidc.IDToken, error) {
	reader := oidc.NewVerifier(m.issuer, m.keys, &oidc.Config{
		ClientID: p.o.ClientID, SupportedSigningAlgs: signingAlgorithms, SkipExpiryCheck: true,
		SkipIssuerCheck: m.anyTenant, InsecureSkipSignatureCheck: true,
	})
	token, err := reader.Verify(ctx, raw.Reveal())
	if err != nil {
		return nil, refuse("stored id token: %v", err)
	}
	return token, nil
}

// refreshError sorts the failures of a refresh. A provider that does not know
// us, or our question, says nothing about the person: somebody has to mend the
// configuration, and until then nobody's session ends by it.
func refreshError(err error) error {
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) {
		switch answer.ErrorCode {
		case "invalid_client", "unauthorized_client", "invalid_request", "invalid_scope", "unsupported_grant_type":
			return fmt.Errorf("%w: refresh: the provider refuses us, not the person, with code %q", ErrUnavailable, answer.ErrorCode)
		}
	}
	return tokenError("refresh", err)
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
