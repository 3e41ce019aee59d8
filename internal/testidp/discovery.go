package testidp

import "net/http"

// discovery is OpenID Connect Discovery 1.0, section 3.
func (i *IDP) discovery(w http.ResponseWriter, _ *http.Request) {
	if i.lying(DiscoveryGarbage) {
		_, _ = w.Write([]byte("<html>maintenance</html>"))
		return
	}
	doc := map[string]any{
		"issuer":                                         i.issuer,
		"authorization_endpoint":                         i.issuer + "/authorize",
		"token_endpoint":                                 i.issuer + "/token",
		"userinfo_endpoint":                              i.issuer + "/userinfo",
		"jwks_uri":                                       i.issuer + "/keys",
		"end_session_endpoint":                           i.issuer + "/end_session",
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query", "form_post"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
		"subject_types_supported":                        []string{"public"},
		"scopes_supported":                               []string{"openid", "profile", "email", "groups", "offline_access"},
		"id_token_signing_alg_values_supported":          []string{string(i.algorithm())},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
	}
	if i.lying(DiscoveryOtherIssuer) {
		doc["issuer"] = "https://evil.example"
	}
	if i.lying(NoPKCE) {
		delete(doc, "code_challenge_methods_supported")
	}
	if i.lying(NoEndSession) {
		delete(doc, "end_session_endpoint")
	}
	if i.lying(IssUnannounced) {
		delete(doc, "authorization_response_iss_parameter_supported")
	}
	answerJSON(w, http.StatusOK, doc)
}
