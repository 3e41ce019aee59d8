package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// metadataLifetime is how long discovered metadata is used before it is
// fetched again. When that fails the older copy stays: addresses rarely move,
// and keys are fetched apart from it.
const metadataLifetime = time.Hour

// rediscoverPause is how long an older copy then serves without another try:
// a provider that is down must not cost everybody the whole patience.
const rediscoverPause = time.Minute

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
	// anyTenant: issuer holds a placeholder, and each token names its tenant.
	anyTenant bool
	verifier  *oidc.IDTokenVerifier // nil for GitHub
	keys      oidc.KeySet
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
	if p.o.Provider == "github" {
		return p.githubMetadata(), nil
	}
	p.mu.Lock()
	known, until := p.known, p.until
	p.mu.Unlock()
	if known != nil && p.o.Now().Before(until) {
		return known, nil
	}
	fresh, err := p.discover(ctx)
	if err == nil {
		p.remember(fresh, metadataLifetime)
		return fresh, nil
	}
	var refused *Refusal
	if known == nil || errors.As(err, &refused) {
		return nil, err
	}
	p.remember(known, rediscoverPause)
	return known, nil
}

func (p *Provider) remember(m *metadata, lifetime time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known, p.until = m, p.o.Now().Add(lifetime)
}

func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	issuer := strings.TrimSuffix(p.preset.url, "/")
	var doc discoveryDocument
	if err := p.getJSON(ctx, issuer+"/.well-known/openid-configuration", "", &doc); err != nil {
		return nil, err
	}
	// The issuer must be the one asked, to the letter (Discovery, section 4.3).
	if strings.TrimSuffix(doc.Issuer, "/") != issuer && !(p.preset.tenantIssuer && sameButTenant(issuer, doc.Issuer)) {
		return nil, refuse("discovery at %q names another issuer, %q", issuer, doc.Issuer)
	}
	if err := doc.checkEndpoints(strings.HasPrefix(issuer, "https://")); err != nil {
		return nil, err
	}
	m := &metadata{
		issuer: doc.Issuer, userInfo: doc.UserInfo, endSession: doc.EndSession, sendsIssuer: doc.SendsIssuer,
		anyTenant: p.preset.tenantIssuer && strings.Contains(doc.Issuer, tenantPlaceholder),
		endpoint:  oauth2.Endpoint{AuthURL: doc.Authorization, TokenURL: doc.Token, AuthStyle: authStyle(doc.AuthMethods)},
	}
	m.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), p.client), doc.JWKS)
	m.verifier = oidc.NewVerifier(doc.Issuer, m.keys, &oidc.Config{
		ClientID: p.o.ClientID, SupportedSigningAlgs: signingAlgorithms, Now: p.o.Now,
		SkipIssuerCheck: m.anyTenant, // verify.go compares it with the tenant filled in
		SkipExpiryCheck: true,        // verify.go checks times, and can say whose clock is wrong
	})
	return m, nil
}

// tenantPlaceholder stands in the issuer of an address that serves all tenants.
const tenantPlaceholder = "{tenantid}"

// sameButTenant reports whether two issuers differ in the first part of their
// path alone: one address serves all tenants, or a tenant goes by a domain name
// and its issuer by a number.
func sameButTenant(asked, named string) bool {
	a, errA := url.Parse(asked)
	b, errB := url.Parse(named)
	if errA != nil || errB != nil || a.Scheme != b.Scheme || a.Host != b.Host {
		return false
	}
	_, restA, _ := strings.Cut(strings.Trim(a.Path, "/"), "/")
	_, restB, _ := strings.Cut(strings.Trim(b.Path, "/"), "/")
	return restA == restB
}

// checkEndpoints refuses addresses that are missing or that are none. Codes,
// tokens and keys must not go over plain http where the issuer is https.
func (d *discoveryDocument) checkEndpoints(secure bool) error {
	for _, e := range []struct {
		name, value string
		optional    bool
	}{
		{"authorization_endpoint", d.Authorization, false}, {"token_endpoint", d.Token, false}, {"jwks_uri", d.JWKS, false},
		{"userinfo_endpoint", d.UserInfo, true}, {"end_session_endpoint", d.EndSession, true},
	} {
		if e.value == "" && e.optional {
			continue
		}
		u, err := url.Parse(e.value)
		switch {
		case e.value == "":
			return refuse("discovery names no %s", e.name)
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			return refuse("discovery names an %s that is no address", e.name)
		case secure && u.Scheme != "https":
			return refuse("discovery names %s without https", e.name)
		}
	}
	return nil
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
