package verify

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/internal/pages"
)

var now = time.Date(2026, 9, 2, 14, 5, 0, 0, time.UTC)

// A bench is a Server with the keys of a real Minter.
type bench struct {
	server *Server
	minter *assertion.Minter
}

func newBench(t *testing.T) bench {
	t.Helper()
	m := newMinter(t)
	s, err := New(Options{
		Pages: pages.New(pages.Options{Now: func() time.Time { return now }}),
		Keys:  func(context.Context) ([]byte, error) { keys, _ := m.JWKS(); return keys, nil },
		Now:   func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Apply(Settings{ClaimHeaders: map[string]string{"x-email": "email", "x-groups": "groups"}})
	return bench{s, m}
}

func newMinter(t *testing.T) *assertion.Minter {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m, err := assertion.New([]crypto.Signer{key})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func claims() map[string]any {
	return map[string]any{
		"iss": "verify.localhost", "aud": "verify.localhost", "sub": "1", "jti": "j",
		"iat": now.Add(-time.Minute).Unix(), "exp": now.Add(4 * time.Minute).Unix(),
		"email": "ada@example.com", "name": "Ada Lovelace", "groups": []string{"eng", "ops"},
	}
}

func (b bench) sign(t *testing.T, change func(map[string]any)) string {
	t.Helper()
	c := claims()
	if change != nil {
		change(c)
	}
	raw, err := b.minter.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// get asks for a path with headers "Name: value".
func (b bench) get(path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "10.0.0.7:80"
	r.Header.Set("X-Forwarded-Host", "Verify.localhost:8443")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	b.server.Handler().ServeHTTP(w, r)
	return w
}

func (b bench) report(t *testing.T, path string, headers ...string) report {
	t.Helper()
	w := b.get(path, append(headers, "Accept: application/json")...)
	var v report
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return v
}

const header = "X-Pomerium-Jwt-Assertion: "

func TestACleanRequestIsVouchedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	got := b.report(t, "/json", header+b.sign(t, nil), "X-Email: ada@example.com", "X-Groups: eng,ops",
		"Cookie: theme=dark; _pomeriumish=1")
	if got.Verdict != "vouched" || !got.Verified || len(got.Leaks) != 0 || got.Claims["email"] != "ada@example.com" {
		t.Errorf("report = %+v", got)
	}
	for _, c := range got.Checks {
		if c.Result != "passed" {
			t.Errorf("check %q = %s (%s)", c.Name, c.Result, c.Note)
		}
	}
}

func TestAPublicRequestIsAnonymous(t *testing.T) {
	t.Parallel()
	got := newBench(t).report(t, "/")
	if got.Verdict != "anonymous" || got.Verified || got.Reason != "none arrived" {
		t.Errorf("report = %+v", got)
	}
}

func TestAnAssertionIsRefused(t *testing.T) {
	t.Parallel()
	b, stranger := newBench(t), newBench(t)
	hmac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: make([]byte, 32)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := hmac.Sign([]byte(`{"iss":"verify.localhost"}`))
	if err != nil {
		t.Fatal(err)
	}
	shared, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	good := b.sign(t, nil)
	for _, tc := range []struct {
		name, token, want string
	}{
		{"garbage", "garbage", "not a token"},
		{"nothing at all", "", "not a token"},
		{"signed with a shared secret", shared, "not a token signed with an accepted algorithm"},
		{"without a signature", "eyJhbGciOiJub25lIn0.e30.", "not a token signed with an accepted algorithm"},
		{"signed by somebody else", stranger.sign(t, nil), "not published"},
		{"a changed signature", good[:len(good)-8] + "AAAAAAAA", "signature does not match"},
		{"changed claims", strings.Join([]string{strings.Split(good, ".")[0], "e30", strings.Split(good, ".")[2]}, "."), "signature does not match"},
		{"expired", b.sign(t, set("exp", now.Add(-2*time.Minute).Unix())), "expired 2m0s ago"},
		{"without an expiry", b.sign(t, func(c map[string]any) { delete(c, "exp") }), "does not say when it expires"},
		{"without an issue time", b.sign(t, func(c map[string]any) { delete(c, "iat") }), "does not say when it was issued"},
		{"issued in the future", b.sign(t, set("iat", now.Add(time.Hour).Unix())), "clocks do not agree"},
		{"not valid yet", b.sign(t, set("nbf", now.Add(time.Hour).Unix())), "clocks do not agree"},
		{"made for another host", b.sign(t, set("aud", "other.localhost")), `made for "other.localhost"`},
		{"made for nobody", b.sign(t, func(c map[string]any) { delete(c, "aud") }), "made for"},
		{"issued by another host", b.sign(t, set("iss", "https://other.localhost/")), "issuer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := b.report(t, "/json", header+tc.token)
			if got.Verdict != "suspect" || got.Verified || !strings.Contains(got.Reason, tc.want) {
				t.Errorf("verdict %s, reason %q, want suspect and %q", got.Verdict, got.Reason, tc.want)
			}
			page := b.get("/", header+tc.token).Body.String()
			if strings.Contains(page, "Ada Lovelace</h1>") || strings.Contains(page, `class="menu"`) {
				t.Error("the page greets somebody who was not verified")
			}
		})
	}
	t.Run("two at once", func(t *testing.T) {
		t.Parallel()
		if got := b.report(t, "/json", header+good, header+good); got.Verdict != "suspect" {
			t.Errorf("verdict = %s, want suspect", got.Verdict)
		}
	})
	t.Run("an issuer as address", func(t *testing.T) {
		t.Parallel()
		if got := b.report(t, "/json", header+b.sign(t, set("iss", "https://verify.localhost/"))); got.Verdict != "vouched" {
			t.Errorf("verdict = %s (%s), want vouched", got.Verdict, got.Reason)
		}
	})
}

func TestKeysThatCannotBeReadVouchForNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, keys := range map[string]func(context.Context) ([]byte, error){
		"an error":  func(context.Context) ([]byte, error) { return nil, errors.New("secret cause") },
		"no JSON":   func(context.Context) ([]byte, error) { return []byte("<html>"), nil },
		"no key":    func(context.Context) ([]byte, error) { return []byte(`{"keys":[]}`), nil },
		"all empty": func(context.Context) ([]byte, error) { return nil, nil },
	} {
		s, err := New(Options{Pages: pages.New(pages.Options{}), Keys: keys, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		got := bench{server: s}.report(t, "/", header+b.sign(t, nil))
		if got.Verdict != "suspect" || strings.Contains(got.Reason, "secret cause") {
			t.Errorf("%s: verdict %s, reason %q", name, got.Verdict, got.Reason)
		}
	}
}

func TestALeakIsNamedAndNotShown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const secret = "s3cr3t-handle"
	for _, tc := range []struct {
		name, path, header string
		want               []string
	}{
		{"our cookie", "/json", "Cookie: a=b; _pomerium=" + secret, []string{"_pomerium"}},
		{"a cookie derived from ours", "/json", "Cookie: _pomerium_authenticate=" + secret, []string{"_pomerium_authenticate"}},
		{"the binder", "/json", "Cookie: __Host-_pomerium_binder=" + secret, []string{"__Host-_pomerium_binder"}},
		{"a cookie without spaces", "/json", "Cookie: a=b;_pomerium=" + secret + ";c=d", []string{"_pomerium"}},
		{"a cookie the standard library would drop", "/json", `Cookie: _pomerium="` + secret + `\"`, []string{"_pomerium"}},
		{"a handle as authorization", "/json", "Authorization: Pomerium " + secret, []string{"Authorization"}},
		{"a handle as bearer token", "/json", "Authorization: bearer  pomerium-" + secret, []string{"Authorization"}},
		{"our own header", "/json", "X-Pomerium-Authorization: " + secret, []string{"X-Pomerium-Authorization"}},
		{"a handle in the query", "/?a=b&pomerium_session=" + secret, "Accept: application/json", []string{"pomerium_session"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := b.report(t, tc.path, tc.header)
			if diff := cmp.Diff(tc.want, got.Leaks); diff != "" {
				t.Errorf("leaks (-want +got):\n%s", diff)
			}
			if got.Verdict != "suspect" {
				t.Errorf("verdict = %s, want suspect", got.Verdict)
			}
			page := strings.Replace(tc.path, "/json", "/", 1)
			for _, w := range []*httptest.ResponseRecorder{b.get(tc.path, tc.header), b.get(page, tc.header, "Sec-Fetch-Mode: navigate"), b.get("/headers", tc.header)} {
				if strings.Contains(w.Body.String(), secret) {
					t.Errorf("the secret is shown:\n%s", w.Body)
				}
			}
		})
	}
}

func TestOtherCredentialsReachTheApplicationAndNotThePage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	got := b.report(t, "/json", "Cookie: sid=abc;  _pomeri=1", "Authorization: Bearer own-token")
	if diff := cmp.Diff([]string{"sid=abc;  _pomeri=1"}, got.Request.Headers["Cookie"]); diff != "" {
		t.Errorf("cookie (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Bearer own-token"}, got.Request.Headers["Authorization"]); diff != "" {
		t.Errorf("authorization (-want +got):\n%s", diff)
	}
	raw := b.sign(t, nil)
	page := b.get("/", "Cookie: sid=abc", "Authorization: Bearer own-token", "Proxy-Authorization: xyz123", header+raw).Body.String()
	for _, secret := range []string{"sid=abc", "own-token", "xyz123", raw, raw[:40]} {
		if strings.Contains(page, secret) {
			t.Errorf("the page shows %q", secret)
		}
	}
	if !strings.Contains(page, "Ada Lovelace") {
		t.Error("the page does not name the person")
	}
}

func TestIdentityHeadersMustAgreeWithTheSignature(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	good := header + b.sign(t, nil)
	for _, tc := range []struct {
		name    string
		headers []string
	}{
		{"another e-mail", []string{good, "X-Email: eve@example.com"}},
		{"two e-mails", []string{good, "X-Email: ada@example.com", "X-Email: eve@example.com"}},
		{"an e-mail and no signature", []string{"X-Email: eve@example.com"}},
		{"a claim header and no signature", []string{"X-Pomerium-Claim-Email: eve@example.com"}},
	} {
		if got := b.report(t, "/json", tc.headers...); got.Verdict != "suspect" {
			t.Errorf("%s: verdict = %s, want suspect", tc.name, got.Verdict)
		}
	}
}

func TestWhatArrivedIsShownAsItArrived(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := httptest.NewRequest(http.MethodPost, "/a//b/../c%2Fd?x=1&x=2", strings.NewReader("hello"))
	r.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	b.server.Handler().ServeHTTP(w, r)
	var got report
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := request{
		Method: "POST", Path: "/a//b/../c%2Fd?x=1&x=2", Host: "example.com", Protocol: "HTTP/1.1",
		Headers: map[string][]string{"Accept": {"application/json"}},
		Body:    body{Bytes: 5, SHA256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
	}
	if diff := cmp.Diff(want, got.Request); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, headers %v", w.Code, w.Header())
	}
}

func TestHostileHeadersStayText(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	page := b.get("/", "User-Agent: <script>alert(1)</script>", "X-Odd: a\u202eb", "Referer: "+strings.Repeat("x", 10_000)).Body.String()
	for _, bad := range []string{"<script>alert", "\u202e", strings.Repeat("x", 1000)} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %.40q", bad)
		}
	}
	if len(page) > 40<<10 {
		t.Errorf("the page has %d bytes", len(page))
	}
}

func TestNewWantsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{}); err == nil {
		t.Error("New without parts succeeded")
	}
}
