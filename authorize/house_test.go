package authorize

import (
	"bytes"
	"context"
	"crypto"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"
	"gopkg.in/yaml.v3"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/policy"
)

// A house is a Server with everything around it that a test needs.
type house struct {
	*Server
	t        testing.TB
	config   *config.Config
	programs map[string]*policy.Program
	minter   *assertion.Minter
	admins   *policy.Program // may act as others
	records  *records
	audit    *syncBuffer
	log      *syncBuffer
	clock    *clock
}

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

// records is the databroker's view with records set by hand and faults on
// demand. The real View is tried in view_test.go.
type records struct {
	mu        sync.Mutex
	sessions  map[string]*databroker.Session
	users     map[string]*databroker.User
	directory map[string]*databroker.DirectoryUser
	devices   map[string]*databroker.Device
	grants    map[string]*databroker.Grant
	access    map[string]time.Time
	externals map[string]*databroker.External // by type|key|value
	touched   []string
	fault     error
	silent    bool // changes are not told
}

func (r *records) Session(_ context.Context, id string, _ uint64) (*databroker.Session, error) {
	return read(r, r.sessions, id)
}

func (r *records) User(_ context.Context, key string) (*databroker.User, error) {
	return read(r, r.users, key)
}

func (r *records) DirectoryUser(_ context.Context, key string) (*databroker.DirectoryUser, error) {
	return read(r, r.directory, key)
}

func (r *records) Device(_ context.Context, id string) (*databroker.Device, error) {
	return read(r, r.devices, id)
}

func (r *records) Grant(_ context.Context, id string) (*databroker.Grant, error) {
	return read(r, r.grants, id)
}

func (r *records) External(_ context.Context, typ, key, value string) (*databroker.External, error) {
	return read(r, r.externals, typ+"|"+key+"|"+value)
}

func (r *records) LastAccess(_ context.Context, id string) (time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.access[id], r.fault
}

func (r *records) Live() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.silent
}

func (r *records) Touch(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.touched = append(r.touched, id)
}

func read[V any](r *records, of map[string]*V, id string) (*V, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault != nil {
		return nil, r.fault
	}
	if v, ok := of[id]; ok {
		return v, nil
	}
	return nil, databroker.ErrNotFound
}

// change runs f with the records locked.
func (r *records) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

var testStart = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

