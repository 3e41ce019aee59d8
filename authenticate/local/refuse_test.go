package local

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/cardea-proxy/cardea/config"
)

func TestAuthorizeRefusesWithoutARedirectWhatNamesNoClientOfOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tc := range []struct {
		name   string
		change func(q url.Values)
	}{
		{"another client", func(q url.Values) { q.Set("client_id", "evil") }},
		{"no client", func(q url.Values) { q.Del("client_id") }},
		{"no redirect URI", func(q url.Values) { q.Del("redirect_uri") }},
		{"another host", func(q url.Values) { q.Set("redirect_uri", "https://evil.example/oauth2/callback") }},
		{"a longer path", func(q url.Values) { q.Set("redirect_uri", testRedirect+"/x") }},
		{"a query", func(q url.Values) { q.Set("redirect_uri", testRedirect+"?x=1") }},
		{"a user before the host", func(q url.Values) {
			q.Set("redirect_uri", "https://sign-in.example:8443@evil.example/oauth2/callback")
		}},
		{"an escaped slash", func(q url.Values) { q.Set("redirect_uri", strings.Replace(testRedirect, "//", "/%2F", 1)) }},
		{"an escaped letter", func(q url.Values) { q.Set("redirect_uri", strings.Replace(testRedirect, "oauth2", "%6Fauth2", 1)) }},
		{"another case", func(q url.Values) { q.Set("redirect_uri", strings.ToUpper(testRedirect)) }},
		{"two redirect URIs", func(q url.Values) { q.Add("redirect_uri", "https://evil.example/") }},
		{"two states", func(q url.Values) { q.Add("state", "x") }},
		{"a huge question", func(q url.Values) { q.Set("state", strings.Repeat("x", maxQuestion)) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			u, _ := url.Parse(w.attempt().url())
			q := u.Query()
			tc.change(q)
			u.RawQuery = q.Encode()
			got := w.browser().get(u.String())
			if got.status != http.StatusBadRequest || got.header.Get("Location") != "" {
				t.Errorf("answer %d to %q, want a page", got.status, got.header.Get("Location"))
			}
		})
	}
}

func TestAuthorizeTellsTheClientWhatItRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tc := range []struct {
		name   string
		change func(q url.Values)
		want   string // the error
	}{
		{"no PKCE", func(q url.Values) { q.Del("code_challenge"); q.Del("code_challenge_method") }, "invalid_request"},
		{"PKCE plain", func(q url.Values) { q.Set("code_challenge_method", "plain") }, "invalid_request"},
		{"PKCE without a method", func(q url.Values) { q.Del("code_challenge_method") }, "invalid_request"},
		{"a short challenge", func(q url.Values) { q.Set("code_challenge", "x") }, "invalid_request"},
		{"no nonce", func(q url.Values) { q.Del("nonce") }, "invalid_request"},
		{"no openid", func(q url.Values) { q.Set("scope", "email") }, "invalid_scope"},
		{"the implicit flow", func(q url.Values) { q.Set("response_type", "id_token") }, "unsupported_response_type"},
		{"the hybrid flow", func(q url.Values) { q.Set("response_type", "code id_token") }, "unsupported_response_type"},
		{"an answer in the fragment", func(q url.Values) { q.Set("response_mode", "fragment") }, "invalid_request"},
		{"an answer by a form", func(q url.Values) { q.Set("response_mode", "form_post") }, "invalid_request"},
		{"a request object", func(q url.Values) { q.Set("request", "eyJhbGciOiJub25lIn0.e30.") }, "request_not_supported"},
		{"a request by address", func(q url.Values) { q.Set("request_uri", "https://evil.example/") }, "request_uri_not_supported"},
		{"a forged hint", func(q url.Values) { q.Set("id_token_hint", "eyJhbGciOiJub25lIn0.e30.") }, "login_required"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a := w.attempt()
			u, _ := url.Parse(a.url())
			q := u.Query()
			tc.change(q)
			u.RawQuery = q.Encode()
			got := w.browser().get(u.String())
			if to := got.location(); to.Host != "sign-in.example:8443" || to.Path != "/oauth2/callback" {
				t.Fatalf("answer %d to %q: %s", got.status, to, got.body)
			}
			back := got.location().Query()
			if back.Get("error") != tc.want || back.Get("code") != "" {
				t.Errorf("the client gets %v, want %s", back, tc.want)
			}
			if back.Get("iss") != testIssuer || back.Get("state") != a.state {
				t.Errorf("the client gets %v, want our iss and its state", back)
			}
		})
	}
}

func TestTheLoginPageNeedsALiveRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.attempt(), w.browser()
	login := b.open(a)
	sealed, _ := url.Parse(login)
	text := sealed.Query().Get("request")
	code := a.code(t, b.signIn(a, "ann@example.com", annPassword))
	stranger := w.browser()
	for name, request := range map[string]string{
		"none":                 "",
		"garbage":              "AAAA",
		"a cut one":            text[:len(text)-4],
		"an extended one":      text + "AAAA",
		"a flipped one":        flip(text),
		"padding":              text + "=",
		"a code":               code,
		"another kind of seal": w.p.keys.seal(sealRefresh, request{Issued: time.Now().Unix()}),
	} {
		for _, got := range []answer{
			stranger.get(Path + "/login?request=" + url.QueryEscape(request)),
			stranger.post(Path+"/login", url.Values{"request": {request}, "email": {"ann@example.com"}, "password": {annPassword}}),
		} {
			if got.status != http.StatusBadRequest || strings.Contains(got.body, `type="password"`) {
				t.Errorf("%s: answer %d", name, got.status)
			}
		}
	}
	w.pass(requestLifetime)
	if got := stranger.get(login); got.status != http.StatusBadRequest && got.status != http.StatusGone {
		t.Errorf("an old one: answer %d", got.status)
	}
}

func flip(text string) string {
	at := len(text) / 2
	replacement := byte('A')
	if text[at] == 'A' {
		replacement = 'B'
	}
	return text[:at] + string(replacement) + text[at+1:]
}

func TestTheFormIsTakenFromOurOwnPageOnly(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(b *browser, fields url.Values, other url.Values)
		want   int
	}{
		{"as it is", func(*browser, url.Values, url.Values) {}, http.StatusSeeOther},
		{"from our page", func(b *browser, _, _ url.Values) {
			b.header.Set("Sec-Fetch-Site", "same-origin")
			b.header.Set("Origin", "https://sign-in.example:8443")
		}, http.StatusSeeOther},
		{"without a referrer", func(b *browser, _, _ url.Values) {
			b.header.Set("Sec-Fetch-Site", "same-origin")
			b.header.Set("Origin", "null")
		}, http.StatusSeeOther},
		{"from a sibling host", func(b *browser, _, _ url.Values) { b.header.Set("Sec-Fetch-Site", "same-site") }, http.StatusForbidden},
		{"from another site", func(b *browser, _, _ url.Values) { b.header.Set("Sec-Fetch-Site", "cross-site") }, http.StatusForbidden},
		{"from the address bar", func(b *browser, _, _ url.Values) { b.header.Set("Sec-Fetch-Site", "none") }, http.StatusForbidden},
		{"from another origin", func(b *browser, _, _ url.Values) { b.header.Set("Origin", "https://evil.example") }, http.StatusForbidden},
		{"from another port", func(b *browser, _, _ url.Values) { b.header.Set("Origin", "https://sign-in.example") }, http.StatusForbidden},
		{"from a sandbox", func(b *browser, _, _ url.Values) { b.header.Set("Origin", "null") }, http.StatusForbidden},
		{"without a token", func(_ *browser, fields, _ url.Values) { fields.Del("csrf") }, http.StatusForbidden},
		{"with the token of another request", func(_ *browser, fields, other url.Values) { fields.Set("csrf", other.Get("csrf")) }, http.StatusForbidden},
		{"from a browser without the cookie", func(b *browser, _, _ url.Values) { clear(b.jar) }, http.StatusForbidden},
		{"from another browser", func(b *browser, _, _ url.Values) { b.jar["__Host-_pomerium_idp_form"] = strings.Repeat("A", 26) }, http.StatusForbidden},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := w.browser()
			fields, other := form(t, b.get(b.open(w.attempt())).body), form(t, b.get(b.open(w.attempt())).body)
			fields.Set("email", "ann@example.com")
			fields.Set("password", annPassword)
			tc.change(b, fields, other)
			if got := b.post(Path+"/login", fields); got.status != tc.want {
				t.Errorf("answer %d, want %d", got.status, tc.want)
			}
		})
	}
}

func TestCookiesAreOfOneHostAndOutOfReachOfScripts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.attempt(), w.browser()
	got := b.signIn(a, "ann@example.com", annPassword)
	for _, c := range (&http.Response{Header: got.header}).Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-_pomerium_idp") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %+v", c)
		}
	}
	if len(b.jar) != 2 {
		t.Errorf("cookies %v, want the sitting's and the form's", b.jar)
	}
}

