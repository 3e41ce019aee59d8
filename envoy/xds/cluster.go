package xds

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cardea-proxy/cardea/config"
)

// connectTimeout bounds how long an upstream takes to accept a connection.
const connectTimeout = 10 * time.Second

// httpOptions is where a cluster says which HTTP it speaks.
const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

// clusterName is how logs and metrics call the upstream of a route.
func clusterName(r *config.Route) string {
	if r.Name != "" {
		return r.Name + "-" + r.ID
	}
	return "route-" + r.ID
}

// clusters are our own parts, and one for each route that goes somewhere.
func (b *builder) clusters() map[string]proto.Message {
	all := make(map[string]proto.Message, len(b.c.Routes)+3)
	b.put(all, b.authorizeCluster())
	b.put(all, b.leashCluster())
	b.put(all, b.httpCluster())
	for _, r := range b.c.Routes {
		if r.Redirect == nil && r.Response == nil && (len(r.To) > 0 || r.Verify || r.Console) {
			b.put(all, b.routeCluster(r))
		}
	}
	return all
}

func (b *builder) routeCluster(r *config.Route) *clusterv3.Cluster {
	c := &clusterv3.Cluster{
		Name:                          clusterName(r),
		ConnectTimeout:                durationpb.New(connectTimeout),
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(bufferLimit),
		LbPolicy:                      lbPolicy(r.LoadBalancingPolicy),
		CircuitBreakers:               circuitBreakers(b.c.CircuitBreakerThresholds, r.CircuitBreakerThresholds),
		HealthChecks:                  b.healthChecks(r),
		OutlierDetection:              outlierDetection(r.OutlierDetection),
		UpstreamBindConfig:            b.bindConfig(),
	}
	if r.HealthyPanicThreshold != nil {
		c.CommonLbConfig = &clusterv3.Cluster_CommonLbConfig{
			HealthyPanicThreshold: &typev3.Percent{Value: float64(*r.HealthyPanicThreshold)},
		}
	}
	switch {
	case r.Console:
		if b.Sockets.Console == "" {
			b.fail("route %s: no socket for the console", r.From)
		}
		static(c, pipeEndpoint(b.Sockets.Console))
	case r.Verify && len(r.To) == 0:
		if b.Sockets.Verify == "" {
			b.fail("route %s: no socket for the built-in upstream", r.From)
		}
		static(c, pipeEndpoint(b.Sockets.Verify))
	default:
		b.endpoints(r, c)
	}
	if protocol := b.protocol(r); protocol != tunnelled {
		c.TypedExtensionProtocolOptions = map[string]*anypb.Any{httpOptions: b.upstreamHTTP(protocol)}
	}
	return c
}

// A protocol is the HTTP spoken with an upstream.
type protocol string

const (
	tunnelled protocol = "" // none: bytes go through
	onlyHTTP1 protocol = "http1"
	onlyHTTP2 protocol = "http2"
	byALPN    protocol = "alpn" // what the TLS handshake agrees on
)

// protocol chooses the HTTP for a route's upstreams. Upgrades need HTTP/1.1:
// few servers know them in HTTP/2.
func (b *builder) protocol(r *config.Route) protocol {
	if r.Console { // it has gRPC
		return onlyHTTP2
	}
	encrypted := len(r.To) > 0
	for _, to := range r.To {
		switch to.URL.Scheme {
		case "tcp":
			return tunnelled
		case "h2c":
			return onlyHTTP2
		}
		encrypted = encrypted && to.TLS()
	}
	if encrypted && !r.IsTCP() && len(r.Upgrades(b.c)) == 0 {
		return byALPN
	}
	return onlyHTTP1
}

