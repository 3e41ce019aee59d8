package testidp

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// userinfo is OpenID Connect Core, section 5.3.
func (i *IDP) userinfo(w http.ResponseWriter, r *http.Request) {
	if i.lying(BrokenUserinfo) {
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	}
	var g *grant
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	i.locked(func() { g = i.access[token] })
	if g == nil {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		answerJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	claims := i.personal(*g, true)
	switch {
	case i.lying(UserinfoOtherSubject):
		claims["sub"] = "somebody else"
	case i.lying(UserinfoNoSubject):
		delete(claims, "sub")
	}
	if !i.lying(SignedUserinfo) {
		answerJSON(w, http.StatusOK, claims)
		return
	}
	signed := map[string]any{"iss": i.issuer, "aud": i.o.ClientID}
	maps.Copy(signed, claims)
	text, err := i.sign(signed)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/jwt")
	_, _ = w.Write([]byte(text))
}

// endSession is OpenID Connect RP-Initiated Logout 1.0. It signs nobody out,
// since nobody is ever signed in here for long; it keeps what it was asked.
func (i *IDP) endSession(w http.ResponseWriter, r *http.Request) {
	out := SignOut{
		IDTokenHint: r.Form.Get("id_token_hint"), ClientID: r.Form.Get("client_id"),
		PostLogoutRedirectURI: r.Form.Get("post_logout_redirect_uri"), State: r.Form.Get("state"),
	}
	i.locked(func() { i.signOuts = append(i.signOuts, out) })
	if out.PostLogoutRedirectURI == "" {
		_, _ = w.Write([]byte("signed out\n"))
		return
	}
	to := out.PostLogoutRedirectURI
	if out.State != "" {
		glue := "?"
		if strings.Contains(to, "?") {
			glue = "&"
		}
		to += glue + "state=" + url.QueryEscape(out.State)
	}
	http.Redirect(w, r, to, http.StatusFound)
}
