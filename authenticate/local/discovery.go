package local

import (
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// discovery describes the provider (OpenID Connect Discovery, section 3; RFC
// 8414; RFC 9207). It is our own: the library's names flows that are shut.
func (p *Provider) discovery(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	answerJSON(w, http.StatusOK, map[string]any{
		"issuer":                                         p.o.Issuer,
		"authorization_endpoint":                         p.o.Issuer + "/authorize",
		"token_endpoint":                                 p.o.Issuer + "/token",
		"userinfo_endpoint":                              p.o.Issuer + "/userinfo",
		"jwks_uri":                                       p.o.Issuer + "/keys",
		"end_session_endpoint":                           p.o.Issuer + "/end_session",
		"scopes_supported":                               []string{"openid", "profile", "email", "groups", "offline_access"},
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{"ES256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":               []string{"S256"},
		"prompt_values_supported":                        []string{"none", "login", "select_account"},
		"claims_supported":                               []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr", "azp", "sid", "email", "email_verified", "name", "preferred_username", "groups"},
		"authorization_response_iss_parameter_supported": true,
		"claims_parameter_supported":                     false,
		"request_parameter_supported":                    false,
		"request_uri_parameter_supported":                false,
	})
}

// jwks publishes the key that ID tokens are signed with (RFC 7517).
func (p *Provider) jwks(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	op.Keys(w, r, storage{p})
}
