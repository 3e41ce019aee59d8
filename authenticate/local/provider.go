package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/seal"
)

// Path is where the provider lives on the sign-in host: the issuer is the
// origin of that host followed by Path.
const Path = "/.pomerium/idp"

// Options are the parts a Provider is built from. Fields are required unless
// said otherwise.
type Options struct {
	// Issuer is an https origin followed by Path. A plain http origin is taken
	// too, for a Cardea behind another server that speaks TLS.
	Issuer string
	// ClientID and ClientSecret are those of the one client, Cardea itself.
	ClientID     string
	ClientSecret config.Secret
	// RedirectURIs are where a code may be sent to, compared byte for byte.
	RedirectURIs []string
	// PostLogoutRedirectURIs are where end_session may send a browser; may be nil.
	PostLogoutRedirectURIs []string
	// Key is the root of every key of the provider, for nothing else.
	Key [seal.KeySize]byte
	// Records keeps sittings, refresh families and made passwords.
	Records Records
	// Pages draws what a person sees.
	Pages *pages.Pages
	// CookieName is the name of the provider's cookie without its __Host-
	// prefix, such as "_pomerium_idp".
	CookieName string
	// Lifetime is how long one password is enough, and how long what it opened
	// can be refreshed; 0 means 14 hours.
	Lifetime time.Duration
	// ClientAddress says where a request comes from, for the throttle; nil
	// means the peer of the connection.
	ClientAddress func(*http.Request) string
	// Reveal shows a made password to the operator, outside the log. It may be
	// called again for the same person if the program died in between.
	Reveal func(email, password string)
	Log    zerolog.Logger
	Now    func() time.Time // nil means time.Now
}

// tokenLifetime is how long access and ID tokens hold. A removed person or
// group is noticed at the refresh that ends it.
const tokenLifetime = 10 * time.Minute

// A Provider is the built-in identity provider. It may be used concurrently.
type Provider struct {
	o        Options
	keys     *keys
	library  *op.Provider
	people   atomic.Pointer[people]
	gate     *gate
	accounts *throttle // failed guesses by e-mail
	networks *throttle // failed guesses by where they come from
	handler  http.Handler
	host     string // of the issuer
	applying sync.Mutex
}

// New returns a Provider that knows nobody until the first Apply. It starts no
// goroutine and opens no connection.
func New(o Options) (*Provider, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Lifetime == 0 {
		o.Lifetime = 14 * time.Hour
	}
	if o.ClientAddress == nil {
		o.ClientAddress = peerAddress
	}
	issuer, err := o.check()
	if err != nil {
		return nil, fmt.Errorf("built-in provider: %w", err)
	}
	p := &Provider{
		o: o, host: issuer.Host, gate: newGate(),
		accounts: newThrottle(accountLimit, o.Now), networks: newThrottle(addressLimit, o.Now),
	}
	if p.keys, err = newKeys(o.Key); err != nil {
		return nil, fmt.Errorf("built-in provider: derive the signing key: %w", err)
	}
	p.people.Store(newPeople(nil))
	if p.library, err = p.newLibrary(); err != nil {
		return nil, fmt.Errorf("built-in provider: %w", err)
	}
	p.handler = p.routes()
	return p, nil
}

func (o Options) check() (*url.URL, error) {
	issuer, err := url.Parse(o.Issuer)
	switch {
	case err != nil || issuer.Host == "" || issuer.Path != Path || issuer.RawQuery != "" || issuer.Fragment != "" || issuer.User != nil:
		return nil, fmt.Errorf("issuer: want an https origin followed by %s", Path)
	case issuer.Scheme != "https" && issuer.Scheme != "http":
		return nil, errors.New("issuer: want https")
	case o.ClientID == "" || o.ClientSecret == "":
		return nil, errors.New("client id and secret: want both")
	case len(o.RedirectURIs) == 0:
		return nil, errors.New("redirect URIs: want at least one")
	case o.Records == nil || o.Pages == nil || o.Reveal == nil || o.CookieName == "":
		return nil, errors.New("records, pages, reveal and cookie name: want all four")
	case o.Key == [seal.KeySize]byte{}:
		return nil, errors.New("key: want 32 random bytes")
	}
	return issuer, nil
}

// newLibrary sets the protocol library up. Its router, its CORS rules, its
// cipher (unauthenticated) and its discovery document (which names flows that
// are shut here) are not used; see docs/decisions/0003.
func (p *Provider) newLibrary() (*op.Provider, error) {
	options := []op.Option{
		op.WithCrypto(bearerCrypto{p.keys}),
		op.WithLogger(slog.New(slog.DiscardHandler)), // it would log redirect URIs with their state
		op.WithCORSOptions(nil),
		op.WithIDTokenHintVerifierOpts(op.WithSupportedIDTokenHintSigningAlgorithms("ES256")),
	}
	if strings.HasPrefix(p.o.Issuer, "http://") {
		options = append(options, op.WithAllowInsecure())
	}
	return op.NewProvider(&op.Config{
		CodeMethodS256:        true,
		AuthMethodPost:        true,
		GrantTypeRefreshToken: true,
	}, storage{p}, op.StaticIssuer(p.o.Issuer), options...)
}

// Apply makes users the people who can sign in, and makes a password for each
// who has no hash and none yet. On an error the people of before stay whole.
// Who is gone, or has another password, is void here at once: their sittings
// and refresh tokens open nothing.
func (p *Provider) Apply(ctx context.Context, users []config.User) error {
	p.applying.Lock()
	defer p.applying.Unlock()
	if err := CheckUsers(users); err != nil {
		return err
	}
	all := make([]*person, 0, len(users))
	for _, u := range users {
		h, err := p.hashOf(ctx, u)
		if err != nil {
			return fmt.Errorf("password of %q: %w", u.Email, err)
		}
		all = append(all, p.keys.newPerson(u, h))
	}
	p.people.Store(newPeople(all))
	return nil
}

// Handler serves everything below Path on the sign-in host.
func (p *Provider) Handler() http.Handler { return p.handler }

func (p *Provider) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path+"/.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET "+Path+"/keys", p.jwks)
	mux.HandleFunc("GET "+Path+"/authorize", p.authorize)
	mux.HandleFunc("POST "+Path+"/authorize", p.authorize)
	mux.HandleFunc("GET "+Path+"/login", p.showLogin)
	mux.HandleFunc("POST "+Path+"/login", p.takeLogin)
	mux.HandleFunc("POST "+Path+"/token", p.token)
	mux.HandleFunc("GET "+Path+"/userinfo", p.userinfo)
	mux.HandleFunc("POST "+Path+"/userinfo", p.userinfo)
	mux.HandleFunc("GET "+Path+"/end_session", p.endSession)
	mux.HandleFunc("POST "+Path+"/end_session", p.endSession)
	return mux
}

func (p *Provider) redirectAllowed(uri string) bool { return slices.Contains(p.o.RedirectURIs, uri) }

// origin is the issuer without its path, as a browser writes it in Origin.
func (p *Provider) origin() string {
	origin := strings.TrimSuffix(p.o.Issuer, Path)
	if strings.HasPrefix(origin, "https://") {
		return strings.TrimSuffix(origin, ":443")
	}
	return strings.TrimSuffix(origin, ":80")
}

func peerAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
