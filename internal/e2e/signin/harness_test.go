// Package signin tries a whole sign-in, and what follows from it, over the true
// parts in one process: authorize, authenticate, proxy, databroker and an
// identity provider. In place of Envoy stands a function that asks authorize
// about each request and then calls a handler, so that a test can turn the
// clock, watch the store, and let twenty tabs race.
//
//	harness_test.go  the installation
//	browser_test.go  a browser: cookies with all their attributes, redirects
//	flow_test.go     signing in and out, as people meet it
//	host_test.go     what differs between hosts: depends_on, cookie_domain, SameSite
//	program_test.go  programs that sign in
package signin

import (
	"context"
	"crypto"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/cardea-proxy/cardea/authenticate"
	"github.com/cardea-proxy/cardea/authenticate/device"
	"github.com/cardea-proxy/cardea/authorize"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/testidp"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy"
)

const signInHost = "sign-in.corp.example"

// A house is one installation. Every route host answers with its own name and
// path, and who asks.
type house struct {
	t         *testing.T
	clock     *clock
	far       *testidp.IDP
	config    *config.Config
	client    *databroker.Client
	signer    *handoff.Signer
	tickets   *ticket.Box
	authorize *authorize.Server
	signIn    http.Handler
	reserved  http.Handler
	proxy     *proxy.Server
	minter    *assertion.Minter
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

// newHouse returns an installation with the routes of every test and further
// lines of configuration.
func newHouse(t *testing.T, more string) *house {
	t.Helper()
	c := &clock{at: time.Now()}
	h := &house{t: t, clock: c, far: testidp.Start(t, testidp.Options{Algorithm: "ES256", Now: c.now})}
	h.config = h.load(more)
	h.client = h.startBroker()
	view := h.startView()
	h.signer = handoff.New([32]byte{1}, [32]byte{2}, c.now)
	h.tickets = ticket.New([32]byte{3})
	words := pages.New(pages.Options{})
	key, err := assertion.DeriveKey([32]byte{7})
	h.must(err)
	h.minter, err = assertion.New([]crypto.Signer{key})
	h.must(err)
	h.authorize, err = authorize.New(authorize.Options{
		Sessions: view, Tickets: h.tickets, Handoff: h.signer, Pages: words, Log: zerolog.Nop(), Audit: nowhere{}, Now: c.now,
	})
	h.must(err)
	desk, err := device.New(device.Options{Broker: h.client, Key: [32]byte{7}, Now: c.now})
	h.must(err)
	front, err := authenticate.New(authenticate.Options{
		Devices: desk,
		Broker:  h.client, Sessions: view, Tickets: ticket.New([32]byte{4}), Handoff: h.signer, Pages: words,
		StateKey: [32]byte{5}, LocalKey: [32]byte{6}, Reveal: func(string, string) {}, Log: zerolog.Nop(), Now: c.now,
	})
	h.must(err)
	h.proxy, err = proxy.New(proxy.Options{
		Sessions: view, Once: h.client, Tickets: h.tickets, Handoff: h.signer, Pages: words, Log: zerolog.Nop(), Now: c.now,
	})
	h.must(err)
	prepared, err := front.Prepare(h.config)
	h.must(err)
	h.must(front.Apply(t.Context(), prepared))
	programs := map[string]*policy.Program{}
	for _, r := range h.config.Routes {
		programs[r.ID], err = policy.Compile(t.Context(), r.Policy)
		h.must(err)
	}
	h.must(h.authorize.Apply(authorize.State{Config: h.config, Programs: programs, Minter: h.minter}))
	h.proxy.Apply(proxy.State{Config: h.config, Programs: programs, Minter: h.minter})
	h.signIn, h.reserved = front.Handler(), h.proxy.Handler()
	return h
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// load reads a configuration as the program does.
func (h *house) load(more string) *config.Config {
	h.t.Helper()
	text := fmt.Sprintf(`
authenticate_service_url: https://%s
idp_provider: oidc
idp_provider_url: %s
idp_client_id: cardea
idp_client_secret: client secret
databroker_storage_type: memory
data_dir: %s
pass_identity_headers: true
routes:
- {from: https://app.corp.example, to: http://127.0.0.1:1, allow_any_authenticated_user: true}
- {from: https://wiki.corp.example, to: http://127.0.0.1:1, allowed_domains: [example.com]}
- {from: https://partner.example, to: http://127.0.0.1:1, allow_any_authenticated_user: true}
- {from: https://board.corp.example, to: http://127.0.0.1:1, allow_any_authenticated_user: true, depends_on: [wiki.corp.example, partner.example]}
- {from: https://closed.corp.example, to: http://127.0.0.1:1, allowed_users: [nobody@example.com]}
- {from: https://public.corp.example, to: http://127.0.0.1:1, allow_public_unauthenticated_access: true}
%s`, signInHost, h.far.Issuer(), h.t.TempDir(), more)
	file := filepath.Join(h.t.TempDir(), "config.yaml")
	h.must(os.WriteFile(file, []byte(text), 0o600))
	cfg, err := config.Load(h.t.Context(), config.Options{File: file})
	h.must(err)
	return cfg
}

var testSecret = []byte("0123456789abcdef0123456789abcdef")

// startBroker serves an empty store over gRPC in memory.
func (h *house) startBroker() *databroker.Client {
	h.t.Helper()
	server, err := databroker.NewServer(h.t.Context(), databroker.ServerOptions{
		Store: databroker.NewMemoryStore(databroker.MemoryOptions{}), Secret: testSecret, Now: h.clock.now,
	})
	h.must(err)
	listener := bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	server.Register(g)
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	var parts sync.WaitGroup
	parts.Go(func() { _ = server.Run(ctx) })
	parts.Go(func() { _ = g.Serve(listener) })
	h.t.Cleanup(func() { cancel(); g.Stop(); parts.Wait() })
	conn, err := grpc.NewClient("passthrough:///broker", append(databroker.DialOptions(),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	h.must(err)
	h.t.Cleanup(func() { _ = conn.Close() })
	client, err := databroker.NewClient(databroker.ClientOptions{Conn: conn, Secret: testSecret, Now: h.clock.now})
	h.must(err)
	return client
}

func (h *house) startView() *databroker.View {
	h.t.Helper()
	view, err := databroker.NewView(databroker.ViewOptions{Client: h.client, Now: h.clock.now})
	h.must(err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	done := make(chan struct{})
	go func() { defer close(done); _ = view.Run(ctx) }()
	h.t.Cleanup(func() { cancel(); <-done })
	return view
}

// identityHeaders are taken from every request of a client, as Envoy does.
var identityHeaders = []string{assertion.Header, "X-Pomerium-Claim-Email"}

// ServeHTTP stands in for Envoy: it chooses the route, asks authorize, and
// passes on what it allows.
func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, name := range identityHeaders {
		r.Header.Del(name)
	}
	r.Header.Set("X-Request-Id", "the-request")
	r.Header.Set("X-Cardea-Client-Address", "192.0.2.1")
	own := ownPath(r.URL.Path) || ticket.HostName(r.Host) == signInHost
	extensions := map[string]string{"internal": "true"}
	if !own {
		extensions = map[string]string{"route_id": h.routeOf(r)}
	}
	out, err := h.authorize.Check(r.Context(), question(r, extensions))
	h.must(err)
	if denied := out.GetDeniedResponse(); denied != nil {
		for _, o := range denied.GetHeaders() {
			w.Header().Set(o.GetHeader().GetKey(), o.GetHeader().GetValue())
		}
		w.WriteHeader(int(denied.GetStatus().GetCode()))
		_, _ = w.Write([]byte(denied.GetBody()))
		return
	}
	for _, o := range out.GetOkResponse().GetHeaders() {
		r.Header.Set(o.GetHeader().GetKey(), o.GetHeader().GetValue())
	}
	everywhere := strings.HasPrefix(r.URL.Path, "/.well-known/pomerium") || r.URL.Path == "/ping" || r.URL.Path == "/healthz"
	switch {
	case own && ticket.HostName(r.Host) == signInHost && !everywhere:
		h.signIn.ServeHTTP(w, r)
	case own:
		h.reserved.ServeHTTP(w, r)
	default:
		who := "nobody"
		if r.Header.Get(assertion.Header) != "" {
			who = "somebody"
		}
		_, _ = fmt.Fprintf(w, "%s%s for %s", r.Host, r.URL.RequestURI(), who)
	}
}

func ownPath(path string) bool {
	return path == "/.pomerium" || strings.HasPrefix(path, "/.pomerium/") || strings.HasPrefix(path, "/.well-known/pomerium") ||
		path == "/ping" || path == "/healthz"
}

func (h *house) routeOf(r *http.Request) string {
	for _, route := range h.config.Routes {
		if route.From.Host == ticket.HostName(r.Host) {
			return route.ID
		}
	}
	return ""
}

func question(r *http.Request, extensions map[string]string) *authv3.CheckRequest {
	headers := map[string]string{}
	for name, values := range r.Header {
		glue := ", "
		if name == "Cookie" {
			glue = "; "
		}
		headers[strings.ToLower(name)] = strings.Join(values, glue)
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{Address: "192.0.2.1"}}}},
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Id: "1", Method: r.Method, Host: r.Host, Path: r.URL.RequestURI(), Scheme: "https", Headers: headers,
		}},
		ContextExtensions: extensions,
	}}
}

// sessions returns the ids of all sessions, the person's first.
func (h *house) sessions() []string {
	h.t.Helper()
	page, err := h.client.List(h.t.Context(), databroker.TypeSession, 0, nil)
	h.must(err)
	var ids []string
	for _, r := range page.Records {
		ids = append(ids, r.ID)
	}
	return ids
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
