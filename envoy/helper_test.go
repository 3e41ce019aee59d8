package envoy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	accesslog "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	accessfile "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	router "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// binary returns the Envoy to test with.
func binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("CARDEA_ENVOY"); path != "" {
		return path
	}
	path, err := filepath.Abs("../build/envoy/envoy")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(`no Envoy to test with: run "make envoy" first, or set CARDEA_ENVOY`)
	}
	return path
}

// shortDir is a temporary folder whose path leaves room for a socket's name.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cardea")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// lockedBuffer takes what several goroutines write.
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

// house is a running Envoy with its ADS, and what it wrote.
type house struct {
	ads     *ADS
	process *Process
	port    int
	out     *lockedBuffer
	stop    func() error // ends Run and returns what it returned
}

func newHouse(t testing.TB, change func(*Options, *ADSOptions)) *house {
	t.Helper()
	dir := shortDir(t)
	h := &house{port: freePort(t), out: &lockedBuffer{}}
	log := zerolog.New(h.out)
	served := ADSOptions{Log: log}
	options := Options{
		Path: binary(t), Dir: dir, ControlSocket: filepath.Join(dir, "control.sock"), Concurrency: 1,
		AccessLog: h.out, Log: log, DrainTime: 2 * time.Second,
	}
	if change != nil {
		change(&options, &served)
	}
	h.ads = NewADS(served)
	serveADS(t, options.ControlSocket, h.ads)
	process, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	h.process = process
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- process.Run(ctx) }()
	h.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if t.Failed() {
			t.Logf("what Envoy wrote:\n%s", h.out)
		}
	})
	return h
}

func serveADS(t testing.TB, socket string, ads *ADS) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	ads.Register(server)
	go server.Serve(l)
	t.Cleanup(server.Stop)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// get asks the house's listener and returns status and body.
func (h *house) get(path string) (int, string, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d%s", h.port, path))
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// wantGet fails unless the house answers with the body.
func (h *house) wantGet(t testing.TB, path, want string) {
	t.Helper()
	status, body, err := h.get(path)
	if err != nil || status != 200 || body != want {
		t.Fatalf("GET %s: status %d, body %q, error %v; want 200 and %q", path, status, body, err, want)
	}
}

// eventually waits until ok says true.
func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// application is an upstream that says its name, and waits at /slow until let go.
func application(t testing.TB, name string, slow <-chan struct{}) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			w.(http.Flusher).Flush()
			<-slow
		}
		io.WriteString(w, name)
	}))
	t.Cleanup(s.Close)
	return s
}

// Resources of a small configuration, made as a person would say them.

func res(t testing.TB, name string, m proto.Message) Resource {
	t.Helper()
	b, err := cache.MarshalResource(m)
	if err != nil {
		t.Fatal(err)
	}
	return Resource{Name: name, Version: cache.HashResource(b), Message: m}
}

func pack(t testing.TB, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func socketAddress(port int) *core.Address {
	return &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
		Address: "127.0.0.1", PortSpecifier: &core.SocketAddress_PortValue{PortValue: uint32(port)},
	}}}
}

func clusterTo(t testing.TB, name string, upstream *httptest.Server) Resource {
	t.Helper()
	port := upstream.Listener.Addr().(*net.TCPAddr).Port
	return res(t, name, &cluster.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_STATIC},
		LoadAssignment: &endpoint.ClusterLoadAssignment{
			ClusterName: name,
			Endpoints: []*endpoint.LocalityLbEndpoints{{LbEndpoints: []*endpoint.LbEndpoint{{
				HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{Address: socketAddress(port)}},
			}}}},
		},
	})
}

func routesTo(t testing.TB, name, clusterName string) Resource {
	t.Helper()
	return res(t, name, &route.RouteConfiguration{
		Name: name,
		VirtualHosts: []*route.VirtualHost{{Name: "all", Domains: []string{"*"}, Routes: []*route.Route{{
			Match: &route.RouteMatch{PathSpecifier: &route.RouteMatch_Prefix{Prefix: "/"}},
			Action: &route.Route_Route{Route: &route.RouteAction{
				ClusterSpecifier: &route.RouteAction_Cluster{Cluster: clusterName},
			}},
		}}}},
	})
}

func listenerOn(t testing.TB, name string, port int, routes string) Resource {
	t.Helper()
	manager := &hcm.HttpConnectionManager{
		StatPrefix: "ingress",
		RouteSpecifier: &hcm.HttpConnectionManager_Rds{Rds: &hcm.Rds{
			RouteConfigName: routes,
			ConfigSource: &core.ConfigSource{
				ResourceApiVersion:    core.ApiVersion_V3,
				ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}},
			},
		}},
		HttpFilters: []*hcm.HttpFilter{{
			Name:       "envoy.filters.http.router",
			ConfigType: &hcm.HttpFilter_TypedConfig{TypedConfig: pack(t, &router.Router{})},
		}},
		AccessLog: []*accesslog.AccessLog{{
			Name: "envoy.access_loggers.file",
			ConfigType: &accesslog.AccessLog_TypedConfig{TypedConfig: pack(t, &accessfile.FileAccessLog{
				Path: "/dev/stdout",
				AccessLogFormat: &accessfile.FileAccessLog_LogFormat{LogFormat: &core.SubstitutionFormatString{
					Format: &core.SubstitutionFormatString_TextFormatSource{TextFormatSource: &core.DataSource{
						Specifier: &core.DataSource_InlineString{InlineString: "access %REQ(:PATH)%\n"},
					}},
				}},
			})},
		}},
	}
	return res(t, name, &listener.Listener{
		Name:    name,
		Address: socketAddress(port),
		FilterChains: []*listener.FilterChain{{Filters: []*listener.Filter{{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listener.Filter_TypedConfig{TypedConfig: pack(t, manager)},
		}}}},
	})
}

// simple is one listener whose every request goes to the upstream.
func (h *house) simple(t testing.TB, upstream *httptest.Server) Resources {
	t.Helper()
	return Resources{
		resource.ClusterType:  {clusterTo(t, "app", upstream)},
		resource.RouteType:    {routesTo(t, "routes", "app")},
		resource.ListenerType: {listenerOn(t, "web", h.port, "routes")},
	}
}
