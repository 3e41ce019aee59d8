package xds

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/cardea-proxy/cardea/config"
)

// envoyPath finds the real Envoy; there is no test without it.
func envoyPath(t testing.TB) string {
	t.Helper()
	path := os.Getenv("CARDEA_ENVOY")
	if path == "" {
		path = filepath.Join("..", "..", "build", "envoy", "envoy")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("this test runs the real Envoy: say \"make envoy\", or name one in CARDEA_ENVOY (%v)", err)
	}
	return path
}

// load reads a configuration as the program does.
func load(t testing.TB, yaml string) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(t.Context(), config.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// inputOf completes an input; every policy has the digest "digest".
func inputOf(c *config.Config, certificates ...*config.Certificate) Input {
	digests := make(map[string]string)
	for _, r := range c.Routes {
		digests[r.ID] = "digest"
	}
	return Input{
		Config:        c,
		Certificates:  certificates,
		PolicyDigests: digests,
		Sockets:       Sockets{Control: "/run/cardea/control.sock", HTTP: "/run/cardea/http.sock", Verify: "/run/cardea/verify.sock"},
		SystemCA:      "/etc/ssl/certs/ca-certificates.crt",
		IPv4Only:      true,
	}
}

// An authority signs certificates for a test.
type authority509 struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
}

func newAuthority(t testing.TB) *authority509 {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "test authority"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority509{key, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue signs a certificate for names; what looks like an address is one.
func (a *authority509) issue(t testing.TB, names ...string) *config.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: names[0]},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &config.Certificate{
		CertPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		KeyPEM:  config.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
		TLS:     tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		Leaf:    leaf,
	}
}

