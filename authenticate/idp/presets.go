package idp

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A preset is what is known of a provider before anything is configured.
type preset struct {
	url    string // "" when the configuration must name it
	scopes []string
	params map[string]string
	// mergeParams adds the configured parameters instead of replacing.
	mergeParams bool
	// formPost: the browser comes back with a POST from another site, so
	// cookies of the sign-in host need SameSite=None.
	formPost bool
	// subjectClaim names the claim that identifies a person in place of sub.
	subjectClaim string
	// tenantIssuer: the issuer of a token names the tenant, so it is compared
	// with the tenant filled in.
	tenantIssuer bool
	// groupClaims are read, in this order, for the groups of a person.
	groupClaims []string
	// noUserInfo: the provider's userinfo says nothing that the ID token lacks.
	noUserInfo bool
	// noLoginPrompt: prompt=login is not among the values that the provider
	// documents, and one it does not know may be an error. Its own prompt is the
	// nearest to it.
	noLoginPrompt bool
}

var (
	plainScopes   = []string{"openid", "profile", "email"}
	offlineScopes = []string{"openid", "profile", "email", "offline_access"}
)

// presetFor returns what is known of provider, or an error that lists the
// providers there are. url is the configured address, which decides between
// versions of OneLogin.
func presetFor(provider, url string) (preset, error) {
	p := preset{scopes: offlineScopes, groupClaims: []string{"groups"}}
	switch provider {
	case "oidc", "okta", "auth0", "ping", "local":
	case "google":
		p.url, p.scopes = "https://accounts.google.com", plainScopes
		p.params = map[string]string{"prompt": "select_account consent", "access_type": "offline"}
		p.noLoginPrompt = true
	case "azure":
		p.url = "https://login.microsoftonline.com/common/v2.0"
		p.params = map[string]string{"prompt": "select_account"}
		p.subjectClaim, p.tenantIssuer, p.noUserInfo = "oid", true, true
	case "cognito":
		p.scopes, p.groupClaims = plainScopes, []string{"cognito:groups", "groups"}
	case "onelogin":
		p.url = "https://openid-connect.onelogin.com/oidc"
		p.scopes = []string{"openid", "profile", "email", "groups", "offline_access"}
		if strings.Contains(url, "/oidc/2") { // the second version of its API refuses offline_access
			p.scopes = []string{"openid", "profile", "email", "groups"}
		}
	case "gitlab":
		p.url, p.scopes = "https://gitlab.com", plainScopes
		p.groupClaims = []string{"groups", "groups_direct"} // userinfo's, and the shorter list of its ID tokens
	case "github":
		p.url, p.scopes = "https://github.com", []string{"user:email", "read:org"}
	case "apple":
		p.url, p.scopes = "https://appleid.apple.com", []string{"name", "email"}
		p.params, p.mergeParams, p.formPost = map[string]string{"response_mode": "form_post"}, true, true
		p.noUserInfo = true
	default:
		return preset{}, fmt.Errorf("idp: unknown provider %q; want one of %s", provider, strings.Join(Providers(), ", "))
	}
	return p, nil
}

// Providers lists the names that idp_provider takes.
func Providers() []string {
	return []string{"apple", "auth0", "azure", "cognito", "github", "gitlab", "google", "local", "oidc", "okta", "onelogin", "ping"}
}

// with returns p with what the configuration says in place of its defaults.
func (p preset) with(o Options) preset {
	if o.URL != "" {
		p.url = o.URL
	}
	if len(o.Scopes) > 0 {
		p.scopes = slices.Clone(o.Scopes)
	}
	if len(o.RequestParams) > 0 {
		params := map[string]string{}
		if p.mergeParams {
			maps.Copy(params, p.params)
		}
		maps.Copy(params, o.RequestParams)
		p.params = params
	}
	return p
}
