package idp

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEveryPresetAsksAsItsProviderExpects(t *testing.T) {
	t.Parallel()
	const offline = "openid profile email offline_access"
	for provider, want := range map[string]struct {
		url, scope string // url is "" where the configuration must name it
		params     map[string]string
	}{
		"oidc":    {"", offline, nil},
		"okta":    {"", offline, nil},
		"auth0":   {"", offline, nil},
		"ping":    {"", offline, nil},
		"cognito": {"", "openid profile email", nil},
		"google": {"https://accounts.google.com", "openid profile email",
			map[string]string{"prompt": "select_account consent", "access_type": "offline"}},
		"azure": {"https://login.microsoftonline.com/common/v2.0", offline, map[string]string{"prompt": "select_account"}},
		"onelogin": {"https://openid-connect.onelogin.com/oidc", "openid profile email groups offline_access",
			nil},
		"gitlab": {"https://gitlab.com", "openid profile email", nil},
		"github": {"https://github.com", "user:email read:org", nil},
		"apple":  {"https://appleid.apple.com", "name email", map[string]string{"response_mode": "form_post"}},
	} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			o := Options{Provider: provider, ClientID: "client", RedirectURL: redirectURL, Transport: mirror()}
			if want.url == "" {
				if _, err := New(o); err == nil || !strings.Contains(err.Error(), "idp_provider_url") {
					t.Errorf("without an address: %v, want an error that asks for one", err)
				}
				o.URL = "https://id.example/tenant"
			}
			p, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			if want.url != "" && p.preset.url != want.url {
				t.Errorf("issuer %q, want %q", p.preset.url, want.url)
			}
			if p.FormPost() != (provider == "apple") {
				t.Errorf("FormPost %v", p.FormPost())
			}
			q := queryOf(t, p)
			wanted := url.Values{
				"client_id": {"client"}, "redirect_uri": {redirectURL}, "response_type": {"code"}, "scope": {want.scope},
				"state": {"the state"}, "code_challenge_method": {"S256"}, "code_challenge": q["code_challenge"],
			}
			if provider != "github" { // OAuth 2.0 has no nonce
				wanted.Set("nonce", "the nonce")
			}
			for name, value := range want.params {
				wanted.Set(name, value)
			}
			if diff := cmp.Diff(wanted, q); diff != "" || len(q.Get("code_challenge")) != 43 {
				t.Errorf("asks (-want +got):\n%s", diff)
			}
		})
	}
}

func queryOf(t *testing.T, p *Provider) url.Values {
	t.Helper()
	to, err := p.AuthCodeURL(t.Context(), Request{State: "the state", Nonce: "the nonce", Verifier: strings.Repeat("v", 43)})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// mirror is a provider that has every issuer it is asked for.
func mirror() http.RoundTripper {
	return served{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		issuer := "https://" + r.Host + strings.TrimSuffix(r.URL.Path, "/.well-known/openid-configuration")
		answer(w, map[string]string{
			"issuer": issuer, "authorization_endpoint": issuer + "/a", "token_endpoint": issuer + "/t", "jwks_uri": issuer + "/k",
		})
	})}
}

