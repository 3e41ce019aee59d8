package authenticate

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/cardea-proxy/cardea/authenticate/device"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/testidp"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

const (
	signInHost  = "sign-in.example"
	appPage     = "https://app.example/page?q=1"
	appCallback = "https://app.example" + handoff.CallbackPath
)

var base = &url.URL{Scheme: "https", Host: signInHost}

// A clock is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// A logbook is what was logged.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A world is an installation without route hosts: a databroker over gRPC, an
// identity provider, and one sign-in host or more on the same store.
type world struct {
	t      *testing.T
	clock  *clock
	log    *logbook
	far    *testidp.IDP
	config *config.Config
	signer *handoff.Signer
	listen *bufconn.Listener
	client *databroker.Client
	first  *replica
}

// newWorld returns a world; change may alter its configuration first.
func newWorld(t *testing.T, change func(*config.Config)) *world {
	t.Helper()
	c := &clock{at: time.Now()}
	w := &world{t: t, clock: c, log: &logbook{}, far: testidp.Start(t, testidp.Options{Algorithm: "ES256", Now: c.now})}
	w.config = newConfig(w.far.Issuer())
	if change != nil {
		change(w.config)
	}
	w.signer = handoff.New([32]byte{1}, [32]byte{2}, c.now)
	t.Cleanup(w.startBroker(c.now))
	client, closeClient := w.newClient(c.now)
	t.Cleanup(closeClient)
	w.client = client
	w.first = w.replica()
	return w
}

func newConfig(issuer string) *config.Config {
	cfg := &config.Config{}
	cfg.CookieName, cfg.CookieExpire = "_pomerium", 14*time.Hour
	cfg.AuthenticateServiceURL = config.URL{URL: base}
	cfg.IDPProvider, cfg.IDPClientID, cfg.IDPClientSecret = "oidc", "cardea", "client secret"
	cfg.RuntimeFlags = map[string]bool{config.FlagRefreshAtIDToken: true}
	cfg.Routes = []*config.Route{{ID: "app", From: config.From{Scheme: "https", Host: "app.example"}}}
	if u, err := url.Parse(issuer); err == nil {
		cfg.IDPProviderURL = config.URL{URL: u}
	}
	return cfg
}

var testSecret = []byte("0123456789abcdef0123456789abcdef")

