package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// metadataLifetime is how long discovered metadata is used before it is
// fetched again. When that fails the older copy stays: addresses rarely move,
// and keys are fetched apart from it.
const metadataLifetime = time.Hour

// signingAlgorithms are accepted in ID tokens. There is no "none" and no HMAC:
// a public key must never serve as a shared secret.
var signingAlgorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// metadata is what discovery told (OpenID Connect Discovery 1.0, section 3).
type metadata struct {
	issuer     string
	endpoint   oauth2.Endpoint
	userInfo   string
	endSession string
	// sendsIssuer: the provider names itself at the return (RFC 9207).
	sendsIssuer bool
	verifier    *oidc.IDTokenVerifier // nil for GitHub
	keys        oidc.KeySet
}

type discoveryDocument struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	JWKS          string   `json:"jwks_uri"`
	UserInfo      string   `json:"userinfo_endpoint"`
	EndSession    string   `json:"end_session_endpoint"`
	SendsIssuer   bool     `json:"authorization_response_iss_parameter_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
}

// metadata returns what is known of the provider, asking it when nothing is or
// when it is old.
func (p *Provider) metadata(ctx context.Context) (*metadata, error) {
	p.mu.Lock()
	known, at := p.known, p.at
	p.mu.Unlock()
	if known != nil && p.o.Now().Sub(at) < metadataLifetime {
		return known, nil
	}
	if p.o.Provider == "github" {
		return p.githubMetadata(), nil
	}
	fresh, err := p.discover(ctx)
	if err != nil {
		var refused *Refusal
		if known != nil && !errors.As(err, &refused) {
			return known, nil
		}
		return nil, err
	}
	p.mu.Lock()
	p.known, p.at = fresh, p.o.Now()
	p.mu.Unlock()
	return fresh, nil
}

func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	issuer := strings.TrimSuffix(p.preset.url, "/")
	var doc discoveryDocument
	if err := p.getJSON(ctx, issuer+"/.well-known/openid-configuration", "", &doc); err != nil {
		return nil, err
	}
	// The issuer must be the one asked, to the letter (Discovery, section 4.3);
	// a tenant placeholder is filled in when a token names its tenant.
	if strings.TrimSuffix(doc.Issuer, "/") != issuer && !p.preset.tenantIssuer {
		return nil, refuse("discovery at %q names another issuer, %q", issuer, doc.Issuer)
	}
	for name, value := range map[string]string{"authorization_endpoint": doc.Authorization, "token_endpoint": doc.Token, "jwks_uri": doc.JWKS} {
		if value == "" {
			return nil, refuse("discovery names no %s", name)
		}
		if strings.HasPrefix(issuer, "https://") && !strings.HasPrefix(value, "https://") {
			return nil, refuse("discovery names %s without https", name)
		}
	}
	m := &metadata{
		issuer: doc.Issuer, userInfo: doc.UserInfo, endSession: doc.EndSession, sendsIssuer: doc.SendsIssuer,
		endpoint: oauth2.Endpoint{AuthURL: doc.Authorization, TokenURL: doc.Token, AuthStyle: authStyle(doc.AuthMethods)},
	}
	m.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), p.client), doc.JWKS)
	m.verifier = oidc.NewVerifier(doc.Issuer, m.keys, &oidc.Config{
		ClientID: p.o.ClientID, SupportedSigningAlgs: signingAlgorithms, Now: p.o.Now,
		SkipIssuerCheck: p.preset.tenantIssuer, // verify.go compares it with the tenant filled in
		SkipExpiryCheck: true,                  // verify.go checks times, and can say whose clock is wrong
	})
	return m, nil
}

// authStyle picks one style, so that a failed exchange is not tried twice: a
// second try with the same code looks like a replay to the provider.
func authStyle(methods []string) oauth2.AuthStyle {
	for _, m := range methods {
		if m == "client_secret_basic" {
			return oauth2.AuthStyleInHeader
		}
	}
	if len(methods) == 0 {
		return oauth2.AuthStyleInHeader // the default of the standard
	}
	return oauth2.AuthStyleInParams
}

// getJSON fetches address, with a bearer token if one is given. Errors of the
// network and of the server wrap ErrUnavailable.
func (p *Provider) getJSON(ctx context.Context, address, bearer string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("request to identity provider: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer func() { _ = resp.Body.Close() }() // only reads were made
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("%w: %s answered %s", ErrUnavailable, req.URL.Path, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return refuse("%s answered %s", req.URL.Path, resp.Status)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return refuse("%s answered something that is not JSON of the right shape", req.URL.Path)
	}
	return nil
}
