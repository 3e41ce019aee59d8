package local

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/cardea-proxy/cardea/config"
)

// signedIn returns an attempt with its tokens, and the browser.
func (w *world) signedIn() (*attempt, *browser, *oauth2.Token) {
	w.t.Helper()
	a, b := w.attempt(), w.browser()
	token, _ := a.exchange(w.t, a.code(w.t, b.signIn(a, "ann@example.com", annPassword)))
	return a, b, token
}

// oauthError is what a token request came back with.
func oauthError(got answer) string {
	var body struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal([]byte(got.body), &body)
	return body.Error
}

func TestTheTokenEndpointRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(r *http.Request, form url.Values)
		status int
		want   string
	}{
		{"nothing wrong", func(*http.Request, url.Values) {}, http.StatusOK, ""},
		{"another method", func(r *http.Request, _ url.Values) { r.Method = http.MethodGet }, http.StatusMethodNotAllowed, ""},
		{"JSON", func(r *http.Request, _ url.Values) { r.Header.Set("Content-Type", "application/json") }, 400, "invalid_request"},
		{"no content type", func(r *http.Request, _ url.Values) { r.Header.Del("Content-Type") }, 400, "invalid_request"},
		{"a query", func(r *http.Request, _ url.Values) { r.URL.RawQuery = "grant_type=authorization_code" }, 400, "invalid_request"},
		{"a parameter twice", func(_ *http.Request, f url.Values) { f.Add("code", "x") }, 400, "invalid_request"},
		{"a huge form", func(_ *http.Request, f url.Values) { f.Set("x", strings.Repeat("x", maxTokenForm)) }, 400, "invalid_request"},
		{"no grant type", func(_ *http.Request, f url.Values) { f.Del("grant_type") }, 400, "unsupported_grant_type"},
		{"client credentials", func(_ *http.Request, f url.Values) { f.Set("grant_type", "client_credentials") }, 400, "unsupported_grant_type"},
		{"a JWT for a grant", func(_ *http.Request, f url.Values) {
			f.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
		}, 400, "unsupported_grant_type"},
		{"a password for a grant", func(_ *http.Request, f url.Values) { f.Set("grant_type", "password") }, 400, "unsupported_grant_type"},
		{"no client", func(r *http.Request, _ url.Values) { r.Header.Del("Authorization") }, 401, "invalid_client"},
		{"another secret", func(r *http.Request, _ url.Values) { r.SetBasicAuth("cardea", "wrong") }, 401, "invalid_client"},
		{"an empty secret", func(r *http.Request, _ url.Values) { r.SetBasicAuth("cardea", "") }, 401, "invalid_client"},
		{"another client", func(r *http.Request, _ url.Values) { r.SetBasicAuth("evil", "a client secret") }, 401, "invalid_client"},
		{"a broken escape in the secret", func(r *http.Request, _ url.Values) { r.SetBasicAuth("cardea", "%zz") }, 401, "invalid_client"},
		{"two ways of authentication", func(_ *http.Request, f url.Values) { f.Set("client_secret", "a client secret") }, 401, "invalid_client"},
		{"an assertion", func(_ *http.Request, f url.Values) { f.Set("client_assertion", "x") }, 401, "invalid_client"},
		{"no code", func(_ *http.Request, f url.Values) { f.Del("code") }, 400, "invalid_request"},
		{"garbage for a code", func(_ *http.Request, f url.Values) { f.Set("code", "AAAA") }, 400, "invalid_grant"},
		{"a flipped code", func(_ *http.Request, f url.Values) { f.Set("code", flip(f.Get("code"))) }, 400, "invalid_grant"},
		{"another verifier", func(_ *http.Request, f url.Values) { f.Set("code_verifier", oauth2.GenerateVerifier()) }, 400, "invalid_grant"},
		{"no verifier", func(_ *http.Request, f url.Values) { f.Del("code_verifier") }, 400, "invalid_request"},
		{"another redirect URI", func(_ *http.Request, f url.Values) { f.Set("redirect_uri", "https://evil.example/") }, 400, "invalid_grant"},
		{"a refresh with a code", func(_ *http.Request, f url.Values) {
			f.Set("grant_type", "refresh_token")
			f.Set("refresh_token", f.Get("code"))
		}, 400, "invalid_grant"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, b := w.attempt(), w.browser()
			fields := url.Values{
				"grant_type": {"authorization_code"}, "code": {a.code(t, b.signIn(a, "ann@example.com", annPassword))},
				"code_verifier": {a.verifier}, "redirect_uri": {testRedirect},
			}
			r := w.request(http.MethodPost, Path+"/token", nil)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("cardea", url.QueryEscape("a client secret"))
			tc.change(r, fields)
			r.Body = newBody(fields)
			got := b.do(r)
			if got.status != tc.status || oauthError(got) != tc.want {
				t.Errorf("answer %d %q, want %d %q: %s", got.status, oauthError(got), tc.status, tc.want, got.body)
			}
			if got.status != http.StatusMethodNotAllowed && got.header.Get("Cache-Control") != "no-store" {
				t.Error("the answer may be stored")
			}
			if got.status == http.StatusUnauthorized && got.header.Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
		})
	}
}

