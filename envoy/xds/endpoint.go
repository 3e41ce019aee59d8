package xds

import (
	"net/netip"
	"strconv"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cardea-proxy/cardea/config"
)

// socketMatch is where an endpoint says which of the cluster's transport
// sockets is its own.
const socketMatch = "envoy.transport_socket_match"

// endpoints fills in where a cluster leads: fixed if every destination is an
// address, else looked up by name.
func (b *builder) endpoints(r *config.Route, c *clusterv3.Cluster) {
	var endpoints []*endpointv3.LbEndpoint
	var sockets []*corev3.TransportSocket
	fixed := true
	for _, to := range r.To {
		endpoint, isFixed := b.endpoint(r, to)
		fixed = fixed && isFixed
		endpoints = append(endpoints, endpoint)
		sockets = append(sockets, b.upstreamTLS(r, to))
	}
	static(c, endpoints...)
	if !fixed {
		b.resolve(c)
	}
	transportSockets(c, endpoints, sockets)
}

// endpoint is one destination. Its hostname is what the upstream sees as Host,
// with the port, as written.
func (b *builder) endpoint(r *config.Route, to config.Upstream) (e *endpointv3.LbEndpoint, fixed bool) {
	host, port := to.Address()
	if port == "" {
		e = pipeEndpoint(host)
		fixed = true
	} else {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			b.fail("route %s: to: port %q", r.From, port)
		}
		_, err = netip.ParseAddr(host)
		fixed = err == nil
		e = lbEndpoint(to.URL.Host, &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{
				Address:       host,
				PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(number)},
			},
		}})
	}
	if to.Weight > 0 {
		e.LoadBalancingWeight = wrapperspb.UInt32(to.Weight)
	}
	return e, fixed
}

// pipeEndpoint is a unix socket. HTTP wants a Host, and a socket has none.
func pipeEndpoint(path string) *endpointv3.LbEndpoint { return lbEndpoint("localhost", pipe(path)) }

func lbEndpoint(hostname string, address *corev3.Address) *endpointv3.LbEndpoint {
	return &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
		Endpoint: &endpointv3.Endpoint{Hostname: hostname, Address: address},
	}}
}

// transportSockets gives a cluster its TLS; where endpoints differ in it, each
// its own. No socket means plain text.
func transportSockets(c *clusterv3.Cluster, endpoints []*endpointv3.LbEndpoint, sockets []*corev3.TransportSocket) {
	alike := true
	for _, s := range sockets {
		alike = alike && proto.Equal(s, sockets[0])
	}
	if alike {
		c.TransportSocket = sockets[0]
		return
	}
	for i, s := range sockets {
		if s == nil {
			continue
		}
		match := &structpb.Struct{Fields: map[string]*structpb.Value{
			"endpoint": structpb.NewStringValue(strconv.Itoa(i)),
		}}
		c.TransportSocketMatches = append(c.TransportSocketMatches, &clusterv3.Cluster_TransportSocketMatch{
			Name:            "endpoint-" + strconv.Itoa(i),
			Match:           match,
			TransportSocket: s,
		})
		endpoints[i].Metadata = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{socketMatch: match}}
	}
}
