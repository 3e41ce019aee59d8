package authorize

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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

	"google.golang.org/grpc"

	"github.com/cardea-proxy/cardea/config"
)

// envoyBinary finds the Envoy that "make envoy" fetched.
func envoyBinary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("CARDEA_ENVOY")
	if path == "" {
		path = filepath.Join("..", "build", "envoy", "envoy")
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("this test runs Envoy: run \"make envoy\" or name one in CARDEA_ENVOY (%v)", err)
	}
	return path
}

// bootstrap is the least Envoy that asks us: one plain listener, two routes and
// a path of our own. %d is the port, %q the socket, %d the port of the upstream.
const bootstrap = `{
"static_resources": {
 "listeners": [{"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": %d}},
  "filter_chains": [{"filters": [{"name": "hcm", "typed_config": {
   "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
   "stat_prefix": "l", "normalize_path": true, "merge_slashes": true, "use_remote_address": true,
   "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [
    {"match": {"prefix": "/.pomerium"}, "route": {"cluster": "up"}, "typed_per_filter_config": {"authz": {
     "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
     "check_settings": {"context_extensions": {"internal": "true"}}}}},
    {"match": {"prefix": "/open"}, "route": {"cluster": "up"}, "typed_per_filter_config": {"authz": {
     "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
     "check_settings": {"context_extensions": {"route_id": "open"}}}}},
    {"match": {"prefix": "/cert"}, "route": {"cluster": "up"}, "typed_per_filter_config": {"authz": {
     "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
     "check_settings": {"context_extensions": {"route_id": "cert"}}}}},
    {"match": {"prefix": "/"}, "route": {"cluster": "up"}, "typed_per_filter_config": {"authz": {
     "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
     "check_settings": {"context_extensions": {"route_id": "app"}}}}}]}]},
   "http_filters": [
    {"name": "authz", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
     "transport_api_version": "V3", "status_on_error": {"code": "ServiceUnavailable"}, "validate_mutations": true,
     "grpc_service": {"timeout": "5s", "envoy_grpc": {"cluster_name": "authz"}}}},
    {"name": "router", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}],
 "clusters": [
  {"name": "authz", "load_assignment": {"cluster_name": "authz", "endpoints": [{"lb_endpoints": [
    {"endpoint": {"address": {"pipe": {"path": %q}}}}]}]},
   "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    "explicit_http_config": {"http2_protocol_options": {}}}}},
  {"name": "up", "load_assignment": {"cluster_name": "up", "endpoints": [{"lb_endpoints": [
    {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": %d}}}}]}]}}]}}`

// throughEnvoy serves h to a running Envoy and returns the address to ask.
func throughEnvoy(t *testing.T, h *house) (url string) {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(r.Header)
	}))
	t.Cleanup(upstream.Close)
	dir, err := os.MkdirTemp("", "authz") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.ForceServerCodecV2(Codec()))
	h.Register(g)
	var serving sync.WaitGroup
	serving.Go(func() { _ = g.Serve(listener) })
	t.Cleanup(func() { g.Stop(); serving.Wait() })

	port := freePort(t)
	conf := filepath.Join(dir, "envoy.json")
	text := fmt.Sprintf(bootstrap, port, socket, upstream.Listener.Addr().(*net.TCPAddr).Port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var said syncBuffer
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	envoy := exec.CommandContext(ctx, envoyBinary(t), "-c", conf, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warn")
	envoy.Stdout, envoy.Stderr = &said, &said
	if err := envoy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = envoy.Wait() })
	address := fmt.Sprintf("127.0.0.1:%d", port)
	awaitListener(t, address, &said)
	return "http://" + address
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func awaitListener(t *testing.T, address string, said fmt.Stringer) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1500 {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return
		}
		<-tick.C
	}
	t.Fatalf("Envoy does not listen:\n%s", said)
}