// upstreamHTTP are the settings of a protocol.
func (b *builder) upstreamHTTP(p protocol) *anypb.Any {
	return once(b, "upstream "+string(p), func() *anypb.Any {
		o := &httpv3.HttpProtocolOptions{CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			MaxHeadersCount:      wrapperspb.UInt32(maxHeaders),
			MaxResponseHeadersKb: wrapperspb.UInt32(maxHeaderKiB),
		}}
		switch p {
		case onlyHTTP2:
			o.UpstreamProtocolOptions = explicit(&httpv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
					Http2ProtocolOptions: upstreamHTTP2(),
				},
			})
		case byALPN:
			o.UpstreamProtocolOptions = &httpv3.HttpProtocolOptions_AutoConfig{
				AutoConfig: &httpv3.HttpProtocolOptions_AutoHttpConfig{
					HttpProtocolOptions:  &corev3.Http1ProtocolOptions{},
					Http2ProtocolOptions: upstreamHTTP2(),
				},
			}
		default:
			o.UpstreamProtocolOptions = explicit(&httpv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{
					HttpProtocolOptions: &corev3.Http1ProtocolOptions{},
				},
			})
		}
		return b.any(o)
	})
}

func explicit(c *httpv3.HttpProtocolOptions_ExplicitHttpConfig) *httpv3.HttpProtocolOptions_ExplicitHttpConfig_ {
	return &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: c}
}

func upstreamHTTP2() *corev3.Http2ProtocolOptions {
	return &corev3.Http2ProtocolOptions{
		InitialStreamWindowSize:     wrapperspb.UInt32(streamWindow),
		InitialConnectionWindowSize: wrapperspb.UInt32(connectionWindow),
		AllowConnect:                true,
	}
}

func lbPolicy(p config.LoadBalancingPolicy) clusterv3.Cluster_LbPolicy {
	switch p {
	case config.LBMaglev:
		return clusterv3.Cluster_MAGLEV
	case config.LBRandom:
		return clusterv3.Cluster_RANDOM
	case config.LBRingHash:
		return clusterv3.Cluster_RING_HASH
	case config.LBLeastRequest:
		return clusterv3.Cluster_LEAST_REQUEST
	}
	return clusterv3.Cluster_ROUND_ROBIN
}

// circuitBreakers takes each limit from the route, else from the globals, else
// leaves it to Envoy.
func circuitBreakers(global, route *config.CircuitBreaker) *clusterv3.CircuitBreakers {
	if global == nil && route == nil {
		return nil
	}
	t := new(clusterv3.CircuitBreakers_Thresholds)
	for _, limits := range []*config.CircuitBreaker{global, route} {
		if limits == nil {
			continue
		}
		limit(&t.MaxConnections, limits.MaxConnections)
		limit(&t.MaxPendingRequests, limits.MaxPendingRequests)
		limit(&t.MaxRequests, limits.MaxRequests)
		limit(&t.MaxRetries, limits.MaxRetries)
		limit(&t.MaxConnectionPools, limits.MaxConnectionPools)
	}
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{t}}
}

func limit(p **wrapperspb.UInt32Value, value *uint32) {
	if value != nil {
		*p = wrapperspb.UInt32(*value)
	}
}

// bindConfig is the address that connections to upstreams come from; nil
// leaves it to the system.
func (b *builder) bindConfig() *corev3.BindConfig {
	if b.c.EnvoyBindConfigSourceAddress == "" && b.c.EnvoyBindConfigFreebind == nil {
		return nil
	}
	bind := &corev3.BindConfig{SourceAddress: &corev3.SocketAddress{
		Address:       "0.0.0.0",
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 0},
	}}
	if b.c.EnvoyBindConfigSourceAddress != "" {
		bind.SourceAddress.Address = b.c.EnvoyBindConfigSourceAddress
	}
	if b.c.EnvoyBindConfigFreebind != nil {
		bind.Freebind = wrapperspb.Bool(*b.c.EnvoyBindConfigFreebind)
	}
	return bind
}

// static gives a cluster fixed endpoints.
func static(c *clusterv3.Cluster, endpoints ...*endpointv3.LbEndpoint) {
	c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
	c.LoadAssignment = assignment(c.Name, endpoints)
}

func assignment(name string, endpoints []*endpointv3.LbEndpoint) *endpointv3.ClusterLoadAssignment {
	return &endpointv3.ClusterLoadAssignment{
		ClusterName: name,
		Endpoints:   []*endpointv3.LocalityLbEndpoints{{LbEndpoints: endpoints}},
	}
}
