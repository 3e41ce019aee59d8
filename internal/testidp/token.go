package testidp

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
)

// A family is all refresh tokens that came from one code.
type family struct {
	grant
	newest string
	ended  bool
}

// token is RFC 6749, sections 4.1.3 and 6.
func (i *IDP) token(w http.ResponseWriter, r *http.Request) {
	if i.lying(BrokenToken) {
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	}
	if !i.clientAuthenticated(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		answerJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	var f *family
	var failure string
	refreshed := false
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		f, failure = i.takeCode(r.PostForm)
	case "refresh_token":
		refreshed = true
		f, failure = i.takeRefresh(r.PostForm.Get("refresh_token"))
	default:
		failure = "unsupported_grant_type"
	}
	if failure != "" {
		answerJSON(w, http.StatusBadRequest, map[string]string{"error": failure})
		return
	}
	answer, err := i.tokens(f, refreshed)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case i.lying(CutToken):
		panic(http.ErrAbortHandler)
	default:
		answerJSON(w, http.StatusOK, answer)
	}
}

func (i *IDP) clientAuthenticated(r *http.Request) bool {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return r.PostForm.Get("client_id") == i.o.ClientID && r.PostForm.Get("client_secret") == i.o.ClientSecret
	}
	id, _ = url.QueryUnescape(id)
	secret, _ = url.QueryUnescape(secret)
	return id == i.o.ClientID && secret == i.o.ClientSecret
}

// takeCode uses a code up. A second use ends what the first one got.
func (i *IDP) takeCode(form url.Values) (*family, string) {
	ignorePKCE, replay, now := i.lying(IgnorePKCE) || i.lying(NoPKCE), i.lying(ReplayCodes), i.now()
	i.mu.Lock()
	defer i.mu.Unlock()
	c := i.codes[form.Get("code")]
	switch {
	case c == nil || !now.Before(c.expires) || form.Get("redirect_uri") != c.redirectURI:
		return nil, "invalid_grant"
	case c.used && !replay:
		c.family.ended = true
		return nil, "invalid_grant"
	case !ignorePKCE && c.challenge != "" && s256(form.Get("code_verifier")) != c.challenge,
		!ignorePKCE && c.challenge == "" && form.Get("code_verifier") != "":
		return nil, "invalid_grant"
	}
	c.used, c.family = true, &family{grant: c.grant}
	return c.family, ""
}

func s256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// takeRefresh finds the family of a refresh token. One that was replaced ends
// the family (RFC 9700, section 4.14.2).
func (i *IDP) takeRefresh(token string) (*family, string) {
	refuse := i.lying(RefuseRefresh)
	i.mu.Lock()
	defer i.mu.Unlock()
	f := i.families[token]
	if f == nil || f.ended || refuse {
		return nil, "invalid_grant"
	}
	if f.newest != token {
		f.ended = true
		return nil, "invalid_grant"
	}
	return f, ""
}

// tokens makes the answer of the token endpoint.
func (i *IDP) tokens(f *family, refreshed bool) (map[string]any, error) {
	access := rand.Text()
	answer := map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": int(i.o.TokenLifetime.Seconds()),
	}
	rotate := !i.lying(NoRefreshToken) && !(refreshed && i.lying(NoRotation))
	i.locked(func() {
		g := f.grant
		i.access[access] = &g
		if rotate && slices.Contains(f.scopes, "offline_access") {
			f.newest = rand.Text()
			i.families[f.newest] = f
			answer["refresh_token"] = f.newest
		}
	})
	if i.lying(NoIDToken) || refreshed && i.lying(NoIDTokenOnRefresh) {
		return answer, nil
	}
	idToken, err := i.idToken(f.grant, access, refreshed)
	answer["id_token"] = idToken
	return answer, err
}
