package console

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
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
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console/audit"
)

const consoleHost = "console.example.com"

// A world is a console before a real databroker, with the clock set by hand.
type world struct {
	t      *testing.T
	clock  clock
	client *databroker.Client
	view   *databroker.View
	audit  *memoryAudit
	chain  *audit.Log // what is read of the audit; nothing is in it but what a test writes
	made   *memoryDecisions
	text   string        // of everything that the configuration says
	begun  chan struct{} // closed when a long replay has
	minter *assertion.Minter
	config *config.Config
	*Service
	server *Server
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

// A memoryAudit keeps entries, and can be told to fail.
type memoryAudit struct {
	mu      sync.Mutex
	entries []AuditEntry
	err     error
}

func (a *memoryAudit) Append(_ context.Context, e AuditEntry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.entries = append(a.entries, e)
	}
	return a.err
}

// all returns every entry since the last time.
func (a *memoryAudit) all() []AuditEntry {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.entries
	a.entries = nil
	return taken
}

// take is all without what only says that a change begins.
func (a *memoryAudit) take() []AuditEntry {
	return slices.DeleteFunc(a.all(), func(e AuditEntry) bool { return e.Outcome == OutcomeBegun })
}

var testSecret = []byte("0123456789abcdef0123456789abcdef")

// newWorld returns one in which nobody is signed in.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, audit: &memoryAudit{}, made: &memoryDecisions{}, config: &config.Config{}}
	w.clock.at = time.Now().Truncate(time.Second)
	w.startBroker()
	var err error
	if w.view, err = databroker.NewView(databroker.ViewOptions{Client: w.client}); err != nil {
		t.Fatal(err)
	}
	if w.chain, err = audit.New(audit.Options{Broker: w.client, Key: ed25519.NewKeyFromSeed(make([]byte, 32)), Log: zerolog.Nop(), Now: w.clock.now}); err != nil {
		t.Fatal(err)
	}
	if w.Service, err = NewService(ServiceOptions{
		AuditReader: w.chain,
		Broker:      w.client, View: w.view, Audit: w.audit, Log: zerolog.Nop(), Now: w.clock.now,
		Config: func() *config.Config { return w.config }, EnrollmentURL: handoff.New([32]byte{3}, [32]byte{4}, nil).EnrollmentURL,
		IssueToken: func(s *databroker.Session) string { return "token of " + s.ID },
		Decisions:  w.made, Explainer: fakePolicies{w}, Configuration: fakePolicies{w}, Instance: fakePolicies{w},
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = w.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	key, err := assertion.DeriveKey([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if w.minter, err = assertion.New([]crypto.Signer{key}); err != nil {
		t.Fatal(err)
	}
	w.config.Console.MaxGrant, w.config.Console.MaxServiceAccount = 24*time.Hour, 8760*time.Hour
	w.config.Routes = []*config.Route{
		{Console: true, From: config.From{Scheme: "https", Host: consoleHost}}, {From: config.From{Scheme: "https", Host: "app.example.com"}},
	}
	w.config.AuthenticateServiceURL = config.URL{URL: &url.URL{Scheme: "https", Host: "authenticate.example.com"}}
	if w.server, err = New(Options{
		Service: w.Service, Pages: pages.New(pages.Options{Now: w.clock.now}), Identify: w.identify,
		FormKey: [32]byte{7}, Log: zerolog.Nop(), Now: w.clock.now,
	}); err != nil {
		t.Fatal(err)
	}
	w.roles("email: {is: admin@example.com}", "email: {is: manager@example.com}", "email: {is: viewer@example.com}")
	return w
}

// startBroker serves an empty store.
func (w *world) startBroker() {
	t := w.t
	t.Helper()
	server, err := databroker.NewServer(t.Context(), databroker.ServerOptions{
		Store: databroker.NewMemoryStore(databroker.MemoryOptions{}), Secret: testSecret,
	})
	if err != nil {
		t.Fatal(err)
	}
	listen, g := bufconn.Listen(1<<20), grpc.NewServer()
	server.Register(g)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var parts sync.WaitGroup
	parts.Go(func() { _ = server.Run(ctx) })
	parts.Go(func() { _ = g.Serve(listen) })
	conn, err := grpc.NewClient("passthrough:///broker", append(databroker.DialOptions(),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listen.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); cancel(); g.Stop(); parts.Wait() })
	if w.client, err = databroker.NewClient(databroker.ClientOptions{Conn: conn, Secret: testSecret}); err != nil {
		t.Fatal(err)
	}
}

// identify is what authorize does, over the same records.
func (w *world) identify(ctx context.Context, id string) (Person, error) {
	session, err := w.client.Session(ctx, id)
	if errors.Is(err, databroker.ErrNotFound) {
		return Person{}, ErrNobody
	}
	if err != nil {
		return Person{}, err
	}
	user, err := w.client.User(ctx, session.UserKey())
	if err != nil || user.Disabled || session.Expired(w.clock.now()) {
		return Person{}, ErrNobody
	}
	claims := maps.Clone(user.Claims)
	p := Person{}
	if i := session.Impersonates; w.config.Console.Impersonation && i.Lasting(w.clock.now(), 0) {
		other, err := w.client.User(ctx, i.UserKey)
		if err != nil {
			return Person{}, err
		}
		p.ActsAs, p.ActsUntil = other.Name, i.Until
	}
	return Person{ActsAs: p.ActsAs, ActsUntil: p.ActsUntil, UserKey: user.Key, Email: user.Email, Name: user.Name, Facts: policy.NewPerson(policy.PersonData{
		SessionID: id, UserID: user.ID, Email: user.Email, Groups: user.Groups, Claims: claims, SignedInAt: session.IssuedAt,
	})}, nil
}

// roles puts other policies in force: one criterion for each role.
func (w *world) roles(admin, manager, viewer string) {
	w.t.Helper()
	compile := func(text string) *policy.Program {
		var n yaml.Node
		if err := yaml.Unmarshal([]byte("[{"+text+"}]"), &n); err != nil {
			w.t.Fatal(err)
		}
		doc, err := policy.ParseCriteria("", &n)
		if err != nil {
			w.t.Fatal(err)
		}
		p, err := policy.Compile(w.t.Context(), policy.Source{Documents: []*policy.Document{doc}})
		if err != nil {
			w.t.Fatal(err)
		}
		return p
	}
	w.server.Apply(State{Config: w.config, Minter: w.minter, Roles: Roles{compile(admin), compile(manager), compile(viewer)}})
}

// signIn writes a person, unless they are there, and a session, and returns its
// id. change may be nil.
func (w *world) signIn(id string, change func(*databroker.User)) string {
	w.t.Helper()
	user := &databroker.User{Key: databroker.UserKey("idp", id), ID: id, Email: id + "@example.com", Name: strings.ToUpper(id[:1]) + id[1:]}
	if change != nil {
		change(user)
	}
	if err := w.client.PutUser(w.t.Context(), user); err != nil && !errors.Is(err, databroker.ErrConflict) {
		w.t.Fatal(err)
	}
	session := &databroker.Session{
		ID: fmt.Sprintf("session-%s-%d", id, time.Now().UnixNano()), UserID: id, IDPID: "idp",
		IssuedAt: w.clock.now().Add(-time.Hour), ExpiresAt: w.clock.now().Add(13 * time.Hour),
	}
	if err := w.client.PutSession(w.t.Context(), session); err != nil {
		w.t.Fatal(err)
	}
	return session.ID
}

// possess gives a person a request for access, a grant and a service account,
// all of the same id.
func (w *world) possess(userKey, id string) {
	w.t.Helper()
	ctx := w.t.Context()
	for _, err := range []error{
		w.client.PutAccessRequests(ctx, &databroker.AccessRequests{UserKey: userKey, Requests: []databroker.AccessRequest{
			{ID: id, RouteID: "route-1", Grant: "dba", Reason: "on <b>call", State: databroker.AccessWaiting, CreatedAt: w.clock.now().Add(-time.Minute)},
		}}),
		w.client.PutGrant(ctx, &databroker.Grant{ID: id, UserKey: userKey, Name: "ops", GrantedAt: w.clock.now(), ExpiresAt: w.clock.now().Add(time.Hour)}),
		w.client.PutServiceAccount(ctx, &databroker.ServiceAccount{ID: id, Name: "robot", Owner: userKey, SessionID: "none", ExpiresAt: w.clock.now().Add(time.Hour)}),
	} {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	w.settle("what "+userKey+" has", func(m *summaries) bool { return m.requests[id] != nil && m.grants[id] != nil })
}

// lives reports whether a session is there.
func (w *world) lives(id string) bool {
	w.t.Helper()
	_, err := w.client.Session(w.t.Context(), id)
	if err != nil && !errors.Is(err, databroker.ErrNotFound) {
		w.t.Fatal(err)
	}
	return err == nil
}

// settle waits until the index has what was written.
func (w *world) settle(what string, seen func(*summaries) bool) {
	w.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		var ok bool
		if err := w.index.read(w.t.Context(), func(m *summaries) error { ok = seen(m); return nil }); err != nil {
			w.t.Fatal(err)
		}
		if ok {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: the index does not come to it", what)
		}
		<-tick.C
	}
}

// enrolls writes a device of a person's, as the person alone would, and puts it
// into their list. change may be nil.
func (w *world) enrolls(id, person string, change func(*databroker.Device)) *databroker.Device {
	w.t.Helper()
	d := &databroker.Device{
		ID: id, UserKey: databroker.UserKey("idp", person), Name: person + "'s key", Type: typeAny, Format: "none",
		CredentialID: []byte{1}, PublicKey: []byte{1}, EnrolledAt: w.clock.now(), LastUsedAt: w.clock.now(),
	}
	d.Note(databroker.DeviceEvent{At: w.clock.now(), What: databroker.DeviceEnrolled, From: "192.0.2.1"})
	if change != nil {
		change(d)
	}
	if err := w.client.PutDevice(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
	if user, err := w.client.User(w.t.Context(), d.UserKey); err == nil {
		next := user.Clone()
		next.DeviceIDs = append(next.DeviceIDs, id)
		if err := w.client.PutUser(w.t.Context(), next); err != nil {
			w.t.Fatal(err)
		}
	}
	w.settle("device "+id, func(m *summaries) bool { return m.devices[id] != nil })
	return d
}

// shown waits until the index has a session.
func (w *world) shown(id string) {
	w.t.Helper()
	w.settle("session "+id, func(m *summaries) bool { return m.sessions[id] != nil })
}

// assert signs an assertion about a session for a host.
func (w *world) assert(session, host string) string {
	w.t.Helper()
	raw, err := w.minter.Sign(map[string]any{
		"iss": host, "aud": host, "iat": w.clock.now().Unix(), "exp": w.clock.now().Add(assertion.Lifetime).Unix(),
		"sub": "whoever", "sid": session, "email": "admin@example.com", // of no account: records decide
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

// request makes one as it comes from Envoy, for the session's person.
func (w *world) request(session, method, target string, form url.Values) *http.Request {
	w.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.Host = consoleHost
	r.Header.Set("Accept", "text/html")
	r.Header.Set("X-Request-Id", "7f3c1a52-90b4-4d3e-8a55-0d6f2c1be9a4")
	r.Header.Set(headerAddress, "192.0.2.7")
	if session != "" {
		r.Header.Set(assertion.Header, w.assert(session, consoleHost))
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://"+consoleHost)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return r
}

func (w *world) serve(r *http.Request) *httptest.ResponseRecorder {
	out := httptest.NewRecorder()
	w.server.Handler().ServeHTTP(out, r)
	return out
}

// get opens a page, post sends a form with the token of the session.
func (w *world) get(session, target string) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.serve(w.request(session, http.MethodGet, target, nil))
}

func (w *world) post(session, target string, form url.Values) *httptest.ResponseRecorder {
	w.t.Helper()
	with := url.Values{"token": {w.server.token(Actor{SessionID: session})}}
	maps.Copy(with, form)
	return w.serve(w.request(session, http.MethodPost, target, with))
}

// as is somebody with a role.
func as(role Role) Actor {
	return Actor{Role: role, Via: ViaWeb, SessionID: "s", UserKey: "idp/" + role.String(), Email: role.String() + "@example.com"}
}
