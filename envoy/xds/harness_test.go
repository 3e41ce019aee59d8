package xds

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"

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
		Sockets:       Sockets{Control: "/run/cardea/control.sock", Leash: "/run/cardea/leash.sock", HTTP: "/run/cardea/http.sock", Verify: "/run/cardea/verify.sock", Console: "/run/cardea/console.sock"},
		SystemCA:      "/etc/ssl/certs/ca-certificates.crt",
		IPv4Only:      true,
	}
}

// A house is a running Envoy with what stands around it: the snapshot on offer,
// an ext_authz service, our pages and the built-in upstream.
type house struct {
	doorway // the main listener

	t       testing.TB
	dir     string
	console doorway // the console's own listener, if there is one
	output  *lockedBuffer
	ads     *offer
	control *grpc.Server
	leashes *leashes

	snapshot *Snapshot // on offer

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
	h := &house{t: t, dir: dir, doorway: doorway{freeAddress(t)}, console: doorway{freeAddress(t)}, output: new(lockedBuffer)}
	h.ads = newOffer()
	h.serveControl()
	h.leashes = serveLeashes(t, filepath.Join(dir, "leash.sock"))
	h.serveHTTP("http.sock", "pages")
	h.serveHTTP("verify.sock", "verify")
	h.serveHTTP("console.sock", "console")
	h.apply(h.complete(in))
	h.startEnvoy()
	h.ads.wait(t, h.output)
	h.awaitListener(h.doorway)
	if in.Config.ConsoleApart() {
		h.awaitListener(h.console)
	}
	return h
}

// complete sets what depends on the machine.
func (h *house) complete(in Input) Input {
	c := *in.Config
	c.Address = h.address
	if c.ConsoleApart() {
		c.Console.Address = h.console.address
	}
	in.Config = &c
	in.Sockets = Sockets{
		Control: filepath.Join(h.dir, "control.sock"),
		Leash:   filepath.Join(h.dir, "leash.sock"),
		HTTP:    filepath.Join(h.dir, "http.sock"),
		Verify:  filepath.Join(h.dir, "verify.sock"),
		Console: filepath.Join(h.dir, "console.sock"),
	}
	return in
}

func (h *house) apply(in Input) {
	h.t.Helper()
	s, err := Build(in)
	if err != nil {
		h.t.Fatal(err)
	}
	h.snapshot = s
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

// awaitListener returns once a listener accepts connections: Envoy says
// yes to a listener a moment before its workers have it.
func (h *house) awaitListener(d doorway) {
	h.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-tick.C {
		if c, err := net.Dial("tcp", d.address); err == nil {
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
	s := &http.Server{Handler: echo(name), Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true) // the console's
	go s.Serve(l)
	h.t.Cleanup(func() { s.Close() })
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
