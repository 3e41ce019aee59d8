package idp

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"golang.org/x/oauth2"
)

// Options say which provider it is and who we are to it.
type Options struct {
	Provider      string // a name of Providers
	URL           string // the issuer; "" means the preset's
	ClientID      string
	ClientSecret  config.Secret
	Scopes        []string          // empty means the preset's
	RequestParams map[string]string // nil means the preset's
	RedirectURL   string            // https://SIGN-IN-HOST/oauth2/callback
	// Transport carries all requests; nil means the network. The built-in
	// provider is reached in process by a Transport of its own.
	Transport http.RoundTripper
	Now       func() time.Time // nil means time.Now
}

// A Provider is one identity provider, seen as one client. It may be used
// concurrently.
type Provider struct {
	o      Options
	preset preset
	client *http.Client

	mu    sync.Mutex
	known *metadata // nil until discovery succeeded once
	until time.Time // known is used without asking again
}

// New checks o. It connects to nothing: the provider may be down now and up
// when somebody comes to sign in.
func New(o Options) (*Provider, error) {
	p, err := presetFor(o.Provider, o.URL)
	if err != nil {
		return nil, err
	}
	p = p.with(o)
	switch {
	case p.url == "":
		return nil, errors.New("idp: idp_provider_url is missing: this provider has no address of its own")
	case o.ClientID == "":
		return nil, errors.New("idp: idp_client_id is missing")
	case o.RedirectURL == "":
		return nil, errors.New("idp: no address to return to")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{o: o, preset: p, client: newClient(o.Transport)}, nil
}

// FormPost reports whether the browser returns by a POST from the provider's site.
func (p *Provider) FormPost() bool { return p.preset.formPost }

// A Request is what binds one sign-in to one browser.
type Request struct {
	State    string
	Nonce    string // OpenID Connect Core, section 3.1.2.1
	Verifier string // PKCE, 43 to 128 characters (RFC 7636, section 4.1)
	Hint     string // login_hint, "" for none
	Fresh    bool   // ask the person to prove again who they are (prompt=login)
}

// AuthCodeURL returns where to send the browser. PKCE with S256 is always
// asked for, whatever the provider says it can do: one that ignores it loses
// nothing, and nobody can talk us down to less.
func (p *Provider) AuthCodeURL(ctx context.Context, r Request) (string, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return "", err
	}
	opts := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(r.Verifier)}
	if m.verifier != nil {
		opts = append(opts, oauth2.SetAuthURLParam("nonce", r.Nonce))
	}
	for name, value := range p.preset.params {
		opts = append(opts, oauth2.SetAuthURLParam(name, value))
	}
	if r.Fresh && !p.preset.noLoginPrompt { // after the preset's own prompt, whose place it takes
		opts = append(opts, oauth2.SetAuthURLParam("prompt", "login"))
	}
	if r.Hint != "" {
		opts = append(opts, oauth2.SetAuthURLParam("login_hint", r.Hint))
	}
	return p.oauth(m).AuthCodeURL(r.State, opts...), nil
}

func (p *Provider) oauth(m *metadata) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.o.ClientID, ClientSecret: p.o.ClientSecret.Reveal(),
		Endpoint: m.endpoint, RedirectURL: p.o.RedirectURL, Scopes: slices.Clone(p.preset.scopes),
	}
}
