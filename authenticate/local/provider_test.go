package local

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/rs/zerolog"
	"golang.org/x/net/html"
	"golang.org/x/oauth2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/pages"
)

const (
	testIssuer   = "https://sign-in.example:8443" + Path
	testRedirect = "https://sign-in.example:8443/oauth2/callback"
	testAfter    = "https://sign-in.example:8443/.pomerium/signed_out"
	annPassword  = "correct horse"
)

// A world is a provider with its databroker, its clock and what it revealed.
type world struct {
	t        testing.TB
	p        *Provider
	records  *brokenRecords
	log      *syncBuffer
	offset   time.Duration // of the clock
	stands   time.Time     // when not zero, the clock is stopped there
	mu       sync.Mutex
	revealed map[string]string
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stands.IsZero() {
		return w.stands.Add(w.offset)
	}
	return time.Now().Add(w.offset)
}

// stopClock lets time pass by pass alone: on a busy machine a second is over
// before the next guess comes.
func (w *world) stopClock() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stands = time.Now()
}

// pass moves the clock.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset += d
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, revealed: map[string]string{}, log: &syncBuffer{}}
	w.records = &brokenRecords{Records: newBroker(t, w.now)}
	w.p = w.start()
	w.apply(ann(t), config.User{Email: "bob@example.com", Name: "Bob", PasswordHash: config.Secret(cheap(t, "bob's"))})
	return w
}