// sub signs an authority of its own.
func (a *authority509) sub(t testing.TB) *authority509 {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := *a.cert
	template.SerialNumber = big.NewInt(2)
	template.Subject = pkix.Name{CommonName: "test intermediate"}
	template.RawSubject, template.AuthorityKeyId, template.SubjectKeyId = nil, nil, nil
	der, err := x509.CreateCertificate(rand.Reader, &template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority509{key, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// revoke signs a revocation list, as PEM.
func (a *authority509) revoke(t testing.TB, serials ...*big.Int) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, serial := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: serial, RevocationTime: time.Now().Add(-time.Minute),
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// A house is a running Envoy with what stands around it: the snapshot on offer,
// an ext_authz service, our pages and the built-in upstream.
type house struct {
	t       testing.TB
	dir     string
	address string // of the main listener
	output  *lockedBuffer
	ads     *offer
	control *grpc.Server

	mu     sync.Mutex
	answer func(*authv3.CheckRequest) *authv3.CheckResponse
	asked  []*authv3.CheckRequest
}

// freeAddress returns a loopback address that nothing listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// open starts Envoy with the snapshot of in, whose address and sockets it sets.
func open(t testing.TB, in Input) *house {
	t.Helper()
	dir, err := os.MkdirTemp("", "xds") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &house{t: t, dir: dir, address: freeAddress(t), output: new(lockedBuffer)}
	h.ads = newOffer()
	h.serveControl()
	h.serveHTTP("http.sock", "pages")
	h.serveHTTP("verify.sock", "verify")
	h.apply(h.complete(in))
	h.startEnvoy()
	h.ads.wait(t, h.output)
	h.awaitListener()
	return h
}

// complete sets what depends on the machine.
func (h *house) complete(in Input) Input {
	c := *in.Config
	c.Address = h.address
	in.Config = &c
	in.Sockets = Sockets{
		Control: filepath.Join(h.dir, "control.sock"),
		HTTP:    filepath.Join(h.dir, "http.sock"),
		Verify:  filepath.Join(h.dir, "verify.sock"),
	}
	return in
}

func (h *house) apply(in Input) {
	h.t.Helper()
	s, err := Build(in)
	if err != nil {
		h.t.Fatal(err)
	}
	h.ads.set(h.t, s)
}

func (h *house) startEnvoy() {
	h.t.Helper()
	bootstrap := fmt.Sprintf(`
node: {id: test, cluster: test}
admin: {address: {pipe: {path: %q}}}
layered_runtime: {layers: [{name: static, static_layer: {re2.max_program_size.error_level: 1048576, re2.max_program_size.warn_level: 1000}}]}
dynamic_resources:
  ads_config: {api_type: DELTA_GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: ads}}]}
  cds_config: {resource_api_version: V3, ads: {}}
  lds_config: {resource_api_version: V3, ads: {}}
static_resources:
  clusters:
  - name: ads
    load_assignment: {cluster_name: ads, endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: %q}}}}]}]}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
`, filepath.Join(h.dir, "admin.sock"), filepath.Join(h.dir, "control.sock"))
	file := filepath.Join(h.dir, "bootstrap.yaml")
	if err := os.WriteFile(file, []byte(bootstrap), 0o600); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, envoyPath(h.t), "-c", file, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warn")
	cmd.Stdout, cmd.Stderr = h.output, h.output
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if h.t.Failed() {
			h.t.Logf("envoy said:\n%s", h.output)
		}
	})
}

// awaitListener returns once the main listener accepts connections: Envoy says
// yes to a listener a moment before its workers have it.
func (h *house) awaitListener() {
	h.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-tick.C {
		if c, err := net.Dial("tcp", h.address); err == nil {
			c.Close()
			return
		}
	}
	h.t.Fatalf("envoy does not listen\n%s", h.output)
}

// serveControl runs xDS and ext_authz on one socket, as the program does.
func (h *house) serveControl() {
	h.t.Helper()
	l, err := net.Listen("unix", filepath.Join(h.dir, "control.sock"))
	if err != nil {
		h.t.Fatal(err)
	}
	s := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(s, server.NewServer(context.Background(), h.ads.cache, h.ads.callbacks()))
	authv3.RegisterAuthorizationServer(s, h)
	h.control = s
	go s.Serve(l)
	h.t.Cleanup(s.Stop)
}

// serveHTTP answers on a socket with its name, and what it received.
func (h *house) serveHTTP(socket, name string) {
	h.t.Helper()
	l, err := net.Listen("unix", filepath.Join(h.dir, socket))
	if err != nil {
		h.t.Fatal(err)
	}
	s := &http.Server{Handler: echo(name)}
	go s.Serve(l)
	h.t.Cleanup(func() { s.Close() })
}

// echo answers with its name and the request as it came.
func echo(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Served-By", name)
		for _, cookie := range r.Header["X-Want-Set-Cookie"] {
			w.Header().Add("Set-Cookie", cookie)
		}
		if location := r.Header.Get("X-Want-Location"); location != "" {
			w.Header().Set("Location", location)
		}
		fmt.Fprintf(w, "%s %s %s\nHost: %s\n", r.Method, r.RequestURI, r.Proto, r.Host)
		r.Header.Write(w)
		io.Copy(io.Discard, r.Body) // trailers come behind it
		for name, values := range r.Trailer {
			fmt.Fprintf(w, "Trailer-%s: %s\n", name, strings.Join(values, ","))
		}
	})
}

// upstream starts an upstream that echoes, and returns its host and port.
func upstream(t testing.TB, name string) string {
	t.Helper()
	return serve(t, echo(name))
}