// newHouse returns a house with one route per entry of rules (id -> PPL), on
// <id>.example, and Alice signed in under the session "s-alice". change, which
// may be nil, may alter the configuration before it is applied.
func newHouse(t testing.TB, rules map[string]string, change func(*config.Config)) *house {
	t.Helper()
	h := &house{
		t: t, config: newConfig(t, rules), programs: make(map[string]*policy.Program), clock: &clock{at: testStart},
		audit: &syncBuffer{}, log: &syncBuffer{},
		records: &records{
			sessions: make(map[string]*databroker.Session), users: make(map[string]*databroker.User),
			directory: make(map[string]*databroker.DirectoryUser), access: make(map[string]time.Time),
			devices: make(map[string]*databroker.Device), grants: make(map[string]*databroker.Grant),
		},
	}
	if change != nil {
		change(h.config)
	}
	key, err := assertion.DeriveKey([32]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	if h.minter, err = assertion.New([]crypto.Signer{key}); err != nil {
		t.Fatal(err)
	}
	h.Server, err = New(Options{
		Sessions: h.records, Tickets: ticket.New([32]byte{1}), Handoff: handoff.New([32]byte{2}, [32]byte{3}, h.clock.now),
		Pages: pages.New(pages.Options{}), Log: zerolog.New(h.log), Audit: h.audit, Now: h.clock.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.signIn("s-alice", "alice", "alice@corp.example", "engineers")
	h.apply()
	return h
}

func newConfig(t testing.TB, rules map[string]string) *config.Config {
	t.Helper()
	yes := true
	c := &config.Config{Generation: 1}
	c.CookieName, c.IDPProvider, c.IDPClientID = "_pomerium", "oidc", "client"
	c.AuthenticateServiceURL = config.URL{URL: &url.URL{Scheme: "https", Host: "sign-in.example"}}
	c.PassIdentityHeaders, c.JWTIssuerFormat = &yes, config.IssuerHostOnly
	for id, rule := range rules {
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(rule), &node); err != nil {
			t.Fatal(err)
		}
		document, err := policy.ParseNode(&node)
		if err != nil {
			t.Fatalf("rule of %q: %v", id, err)
		}
		c.Routes = append(c.Routes, &config.Route{
			ID: id, From: config.From{Scheme: "https", Host: id + ".example"},
			Policy: policy.Source{Documents: []*policy.Document{document}},
		})
	}
	return c
}

// apply compiles the policies anew and puts the configuration in force.
func (h *house) apply() {
	h.t.Helper()
	for _, r := range h.config.Routes {
		p, err := policy.Compile(h.t.Context(), r.Policy)
		if err != nil {
			h.t.Fatal(err)
		}
		h.programs[r.ID] = p
	}
	if err := h.Apply(State{Config: h.config, Programs: h.programs, Minter: h.minter, Admins: h.admins}); err != nil {
		h.t.Fatal(err)
	}
}

// signIn writes a session and its user.
func (h *house) signIn(sessionID, userID, email string, groups ...string) *databroker.Session {
	s := &databroker.Session{
		ID: sessionID, Version: 1, UserID: userID, IDPID: config.ProviderID(h.config, nil),
		IssuedAt: h.clock.now(), ExpiresAt: h.clock.now().Add(14 * time.Hour), Claims: map[string]any{"sub": userID},
		AccessToken: databroker.NewSecret("the-access-token"), IDToken: databroker.NewSecret("the-id-token"),
	}
	h.records.change(func() {
		h.records.sessions[sessionID] = s
		h.records.users[s.UserKey()] = &databroker.User{
			Key: s.UserKey(), ID: userID, Email: email, Name: "Name of " + userID, Groups: groups,
			Claims: map[string]any{"department": "doors"},
		}
	})
	return s
}

const testBinder = "THEBINDEROFTHISBROWSER1234"

// cookie returns a Cookie header with a ticket for host and its binder.
func (h *house) cookie(sessionID, host string) string {
	value := h.tickets.Issue(ticket.Ticket{
		SessionID: sessionID, Version: 1, Host: host, Binder: ticket.BinderHash(testBinder), IssuedAt: h.clock.now(),
	})
	return "_pomerium=" + value + "; " + ticket.BinderName("_pomerium") + "=" + testBinder
}

// handle returns a handle for programs.
func (h *house) handle(sessionID, host string) string {
	return h.tickets.Issue(ticket.Ticket{SessionID: sessionID, Version: 1, Host: host, IssuedAt: h.clock.now()})
}

// A question is a request as Envoy would put it; the zero values are those of
// a browser that opens the start page of the route.
type question struct {
	route    string
	internal bool
	leash    bool // the route is held
	method   string
	host     string
	path     string
	cookie   string
	headers  map[string]string
	ip       string
	leaf     string
}

func (q question) check() *authv3.CheckRequest {
	headers := map[string]string{
		"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "x-request-id": "request-1",
	}
	if q.cookie != "" {
		headers["cookie"] = q.cookie
	}
	for name, value := range q.headers {
		if value == "" {
			delete(headers, name)
			continue
		}
		headers[name] = value
	}
	if q.method == "" {
		q.method = "GET"
	}
	if q.host == "" {
		q.host = q.route + ".example"
	}
	if q.path == "" && q.method != "CONNECT" {
		q.path = "/"
	}
	if q.ip == "" {
		q.ip = "192.0.2.7"
	}
	extensions := map[string]string{extensionRoute: q.route, extensionPolicy: "digest"}
	if q.internal {
		extensions[extensionInternal] = "true"
	}
	if q.leash {
		extensions[extensionLeash] = "true"
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{
			Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
				SocketAddress: &corev3.SocketAddress{Address: q.ip}}},
			Certificate: q.leaf,
		},
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Id: "77", Method: q.method, Host: q.host, Path: q.path, Scheme: "https", Headers: headers,
		}},
		ContextExtensions: extensions,
	}}
}

// A reply is a CheckResponse as a test looks at it.
type reply struct {
	allowed bool
	status  int
	headers map[string]string
	body    string
}

func (h *house) ask(q question) reply {
	h.t.Helper()
	out, err := h.Check(h.t.Context(), q.check())
	if err != nil {
		h.t.Fatalf("Check: %v", err)
	}
	return replyOf(out)
}

// read makes r the request of q, as far as decisions read it.
func (h *house) read(r *request, q question) {
	h.t.Helper()
	wire, err := proto.Marshal(q.check())
	if err != nil {
		h.t.Fatal(err)
	}
	if err := r.readMessage(string(wire)); err != nil {
		h.t.Fatal(err)
	}
	r.derive()
}

func replyOf(out *authv3.CheckResponse) reply {
	r := reply{headers: make(map[string]string)}
	var headers []*corev3.HeaderValueOption
	if ok := out.GetOkResponse(); ok != nil {
		r.allowed = out.GetStatus().GetCode() == 0
		headers = ok.GetHeaders()
	}
	if no := out.GetDeniedResponse(); no != nil {
		headers, r.body, r.status = no.GetHeaders(), no.GetBody(), int(no.GetStatus().GetCode())
	}
	for _, o := range headers {
		r.headers[o.GetHeader().GetKey()] = o.GetHeader().GetValue()
	}
	return r
}

// auditLines writes what is pending and returns the lines of the audit.
func (h *house) auditLines() []string {
	h.lines.flush()
	return strings.Split(strings.TrimSpace(h.audit.String()), "\n")
}
