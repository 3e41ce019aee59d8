package local

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// maxTokenForm bounds a token request in bytes.
const maxTokenForm = 16 << 10

// token exchanges a code or a refresh token (RFC 6749, sections 4.1.3 and 6).
// What the library does not check is checked first; what it gets wrong about a
// failing store is put right after.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenForm)
	if status, code, why := checkTokenRequest(r); code != "" {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
		}
		jsonError(w, status, code, why)
		return
	}
	ctx, failed := withOutage(r.Context())
	held := &heldAnswer{}
	if err := p.exchange(held, p.withIssuer(r.WithContext(ctx))); err != nil {
		failed.err = err
	}
	switch {
	case failed.err != nil:
		p.o.Log.Error().Err(failed.err).Str("step", "token").Msg("built-in provider failed")
		setRetryAfter(w, laterAfter)
		jsonError(w, http.StatusServiceUnavailable, "temporarily_unavailable", "try again later")
	case held.status != http.StatusOK:
		p.refuseToken(w, held)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(held.body.Bytes())
	}
}

// exchange runs the library. It reads on after some errors of parsing and would
// then panic; checkTokenRequest rules those out, and this is the net below.
func (p *Provider) exchange(held *heldAnswer, r *http.Request) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the protocol library panicked")
		}
	}()
	op.Exchange(held, r, p.library)
	return nil
}

// refuseToken passes on the error code of the library, not its description:
// that may hold the text of an inner error.
func (p *Provider) refuseToken(w http.ResponseWriter, held *heldAnswer) {
	var answer struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(held.body.Bytes(), &answer) != nil || answer.Error == "" {
		answer.Error = "invalid_request"
	}
	status := http.StatusBadRequest
	switch answer.Error {
	case "invalid_client", "unauthorized_client":
		status, answer.Error = http.StatusUnauthorized, "invalid_client"
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
	case "server_error":
		status = http.StatusInternalServerError
	}
	p.o.Log.Info().Str("error", answer.Error).Msg("token request refused")
	jsonError(w, status, answer.Error, "the token request was refused")
}

// checkTokenRequest returns the error that r deserves before anybody looks
// inside, or an empty code.
func checkTokenRequest(r *http.Request) (status int, code, why string) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil || media != "application/x-www-form-urlencoded":
		return http.StatusBadRequest, "invalid_request", "want a form"
	case r.URL.RawQuery != "": // RFC 6749, section 2.3.1: a URL is logged
		return http.StatusBadRequest, "invalid_request", "want the parameters in the body"
	case r.ParseForm() != nil || !once(r.PostForm):
		return http.StatusBadRequest, "invalid_request", "want every parameter once"
	case r.PostForm.Has("client_assertion") || r.PostForm.Has("client_assertion_type"):
		return http.StatusUnauthorized, "invalid_client", "want a client secret"
	}
	if authorization := r.Header.Get("Authorization"); authorization != "" {
		id, secret, ok := r.BasicAuth()
		_, badID := url.QueryUnescape(id)
		_, badSecret := url.QueryUnescape(secret)
		if !ok || badID != nil || badSecret != nil || r.PostForm.Has("client_secret") {
			return http.StatusUnauthorized, "invalid_client", "want one way of client authentication"
		}
	}
	switch oidc.GrantType(r.PostForm.Get("grant_type")) {
	case oidc.GrantTypeCode, oidc.GrantTypeRefreshToken:
		return 0, "", ""
	}
	return http.StatusBadRequest, "unsupported_grant_type", "want authorization_code or refresh_token"
}

// An access is what an access token says; it is checked against the people and
// the sitting at every use.
type access struct {
	Epoch   string   `json:"e"`
	Sitting string   `json:"t"`
	Scopes  []string `json:"o"`
	Expires int64    `json:"x"` // unix seconds
}

// id is the access token's id in the library: it joins it with the subject by a
// colon, which base64 does not have.
func (a access) id() string {
	plain, err := json.Marshal(a)
	if err != nil {
		panic("local: access token: " + err.Error()) // only for a type that JSON cannot hold
	}
	return base64.RawURLEncoding.EncodeToString(plain)
}

// bearerCrypto seals access tokens for the library, whose own cipher has no
// authentication: who flips a bit of such a token changes what it says.
type bearerCrypto struct{ keys *keys }

func (c bearerCrypto) Encrypt(text string) (string, error) { return c.keys.seal(sealAccess, text), nil }

func (c bearerCrypto) Decrypt(text string) (string, error) {
	var plain string
	err := c.keys.open(sealAccess, text, &plain)
	return plain, err
}

// userinfo answers with the claims of a live access token (OpenID Connect Core,
// section 5.3). The token comes in the header alone: not in a URL, which is
// logged.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	ctx, failed := withOutage(r.Context())
	info, err := p.userinfoOf(r.WithContext(ctx))
	switch {
	case failed.err != nil:
		p.o.Log.Error().Err(failed.err).Str("step", "userinfo").Msg("built-in provider failed")
		setRetryAfter(w, laterAfter)
		jsonError(w, http.StatusServiceUnavailable, "temporarily_unavailable", "try again later")
	case err != nil: // RFC 6750, section 3.1
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		jsonError(w, http.StatusUnauthorized, "invalid_token", "the access token is not valid")
	default:
		answerJSON(w, http.StatusOK, info)
	}
}

func (p *Provider) userinfoOf(r *http.Request) (*oidc.UserInfo, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil, errors.New("no bearer token")
	}
	text, err := bearerCrypto{p.keys}.Decrypt(token)
	if err != nil {
		return nil, fmt.Errorf("open access token: %w", err)
	}
	id, sub, _ := strings.Cut(text, ":")
	plain, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return nil, err
	}
	var a access
	if err := json.Unmarshal(plain, &a); err != nil {
		return nil, err
	}
	if p.o.Now().Unix() >= a.Expires {
		return nil, errExpired
	}
	who := p.person(sub, a.Epoch)
	if who == nil {
		return nil, errNoSitting
	}
	if _, err := p.liveSitting(r.Context(), a.Sitting); err != nil {
		return nil, err
	}
	info := new(oidc.UserInfo)
	who.claims(info, a.Scopes)
	return info, nil
}
