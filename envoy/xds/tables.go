package xds

import (
	"maps"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cardea-proxy/cardea/config"
)

// routeConfigurations are the tables of the main listener and, if it has one,
// of the console's. A host of the one is a stranger to the other.
func (b *builder) routeConfigurations() map[string]proto.Message {
	main, apart := b.byListener()
	var signIn, strangers []string
	if host := b.signInHost(); host != "" {
		signIn = []string{host}
	}
	for _, r := range apart {
		strangers = append(strangers, r.From.Host)
	}
	all := map[string]proto.Message{routesName: b.table(routesName, main, signIn, strangers)}
	if b.c.ConsoleApart() {
		all[consoleRoutes] = b.table(consoleRoutes, apart, nil, nil)
	}
	return all
}

// byListener sorts the routes, in their order, by where they are served.
func (b *builder) byListener() (main, apart []*config.Route) {
	if !b.c.ConsoleApart() {
		return b.c.Routes, nil
	}
	for _, r := range b.c.Routes {
		if r.Console {
			apart = append(apart, r)
			if strings.Contains(r.From.Host, "*") {
				b.fail("route %s: a wildcard cannot be kept from the main listener", r.From)
			}
			continue
		}
		main = append(main, r)
	}
	return main, apart
}

// table is the route configuration of one listener. Envoy finds the virtual
// host by a hash of the host name, so the last of ten thousand hosts costs what
// the first does. Ports are left out of that search and looked at by guards.
// The hosts in also are there without a route, strangers to be turned away.
func (b *builder) table(name string, routes []*config.Route, also, strangers []string) *routev3.RouteConfiguration {
	table := &routev3.RouteConfiguration{
		Name:                     name,
		IgnorePortInHostMatching: true,
		TypedPerFilterConfig:     map[string]*anypb.Any{filterLeash: b.whatLasts()},
	}
	if b.checksServerName() {
		table.RequestHeadersToRemove = []string{headerServerName}
	}
	exact, wild := b.byDomain(routes, slices.Concat(also, strangers))
	for _, domain := range slices.Sorted(maps.Keys(exact)) {
		if slices.Contains(strangers, domain) {
			table.VirtualHosts = append(table.VirtualHosts, b.stranger(domain))
			continue
		}
		candidates := exact[domain]
		if covered := ports(candidates); covered != nil {
			candidates = append(slices.Clone(candidates), b.behind(domain, covered, wild)...)
		}
		table.VirtualHosts = append(table.VirtualHosts, b.virtualHost(domain, candidates))
	}
	for _, domain := range suffixDomains(wild) {
		table.VirtualHosts = append(table.VirtualHosts, b.virtualHost(domain, b.overlapping(domain, wild)))
	}
	table.VirtualHosts = append(table.VirtualHosts, b.catchAll(wild))
	if size := largestBody(routes); size > 4096 { // Envoy's own limit
		table.MaxDirectResponseBodySizeBytes = wrapperspb.UInt32(size)
	}
	return table
}

// stranger is a host of another listener. It gets what a host gets that no route
// names, and no wildcard takes it.
func (b *builder) stranger(domain string) *routev3.VirtualHost {
	host := b.catchAll(nil)
	host.Name, host.Domains = domain, []string{bracketed(domain)}
	return host
}
