package xds

import (
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"

	"github.com/cardea-proxy/cardea/config"
)

// everyHost is the domain of the virtual host that takes what no other takes.
const everyHost = "*"

// A candidate is a route that may be tried on a virtual host. guards say which
// hosts and ports it takes there, beyond what the domain says.
type candidate struct {
	route  *config.Route
	guards []*routev3.HeaderMatcher
}

// byDomain sorts routes, in their order, by exact host; those with a "*" in it
// come apart. The hosts in also are there without a route.
func (b *builder) byDomain(routes []*config.Route, also []string) (exact map[string][]candidate, wild []*config.Route) {
	exact = make(map[string][]candidate)
	for _, host := range also {
		exact[host] = nil
	}
	for _, r := range routes {
		host := r.From.Host
		if r.IsTCP() {
			// CONNECT names the target, so that is the host of the request; the
			// host of the URL has the pages that a client signs in with.
			host = hostOf(r.From.Target)
			if _, known := exact[r.From.Host]; !known && !strings.Contains(r.From.Host, "*") {
				exact[r.From.Host] = nil
			}
		}
		if strings.Contains(host, "*") {
			wild = append(wild, r)
			continue
		}
		exact[host] = append(exact[host], candidate{r, b.portGuards(r, regexp.QuoteMeta(bracketed(host)))})
	}
	return exact, wild
}

// hostOf returns the host of host:port, lower case and without brackets.
func hostOf(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// bracketed writes an IPv6 address as it stands in a Host header.
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// signInHost returns the host of the sign-in pages without its port.
func (b *builder) signInHost() string { return hostOf(b.c.SignInHost()) }

// portGuards hold a route to its port: the one that `from` names, or, without
// one, any or the scheme's own, as match_any_incoming_port says. host is an
// expression.
func (b *builder) portGuards(r *config.Route, host string) []*routev3.HeaderMatcher {
	switch {
	case r.IsTCP():
		return []*routev3.HeaderMatcher{authority(regexp.QuoteMeta(r.From.Target))}
	case r.From.Port == "" && b.c.Flag(config.FlagAnyIncomingPort):
		return nil
	case r.From.Port == "" || r.From.Port == "443":
		return []*routev3.HeaderMatcher{authority(host + "(?::443)?")}
	}
	return []*routev3.HeaderMatcher{authority(host + ":" + r.From.Port)}
}

// authority matches the host with its port, without regard to case.
func authority(pattern string) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{
		Name:                 ":authority",
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: regexString("(?i)" + pattern)},
	}
}

// ports returns the guards of candidates that are all held to a port; nil if
// one of them takes any.
func ports(candidates []candidate) []*routev3.HeaderMatcher {
	var covered []*routev3.HeaderMatcher
	for _, c := range candidates {
		if len(c.guards) == 0 {
			return nil
		}
		covered = append(covered, c.guards...)
	}
	return covered
}

// behind are the wildcard routes that take the ports of a host that its own
// routes leave.
func (b *builder) behind(domain string, covered []*routev3.HeaderMatcher, wild []*config.Route) []candidate {
	var candidates []candidate
	for _, r := range wild {
		if !r.From.Covers(domain) {
			continue
		}
		if !b.spreads(1 + len(covered)) {
			return nil
		}
		guards := b.portGuards(r, hostPattern(r.From.Host))
		for _, c := range covered {
			not := proto.Clone(c).(*routev3.HeaderMatcher)
			not.InvertMatch = true
			guards = append(guards, not)
		}
		candidates = append(candidates, candidate{r, guards})
	}
	return candidates
}

// hostPattern makes an expression of a host with "*", which stands for
// anything.
func hostPattern(host string) string {
	return strings.ReplaceAll(regexp.QuoteMeta(host), `\*`, `.+`)
}

// suffixDomains are the wildcard hosts that Envoy can look up: a "*" in front
// and nowhere else. They are sorted.
func suffixDomains(wild []*config.Route) []string {
	domains := make(map[string]bool)
	for _, r := range wild {
		if isSuffix(r.From.Host) {
			domains[r.From.Host] = true
		}
	}
	return slices.Sorted(maps.Keys(domains))
}

func isSuffix(host string) bool {
	return len(host) > 1 && host[0] == '*' && !strings.Contains(host[1:], "*")
}

// overlapping returns, in their written order, the wildcard routes that may
// take a host of a suffix domain. Envoy looks for the longest suffix, while the
// order among wildcard routes is that of the file.
func (b *builder) overlapping(domain string, wild []*config.Route) []candidate {
	var candidates []candidate
	for _, r := range wild {
		suffix := isSuffix(r.From.Host)
		if suffix && !strings.HasSuffix(domain, r.From.Host[1:]) {
			continue
		}
		if !b.spreads(1) {
			return nil
		}
		pattern := hostPattern(r.From.Host)
		guards := b.portGuards(r, pattern)
		if !suffix && r.From.Host != everyHost {
			guards = append(guards, authority(pattern+"(?::[0-9]+)?"))
		}
		candidates = append(candidates, candidate{r, guards})
	}
	return candidates
}

// maxSpread bounds how often wildcard routes stand on the hosts of others, with
// every port that those leave counted. Each time is some four kilobytes: without
// a bound, a thousand lines of a configuration become a gigabyte.
const maxSpread = 200_000

// spreads counts n more of them. It returns false where that is too much, which
// is an error once.
func (b *builder) spreads(n int) bool {
	before := b.spread
	b.spread += n
	if before <= maxSpread && b.spread > maxSpread {
		b.fail("routes with * in their hosts meet other hosts more than %d times: want fewer of them", maxSpread)
	}
	return b.spread <= maxSpread
}

// catchAll takes hosts that no domain names: those of the other wildcard
// routes, and for the rest it says 404. It answers /ping and /healthz, since
// whoever checks a machine's health often knows no host of it.
func (b *builder) catchAll(wild []*config.Route) *routev3.VirtualHost {
	host := &routev3.VirtualHost{Name: everyHost, Domains: []string{everyHost}}
	for _, path := range []string{"/ping", "/healthz"} {
		host.Routes = append(host.Routes, b.alive(path))
	}
	for _, r := range wild {
		if isSuffix(r.From.Host) {
			continue
		}
		pattern := hostPattern(r.From.Host)
		guards := append(b.portGuards(r, pattern), authority(pattern+"(?::[0-9]+)?"))
		for _, route := range slices.Concat(b.internalRoutes(), b.routes(candidate{r, nil})) {
			route = proto.Clone(route).(*routev3.Route) // others share it
			route.Match.Headers = append(route.Match.Headers, guards...)
			host.Routes = append(host.Routes, route)
		}
	}
	host.Routes = append(host.Routes, b.notFound())
	return host
}

// virtualHost is one domain: who is there by mistake, our own paths, the
// routes in their order, and 404 for the rest.
func (b *builder) virtualHost(domain string, candidates []candidate) *routev3.VirtualHost {
	host := &routev3.VirtualHost{Name: domain, Domains: []string{bracketed(domain)}}
	host.Routes = slices.Concat(b.misdirected(domain, candidates), b.internalRoutes())
	signIn := domain == b.signInHost()
	if signIn {
		host.Routes = append(host.Routes, b.signInRoutes()...)
	}
	open := true // whether something may still fall through
	for _, c := range candidates {
		host.Routes = append(host.Routes, b.routes(c)...)
		open = open && !takesAll(c)
	}
	switch {
	case signIn:
		host.Routes = append(host.Routes, b.internalRoute(prefix("/")))
	case open:
		host.Routes = append(host.Routes, b.notFound())
	}
	return host
}
