package proxy

import (
	"context"
	"crypto"
	"net"
	"net/http"
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
	"gopkg.in/yaml.v3"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/policy"
)

const (
	appHost    = "app.example"
	signInHost = "sign-in.example"
)

// A house is a route host with its broker.
type house struct {
	t       *testing.T
	clock   *clock
	log     *logbook
	state   State
	client  *databroker.Client
	away    func() // cuts the broker off
	signer  *handoff.Signer
	tickets *ticket.Box
	server  *Server
	handler http.Handler
}

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

type logbook struct {
	mu   sync.Mutex
	text strings.Builder
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

// newHouse returns a route host; change may alter its configuration first.
func newHouse(t *testing.T, change func(*config.Config)) *house {
	t.Helper()
	h := &house{t: t, clock: &clock{at: time.Now()}, log: &logbook{}, tickets: ticket.New([32]byte{3})}
	h.signer = handoff.New([32]byte{1}, [32]byte{2}, h.clock.now)
	view := h.startBroker()
	key, err := assertion.DeriveKey([32]byte{7})
	h.must(err)
	h.state.Minter, err = assertion.New([]crypto.Signer{key})
	h.must(err)
	h.server, err = New(Options{
		Sessions: view, Once: h.client, Tickets: h.tickets, Handoff: h.signer, Pages: pages.New(pages.Options{}),
		Log: zerolog.New(h.log), Now: h.clock.now,
	})
	h.must(err)
	h.handler = h.server.Handler()
	h.state.Config = newConfig()
	if change != nil {
		change(h.state.Config)
	}
	h.apply()
	return h
}

func newConfig() *config.Config {
	yes := true
	cfg := &config.Config{}
	cfg.CookieName, cfg.CookieExpire, cfg.CookieHTTPOnly = "_pomerium", 14*time.Hour, true
	cfg.AuthenticateServiceURL = config.URL{URL: &url.URL{Scheme: "https", Host: signInHost}}
	cfg.IDPProvider, cfg.IDPClientID = "oidc", "client"
	cfg.PassIdentityHeaders = &yes
	cfg.RuntimeFlags = map[string]bool{config.FlagRoutesPortal: true}
	cfg.ProgrammaticRedirectDomainWhitelist = []string{"localhost"}
	cfg.Routes = []*config.Route{route("app", "https://"+appHost, "{allow: {or: [{accept: true}]}}")}
	return cfg
}

// route returns a route with one policy. from is scheme://host.
func route(id, from, ppl string) *config.Route {
	scheme, host, _ := strings.Cut(from, "://")
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(ppl), &node); err != nil {
		panic(err)
	}
	document, err := policy.ParseNode(&node)
	if err != nil {
		panic(err)
	}
	return &config.Route{
		ID: id, Name: "Route " + id, From: config.From{Scheme: scheme, Host: host},
		Policy: policy.Source{Documents: []*policy.Document{document}},
	}
}

// apply compiles the policies and puts the configuration in force.
func (h *house) apply() {
	h.t.Helper()
	h.state.Programs = map[string]*policy.Program{}
	for _, r := range h.state.Config.Routes {
		p, err := policy.Compile(h.t.Context(), r.Policy)
		h.must(err)
		h.state.Programs[r.ID] = p
	}
	h.server.Apply(h.state)
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

var testSecret = []byte("0123456789abcdef0123456789abcdef")

// startBroker serves an empty store over gRPC and returns a view of it.
func (h *house) startBroker() *databroker.View {
	h.t.Helper()
	broker, err := databroker.NewServer(h.t.Context(), databroker.ServerOptions{
		Store: databroker.NewMemoryStore(databroker.MemoryOptions{}), Secret: testSecret, Now: h.clock.now,
	})
	h.must(err)
	listener := bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	broker.Register(g)
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	var parts sync.WaitGroup
	parts.Go(func() { _ = broker.Run(ctx) })
	parts.Go(func() { _ = g.Serve(listener) })
	conn, err := grpc.NewClient("passthrough:///broker", append(databroker.DialOptions(),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	h.must(err)
	h.away = g.Stop
	h.client, err = databroker.NewClient(databroker.ClientOptions{Conn: conn, Secret: testSecret, Now: h.clock.now, Timeout: time.Second})
	h.must(err)
	view, err := databroker.NewView(databroker.ViewOptions{Client: h.client, Now: h.clock.now, ReadTimeout: 3 * time.Second})
	h.must(err)
	parts.Go(func() { _ = view.Run(ctx) })
	h.t.Cleanup(func() { cancel(); g.Stop(); parts.Wait(); _ = conn.Close() })
	return view
}

func (h *house) providerID() string { return config.ProviderID(h.state.Config, nil) }

// signIn writes a session and its person, who has the e-mail sub@example.com.
func (h *house) signIn(sub string, groups ...string) *databroker.Session {
	h.t.Helper()
	now := h.clock.now()
	s := &databroker.Session{
		ID: "session-" + sub, UserID: sub, IDPID: h.providerID(), IssuedAt: now, ExpiresAt: now.Add(14 * time.Hour),
		AccessToken: databroker.NewSecret("the access token"), Claims: map[string]any{"sub": sub, "department": "doors"},
	}
	h.must(h.client.PutUser(h.t.Context(), &databroker.User{
		Key: s.UserKey(), ID: sub, Email: sub + "@example.com", Name: "Name of " + sub, Groups: groups,
	}))
	h.must(h.client.PutSession(h.t.Context(), s))
	return s
}

const (
	binder     = "THEBINDEROFTHISBROWSER0000"
	binderName = "__Host-_pomerium_binder"
)

// cookies returns the cookies of a browser that holds a ticket for s on host.
func (h *house) cookies(s *databroker.Session, host string) string {
	return "_pomerium=" + h.tickets.Issue(ticket.Ticket{
		SessionID: s.ID, Version: s.Version, Host: host, Binder: ticket.BinderHash(binder), IssuedAt: h.clock.now(),
	}) + "; " + binderName + "=" + binder
}

// A page is an answer, read whole.
type page struct {
	status   int
	header   http.Header
	body     string
	location string
}

// get asks as a browser does that navigates. Headers are names and values in
// turn; "" removes one.
func (h *house) get(address string, headers ...string) page {
	return h.ask(http.MethodGet, address, append([]string{
		"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html",
	}, headers...)...)
}

// ask makes a request. A path is one of the application's host.
func (h *house) ask(method, address string, headers ...string) page {
	h.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = "https://" + appHost + address
	}
	r := httptest.NewRequestWithContext(h.t.Context(), method, address, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return page{status: w.Code, header: w.Header(), body: w.Body.String(), location: w.Header().Get("Location")}
}

func wantPage(t *testing.T, p page, status int, sentence string) {
	t.Helper()
	if p.status != status || !strings.Contains(p.body, sentence) {
		_, heading, _ := strings.Cut(p.body, "<h1")
		heading, _, _ = strings.Cut(heading, "</h1>")
		t.Errorf("got %d %q %q, want %d with %q", p.status, p.location, heading, status, sentence)
	}
}

// setCookie returns the Set-Cookie line for name, "" for none.
func (p page) setCookie(name string) string {
	for _, line := range p.header.Values("Set-Cookie") {
		if strings.HasPrefix(line, name+"=") {
			return line
		}
	}
	return ""
}
