package testidp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Options say what kind of provider is wanted. The zero value is good.
type Options struct {
	// Addr is where to listen; "" means a free port of 127.0.0.1.
	Addr string
	// TLS makes it speak https, with a certificate that Client trusts.
	TLS bool
	// Path is put behind the origin to make the issuer, such as "/realms/a".
	Path string
	// Algorithm of ID tokens is "RS256", when empty, or "ES256".
	Algorithm string
	// ClientID and ClientSecret are those of the one client; "" means "cardea"
	// and "client secret".
	ClientID, ClientSecret string
	// RedirectURIs are those of the client; nil means any.
	RedirectURIs []string
	// Form asks for a click instead of signing in at once.
	Form bool
	// TokenLifetime is that of access and ID tokens; 0 means 5 minutes.
	TokenLifetime time.Duration
	Now           func() time.Time // nil means time.Now
}

// A User is who gets signed in.
type User struct {
	Sub    string
	Email  string
	Name   string
	Groups []string
	Claims map[string]any // further claims; they win over the others
}

// A SignOut is what end_session was asked.
type SignOut struct {
	IDTokenHint, ClientID, PostLogoutRedirectURI, State string
}

// The endpoints, for Count and Last.
const (
	Discovery  = "discovery"
	Keys       = "keys"
	Authorize  = "authorize"
	Token      = "token"
	Userinfo   = "userinfo"
	EndSession = "end_session"
)

// An IDP is a running provider. It may be used concurrently.
type IDP struct {
	o      Options
	issuer string
	server *http.Server
	roots  *x509.CertPool // nil without TLS

	mu       sync.Mutex
	user     User
	lies     []Lie
	delay    time.Duration
	offset   time.Duration // of the clock
	keys     []key         // the last one signs, all are published
	codes    map[string]*code
	access   map[string]*grant
	families map[string]*family // by every refresh token they ever gave
	counts   map[string]int
	last     map[string]url.Values
	signOuts []SignOut
}

// Listen starts a provider. Close ends it.
func Listen(o Options) (*IDP, error) {
	if o.ClientID == "" {
		o.ClientID = "cardea"
	}
	if o.ClientSecret == "" {
		o.ClientSecret = "client secret"
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.TokenLifetime == 0 {
		o.TokenLifetime = 5 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	i := &IDP{
		o: o, user: User{Sub: "1", Email: "ann@example.com", Name: "Ann", Groups: []string{"eng"}},
		codes: map[string]*code{}, access: map[string]*grant{}, families: map[string]*family{},
		counts: map[string]int{}, last: map[string]url.Values{},
	}
	if err := i.addKey(); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	scheme := "http"
	if o.TLS {
		certificate, roots, err := selfSigned()
		if err != nil {
			return nil, errors.Join(err, listener.Close())
		}
		i.roots, scheme = roots, "https"
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	}
	i.issuer = scheme + "://" + listener.Addr().String() + o.Path
	i.server = &http.Server{Handler: i.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = i.server.Serve(listener) }() // ends with Close, always with an error
	return i, nil
}

// TB is the part of testing.TB that Start needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Start is Listen for a test, which ends the provider.
func Start(t TB, o Options) *IDP {
	t.Helper()
	i, err := Listen(o)
	if err != nil {
		t.Fatalf("start the test provider: %v", err)
	}
	t.Cleanup(i.Close)
	return i
}

// Close ends the provider and cuts every connection.
func (i *IDP) Close() { _ = i.server.Close() }

// Issuer is the issuer's URL, without a slash at the end.
func (i *IDP) Issuer() string { return i.issuer }

// Client returns a client that trusts the provider and follows no redirect.
func (i *IDP) Client() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: i.roots, MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Roots are the authorities to trust, nil without TLS.
func (i *IDP) Roots() *x509.CertPool { return i.roots }

// SetUser says who is signed in from now on; sessions keep their person.
func (i *IDP) SetUser(u User) { i.locked(func() { i.user = u }) }

// Lie makes the provider tell these lies and no others; without any it tells
// the truth.
func (i *IDP) Lie(lies ...Lie) { i.locked(func() { i.lies = slices.Clone(lies) }) }

// SetDelay makes every answer wait.
func (i *IDP) SetDelay(d time.Duration) { i.locked(func() { i.delay = d }) }

// SetClock moves the provider's clock against the true one.
func (i *IDP) SetClock(offset time.Duration) { i.locked(func() { i.offset = offset }) }

// Count says how often an endpoint was asked.
func (i *IDP) Count(endpoint string) (n int) {
	i.locked(func() { n = i.counts[endpoint] })
	return n
}

// Last returns the parameters of the last request to an endpoint.
func (i *IDP) Last(endpoint string) (v url.Values) {
	i.locked(func() { v = i.last[endpoint] })
	return v
}

// SignOuts returns what end_session was asked, the oldest first.
func (i *IDP) SignOuts() (all []SignOut) {
	i.locked(func() { all = slices.Clone(i.signOuts) })
	return all
}

// RevokeRefresh makes every refresh token given so far void, as an operator who
// disables an account does.
func (i *IDP) RevokeRefresh() {
	i.locked(func() {
		for _, f := range i.families {
			f.ended = true
		}
	})
}

func (i *IDP) locked(do func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	do()
}

// lying reports whether a lie is told.
func (i *IDP) lying(l Lie) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Contains(i.lies, l)
}

func (i *IDP) now() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.o.Now().Add(i.offset)
}

func (i *IDP) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern, endpoint string, h http.HandlerFunc) {
		method, path, _ := cutMethod(pattern)
		mux.Handle(method+i.o.Path+path, i.faults(endpoint, h))
	}
	handle("GET /.well-known/openid-configuration", Discovery, i.discovery)
	handle("GET /keys", Keys, i.jwks)
	handle("/authorize", Authorize, i.authorize)
	handle("POST /token", Token, i.token)
	handle("/userinfo", Userinfo, i.userinfo)
	handle("/end_session", EndSession, i.endSession)
	return mux
}

func cutMethod(pattern string) (method, path string, found bool) {
	for n, r := range pattern {
		if r == '/' {
			return pattern[:n], pattern[n:], true
		}
	}
	return "", pattern, false
}

// faults counts, keeps, waits and breaks before an endpoint is reached.
func (i *IDP) faults(endpoint string, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		var delay time.Duration
		i.locked(func() {
			i.counts[endpoint]++
			i.last[endpoint] = r.Form
			delay = i.delay
		})
		if !wait(r.Context(), delay) {
			return
		}
		switch {
		case i.lying(Down):
			panic(http.ErrAbortHandler) // net/http cuts the connection
		case i.lying(Broken):
			http.Error(w, "broken", http.StatusInternalServerError)
		case i.lying(Endless):
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"x":"`))
			for range 64 {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		default:
			h(w, r)
		}
	})
}

// wait reports whether the client was still there after d.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