func TestASittingEndsWithItsReason(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(w *world, b *browser)
	}{
		{"the person is removed", func(w *world, _ *browser) { w.apply() }},
		{"the password is another", func(w *world, _ *browser) {
			changed := ann(w.t)
			changed.PasswordHash = config.Secret(cheap(w.t, "new"))
			w.apply(changed)
		}},
		{"the cookie is changed", func(_ *world, b *browser) { b.jar["__Host-_pomerium_idp"] = flip(b.jar["__Host-_pomerium_idp"]) }},
		{"the cookie is of another key", func(w *world, b *browser) {
			other, _ := newKeys([32]byte{9})
			b.jar["__Host-_pomerium_idp"] = other.seal(sealSitting, cookieSitting{ID: "x"})
		}},
		{"the cookie names no sitting", func(w *world, b *browser) {
			b.jar["__Host-_pomerium_idp"] = w.p.keys.seal(sealSitting, cookieSitting{ID: "x"})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, b := w.attempt(), w.browser()
			a.code(t, b.signIn(a, "ann@example.com", annPassword))
			tc.change(w, b)
			if got := b.get(b.open(w.attempt())); got.status != http.StatusOK || !strings.Contains(got.body, `type="password"`) {
				t.Errorf("answer %d, want the form", got.status)
			}
		})
	}
}

func TestTwoCookiesOfOneNameCountAsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.attempt(), w.browser()
	a.code(t, b.signIn(a, "ann@example.com", annPassword))
	good := b.jar["__Host-_pomerium_idp"]
	login := b.open(w.attempt())
	r := w.request(http.MethodGet, login, nil)
	r.AddCookie(&http.Cookie{Name: "__Host-_pomerium_idp", Value: good})
	if got := b.do(r); got.status != http.StatusOK {
		t.Errorf("answer %d, want the form", got.status)
	}
}

func TestTheTransportReachesNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := &http.Client{Transport: w.p.Transport()}
	for _, to := range []string{
		"https://evil.example" + Path + "/keys", "http://sign-in.example:8443" + Path + "/keys",
		"https://sign-in.example" + Path + "/keys", "https://sign-in.example:8443/", "https://sign-in.example:8443/.pomerium/idpx",
	} {
		if resp, err := client.Get(to); err == nil {
			resp.Body.Close()
			t.Errorf("%s: answer %d", to, resp.StatusCode)
		}
	}
}

func TestFaultsOfTheDatabrokerAreSaidAndShutTheDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.attempt(), w.browser()
	a.code(t, b.signIn(a, "ann@example.com", annPassword))
	login := b.open(w.attempt())
	stranger := w.browser()
	fields := form(t, stranger.get(stranger.open(w.attempt())).body)
	fields.Set("email", "ann@example.com")
	fields.Set("password", annPassword)
	w.records.set(true)
	for name, got := range map[string]answer{"a sitting": b.get(login), "a password": stranger.post(Path+"/login", fields)} {
		if got.status < 500 || got.header.Get("Location") != "" || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: answer %d to %q", name, got.status, got.header.Get("Location"))
		}
		if strings.Contains(got.body, "databroker") {
			t.Errorf("%s: the page tells what is behind it", name)
		}
	}
	if len(stranger.jar) != 1 {
		t.Error("a sitting's cookie was set without a sitting")
	}
}

func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.attempt(), w.browser()
	b.signIn(a, "typed-a-password-here", "wrong")
	code := a.code(t, b.signIn(a, "ann@example.com", annPassword))
	token, _ := a.exchange(t, code)
	if _, err := a.config.Exchange(a.ctx, code, oauth2.VerifierOption(a.verifier)); err == nil {
		t.Error("the code was good twice")
	}
	_, _ = a.refresh(token.RefreshToken)
	log := w.log.String()
	for _, secret := range []string{annPassword, "typed-a-password-here", code, token.AccessToken, token.RefreshToken, a.nonce, a.state, "a client secret", b.jar["__Host-_pomerium_idp"], "ann@example.com"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log shows %q", secret)
		}
	}
	if !strings.Contains(log, "authorization code used again") || !strings.Contains(log, "sign-in refused") {
		t.Errorf("the log misses what an operator must see:\n%s", log)
	}
}
