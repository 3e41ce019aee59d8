package e2e

import (
	"crypto/tls"
	"strings"
	"sync"
	"testing"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// A person is somebody whom the test provider signs in.
type person = testidp.User

// People whom the test provider knows.
var (
	ann = person{Sub: "sub-ann", Email: "ann@corp.example", Name: "Ann", Groups: []string{"eng", "admins"},
		Claims: map[string]any{"email_verified": true, "dept": "tools"}}
	bob = person{Sub: "sub-bob", Email: "bob@other.example", Name: "Bob", Groups: []string{"sales"},
		Claims: map[string]any{"email_verified": true}}
)

// shared is the instance that most tests ask, with what stands around it. It is
// started by the first test that wants it and ended by TestMain.
var shared sharedInstance

type sharedInstance struct {
	household
	once   sync.Once
	root   *keyPair // of the instance's certificates and of upstreams with TLS
	plain  *upstream
	second *upstream
	tls    *upstream
	mutual *upstream // demands a client certificate of root
	grpc   string    // address of an upstream that speaks gRPC
	echo   string    // address of one that speaks TCP
	ends   []func()

	mu      sync.Mutex
	clients map[string]*client
}

// people is what every configuration of these tests says about signing in.
func people(idp *testidp.IDP) string {
	return `
idp_provider: oidc
idp_provider_url: ` + idp.Issuer() + `
idp_client_id: cardea
idp_client_secret: client secret
authenticate_service_url: https://authenticate.localhost:$PORT
`
}

// use returns the shared instance, started.
func use(t testing.TB) *sharedInstance {
	t.Helper()
	shared.once.Do(func() { shared.start(t) })
	if shared.in == nil {
		t.Fatal("the shared instance did not start; see the first test that wanted it")
	}
	return &shared
}

func (s *sharedInstance) start(t testing.TB) {
	t.Helper()
	var err error
	if s.idp, err = testidp.Listen(testidp.Options{}); err != nil {
		t.Fatal(err)
	}
	s.clients = make(map[string]*client)
	s.root = newAuthority(t, "test root")
	s.plain, s.second = newUpstream("plain", nil), newUpstream("second", nil)
	server := s.root.server(t, "upstream.internal", "127.0.0.1").tls()
	s.tls = newUpstream("tls", &tls.Config{Certificates: []tls.Certificate{server}})
	s.mutual = newUpstream("mutual", &tls.Config{
		Certificates: []tls.Certificate{server}, ClientCAs: s.root.pool(), ClientAuth: tls.RequireAndVerifyClientCert,
	})
	grpcAddress, stopGRPC := serveGRPC(t)
	echoAddress, stopEcho := serveTCP(t)
	s.grpc, s.echo, s.ends = grpcAddress, echoAddress, []func(){stopGRPC, stopEcho}
	in := install(t, "")
	in.roots = s.root.pool()
	for name, pair := range map[string]*keyPair{
		"local":   s.root.server(t, "*.localhost", "*.wild.localhost", "*.deep.wild.localhost"),
		"example": s.root.server(t, "apart.example", "beside.example"),
		"client":  s.root.client(t, "cardea itself", nil),
	} {
		in.writeFile(t, name+".pem", pair.certPEM())
		in.writeFile(t, name+"-key.pem", pair.keyPEM(t))
	}
	in.writeFile(t, "root.pem", s.root.certPEM())
	in.write(t, s.configuration())
	in.start(t)
	s.in = in
}

func (s *sharedInstance) configuration() string {
	text := people(s.idp) + `
certificates:
  - {cert: $DIR/local.pem, key: $DIR/local-key.pem}
  - {cert: $DIR/example.pem, key: $DIR/example-key.pem}
jwt_claims_headers: {x-email: email, x-dept: dept, x-none: nothing}
programmatic_redirect_domain_whitelist: [localhost, tools.example]
authorize_log_fields: [request-id, check-request-id, method, path, host, ip, session-id, user, email, route-id, route-checksum]
runtime_flags: {pomerium_jwt_endpoint: true}
policy:
  - {from: https://lists.localhost, prefix: /first, to: 'http://$SECOND', allow_public_unauthenticated_access: true}
routes:
` + routesForStreams + routesForPolicies + routesForSessions + routesForAttacks + routesForCleaning
	for _, story := range routingStories {
		text += story.routes
	}
	return strings.NewReplacer(
		"$ROOT", base64Of(s.root.certPEM()), "$TLS", s.tls.address(), "$MUTUAL", s.mutual.address(),
		"$PLAIN", s.plain.address(), "$SECOND", s.second.address(), "$DEAD", "127.0.0.1:9", "$GRPC", s.grpc, "$ECHO", s.echo,
	).Replace(text)
}

func (s *sharedInstance) stop() {
	if s.in == nil {
		return
	}
	s.in.remove()
	s.idp.Close()
	for _, end := range s.ends {
		end()
	}
	for _, u := range []*upstream{s.plain, s.second, s.tls, s.mutual} {
		u.server.CloseClientConnections()
		u.server.Close()
	}
}

// as returns a client in which a person has signed in; it is shared, and no
// test may sign it out. A client of HTTP/1.1 and one of HTTP/2 are two.
func (s *sharedInstance) as(t testing.TB, who person, o clientOptions) *client {
	t.Helper()
	key := who.Sub
	if o.http2 {
		key += "/2"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients[key] == nil {
		s.clients[key] = s.signIn(t, who, o)
	}
	return s.clients[key]
}