// startBroker serves an empty store until stop.
func (w *world) startBroker(now func() time.Time) (stop func()) {
	w.t.Helper()
	server, err := databroker.NewServer(w.t.Context(), databroker.ServerOptions{
		Store: databroker.NewMemoryStore(databroker.MemoryOptions{}), Secret: testSecret, Now: now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.listen = bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	server.Register(g)
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var parts sync.WaitGroup
	parts.Go(func() { _ = server.Run(ctx) })
	parts.Go(func() { _ = g.Serve(w.listen) })
	return func() { cancel(); g.Stop(); parts.Wait() }
}

// newClient returns a client with a connection of its own, and what closes it.
func (w *world) newClient(now func() time.Time) (*databroker.Client, func()) {
	w.t.Helper()
	conn, err := grpc.NewClient("passthrough:///broker", append(databroker.DialOptions(),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return w.listen.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		w.t.Fatal(err)
	}
	client, err := databroker.NewClient(databroker.ClientOptions{Conn: conn, Secret: testSecret, Now: now})
	if err != nil {
		w.t.Fatal(err)
	}
	return client, func() { _ = conn.Close() }
}

// A replica is one sign-in host, with a connection and a view of its own.
type replica struct {
	*Server
	view    *databroker.View
	broker  *faultyBroker
	handler http.Handler
}

// A faultyBroker is a real one that can be told to be away.
type faultyBroker struct {
	Broker
	mu   sync.Mutex
	down int // how many writes of sessions still fail
}

func (b *faultyBroker) fail(writes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = writes
}

func (b *faultyBroker) PutSession(ctx context.Context, s *databroker.Session) error {
	b.mu.Lock()
	down := b.down > 0
	b.down = max(b.down-1, 0)
	b.mu.Unlock()
	if down {
		return databroker.ErrUnavailable
	}
	return b.Broker.PutSession(ctx, s)
}

func (w *world) replica() *replica {
	w.t.Helper()
	client, closeClient := w.newClient(w.clock.now)
	w.t.Cleanup(closeClient)
	view, err := databroker.NewView(databroker.ViewOptions{Client: client, Now: w.clock.now})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan struct{})
	go func() { defer close(done); _ = view.Run(ctx) }()
	w.t.Cleanup(func() { cancel(); <-done })
	r := &replica{view: view, broker: &faultyBroker{Broker: client}}
	desk, err := device.New(device.Options{Broker: client, Key: [32]byte{6}, Log: zerolog.New(w.log), Now: w.clock.now})
	if err != nil {
		w.t.Fatal(err)
	}
	r.Server, err = New(Options{
		Devices: desk,
		Broker:  r.broker, Sessions: view, Tickets: ticket.New([32]byte{3}), Handoff: w.signer, Pages: pages.New(pages.Options{}),
		StateKey: [32]byte{4}, LocalKey: [32]byte{5}, Reveal: func(string, string) {}, Log: zerolog.New(w.log), Now: w.clock.now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.apply(r)
	r.handler = r.Handler()
	return r
}

func (w *world) apply(r *replica) {
	w.t.Helper()
	p, err := r.Prepare(w.config)
	if err == nil {
		err = r.Apply(w.t.Context(), p)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) providerID() string { return config.ProviderID(w.config, nil) }

// asks returns the address at which a route host sends a browser to sign in.
func (w *world) asks() string { return w.signer.SignInURL(base, w.signIn()) }

func (w *world) signIn() handoff.SignIn {
	return handoff.SignIn{
		RedirectURI: appPage, CallbackURI: appCallback, ProviderID: w.providerID(), Binder: ticket.BinderHash("binder of the route host"),
	}
}

// sessions returns all sessions there are, by id.
func (w *world) sessions() map[string]*databroker.Session {
	w.t.Helper()
	all := map[string]*databroker.Session{}
	if err := w.first.eachSession(w.t.Context(), func(s *databroker.Session) error { all[s.ID] = s; return nil }); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) session(id string) *databroker.Session {
	w.t.Helper()
	s, err := w.client.Session(w.t.Context(), id)
	if errors.Is(err, databroker.ErrNotFound) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// put writes a session and its person as an earlier sign-in would have.
func (w *world) put(s *databroker.Session) *databroker.Session {
	w.t.Helper()
	if s.IssuedAt.IsZero() {
		s.IssuedAt, s.ExpiresAt = w.clock.now(), w.clock.now().Add(14*time.Hour)
	}
	if _, err := w.client.User(w.t.Context(), s.UserKey()); errors.Is(err, databroker.ErrNotFound) {
		if err := w.client.PutUser(w.t.Context(), &databroker.User{Key: s.UserKey(), ID: s.UserID}); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.client.PutSession(w.t.Context(), s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// A browser keeps cookies and says where its requests come from. It follows
// no redirect by itself.
type browser struct {
	w   *world
	at  *replica
	jar http.CookieJar
}

func (w *world) browser() *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w: w, at: w.first, jar: jar}
}

// A page is an answer, read whole.
type page struct {
	status   int
	header   http.Header
	body     string
	location *url.URL // nil without one
}

// get opens address by a navigation from another site.
func (b *browser) get(address string, headers ...string) page {
	return b.send(http.MethodGet, address, nil, append([]string{
		"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html",
	}, headers...)...)
}

// post sends a form from a page of the same host.
func (b *browser) post(address string, form url.Values, headers ...string) page {
	return b.send(http.MethodPost, address, form, append([]string{
		"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html",
		"Origin", base.String(),
	}, headers...)...)
}

// send makes a request. Headers are names and values in turn, "" removes.
func (b *browser) send(method, address string, form url.Values, headers ...string) page {
	b.w.t.Helper()
	r := httptest.NewRequestWithContext(b.w.t.Context(), method, address, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	r.URL.Scheme, r.URL.Host = "https", r.Host
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	recorder := httptest.NewRecorder()
	b.at.handler.ServeHTTP(recorder, r)
	resp := recorder.Result()
	b.jar.SetCookies(r.URL, resp.Cookies())
	p := page{status: resp.StatusCode, header: resp.Header, body: recorder.Body.String()}
	if l := resp.Header.Get("Location"); l != "" {
		u, err := r.URL.Parse(l)
		if err != nil {
			b.w.t.Fatal(err)
		}
		p.location = u
	}
	return p
}

// atProvider takes the browser through the provider and returns where it is
// sent back to.
func (b *browser) atProvider(p page) string {
	b.w.t.Helper()
	if p.location == nil || !strings.HasPrefix(p.location.String(), b.w.far.Issuer()) {
		b.w.t.Fatalf("want a redirect to the provider, got %d %v", p.status, p.location)
	}
	resp, err := b.w.far.Client().Get(p.location.String())
	if err != nil {
		b.w.t.Fatal(err)
	}
	_ = resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		b.w.t.Fatalf("the provider answered %d: %v", resp.StatusCode, err)
	}
	return to.String()
}

// signIn goes all the way and returns the handoff to the route host.
func (b *browser) signIn() handoff.Callback {
	b.w.t.Helper()
	return b.w.handed(b.get(b.atProvider(b.get(b.w.asks()))))
}

// handed reads the handoff that p redirects to.
func (w *world) handed(p page) handoff.Callback {
	w.t.Helper()
	if p.location == nil || p.location.Path != handoff.CallbackPath {
		w.t.Fatalf("want a redirect to the route host, got %d %v", p.status, p.location)
	}
	c, err := w.signer.ParseCallback(p.location)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// cookie returns the value that the browser holds for the sign-in host.
func (b *browser) cookie(name string) string {
	for _, c := range b.jar.Cookies(&url.URL{Scheme: "https", Host: signInHost, Path: "/"}) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// plant puts a cookie into the browser, as a sibling host could.
func (b *browser) plant(name, value string) {
	b.jar.SetCookies(base, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
}

const (
	ticketCookie = "_pomerium_authenticate"
	binderCookie = "__Host-_pomerium_binder"
)

// wantPage checks a page of ours: its status and its sentence.
func wantPage(t *testing.T, p page, status int, sentence string) {
	t.Helper()
	if p.status != status || !strings.Contains(p.body, sentence) {
		_, heading, _ := strings.Cut(p.body, "<h1")
		heading, _, _ = strings.Cut(heading, "</h1>")
		t.Errorf("got %d %v %q, want %d with %q", p.status, p.location, heading, status, sentence)
	}
}
