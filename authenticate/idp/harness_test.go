package idp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

const redirectURL = "https://sign-in.example/oauth2/callback"

// newTestProvider returns the client's side of a test provider; change may
// alter its options.
func newTestProvider(t *testing.T, far *testidp.IDP, change func(*Options)) *Provider {
	t.Helper()
	o := Options{
		Provider: "oidc", URL: far.Issuer(), ClientID: "cardea", ClientSecret: "client secret",
		RedirectURL: redirectURL, Transport: far.Client().Transport,
	}
	if change != nil {
		change(&o)
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// An attempt is one sign-in, as the browser and authenticate see it together.
type attempt struct {
	nonce, verifier string
	back            url.Values // what the provider sent the browser back with
}

// begin takes a browser to the provider and back.
func begin(ctx context.Context, p *Provider, browser *http.Client) (attempt, error) {
	a := attempt{nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	to, err := p.AuthCodeURL(ctx, Request{State: "the state", Nonce: a.nonce, Verifier: a.verifier})
	if err != nil {
		return a, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return a, err
	}
	resp, err := browser.Do(request)
	if err != nil {
		return a, err
	}
	_ = resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		return a, err
	}
	a.back = back.Query()
	return a, nil
}

func (a attempt) finish(ctx context.Context, p *Provider) (*Identity, error) {
	return p.Exchange(ctx, Return{Code: a.back.Get("code"), Issuer: a.back.Get("iss")}, a.nonce, a.verifier)
}

func signIn(t *testing.T, p *Provider, far *testidp.IDP) (*Identity, error) {
	t.Helper()
	a, err := begin(t.Context(), p, far.Client())
	if err != nil {
		return nil, err
	}
	return a.finish(t.Context(), p)
}

func mustSignIn(t *testing.T, p *Provider, far *testidp.IDP) *Identity {
	t.Helper()
	id, err := signIn(t, p, far)
	if err != nil {
		t.Fatalf("an honest sign-in: %v", err)
	}
	return id
}

// outcome names what an error means to a caller.
func outcome(err error) string {
	var refused *Refusal
	var clock *ClockError
	switch {
	case err == nil:
		return "accepted"
	case errors.Is(err, ErrUnavailable):
		return "unavailable"
	case errors.Is(err, ErrRevoked):
		return "revoked"
	case errors.Is(err, ErrEmailUnverified):
		return "unverified"
	case errors.As(err, &clock):
		return "clock"
	case errors.As(err, &refused):
		return "refused"
	}
	return "unnamed: " + err.Error()
}

// served carries requests to a handler instead of the network, whatever host
// they are for.
type served struct{ http.Handler }

func (s served) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.Host, in.RequestURI = r.URL.Host, r.URL.RequestURI()
	s.ServeHTTP(w, in)
	return w.Result(), nil
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// A tenants provider is one address for the tenants of strangers. Its next ID
// token has the claims that the test sets.
type tenants struct {
	key    *ecdsa.PrivateKey
	issuer string // as discovery names it

	mu     sync.Mutex
	claims map[string]any
}

func newTenants(t *testing.T, issuer string) *tenants {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &tenants{key: key, issuer: issuer}
}

func (f *tenants) say(claims map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.claims = claims
}

func (f *tenants) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/keys":
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: f.key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	case "/token":
		f.mu.Lock()
		defer f.mu.Unlock()
		payload, _ := json.Marshal(f.claims)
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: f.key, KeyID: "k"}}, nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		signed, _ := signer.Sign(payload)
		raw, _ := signed.CompactSerialize()
		answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": raw})
	default:
		answer(w, map[string]any{
			"issuer": f.issuer, "authorization_endpoint": "https://" + r.Host + "/authorize",
			"token_endpoint": "https://" + r.Host + "/token", "jwks_uri": "https://" + r.Host + "/keys",
		})
	}
}

// A clock is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
