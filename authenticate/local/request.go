package local

import (
	"crypto/rand"
	"errors"
	"regexp"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

const (
	requestLifetime = 30 * time.Minute // from the client's question to the password
	codeLifetime    = time.Minute      // from the password to the token request
	freshAuth       = 5 * time.Minute  // a max_age below this still leaves time to type
)

var (
	errExpired = errors.New("expired")
	// s256 is what PKCE with S256 sends: base64url of 32 bytes (RFC 7636, section 4.2).
	s256 = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
)

// A request is a client's question, checked. Nothing is stored for it: it
// travels sealed in the address of the login page and in its form.
type request struct {
	RedirectURI string   `json:"r"`
	State       string   `json:"s,omitempty"`
	Nonce       string   `json:"n"`
	Challenge   string   `json:"c"` // PKCE, S256
	Scopes      []string `json:"o"`
	Hint        string   `json:"h,omitempty"` // login_hint
	Fresh       bool     `json:"f,omitempty"` // a sitting is not enough
	Silent      bool     `json:"q,omitempty"` // prompt=none: no page
	MaxAge      int64    `json:"m"`           // seconds since the password; -1 is any
	Issued      int64    `json:"i"`           // unix seconds
}

// A grant is a request that was answered with a password or a sitting; sealed,
// it is the authorization code.
type grant struct {
	ID          string   `json:"j"` // random; used once
	Sub         string   `json:"u"`
	Epoch       string   `json:"e"`
	Sitting     string   `json:"t"`
	RedirectURI string   `json:"r"`
	Nonce       string   `json:"n"`
	Challenge   string   `json:"c"`
	Scopes      []string `json:"o"`
	AuthTime    int64    `json:"a"` // unix seconds, of the password
	Expires     int64    `json:"x"` // unix seconds
}

func (p *Provider) openRequest(text string) (request, error) {
	var q request
	if err := p.keys.open(sealRequest, text, &q); err != nil {
		return request{}, err
	}
	if age := p.o.Now().Sub(time.Unix(q.Issued, 0)); age >= requestLifetime || age < -time.Minute {
		return q, errExpired
	}
	return q, nil
}

// newGrant answers q with who sits in s.
func (p *Provider) newGrant(q request, id string, s sitting) grant {
	return grant{
		ID: rand.Text(), Sub: s.Sub, Epoch: s.Epoch, Sitting: id,
		RedirectURI: q.RedirectURI, Nonce: q.Nonce, Challenge: q.Challenge, Scopes: q.Scopes,
		AuthTime: s.AuthTime, Expires: p.o.Now().Add(codeLifetime).Unix(),
	}
}

func (p *Provider) openCode(code string) (grant, error) {
	var g grant
	if err := p.keys.open(sealCode, code, &g); err != nil {
		return grant{}, err
	}
	if p.o.Now().Unix() >= g.Expires {
		return grant{}, errExpired
	}
	return g, nil
}

// asked is a request as the library wants to see it: not answered yet.
type asked struct {
	id     string // the sealed request
	q      request
	client string
}

func (a *asked) GetID() string                         { return a.id }
func (a *asked) GetACR() string                        { return "" }
func (a *asked) GetAMR() []string                      { return nil }
func (a *asked) GetAudience() []string                 { return []string{a.client} }
func (a *asked) GetAuthTime() time.Time                { return time.Time{} }
func (a *asked) GetClientID() string                   { return a.client }
func (a *asked) GetCodeChallenge() *oidc.CodeChallenge { return challenge(a.q.Challenge) }
func (a *asked) GetNonce() string                      { return a.q.Nonce }
func (a *asked) GetRedirectURI() string                { return a.q.RedirectURI }
func (a *asked) GetResponseType() oidc.ResponseType    { return oidc.ResponseTypeCode }
func (a *asked) GetResponseMode() oidc.ResponseMode    { return oidc.ResponseModeQuery }
func (a *asked) GetScopes() []string                   { return a.q.Scopes }
func (a *asked) GetState() string                      { return a.q.State }
func (a *asked) GetSubject() string                    { return "" }
func (a *asked) Done() bool                            { return false }

// granted is a grant as the library wants to see it.
type granted struct {
	g      grant
	client string
}

func (a *granted) GetID() string                         { return a.g.ID }
func (a *granted) GetACR() string                        { return "" }
func (a *granted) GetAMR() []string                      { return []string{"pwd"} } // RFC 8176
func (a *granted) GetAudience() []string                 { return []string{a.client} }
func (a *granted) GetAuthTime() time.Time                { return time.Unix(a.g.AuthTime, 0) }
func (a *granted) GetClientID() string                   { return a.client }
func (a *granted) GetCodeChallenge() *oidc.CodeChallenge { return challenge(a.g.Challenge) }
func (a *granted) GetNonce() string                      { return a.g.Nonce }
func (a *granted) GetRedirectURI() string                { return a.g.RedirectURI }
func (a *granted) GetResponseType() oidc.ResponseType    { return oidc.ResponseTypeCode }
func (a *granted) GetResponseMode() oidc.ResponseMode    { return oidc.ResponseModeQuery }
func (a *granted) GetScopes() []string                   { return a.g.Scopes }
func (a *granted) GetState() string                      { return "" }
func (a *granted) GetSubject() string                    { return a.g.Sub }
func (a *granted) Done() bool                            { return true }

func challenge(text string) *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: text, Method: oidc.CodeChallengeMethodS256}
}
