package xds

import (
	"math"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The clusters of our own parts. The one for xDS stands in the bootstrap.
const (
	clusterAuthorize = "cardea-authorize"
	clusterLeash     = "cardea-leash"
	clusterHTTP      = "cardea-http"
)

// authorizeCluster is where every request is decided: gRPC over a unix socket.
func (b *builder) authorizeCluster() *clusterv3.Cluster {
	return b.ownCluster(clusterAuthorize, b.Sockets.Control, grpcOptions())
}

// leashCluster is authorize once more, over a socket of its own: what is held
// open there takes nothing from what waits for a decision.
func (b *builder) leashCluster() *clusterv3.Cluster {
	return b.ownCluster(clusterLeash, b.Sockets.Leash, grpcOptions())
}

func grpcOptions() *httpv3.HttpProtocolOptions_ExplicitHttpConfig {
	return &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
		ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
			Http2ProtocolOptions: &corev3.Http2ProtocolOptions{},
		},
	}
}

// httpCluster is where our own pages are.
func (b *builder) httpCluster() *clusterv3.Cluster {
	return b.ownCluster(clusterHTTP, b.Sockets.HTTP, &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
		ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{
			HttpProtocolOptions: &corev3.Http1ProtocolOptions{},
		},
	})
}

// ownCluster has no limits: a full circuit breaker in front of authorize would
// be an outage of everything.
func (b *builder) ownCluster(name, socket string, http *httpv3.HttpProtocolOptions_ExplicitHttpConfig) *clusterv3.Cluster {
	unlimited := func() *wrapperspb.UInt32Value { return wrapperspb.UInt32(math.MaxUint32) }
	c := &clusterv3.Cluster{
		Name:           name,
		ConnectTimeout: durationpb.New(connectTimeout),
		CircuitBreakers: &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
			MaxConnections:     unlimited(),
			MaxPendingRequests: unlimited(),
			MaxRequests:        unlimited(),
			MaxRetries:         unlimited(),
		}}},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{
			httpOptions: b.any(&httpv3.HttpProtocolOptions{UpstreamProtocolOptions: explicit(http)}),
		},
	}
	static(c, pipeEndpoint(socket))
	return c
}
