package testidp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A party is a relying party that checks everything it should.
type party struct {
	ctx             context.Context
	client          *http.Client
	provider        *oidc.Provider
	config          oauth2.Config
	verifier, nonce string
}

func newParty(t *testing.T, idp *IDP) *party {
	t.Helper()
	client := idp.Client()
	client.Timeout = 10 * time.Second
	ctx := oidc.ClientContext(t.Context(), client)
	provider, err := oidc.NewProvider(ctx, idp.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	return &party{ctx: ctx, client: client, provider: provider, verifier: oauth2.GenerateVerifier(), nonce: oauth2.GenerateVerifier(),
		config: oauth2.Config{
			ClientID: "cardea", ClientSecret: "client secret", RedirectURL: "http://127.0.0.1/callback",
			Endpoint: provider.Endpoint(), Scopes: []string{"openid", "email", "offline_access"},
		}}
}

// authorize returns the parameters that came back.
func (p *party) authorize(t *testing.T, more ...oauth2.AuthCodeOption) url.Values {
	t.Helper()
	more = append(more, oidc.Nonce(p.nonce), oauth2.S256ChallengeOption(p.verifier))
	resp, err := p.client.Get(p.config.AuthCodeURL("the state", more...))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("%v: %d %s", err, resp.StatusCode, body)
	}
	return to.Query()
}

func (p *party) exchange(t *testing.T) (*oauth2.Token, error) {
	t.Helper()
	return p.config.Exchange(p.ctx, p.authorize(t).Get("code"), oauth2.VerifierOption(p.verifier))
}

// check is what a careful client does with an ID token.
func (p *party) check(token *oauth2.Token) (*oidc.IDToken, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("no ID token")
	}
	id, err := p.provider.Verifier(&oidc.Config{ClientID: "cardea"}).Verify(p.ctx, raw)
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return nil, err
	}
	switch {
	case id.Nonce != p.nonce:
		return nil, errors.New("nonce")
	case id.Subject == "":
		return nil, errors.New("no sub")
	case claims["iat"] == nil || claims["exp"] == nil:
		return nil, errors.New("no iat or exp")
	case time.Until(id.IssuedAt) > 5*time.Minute:
		return nil, errors.New("from the future")
	case len(id.Audience) != 1:
		return nil, errors.New("several audiences")
	case claims["azp"] != nil && claims["azp"] != "cardea":
		return nil, errors.New("azp")
	}
	return id, id.VerifyAccessToken(token.AccessToken)
}

func TestAnHonestProviderSatisfiesACarefulClient(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Algorithm: "ES256"}, {TLS: true, Algorithm: "ES256"}, {Path: "/realms/a", Algorithm: "ES256"}} {
		idp := Start(t, o)
		idp.SetUser(User{Sub: "42", Email: "bob@example.com", Groups: []string{"ops"}, Claims: map[string]any{"team": "blue"}})
		p := newParty(t, idp)
		token, err := p.exchange(t)
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		id, err := p.check(token)
		if err != nil || id.Subject != "42" {
			t.Errorf("%+v: %v, %v", o, id, err)
		}
		info, err := p.provider.UserInfo(p.ctx, oauth2.StaticTokenSource(token))
		if err != nil || info.Subject != "42" || info.Email != "bob@example.com" || !info.EmailVerified {
			t.Errorf("%+v: userinfo %+v, %v", o, info, err)
		}
		if idp.Count(Token) != 1 || idp.Last(Token).Get("code_verifier") != p.verifier {
			t.Errorf("%+v: the token request was not kept", o)
		}
	}
}

func TestEveryTokenLieIsSeenThrough(t *testing.T) {
	t.Parallel()
	idp := Start(t, Options{}) // RS256: two of the lies need its public key
	for _, lie := range TokenLies() {
		idp.Lie(lie)
		p := newParty(t, idp)
		token, err := p.exchange(t)
		if err != nil {
			t.Errorf("%s: the token endpoint fails: %v", lie, err)
			continue
		}
		if _, err := p.check(token); err == nil {
			t.Errorf("%s: a careful client believes it", lie)
		}
	}
	idp.Lie()
	p := newParty(t, idp)
	token, err := p.exchange(t)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.check(token); err != nil {
		t.Errorf("honest again: %v", err)
	}
}

func TestOddHabitsAreHonest(t *testing.T) {
	t.Parallel()
	for _, lies := range [][]Lie{{NoKid}, {TwoKeys}, {NoKid, TwoKeys}, {RotateBeforeSigning}, {ThinIDToken}, {VerifiedAsText}, {NoRefreshToken}} {
		idp := Start(t, Options{Algorithm: "ES256"})
		idp.Lie(lies...)
		p := newParty(t, idp)
		token, err := p.exchange(t)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.check(token); err != nil {
			t.Errorf("%v: %v", lies, err)
		}
	}
}