func TestTheClientMayAlsoAuthenticateInTheForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.attempt(), w.browser()
	a.config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	a.exchange(t, a.code(t, b.signIn(a, "ann@example.com", annPassword)))
}

func TestACodeIsGoodOnceAndItsReplayEndsWhatItGave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.attempt(), w.browser()
	code := a.code(t, b.signIn(a, "ann@example.com", annPassword))
	token, _ := a.exchange(t, code)
	if _, err := a.config.Exchange(a.ctx, code, oauth2.VerifierOption(a.verifier)); err == nil {
		t.Error("the code is good twice")
	}
	if _, err := a.refresh(token.RefreshToken); err == nil {
		t.Error("the refresh token outlives the replay of its code")
	}
}

func TestOfAHundredRacingForACodeOneWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.attempt(), w.browser()
	code := a.code(t, b.signIn(a, "ann@example.com", annPassword))
	var wins int
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if _, err := a.config.Exchange(a.ctx, code, oauth2.VerifierOption(a.verifier)); err == nil {
				mu.Lock()
				defer mu.Unlock()
				wins++
			}
		})
	}
	group.Wait()
	if wins != 1 {
		t.Errorf("%d exchanges of one code", wins)
	}
}

func TestACodeIsVoidOnceItsReasonIs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(w *world, b *browser)
	}{
		{"a minute later", func(w *world, _ *browser) { w.pass(codeLifetime) }},
		{"the person is removed", func(w *world, _ *browser) { w.apply() }},
		{"the password is another", func(w *world, _ *browser) { w.apply(withPassword(w.t, "new")) }},
		{"signed out", func(w *world, b *browser) { w.signOut(b) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, b := w.attempt(), w.browser()
			code := a.code(t, b.signIn(a, "ann@example.com", annPassword))
			tc.change(w, b)
			if _, err := a.config.Exchange(a.ctx, code, oauth2.VerifierOption(a.verifier)); err == nil {
				t.Error("the code is good")
			}
		})
	}
}

func withPassword(t testing.TB, password string) config.User {
	u := ann(t)
	u.PasswordHash = config.Secret(cheap(t, password))
	return u
}

// signOut answers the question of end_session.
func (w *world) signOut(b *browser) {
	w.t.Helper()
	fields := form(w.t, b.get(Path+"/end_session").body)
	if got := b.post(Path+"/end_session", fields); got.status != http.StatusOK {
		w.t.Fatalf("sign-out: %d: %s", got.status, got.body)
	}
}

func TestRefreshTokensEndWithTheirReason(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(w *world, b *browser)
		want   bool
	}{
		{"nothing happens", func(*world, *browser) {}, true},
		{"hours later", func(w *world, _ *browser) { w.pass(13 * time.Hour) }, true},
		{"another person is removed", func(w *world, _ *browser) { w.apply(samePassword(w)) }, true},
		{"the lifetime is over", func(w *world, _ *browser) { w.pass(14 * time.Hour) }, false},
		{"the person is removed", func(w *world, _ *browser) { w.apply() }, false},
		{"the password is another", func(w *world, _ *browser) { w.apply(withPassword(w.t, "new")) }, false},
		{"signed out", func(w *world, b *browser) { w.signOut(b) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, b, token := w.signedIn()
			tc.change(w, b)
			_, err := a.refresh(token.RefreshToken)
			if (err == nil) != tc.want {
				t.Errorf("refresh: %v, want it good: %v", err, tc.want)
			}
		})
	}
}

func samePassword(w *world) config.User {
	u := ann(w.t)
	u.PasswordHash = config.Secret(w.p.people.Load().byEmail["ann@example.com"].hash.String())
	return u
}

func TestAnotherBrowserStaysSignedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, phone, _ := w.signedIn()
	a, _, laptop := w.signedIn()
	w.signOut(phone)
	if _, err := a.refresh(laptop.RefreshToken); err != nil {
		t.Errorf("signing out on the phone ends the laptop: %v", err)
	}
}

func TestALostAnswerDoesNotSignAnybodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, _, token := w.signedIn()
	lost, err := a.refresh(token.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	again, err := a.refresh(token.RefreshToken)
	if err != nil {
		t.Fatalf("the token before the newest: %v", err)
	}
	if _, err := a.refresh(again.RefreshToken); err != nil {
		t.Errorf("the newest token: %v", err)
	}
	if _, err := a.refresh(lost.RefreshToken); err != nil {
		t.Errorf("the same generation, sealed another time: %v", err)
	}
}

func TestAHundredRefreshesAtOnceEndWithOneGeneration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, _, token := w.signedIn()
	tokens := make([]string, 100)
	var group sync.WaitGroup
	for n := range tokens {
		group.Go(func() {
			next, err := a.refresh(token.RefreshToken)
			if err != nil {
				t.Errorf("refresh %d: %v", n, err)
				return
			}
			tokens[n] = next.RefreshToken
		})
	}
	group.Wait()
	for n, text := range tokens {
		var r refresh
		if err := w.p.keys.open(sealRefresh, text, &r); err != nil || r.Generation != 2 {
			t.Errorf("refresh %d ends with generation %d, %v", n, r.Generation, err)
		}
	}
}

func TestAReplacedRefreshTokenEndsTheFamily(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		wait time.Duration
		more int // further refreshes after the theft
	}{
		{"after the newest was used", 0, 1},
		{"after the overlap", overlap, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, _, stolen := w.signedIn()
			newest, err := a.refresh(stolen.RefreshToken)
			if err != nil {
				t.Fatal(err)
			}
			for range tc.more {
				if newest, err = a.refresh(newest.RefreshToken); err != nil {
					t.Fatal(err)
				}
			}
			w.pass(tc.wait)
			if _, err := a.refresh(stolen.RefreshToken); err == nil {
				t.Error("the stolen token is good")
			}
			if _, err := a.refresh(newest.RefreshToken); err == nil {
				t.Error("the family lives on")
			}
			if !strings.Contains(w.log.String(), "refresh token used again") {
				t.Error("the log does not say so")
			}
		})
	}
}

func TestAnAbsentDatabrokerIsNoVerdictOnARefreshToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, _, token := w.signedIn()
	w.records.set(true)
	r := w.request(http.MethodPost, Path+"/token", nil)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("cardea", url.QueryEscape("a client secret"))
	r.Body = newBody(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}})
	got := w.browser().do(r)
	if got.status != http.StatusServiceUnavailable || oauthError(got) != "temporarily_unavailable" {
		t.Errorf("answer %d %s, want 503", got.status, got.body)
	}
	w.records.set(false)
	if _, err := a.refresh(token.RefreshToken); err != nil {
		t.Errorf("refresh after the outage: %v", err)
	}
}

func TestUserinfoRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(w *world, b *browser, r *http.Request)
		want   int
	}{
		{"nothing wrong", func(*world, *browser, *http.Request) {}, http.StatusOK},
		{"no token", func(_ *world, _ *browser, r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"the token in the query", func(_ *world, _ *browser, r *http.Request) {
			r.URL.RawQuery = "access_token=" + strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			r.Header.Del("Authorization")
		}, 401},
		{"a flipped token", func(_ *world, _ *browser, r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+flip(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
		}, 401},
		{"ten minutes later", func(w *world, _ *browser, _ *http.Request) { w.pass(tokenLifetime) }, 401},
		{"the person is removed", func(w *world, _ *browser, _ *http.Request) { w.apply() }, 401},
		{"the password is another", func(w *world, _ *browser, _ *http.Request) { w.apply(withPassword(w.t, "new")) }, 401},
		{"signed out", func(w *world, b *browser, _ *http.Request) { w.signOut(b) }, 401},
		{"the databroker is away", func(w *world, _ *browser, _ *http.Request) { w.records.set(true) }, 503},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, b, token := w.signedIn()
			r := w.request(http.MethodGet, Path+"/userinfo", nil)
			r.Header.Set("Authorization", "Bearer "+token.AccessToken)
			tc.change(w, b, r)
			if got := w.browser().do(r); got.status != tc.want {
				t.Errorf("answer %d, want %d: %s", got.status, tc.want, got.body)
			}
		})
	}
}
