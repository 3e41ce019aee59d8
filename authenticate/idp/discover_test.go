package idp

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/testidp"
)

func TestDiscoveryIsRefusedWhenItLeadsAstray(t *testing.T) {
	t.Parallel()
	const issuer = "https://id.example"
	honest := func() map[string]any {
		return map[string]any{
			"issuer": issuer, "authorization_endpoint": issuer + "/a", "token_endpoint": issuer + "/t", "jwks_uri": issuer + "/k",
			"userinfo_endpoint": issuer + "/u", "end_session_endpoint": issuer + "/e",
		}
	}
	for _, tc := range []struct {
		name, key string
		value     any // nil removes the key
		want      string
	}{
		{"an honest one", "x", nil, "accepted"},
		{"a slash behind the issuer", "issuer", issuer + "/", "accepted"},
		{"no userinfo", "userinfo_endpoint", nil, "accepted"},
		{"another issuer", "issuer", "https://evil.example", "refused"},
		{"the issuer in other letters", "issuer", "https://ID.example", "refused"},
		{"the issuer with something behind it", "issuer", issuer + ".evil.example", "refused"},
		{"no token endpoint", "token_endpoint", nil, "refused"},
		{"no keys", "jwks_uri", nil, "refused"},
		{"codes over plain http", "authorization_endpoint", "http://id.example/a", "refused"},
		{"secrets over plain http", "token_endpoint", "http://id.example/t", "refused"},
		{"keys over plain http", "jwks_uri", "http://id.example/k", "refused"},
		{"access tokens over plain http", "userinfo_endpoint", "http://id.example/u", "refused"},
		{"ID tokens over plain http", "end_session_endpoint", "http://id.example/e", "refused"},
		{"a script in place of an address", "end_session_endpoint", "javascript:alert(1)", "refused"},
		{"a path in place of an address", "token_endpoint", "/t", "refused"},
		{"a list in place of an address", "jwks_uri", []string{issuer + "/k"}, "refused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			doc := honest()
			if doc[tc.key] = tc.value; tc.value == nil {
				delete(doc, tc.key)
			}
			p, err := New(Options{
				Provider: "oidc", URL: issuer, ClientID: "c", RedirectURL: redirectURL,
				Transport: served{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, doc) })},
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.AuthCodeURL(t.Context(), Request{Verifier: "v"}); outcome(err) != tc.want {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
}

func TestAProviderThatRedirectsIsNotFollowed(t *testing.T) {
	t.Parallel()
	p, err := New(Options{
		Provider: "oidc", URL: "https://id.example", ClientID: "c", RedirectURL: redirectURL,
		Transport: served{http.RedirectHandler("https://169.254.169.254/latest", http.StatusFound)},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.AuthCodeURL(t.Context(), Request{Verifier: "v"})
	if outcome(err) != "unavailable" || !strings.Contains(err.Error(), "configure its final address") {
		t.Errorf("%v, want an error that says what to configure", err)
	}
}

func TestMetadataIsAskedForAgainAfterAnHourAndKeptWhileTheProviderIsDown(t *testing.T) {
	t.Parallel()
	c := newClock()
	far := testidp.Start(t, testidp.Options{Algorithm: "ES256", Now: c.now})
	p := newTestProvider(t, far, func(o *Options) { o.Now = c.now })
	ask := func() error {
		_, err := p.AuthCodeURL(t.Context(), Request{Verifier: "v"})
		return err
	}
	for range 3 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if n := far.Count(testidp.Discovery); n != 1 {
		t.Errorf("discovery was asked %d times within the hour", n)
	}
	c.advance(metadataLifetime)
	far.Lie(testidp.Broken)
	for range 5 {
		if err := ask(); err != nil {
			t.Errorf("with metadata an hour old and the provider down: %v", err)
		}
	}
	if n := far.Count(testidp.Discovery); n != 2 {
		t.Errorf("a provider that is down was asked %d times, want once a minute", n)
	}
	c.advance(rediscoverPause)
	far.Lie(testidp.DiscoveryOtherIssuer)
	if err := ask(); outcome(err) != "refused" {
		t.Errorf("an issuer that has changed: %v", err)
	}
}

func TestEndSessionNamesTheSessionAndTheWayBack(t *testing.T) {
	t.Parallel()
	far := testidp.Start(t, testidp.Options{Algorithm: "ES256"})
	p := newTestProvider(t, far, nil)
	const back = "https://sign-in.example/.pomerium/signed_out"
	ask := func(hint, state string) testidp.SignOut {
		to, err := p.EndSession(t.Context(), config.Secret(hint), back, state)
		if err != nil {
			t.Fatal(err)
		}
		if len(to) > 8000 {
			t.Errorf("the address has %d octets", len(to))
		}
		resp, err := far.Client().Get(to)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		all := far.SignOuts()
		return all[len(all)-1]
	}
	if got, want := ask("the id token", "s"), (testidp.SignOut{
		IDTokenHint: "the id token", ClientID: "cardea", PostLogoutRedirectURI: back, State: "s",
	}); got != want {
		t.Errorf("asked %+v, want %+v", got, want)
	}
	if got := ask(strings.Repeat("x", 9000), ""); got.IDTokenHint != "" || got.ClientID != "cardea" {
		t.Errorf("with an ID token that no address can hold: client %q, %d bytes of hint", got.ClientID, len(got.IDTokenHint))
	}
	far.Lie(testidp.NoEndSession)
	without := newTestProvider(t, far, nil)
	if to, err := without.EndSession(t.Context(), "t", back, ""); to != "" || err != nil {
		t.Errorf("a provider without end_session: %q, %v", to, err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	p, err := New(Options{
		Provider: "oidc", URL: "https://id.example", ClientID: "c", RedirectURL: redirectURL,
		Transport: endless{&sent},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.AuthCodeURL(t.Context(), Request{Verifier: "v"}); outcome(err) != "unavailable" {
		t.Errorf("an answer without an end: %v", err)
	}
	if n := sent.Load(); n > 2*maxAnswer {
		t.Errorf("%d bytes were read", n)
	}
}

// endless answers with blanks for ever.
type endless struct{ sent *atomic.Int64 }

func (e endless) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: e, Request: r}, nil
}

func (e endless) Read(p []byte) (int, error) {
	e.sent.Add(int64(len(p)))
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func (endless) Close() error { return nil }

func TestTokenTimesFollowOurClockAndStayPrintable(t *testing.T) {
	t.Parallel()
	c := newClock()
	c.advance(-30 * time.Hour)
	far := testidp.Start(t, testidp.Options{Algorithm: "ES256", Now: c.now, TokenLifetime: 1_000_000 * time.Hour})
	p := newTestProvider(t, far, func(o *Options) { o.Now = c.now })
	id := mustSignIn(t, p, far)
	if want := c.now().Add(maxExpiresIn * time.Second); !id.Tokens.AccessExpires.Equal(want) {
		t.Errorf("the access token expires at %v, want %v", id.Tokens.AccessExpires, want)
	}
}
