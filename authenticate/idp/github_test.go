package idp

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A fakeGitHub is the part of github.com and its API that signing in needs.
type fakeGitHub struct {
	user, emails string // JSON
	teams        []string
	status       map[string]int // by path, in place of an answer
	refresh      bool           // whether tokens expire
	asked        []string
}

func (f *fakeGitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked = append(f.asked, r.Host+r.URL.RequestURI())
	if status := f.status[r.URL.Path]; status != 0 {
		http.Error(w, `{"message":"no"}`, status)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/api/v3")
	if path != "/login/oauth/access_token" && r.Header.Get("Authorization") != "Bearer gho_1" {
		http.Error(w, `{"message":"Bad credentials"}`, http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch path {
	case "/login/oauth/access_token":
		if r.PostFormValue("client_secret") != "client secret" {
			_, _ = w.Write([]byte(`{"error":"incorrect_client_credentials"}`)) // with status 200, as GitHub does
			return
		}
		token := map[string]any{"access_token": "gho_1", "token_type": "bearer", "scope": "user:email,read:org"}
		if f.refresh {
			token["refresh_token"], token["expires_in"] = "ghr_1", 28800
		}
		answer(w, token)
	case "/user":
		_, _ = w.Write([]byte(f.user))
	case "/user/emails":
		_, _ = w.Write([]byte(f.emails))
	case "/user/teams":
		_, _ = w.Write([]byte(f.page(r.URL.Query().Get("page"))))
	default:
		http.NotFound(w, r)
	}
}

func (f *fakeGitHub) page(n string) string {
	var page int
	_, _ = fmt.Sscan(n, &page)
	from := min((page-1)*100, len(f.teams))
	return "[" + strings.Join(f.teams[from:min(from+100, len(f.teams))], ",") + "]"
}

func newFakeGitHub() *fakeGitHub {
	return &fakeGitHub{
		user:   `{"id":9007199254740993,"login":"octo","name":"Octo Cat","avatar_url":"https://a.example/o.png"}`,
		emails: `[{"email":"old@example.com","verified":true},{"email":"octo@example.com","primary":true,"verified":true}]`,
		teams:  []string{`{"slug":"eng","organization":{"login":"acme"}}`, `{"slug":"ops","organization":{"login":"acme"}}`},
	}
}

func githubProvider(t *testing.T, f *fakeGitHub, change func(*Options)) *Provider {
	t.Helper()
	o := Options{
		Provider: "github", ClientID: "client", ClientSecret: "client secret", RedirectURL: redirectURL, Transport: served{f},
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

func TestGitHubSignsInWithWhatItsAPISays(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub()
	p := githubProvider(t, f, nil)
	id, err := p.Exchange(t.Context(), Return{Code: "c", Issuer: "https://github.com/login/oauth"}, "", "v")
	if err != nil {
		t.Fatal(err)
	}
	groups := []string{"acme", "acme/eng", "acme/ops"}
	want := &Identity{
		Subject: "octo", Email: "octo@example.com", Name: "Octo Cat", Groups: groups,
		Claims: map[string]any{
			"sub": "octo", "id": "9007199254740993", "name": "Octo Cat", "nickname": "octo", "picture": "https://a.example/o.png",
			"email": "octo@example.com", "email_verified": true, "groups": groups,
		},
		Tokens: Tokens{Access: "gho_1"},
	}
	if diff := cmp.Diff(want, id); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	for _, address := range f.asked[1:] {
		if !strings.HasPrefix(address, "api.github.com/user") {
			t.Errorf("asked %s", address)
		}
	}
}

func TestGitHubCases(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*fakeGitHub, *Options)
		issuer string
		want   string
		check  func(*testing.T, *Identity)
	}{
		{name: "an Enterprise Server has its API under a path and names no issuer", want: "accepted",
			change: func(_ *fakeGitHub, o *Options) { o.URL = "https://github.corp.example/" }},
		{name: "an answer of another issuer", issuer: "https://evil.example", want: "refused"},
		{name: "no verified primary address", want: "accepted",
			change: func(f *fakeGitHub, _ *Options) {
				f.emails = `[{"email":"a@corp.example","primary":true,"verified":false},{"email":"b@corp.example","verified":true}]`
			},
			check: func(t *testing.T, id *Identity) {
				if id.Email != "" || id.Claims["email"] != nil {
					t.Errorf("took the address %q", id.Email)
				}
			}},
		{name: "without read:org nobody asks for teams", want: "accepted",
			change: func(f *fakeGitHub, o *Options) {
				o.Scopes = []string{"user:email"}
				f.status = map[string]int{"/user/teams": http.StatusForbidden}
			}},
		{name: "150 teams come in two pages", want: "accepted",
			change: func(f *fakeGitHub, _ *Options) {
				f.teams = nil
				for i := range 150 {
					f.teams = append(f.teams, fmt.Sprintf(`{"slug":"t%d","organization":{"login":"acme"}}`, i))
				}
			},
			check: func(t *testing.T, id *Identity) {
				if len(id.Groups) != 151 {
					t.Errorf("%d groups", len(id.Groups))
				}
			}},
		{name: "the secret is wrong", want: "refused", change: func(_ *fakeGitHub, o *Options) { o.ClientSecret = "other" }},
		{name: "the API names nobody", want: "refused", change: func(f *fakeGitHub, _ *Options) { f.user = `{}` }},
		{name: "the API answers a page", want: "refused", change: func(f *fakeGitHub, _ *Options) { f.user = `<html>` }},
		{name: "the API is broken", want: "unavailable",
			change: func(f *fakeGitHub, _ *Options) { f.status = map[string]int{"/user": http.StatusBadGateway} }},
		{name: "we ask too often", want: "unavailable",
			change: func(f *fakeGitHub, _ *Options) {
				f.status = map[string]int{"/user/emails": http.StatusTooManyRequests}
			}},
		{name: "the token endpoint is broken", want: "unavailable",
			change: func(f *fakeGitHub, _ *Options) {
				f.status = map[string]int{"/login/oauth/access_token": http.StatusBadGateway}
			}},
		{name: "the token is refused", want: "refused",
			change: func(f *fakeGitHub, _ *Options) {
				f.status = map[string]int{"/user": http.StatusUnauthorized}
			}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeGitHub()
			p := githubProvider(t, f, func(o *Options) {
				if tc.change != nil {
					tc.change(f, o)
				}
			})
			id, err := p.Exchange(t.Context(), Return{Code: "c", Issuer: tc.issuer}, "", "v")
			if got := outcome(err); got != tc.want {
				t.Fatalf("%s (%v), want %s", got, err, tc.want)
			}
			if tc.check != nil {
				tc.check(t, id)
			}
		})
	}
}

func TestGitHubTokensThatExpireAreRefreshedAndKept(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub()
	f.refresh = true
	p := githubProvider(t, f, nil)
	first, err := p.Exchange(t.Context(), Return{Code: "c"}, "", "v")
	if err != nil {
		t.Fatal(err)
	}
	f.refresh = false // an answer without a refresh token leaves the one there is
	second, err := p.Refresh(t.Context(), first.Tokens, "octo")
	if err != nil {
		t.Fatal(err)
	}
	if second.Tokens.Refresh != "ghr_1" {
		t.Error("the refresh token is lost")
	}
	if _, err := p.Refresh(t.Context(), first.Tokens, "somebody-else"); outcome(err) != "refused" {
		t.Errorf("a refresh that answers for another person: %v", err)
	}
}