func TestPKCECodesAndTheirReplay(t *testing.T) {
	t.Parallel()
	idp := Start(t, Options{Algorithm: "ES256"})
	p := newParty(t, idp)
	code := p.authorize(t).Get("code")
	if _, err := p.config.Exchange(p.ctx, code, oauth2.VerifierOption(oauth2.GenerateVerifier())); err == nil {
		t.Error("another verifier is good")
	}
	token, err := p.config.Exchange(p.ctx, code, oauth2.VerifierOption(p.verifier))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.config.Exchange(p.ctx, code, oauth2.VerifierOption(p.verifier)); err == nil {
		t.Error("a code is good twice")
	}
	if _, err := p.refresh(token.RefreshToken); err == nil {
		t.Error("after a replay the first use keeps its tokens")
	}
	idp.Lie(IgnorePKCE, ReplayCodes)
	code = p.authorize(t).Get("code")
	for range 2 {
		if _, err := p.config.Exchange(p.ctx, code, oauth2.VerifierOption(oauth2.GenerateVerifier())); err != nil {
			t.Errorf("told to take anything: %v", err)
		}
	}
}

func (p *party) refresh(token string) (*oauth2.Token, error) {
	return p.config.TokenSource(p.ctx, &oauth2.Token{RefreshToken: token}).Token()
}

func TestRefreshTokensRotateAndReuseEndsThem(t *testing.T) {
	t.Parallel()
	idp := Start(t, Options{Algorithm: "ES256"})
	p := newParty(t, idp)
	first, err := p.exchange(t)
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.refresh(first.RefreshToken)
	if err != nil || second.RefreshToken == first.RefreshToken {
		t.Fatalf("refresh: %v", err)
	}
	if _, err := p.refresh(first.RefreshToken); err == nil {
		t.Error("a replaced refresh token is good")
	}
	if _, err := p.refresh(second.RefreshToken); err == nil {
		t.Error("the family lives on after reuse")
	}
}

func TestWhatComesBackFromAuthorize(t *testing.T) {
	t.Parallel()
	idp := Start(t, Options{Algorithm: "ES256"})
	for _, tc := range []struct {
		lie  Lie
		want url.Values
	}{
		{"", url.Values{"state": {"the state"}, "iss": {idp.Issuer()}}},
		{WrongIss, url.Values{"iss": {"https://evil.example"}}},
		{NoIss, url.Values{"iss": nil}},
		{AccessDenied, url.Values{"error": {"access_denied"}, "state": {"the state"}}},
		{LoginRequired, url.Values{"error": {"login_required"}}},
	} {
		idp.Lie(tc.lie)
		got := newParty(t, idp).authorize(t)
		for name, want := range tc.want {
			if got.Get(name) != first(want) {
				t.Errorf("%q: %s is %q, want %q", tc.lie, name, got.Get(name), want)
			}
		}
	}
	idp.Lie(WrongState)
	if got := newParty(t, idp).authorize(t); got.Get("state") == "the state" {
		t.Error("the state is still right")
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func TestTheFormPostModeAndTheClick(t *testing.T) {
	t.Parallel()
	idp := Start(t, Options{Algorithm: "ES256", Form: true})
	p := newParty(t, idp)
	resp, err := p.client.Get(p.config.AuthCodeURL("s", oauth2.SetAuthURLParam("response_mode", "form_post")))
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !strings.Contains(string(page), `name="go"`) {
		t.Fatalf("no button: %s", page)
	}
	u, _ := url.Parse(p.config.AuthCodeURL("s", oauth2.SetAuthURLParam("response_mode", "form_post")))
	form := u.Query()
	form.Set("go", "yes")
	resp, err = p.client.PostForm(idp.Issuer()+"/authorize", form)
	if err != nil {
		t.Fatal(err)
	}
	page, _ = io.ReadAll(resp.Body)
	resp.Body.Close()
	if !strings.Contains(string(page), `name="code"`) || !strings.Contains(string(page), `action="http://127.0.0.1/callback"`) {
		t.Errorf("no form to the client: %s", page)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	idp := Start(t, Options{Algorithm: "ES256"})
	client := idp.Client()
	get := func(path string) (*http.Response, error) { return client.Get(idp.Issuer() + path) }
	idp.Lie(Down)
	if resp, err := get("/keys"); err == nil {
		resp.Body.Close()
		t.Error("down, and an answer comes")
	}
	idp.Lie(Broken)
	resp, err := get("/keys")
	if err != nil || resp.StatusCode != http.StatusInternalServerError {
		t.Errorf("broken: %v", err)
	} else {
		resp.Body.Close()
	}
	idp.Lie(EmptyKeys)
	resp, err = get("/keys")
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []any }
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil || len(set.Keys) != 0 {
		t.Errorf("empty keys: %v, %v", set, err)
	}
	resp.Body.Close()
	idp.Lie()
	idp.SetDelay(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, idp.Issuer()+"/keys", nil)
	if resp, err := client.Do(r); !errors.Is(err, context.DeadlineExceeded) {
		if err == nil {
			resp.Body.Close()
		}
		t.Errorf("slow: %v", err)
	}
}

func TestEndSessionIsKept(t *testing.T) {
	t.Parallel()
	idp := Start(t, Options{Algorithm: "ES256"})
	resp, err := idp.Client().Get(idp.Issuer() + "/end_session?id_token_hint=h&state=a+b&post_logout_redirect_uri=http://127.0.0.1/out")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Location"); got != "http://127.0.0.1/out?state=a+b" {
		t.Errorf("Location %q", got)
	}
	if outs := idp.SignOuts(); len(outs) != 1 || outs[0].IDTokenHint != "h" {
		t.Errorf("kept %+v", outs)
	}
}