func serve(t testing.TB, handler http.Handler) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// h2cUpstream is upstream in HTTP/2 without TLS.
func h2cUpstream(t testing.TB) string {
	t.Helper()
	s := httptest.NewUnstartedServer(echo("h2c"))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// Check implements ext_authz: yes, unless the test says otherwise.
func (h *house) Check(_ context.Context, in *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	h.mu.Lock()
	h.asked = append(h.asked, in)
	answer := h.answer
	h.mu.Unlock()
	if answer != nil {
		if out := answer(in); out != nil {
			return out, nil
		}
	}
	return allow(), nil
}

// onCheck sets what ext_authz answers; nil from it means yes.
func (h *house) onCheck(answer func(*authv3.CheckRequest) *authv3.CheckResponse) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

// questions returns what ext_authz was asked since the last call.
func (h *house) questions() []*authv3.CheckRequest {
	h.mu.Lock()
	defer h.mu.Unlock()
	asked := h.asked
	h.asked = nil
	return asked
}

// allow sets the given headers on the request: name, value, ...
func allow(headers ...string) *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{}
	for i := 0; i+1 < len(headers); i += 2 {
		ok.Headers = append(ok.Headers, option(headers[i], headers[i+1]))
	}
	return &authv3.CheckResponse{
		Status:       &rpcstatus.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok},
	}
}

// deny answers with a status, a body and headers.
func deny(status int, body string, headers ...string) *authv3.CheckResponse {
	denied := &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: typev3.StatusCode(status)}, Body: body}
	for i := 0; i+1 < len(headers); i += 2 {
		denied.Headers = append(denied.Headers, option(headers[i], headers[i+1]))
	}
	return &authv3.CheckResponse{
		Status:       &rpcstatus.Status{Code: int32(codes.PermissionDenied)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: denied},
	}
}

func option(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD,
	}
}

// An offer serves snapshots and knows whether Envoy took the last one.
type offer struct {
	cache cache.SnapshotCache

	mu      sync.Mutex
	number  int
	refusal string
	taken   map[string]bool
	changed chan struct{}
}

type anyNode struct{}

func (anyNode) ID(*corev3.Node) string { return "envoy" }

func newOffer() *offer {
	return &offer{
		cache:   cache.NewSnapshotCache(true, anyNode{}, nil),
		taken:   make(map[string]bool),
		changed: make(chan struct{}, 1),
	}
}

func (o *offer) set(t testing.TB, s *Snapshot) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.number++
	o.taken, o.refusal = make(map[string]bool), ""
	resources := make(map[resource.Type][]types.Resource)
	for typeURL, list := range s.Resources() {
		for _, r := range list {
			resources[typeURL] = append(resources[typeURL], r.Message)
		}
	}
	snapshot, err := cache.NewSnapshot(fmt.Sprint(o.number), resources)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.cache.SetSnapshot(context.Background(), "envoy", snapshot); err != nil {
		t.Fatal(err)
	}
}

func (o *offer) callbacks() server.Callbacks {
	return server.CallbackFuncs{StreamDeltaRequestFunc: func(_ int64, r *discoveryv3.DeltaDiscoveryRequest) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		switch {
		case r.GetErrorDetail() != nil:
			o.refusal = r.TypeUrl + ": " + r.GetErrorDetail().GetMessage()
		case r.ResponseNonce != "":
			o.taken[r.TypeUrl] = true
		}
		select {
		case o.changed <- struct{}{}:
		default:
		}
		return nil
	}}
}

const (
	clusterType = string(resource.ClusterType)
	routeType   = string(resource.RouteType)
)

// wait returns once Envoy has taken listeners, clusters and routes.
func (o *offer) wait(t testing.TB, output fmt.Stringer) {
	t.Helper()
	o.waitFor(t, output, "the snapshot", func(taken map[string]bool) bool {
		return taken[resource.ListenerType] && taken[clusterType] && taken[routeType]
	})
}

// waitFor returns once what Envoy has taken since the last set is enough.
func (o *offer) waitFor(t testing.TB, output fmt.Stringer, what string, enough func(map[string]bool) bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for {
		o.mu.Lock()
		refusal, done := o.refusal, enough(o.taken)
		o.mu.Unlock()
		switch {
		case refusal != "":
			t.Fatalf("envoy refuses: %s", refusal)
		case done:
			return
		}
		select {
		case <-o.changed:
		case <-deadline.C:
			t.Fatalf("envoy has not taken %s\n%s", what, output)
		}
	}
}

// A lockedBuffer holds what Envoy prints.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