// start makes a provider over the records of the world, as a restart would.
func (w *world) start() *Provider {
	w.t.Helper()
	p, err := New(Options{
		Issuer: testIssuer, ClientID: "cardea", ClientSecret: "a client secret",
		RedirectURIs: []string{testRedirect}, PostLogoutRedirectURIs: []string{testAfter},
		Key: [32]byte{1, 2, 3}, Records: w.records, Pages: pages.New(pages.Options{}), CookieName: "_pomerium_idp",
		ClientAddress: func(r *http.Request) string { return r.Header.Get("X-Test-From") },
		Reveal: func(email, password string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.revealed[email] += password
		},
		Log: zerolog.New(w.log), Now: w.now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) apply(users ...config.User) {
	w.t.Helper()
	if err := w.p.Apply(w.t.Context(), users); err != nil {
		w.t.Fatal(err)
	}
}

func ann(t testing.TB) config.User {
	return config.User{
		Email: "Ann@Example.com", Name: "Ann Archer", Groups: []string{"eng", "admins"},
		PasswordHash: config.Secret(cheap(t, annPassword)),
	}
}

// newBroker returns a client of a real databroker in memory.
func newBroker(t testing.TB, now func() time.Time) *databroker.Client {
	t.Helper()
	secret := []byte("a shared secret of thirty-two by")
	server, err := databroker.NewServer(t.Context(), databroker.ServerOptions{
		Store: databroker.NewMemoryStore(databroker.MemoryOptions{}), Secret: secret, Log: zerolog.Nop(), Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	listener := bufconn.Listen(1 << 20)
	rpc := grpc.NewServer()
	server.Register(rpc)
	go func() { _ = rpc.Serve(listener) }() // ends with Stop
	conn, err := grpc.NewClient("passthrough:broker", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		rpc.Stop()
	})
	client, err := databroker.NewClient(databroker.ClientOptions{Conn: conn, Secret: secret, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// brokenRecords can be told to fail as an absent databroker does.
type brokenRecords struct {
	Records
	mu   sync.Mutex
	down bool
}

func (b *brokenRecords) set(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

func (b *brokenRecords) err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return databroker.ErrUnavailable
	}
	return nil
}

func (b *brokenRecords) GetJSON(ctx context.Context, typ, id string, v any) (uint64, error) {
	if err := b.err(); err != nil {
		return 0, err
	}
	return b.Records.GetJSON(ctx, typ, id, v)
}

func (b *brokenRecords) PutJSON(ctx context.Context, typ, id string, v any, o databroker.PutOptions) (uint64, error) {
	if err := b.err(); err != nil {
		return 0, err
	}
	return b.Records.PutJSON(ctx, typ, id, v, o)
}

func (b *brokenRecords) UseOnce(ctx context.Context, purpose, id string, until time.Time) error {
	if err := b.err(); err != nil {
		return err
	}
	return b.Records.UseOnce(ctx, purpose, id, until)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// A browser keeps cookies and follows nothing.
type browser struct {
	w      *world
	jar    map[string]string
	header http.Header // sent with every request
}

func (w *world) browser() *browser {
	return &browser{w: w, jar: map[string]string{}, header: http.Header{"X-Test-From": {"192.0.2.1"}}}
}

// An answer is what came back, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) location() *url.URL {
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		return &url.URL{}
	}
	return u
}

func (b *browser) do(r *http.Request) answer {
	b.w.t.Helper()
	for name, values := range b.header {
		if r.Header.Get(name) == "" {
			r.Header[name] = values
		}
	}
	for name, value := range b.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := b.w.p.Transport().RoundTrip(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		if c.MaxAge < 0 {
			delete(b.jar, c.Name)
		} else {
			b.jar[c.Name] = c.Value
		}
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: string(body)}
}

func (b *browser) get(to string) answer {
	b.w.t.Helper()
	return b.do(b.w.request(http.MethodGet, to, nil))
}

func (b *browser) post(to string, form url.Values) answer {
	b.w.t.Helper()
	r := b.w.request(http.MethodPost, to, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// request resolves to against the issuer's origin.
func (w *world) request(method, to string, body io.Reader) *http.Request {
	w.t.Helper()
	base, _ := url.Parse(testIssuer)
	ref, err := url.Parse(to)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, base.ResolveReference(ref).String(), body)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// An attempt is one sign-in of the client.
type attempt struct {
	verifier, nonce, state string
	config                 *oauth2.Config
	ctx                    context.Context
	provider               *oidc.Provider
}

// attempt discovers the provider as authenticate would, through Transport.
func (w *world) attempt() *attempt {
	w.t.Helper()
	ctx := oidc.ClientContext(w.t.Context(), &http.Client{Transport: w.p.Transport()})
	provider, err := oidc.NewProvider(ctx, testIssuer)
	if err != nil {
		w.t.Fatal(err)
	}
	return &attempt{
		verifier: oauth2.GenerateVerifier(), nonce: "n-" + oauth2.GenerateVerifier(), state: "s & " + oauth2.GenerateVerifier(),
		ctx: ctx, provider: provider,
		config: &oauth2.Config{
			ClientID: "cardea", ClientSecret: "a client secret", RedirectURL: testRedirect, Endpoint: provider.Endpoint(),
			Scopes: []string{"openid", "profile", "email", "offline_access"},
		},
	}
}

func (a *attempt) url(more ...oauth2.AuthCodeOption) string {
	return a.config.AuthCodeURL(a.state, append(more, oidc.Nonce(a.nonce), oauth2.S256ChallengeOption(a.verifier))...)
}

// open asks authorize and returns the login page's address.
func (b *browser) open(a *attempt, more ...oauth2.AuthCodeOption) string {
	b.w.t.Helper()
	got := b.get(a.url(more...))
	if got.status != http.StatusFound || got.location().Path != Path+"/login" {
		b.w.t.Fatalf("authorize: %d to %q: %s", got.status, got.header.Get("Location"), got.body)
	}
	return got.header.Get("Location")
}

// form returns the hidden fields of the page's form.
func form(t testing.TB, body string) url.Values {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	fields := url.Values{}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || n.Data != "input" {
			continue
		}
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		if attr["type"] == "hidden" {
			fields.Set(attr["name"], attr["value"])
		}
	}
	return fields
}

// signIn shows the password and returns the answer to the form.
func (b *browser) signIn(a *attempt, email, password string) answer {
	b.w.t.Helper()
	page := b.get(b.open(a))
	if page.status != http.StatusOK {
		b.w.t.Fatalf("login page: %d: %s", page.status, page.body)
	}
	fields := form(b.w.t, page.body)
	fields.Set("email", email)
	fields.Set("password", password)
	return b.post(Path+"/login", fields)
}

// code checks that got leads back to the client and returns the code.
func (a *attempt) code(t testing.TB, got answer) string {
	t.Helper()
	to := got.location()
	query := to.Query()
	to.RawQuery = ""
	if got.status != http.StatusSeeOther || to.String() != testRedirect {
		t.Fatalf("answer %d to %q, want 303 to the client: %s", got.status, got.header.Get("Location"), got.body)
	}
	if query.Get("state") != a.state || query.Get("iss") != testIssuer || query.Get("code") == "" {
		t.Fatalf("the client gets %v, want its state, our iss and a code", query)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Error("an answer with a code may be stored")
	}
	return query.Get("code")
}

// exchange trades the code for tokens and verifies the ID token.
func (a *attempt) exchange(t testing.TB, code string) (*oauth2.Token, *oidc.IDToken) {
	t.Helper()
	token, err := a.config.Exchange(a.ctx, code, oauth2.VerifierOption(a.verifier))
	if err != nil {
		t.Fatal(err)
	}
	return token, a.verify(t, token)
}

func (a *attempt) verify(t testing.TB, token *oauth2.Token) *oidc.IDToken {
	t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := a.provider.Verifier(&oidc.Config{ClientID: "cardea"}).Verify(a.ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// refresh trades a refresh token.
func (a *attempt) refresh(refreshToken string) (*oauth2.Token, error) {
	return a.config.TokenSource(a.ctx, &oauth2.Token{RefreshToken: refreshToken}).Token()
}