// get asks Envoy and returns the answer with its body; headers are pairs.
func get(t *testing.T, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "app.example"
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// TestThroughEnvoy reads our answers as clients and upstreams see them, behind
// a real Envoy.
func TestThroughEnvoy(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice, "open": rulePublic, "cert": rulePublic}, func(c *config.Config) {
		c.JWTClaimsHeaders = config.ClaimHeaders{"x-name": "name", "x-none": "nothing", "x-evil": "evil"}
		routeOf(c, "cert").Policy.DenyInvalidClientCertificate = true
		c.ClientCA = newAuthority(t, "root").pem()
	})
	alice := h.records.sessions["s-alice"]
	h.records.users[alice.UserKey()].Name = "Zoë 山田"
	alice.Claims["evil"] = "x\r\nX-Admin: 1"
	h.signIn("s-eve", "eve", "eve@corp.example")
	base := throughEnvoy(t, h)
	cookie := h.cookie("s-alice", "app.example")

	t.Run("identity takes the place of what the client sent", func(t *testing.T) {
		resp, body := get(t, "GET", base+"/x", "Cookie", cookie, "X-Name", "Admin", "X-Name", "Root", "X-None", "spoofed",
			"X-Pomerium-Jwt-Assertion", "spoofed", "X-Evil", "spoofed")
		if resp.StatusCode != 200 {
			t.Fatalf("status %d: %s", resp.StatusCode, body)
		}
		var got http.Header
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"X-Name": "Zoë 山田", "X-None": "", "X-Evil": ""} {
			if values := got[name]; len(values) != 1 || values[0] != want {
				t.Errorf("%s = %q, want only %q", name, values, want)
			}
		}
		if values := got["X-Pomerium-Jwt-Assertion"]; len(values) != 1 || h.claimsOf(values[0])["sub"] != "alice" {
			t.Errorf("assertion %q", values)
		}
		if got["X-Admin"] != nil {
			t.Error("a claim has set a header of its own")
		}
	})
	for _, tc := range []struct {
		name, method, path string
		headers            []string
		status             int
		want               map[string]string
		body               string
	}{
		{"nobody is sent to sign in", "GET", "/x?y=1", []string{"Accept", "text/html"}, 302, map[string]string{"Cache-Control": "no-store"}, ""},
		{"a form is sent to sign in", "POST", "/x", []string{"Accept", "text/html"}, 302, nil, ""},
		{"a script is told", "GET", "/", []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, 401,
			map[string]string{"Content-Type": "application/problem+json", "Www-Authenticate": `Pomerium realm="cardea"`}, `"sign_in_needed"`},
		{"who may not gets a page", "GET", "/", []string{"Accept", "text/html", "Cookie", h.cookie("s-eve", "app.example")}, 403,
			map[string]string{"Content-Type": "text/html; charset=utf-8", "X-Frame-Options": "DENY"}, "eve@corp.example"},
		{"who lacks a certificate gets 495", "GET", "/cert", []string{"Accept", "application/json"}, 495, nil, `"certificate_needed"`},
		{"gRPC gets its status", "POST", "/x", []string{"Content-Type", "application/grpc", "Te", "trailers"}, 200,
			map[string]string{"Content-Type": "application/grpc", "Grpc-Status": "16"}, ""},
		{"a doubtful path is refused", "GET", "/open/%2e%2e;x=1/y", nil, 400, nil, ""},
		{"dot segments are resolved before we are asked", "GET", "/open/%2e%2e/x", []string{"Sec-Fetch-Mode", "cors"}, 401, nil, ""},
		{"the open route is open", "GET", "/open/..x", nil, 200, nil, ""},
		{"crawlers are sent away", "GET", "/robots.txt", nil, 200, nil, "Disallow: /"},
		{"our own path passes", "GET", "/.pomerium/", nil, 200, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, body := get(t, tc.method, base+tc.path, tc.headers...)
			if resp.StatusCode != tc.status || !strings.Contains(body, tc.body) {
				t.Errorf("status %d, want %d; the body should hold %q:\n%s", resp.StatusCode, tc.status, tc.body, body)
			}
			for name, want := range tc.want {
				if got := resp.Header.Values(name); len(got) != 1 || got[0] != want {
					t.Errorf("%s = %q, want only %q", name, got, want)
				}
			}
		})
	}
	t.Run("a cookie is set beside the redirect", func(t *testing.T) {
		resp, _ := get(t, "GET", base+"/", "Accept", "text/html")
		if c := resp.Cookies(); len(c) != 1 || c[0].Name != "__Host-_pomerium_binder" || resp.Header.Get("Location") == "" {
			t.Errorf("cookies %v, location %q", c, resp.Header.Get("Location"))
		}
	})
	t.Run("who cannot be asked lets nobody in", func(t *testing.T) {
		h.sessions = nil // every check with a ticket panics now
		if resp, _ := get(t, "GET", base+"/", "Cookie", cookie); resp.StatusCode != 503 {
			t.Errorf("status %d, want 503", resp.StatusCode)
		}
	})
}
