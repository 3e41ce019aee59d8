package xds

import (
	"regexp"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/cardea-proxy/cardea/config"
)

// match says which requests a route takes. One matcher of the path counts: a
// tunnel's, else regex, else path, else prefix, else everything. The query is
// never looked at.
func (b *builder) match(r *config.Route) *routev3.RouteMatch {
	switch {
	case r.IsTCP():
		return connect()
	case r.Regex != "":
		b.checkRegex(r, "regex", r.Regex)
		return pathRegex(r.Regex)
	case r.Path != "":
		return path(r.Path)
	case r.Prefix != "":
		return prefix(r.Prefix)
	}
	return prefix("/")
}

// takesAll reports whether nothing but CONNECT gets past a candidate.
func takesAll(c candidate) bool {
	r := c.route
	return len(c.guards) == 0 && !r.IsTCP() && r.Regex == "" && r.Path == "" && (r.Prefix == "" || r.Prefix == "/")
}

// checkRegex refuses what Envoy would refuse together with everything else.
// Envoy's expressions are Go's.
func (b *builder) checkRegex(r *config.Route, key, pattern string) *regexp.Regexp {
	re, err := regexp.Compile(pattern)
	if err != nil {
		b.fail("route %s: %s: %w", r.From, key, err)
	}
	return re
}

// connect matches CONNECT alone, whose requests no other matcher takes.
func connect() *routev3.RouteMatch {
	return &routev3.RouteMatch{
		PathSpecifier: &routev3.RouteMatch_ConnectMatcher_{ConnectMatcher: &routev3.RouteMatch_ConnectMatcher{}},
	}
}

// pathRegex matches the whole path.
func pathRegex(pattern string) *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_SafeRegex{SafeRegex: regex(pattern)}}
}

func path(p string) *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: p}}
}

// prefix matches a beginning of the path, without regard to its segments.
func prefix(p string) *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: p}}
}