func TestConfiguredScopesAndParametersReplaceThoseOfThePreset(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, provider, url string
		want                url.Values // of these parameters
	}{
		{"google's prompt goes when another parameter is configured", "google", "", url.Values{"prompt": nil, "access_type": nil, "hd": {"example.com"}}},
		{"apple's form_post stays", "apple", "", url.Values{"response_mode": {"form_post"}, "hd": {"example.com"}}},
		{"configured scopes stand alone", "okta", "https://id.example", url.Values{"scope": {"openid custom"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, err := New(Options{
				Provider: tc.provider, URL: tc.url, ClientID: "client", RedirectURL: redirectURL, Transport: mirror(),
				Scopes: []string{"openid", "custom"}, RequestParams: map[string]string{"hd": "example.com"},
			})
			if err != nil {
				t.Fatal(err)
			}
			got := queryOf(t, p)
			for name, want := range tc.want {
				if diff := cmp.Diff(want, got[name]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestOneLoginsSecondVersionIsNotAskedForOfflineAccess(t *testing.T) {
	t.Parallel()
	p, err := presetFor("onelogin", "https://acme.onelogin.com/oidc/2")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"openid", "profile", "email", "groups"}, p.scopes); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for key, o := range map[string]Options{
		"idp_provider_url": {Provider: "oidc", ClientID: "c", RedirectURL: redirectURL},
		"idp_client_id":    {Provider: "google", RedirectURL: redirectURL},
		"unknown provider": {Provider: "gogle", ClientID: "c", RedirectURL: redirectURL},
		"return to":        {Provider: "google", ClientID: "c"},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("New(%+v) = %v, want an error about %s", o, err, key)
		}
	}
	for _, name := range Providers() {
		if _, err := presetFor(name, ""); err != nil {
			t.Errorf("%s is listed and unknown: %v", name, err)
		}
	}
}

const commonURL = "https://login.example/common/v2.0"

func TestAnAddressOfAllTenantsFillsInTheTenantOfTheToken(t *testing.T) {
	t.Parallel()
	const mine, other = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
	now := time.Now()
	honest := func(change func(map[string]any)) map[string]any {
		claims := map[string]any{
			"iss": "https://login.example/" + mine + "/v2.0", "tid": mine, "oid": "the-oid", "sub": "pairwise", "aud": "client",
			"nonce": "n", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "email": "ann@corp.example", "xms_edov": true,
		}
		if change != nil {
			change(claims)
		}
		return claims
	}
	for _, tc := range []struct {
		name, want string
		claims     map[string]any
	}{
		{"an honest token", "accepted", honest(nil)},
		{"the domain's owner is confirmed by a number", "accepted", honest(func(c map[string]any) { c["xms_edov"] = 1 })},
		{"the domain's owner is confirmed by a text", "accepted", honest(func(c map[string]any) { c["xms_edov"] = "1" })},
		{"nobody says that the tenant owns the e-mail's domain", "unverified", honest(func(c map[string]any) { delete(c, "xms_edov") })},
		{"the tenant does not own the e-mail's domain", "unverified", honest(func(c map[string]any) { c["xms_edov"] = false })},
		{"no e-mail at all", "accepted", honest(func(c map[string]any) { delete(c, "email"); delete(c, "xms_edov") })},
		{"an issuer of another tenant", "refused", honest(func(c map[string]any) { c["tid"] = other })},
		{"no tenant", "refused", honest(func(c map[string]any) { delete(c, "tid") })},
		{"a tenant that is a path", "refused", honest(func(c map[string]any) { c["tid"] = mine + "/v2.0" })},
		{"the placeholder itself", "refused", honest(func(c map[string]any) { c["iss"] = "https://login.example/{tenantid}/v2.0" })},
		{"an issuer of another host", "refused", honest(func(c map[string]any) { c["iss"] = "https://evil.example/" + mine + "/v2.0" })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			far := newTenants(t, "https://login.example/{tenantid}/v2.0")
			far.say(tc.claims)
			p, err := New(Options{Provider: "azure", URL: commonURL, ClientID: "client", RedirectURL: redirectURL, Transport: served{far}})
			if err != nil {
				t.Fatal(err)
			}
			id, err := p.Exchange(t.Context(), Return{Code: "c"}, "n", "v")
			if got := outcome(err); got != tc.want {
				t.Fatalf("%s (%v), want %s", got, err, tc.want)
			}
			if err == nil && id.Subject != "the-oid" {
				t.Errorf("subject %q, want the oid", id.Subject)
			}
		})
	}
}

func TestATenantOfOnesOwnIsHeldToItsIssuer(t *testing.T) {
	t.Parallel()
	now := time.Now()
	claims := map[string]any{
		"iss": "https://login.example/2222/v2.0", "tid": "2222", "oid": "o", "sub": "s", "aud": "client", "nonce": "n",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "email": "ann@corp.example",
	}
	for named, want := range map[string]string{
		"https://login.example/2222/v2.0": "accepted", // the tenant was configured by its domain name
		"https://login.example/1111/v2.0": "refused",  // the token is another tenant's
		"https://evil.example/2222/v2.0":  "refused",
		"https://login.example/2222/v1.0": "refused",
	} {
		far := newTenants(t, named)
		far.say(claims)
		p, err := New(Options{
			Provider: "azure", URL: "https://login.example/corp.example/v2.0", ClientID: "client", RedirectURL: redirectURL, Transport: served{far},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Exchange(t.Context(), Return{Code: "c"}, "n", "v"); outcome(err) != want {
			t.Errorf("discovery names %s: %v, want %s", named, err, want)
		}
	}
}

func TestGroupsComeFromTheClaimOfTheProvider(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, provider string
		claims         map[string]any
		want           []string
	}{
		{"a list", "oidc", map[string]any{"groups": []any{"a", "b"}}, []string{"a", "b"}},
		{"one text", "oidc", map[string]any{"groups": "a"}, []string{"a"}},
		{"none", "oidc", map[string]any{}, []string{}},
		{"a number among texts", "oidc", map[string]any{"groups": []any{"a", 1, nil}}, []string{"a"}},
		{"an object", "oidc", map[string]any{"groups": map[string]any{"a": true}}, []string{}},
		{"cognito's own claim", "cognito", map[string]any{"cognito:groups": []any{"a"}}, []string{"a"}},
		{"gitlab's userinfo", "gitlab", map[string]any{"groups": []any{"a", "a/b"}, "groups_direct": []any{"a/b"}}, []string{"a", "a/b"}},
		{"gitlab's ID token alone", "gitlab", map[string]any{"groups_direct": []any{"a/b"}}, []string{"a/b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			preset, err := presetFor(tc.provider, "https://id.example")
			if err != nil {
				t.Fatal(err)
			}
			id, err := (&Provider{preset: preset}).identityFrom(&metadata{}, "1", tc.claims)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, id.Groups); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHostileIdentitiesAreRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, subject string
		claims        map[string]any
		want          string
	}{
		{"an ordinary person", "1", map[string]any{"email": "Ann@Example.com", "email_verified": true}, "accepted"},
		{"an address beyond ASCII", "1", map[string]any{"email": "jürgen@bücher.example"}, "accepted"},
		{"no subject", "", map[string]any{}, "refused"},
		{"a subject of 256 bytes", strings.Repeat("a", 256), map[string]any{}, "refused"},
		{"a subject with a line break", "1\r\nX-Admin: yes", map[string]any{}, "refused"},
		{"a subject with an invisible letter", "1\u200b", map[string]any{}, "refused"},
		{"two hosts in the address", "1", map[string]any{"email": "a@evil.example@example.com"}, "refused"},
		{"a line break in the address", "1", map[string]any{"email": "a@example.com\r\nX: y"}, "refused"},
		{"a blank in the address", "1", map[string]any{"email": "a b@example.com"}, "refused"},
		{"a no-break space in the address", "1", map[string]any{"email": "a\u00a0@example.com"}, "refused"},
		{"text that runs backwards in the address", "1", map[string]any{"email": "a\u202e@example.com"}, "refused"},
		{"a very long address", "1", map[string]any{"email": strings.Repeat("a", 320) + "@example.com"}, "refused"},
		{"marked as unverified", "1", map[string]any{"email": "a@example.com", "email_verified": false}, "unverified"},
		{"marked as unverified in text", "1", map[string]any{"email": "a@example.com", "email_verified": "false"}, "unverified"},
		{"a mark of no known form", "1", map[string]any{"email": "a@example.com", "email_verified": []any{true}}, "unverified"},
		{"unverified, but no address", "1", map[string]any{"email_verified": false}, "accepted"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := (&Provider{}).identityFrom(&metadata{}, tc.subject, tc.claims)
			if got := outcome(err); got != tc.want {
				t.Errorf("%s (%v), want %s", got, err, tc.want)
			}
		})
	}
}

func TestClaimsAboutTheTokenStayOutAndNumbersKeepTheirDigits(t *testing.T) {
	t.Parallel()
	claims, err := decodeClaims([]byte(`{"sub":"1","iss":"i","aud":"a","nonce":"n","at_hash":"h","id":9007199254740993}`))
	if err != nil {
		t.Fatal(err)
	}
	id, err := (&Provider{}).identityFrom(&metadata{}, "1", claims)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range id.Claims {
		names = append(names, name)
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"id", "sub"}, names); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if text, ok := id.Claims["id"].(interface{ String() string }); !ok || text.String() != "9007199254740993" {
		t.Errorf("id is %v", id.Claims["id"])
	}
}

func TestAFreshSignInIsAskedForInTheProvidersWords(t *testing.T) {
	t.Parallel()
	for provider, want := range map[string]string{"google": "select_account consent", "azure": "login", "okta": "login"} {
		url := ""
		if provider == "okta" {
			url = "https://id.example"
		}
		p, err := New(Options{Provider: provider, URL: url, ClientID: "client", RedirectURL: redirectURL, Transport: mirror()})
		if err != nil {
			t.Fatal(err)
		}
		address, err := p.AuthCodeURL(t.Context(), Request{State: "s", Nonce: "n", Verifier: strings.Repeat("v", 43), Fresh: true})
		if err != nil {
			t.Fatal(err)
		}
		if u := mustURL(t, address); u.Query().Get("prompt") != want || len(u.Query()["prompt"]) != 1 {
			t.Errorf("%s: prompt %q, want %q", provider, u.Query()["prompt"], want)
		}
	}
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
