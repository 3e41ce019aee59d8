package local

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/cardea-proxy/cardea/internal/pages"
)

// maxQuestion bounds what a client may send to authorize, in bytes. The state
// of the client is the large part and comes back to it in a URL.
const maxQuestion = 12 << 10

// authorize takes the client's question (OpenID Connect Core, section 3.1.2)
// and sends the browser to the login page with the question sealed. A question
// that does not name the client and one of its redirect URIs is answered here,
// with a page: there is nowhere to send the browser that could be trusted.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxQuestion)
	if len(r.URL.RawQuery) > maxQuestion || r.ParseForm() != nil {
		p.problem(w, r, pages.BadRequest)
		return
	}
	if !once(r.Form) || r.Form.Get("client_id") != p.o.ClientID || !p.redirectAllowed(r.Form.Get("redirect_uri")) {
		p.problem(w, r, pages.BadRequest)
		return
	}
	if code := unsupported(r.Form); code != "" {
		p.reply(w, r, request{RedirectURI: r.Form.Get("redirect_uri"), State: r.Form.Get("state")}, url.Values{"error": {code}})
		return
	}
	held := &heldAnswer{}
	op.Authorize(held, p.withIssuer(r), p.library)
	if held.status != http.StatusFound {
		p.problem(w, r, pages.BadRequest)
		return
	}
	location := held.Header().Get("Location")
	if !strings.HasPrefix(location, Path+"/login?") {
		location = p.withIss(location) // an error, on its way back to the client
	}
	noStore(w)
	http.Redirect(w, r, location, http.StatusFound)
}

// unsupported returns the error for a question that the library would answer in
// a fragment or by a form of its own, or whose request_uri it would not look at.
func unsupported(form url.Values) string {
	switch mode := form.Get("response_mode"); {
	case form.Get("response_type") != "code":
		return "unsupported_response_type"
	case mode != "" && mode != "query":
		return "invalid_request"
	case form.Has("request_uri"):
		return "request_uri_not_supported"
	}
	return ""
}

// CreateAuthRequest seals what the library has parsed and checked. It refuses
// what the library would let pass: no PKCE or the plain method, no nonce.
func (s storage) CreateAuthRequest(_ context.Context, in *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	switch {
	case !s.p.redirectAllowed(in.RedirectURI):
		// The library compares the unescaped form; bytes are what is sent.
		return nil, oidc.ErrInvalidRequestRedirectURI().WithDescription("unknown redirect_uri")
	case in.CodeChallengeMethod != oidc.CodeChallengeMethodS256 || !s256.MatchString(in.CodeChallenge):
		return nil, oidc.ErrInvalidRequest().WithDescription("want a code_challenge with the method S256")
	case in.Nonce == "":
		return nil, oidc.ErrInvalidRequest().WithDescription("want a nonce")
	case !slices.Contains(in.Scopes, oidc.ScopeOpenID):
		return nil, oidc.ErrInvalidScope().WithDescription("want the scope openid")
	}
	q := request{
		RedirectURI: in.RedirectURI, State: in.State, Nonce: in.Nonce, Challenge: in.CodeChallenge,
		Scopes: in.Scopes, MaxAge: -1, Issued: s.p.o.Now().Unix(),
		Fresh:  slices.Contains(in.Prompt, oidc.PromptLogin) || slices.Contains(in.Prompt, oidc.PromptSelectAccount),
		Silent: slices.Contains(in.Prompt, oidc.PromptNone),
	}
	if in.MaxAge != nil && *in.MaxAge < 1<<31 {
		q.MaxAge = int64(*in.MaxAge)
	}
	if email, ok := canonicalEmail(in.LoginHint); ok {
		q.Hint = email
	}
	return &asked{id: s.p.keys.seal(sealRequest, q), q: q, client: s.p.o.ClientID}, nil
}

// reply sends the browser back to the client with params, the state and our
// name: without iss, a client of two providers could be made to hand the code
// of one to the other (RFC 9207).
func (p *Provider) reply(w http.ResponseWriter, r *http.Request, q request, params url.Values) {
	if q.State != "" {
		params.Set("state", q.State)
	}
	noStore(w)
	http.Redirect(w, r, p.withIss(merge(q.RedirectURI, params)), http.StatusSeeOther)
}

func (p *Provider) withIss(location string) string {
	return merge(location, url.Values{"iss": {p.o.Issuer}})
}

// merge adds params to the query of a redirect URI, which may have one.
func merge(uri string, params url.Values) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri // a redirect URI of the configuration parses; New's caller has seen it
	}
	query := u.Query()
	for name, values := range params {
		query[name] = values
	}
	u.RawQuery = query.Encode()
	return u.String()
}

func (p *Provider) withIssuer(r *http.Request) *http.Request {
	return r.WithContext(op.ContextWithIssuer(r.Context(), p.o.Issuer))
}

// once reports whether no parameter is given twice (RFC 6749, section 3.1):
// whoever checked the first and used the last would be fooled.
func once(form url.Values) bool {
	for _, values := range form {
		if len(values) > 1 {
			return false
		}
	}
	return true
}
