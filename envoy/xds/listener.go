package xds

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/proxy_protocol/v3"
	tlsinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The names of listeners, and of the route configurations of those that reach
// something.
const (
	mainTLS       = "https-ingress"
	mainPlain     = "http-ingress"
	redirectName  = "http-redirect"
	consoleName   = "https-console"
	routesName    = "routes"
	consoleRoutes = "console-routes"
)

// bufferLimit bounds what Envoy holds for one connection, in bytes.
const bufferLimit = 32 << 10

// handshakeTimeout bounds the time from accept to a finished TLS handshake.
const handshakeTimeout = 10 * time.Second

// An entrance is a listener that requests for routes come in by.
type entrance struct {
	name         string
	key, address string   // what the configuration says
	suites       []string // of TLS 1.2; nil is plain HTTP
	stats        string   // what Envoy counts its requests under
	routes       string   // the name of its route configuration
}

// listeners returns the main listener, that of the console if it has one, and
// the one that sends plain HTTP to https if there is an address for it.
func (b *builder) listeners() map[string]proto.Message {
	main := entrance{mainTLS, "address", b.c.Address, mainSuites, "ingress", routesName}
	if b.c.InsecureServer {
		main.name, main.suites = mainPlain, nil
	}
	all := map[string]proto.Message{main.name: b.entrance(main)}
	if b.c.ConsoleApart() {
		all[consoleName] = b.entrance(entrance{consoleName, "console.address", b.c.Console.Address, consoleSuites, "console", consoleRoutes})
	}
	if b.c.HTTPRedirectAddr != "" {
		plain := &listenerv3.Listener{
			Name:            redirectName,
			Address:         b.address("http_redirect_addr", b.c.HTTPRedirectAddr),
			ListenerFilters: b.listenerFilters(false),
		}
		b.finish(plain, &listenerv3.FilterChain{
			Name:    "redirect",
			Filters: []*listenerv3.Filter{b.networkFilter(b.redirectManager())},
		})
		all[plain.Name] = plain
	}
	return all
}

// entrance makes the listener of e.
func (b *builder) entrance(e entrance) *listenerv3.Listener {
	l := &listenerv3.Listener{
		Name:            e.name,
		Address:         b.address(e.key, e.address),
		ListenerFilters: b.listenerFilters(e.suites != nil),
	}
	chain := &listenerv3.FilterChain{Name: "main"}
	if e.suites != nil {
		chain.TransportSocket = b.downstreamTLS(e.suites)
		chain.TransportSocketConnectTimeout = durationpb.New(handshakeTimeout)
	}
	chain.Filters = []*listenerv3.Filter{b.networkFilter(b.routing(e))}
	b.finish(l, chain)
	return l
}

// finish sets what is alike for all listeners.
func (b *builder) finish(l *listenerv3.Listener, chain *listenerv3.FilterChain) {
	l.StatPrefix = l.Name
	l.FilterChains = []*listenerv3.FilterChain{chain}
	l.TrafficDirection = corev3.TrafficDirection_INBOUND
	l.PerConnectionBufferLimitBytes = wrapperspb.UInt32(bufferLimit)
	// A client that opens a connection and is silent is let go of.
	l.ListenerFiltersTimeout = durationpb.New(5 * time.Second)
	l.EnableReusePort = wrapperspb.Bool(true)
}

// listenerFilters read what comes before HTTP: a PROXY header, if one is
// demanded, then the ClientHello, whose server name misdirected.go needs. Both
// wait for all of it, in however many pieces it comes.
func (b *builder) listenerFilters(tls bool) []*listenerv3.ListenerFilter {
	var filters []*listenerv3.ListenerFilter
	add := func(name string, m proto.Message) {
		filters = append(filters, &listenerv3.ListenerFilter{
			Name:       name,
			ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: b.any(m)},
		})
	}
	if b.c.UseProxyProtocol {
		add("envoy.filters.listener.proxy_protocol", &proxyprotocolv3.ProxyProtocol{})
	}
	if tls {
		add("envoy.filters.listener.tls_inspector", &tlsinspectorv3.TlsInspector{})
	}
	return filters
}

// address reads host:port. Without a host it is every address of the machine.
func (b *builder) address(key, hostport string) *corev3.Address {
	address, err := parseAddress(hostport, b.IPv4Only)
	if err != nil {
		b.fail("%s: %w", key, err)
	}
	return address
}

func parseAddress(hostport string, ipv4Only bool) (*corev3.Address, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port of %q is not a number below 65536", hostport)
	}
	socket := &corev3.SocketAddress{
		Address:       host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(number)},
	}
	switch {
	case host == "" && ipv4Only:
		socket.Address = "0.0.0.0"
	case host == "":
		socket.Address = "::"
		socket.Ipv4Compat = true // both families by one socket
	case host == "localhost":
		socket.Address = "127.0.0.1"
	default:
		if _, err := netip.ParseAddr(host); err != nil {
			return nil, fmt.Errorf("host of %q is not an IP address", hostport)
		}
	}
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: socket}}, nil
}

// pipe is the address of a unix socket.
func pipe(path string) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path}}}
}
