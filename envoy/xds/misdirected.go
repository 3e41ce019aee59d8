package xds

import (
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/cardea-proxy/cardea/config"
)

// maxNames bounds how many names of one certificate are listed on each of its
// hosts. A connection to another name of a larger certificate gets 421, upon
// which a browser opens a new one (RFC 9110, section 15.5.20).
const maxNames = 16

// checksServerName reports whether there is a TLS handshake to compare with.
func (b *builder) checksServerName() bool { return !b.c.InsecureServer }

// misdirected answers 421 to requests for domain on a connection that is not
// for it. A connection is for the server name it was opened with, and for the
// other names of the certificate: that is when a browser sends requests for
// several hosts on one connection (RFC 9113, section 9.1.1). Without a server
// name there is nothing to mistake; an address is none (RFC 6066, section 3),
// though some clients send it.
//
// A route's tls_downstream_server_name is one more name. For a TCP route that
// stands behind a proxy's name, that is the name.
func (b *builder) misdirected(domain string, candidates []candidate) []*routev3.Route {
	if !b.checksServerName() {
		return nil
	}
	names := b.namesBeside(domain)
	tcp := false
	for _, c := range candidates {
		if name := c.route.TLSDownstreamServerName; name != "" {
			names = append(names, strings.ToLower(name))
		}
		if c.route.IsTCP() {
			tcp = true
			names = append(append(names, c.route.From.Host), b.namesBeside(c.route.From.Host)...)
		}
	}
	slices.Sort(names)
	// All of them are inverted: none matches. The host's own name comes first,
	// since it is the name on nearly every connection.
	none := []*routev3.HeaderMatcher{notServerName(domain)}
	for _, name := range slices.Compact(names) {
		if name != domain {
			none = append(none, notServerName(name))
		}
	}
	none = append(none, once(b, "not an address", notAddress))
	match := prefix("/")
	match.Headers = none
	routes := []*routev3.Route{b.fixed(routeMisdirected, match, 421)}
	if tcp {
		match := connect()
		match.Headers = none
		routes = append(routes, b.fixed(routeMisdirected, match, 421))
	}
	return routes
}

// namesBeside returns the names, wildcards included, on the certificates that
// cover host.
func (b *builder) namesBeside(host string) []string {
	var names []string
	for _, c := range b.Certificates {
		if !covers(c, host) {
			continue
		}
		exact := 0
		for _, name := range c.Leaf.DNSNames {
			if !strings.HasPrefix(name, "*.") {
				if exact++; exact > maxNames {
					continue
				}
			}
			names = append(names, strings.ToLower(name))
		}
	}
	return names
}

// covers reports whether a certificate is for host, which may be a wildcard.
func covers(c *config.Certificate, host string) bool {
	if c.Leaf == nil {
		return false
	}
	if strings.HasPrefix(host, "*") {
		return slices.ContainsFunc(c.Leaf.DNSNames, func(name string) bool { return strings.EqualFold(name, host) })
	}
	return c.Leaf.VerifyHostname(bracketed(host)) == nil
}

// notServerName matches a present server name other than name. A wildcard
// stands for one label in a certificate and for any in a host, which is
// written without a dot before it if it is meant so.
func notServerName(name string) *routev3.HeaderMatcher {
	match := &matcherv3.StringMatcher{
		MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name},
		IgnoreCase:   true,
	}
	if suffix, wild := strings.CutPrefix(name, "*"); wild {
		match.MatchPattern = &matcherv3.StringMatcher_Suffix{Suffix: suffix}
	}
	return &routev3.HeaderMatcher{
		Name:                 headerServerName,
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: match},
		InvertMatch:          true,
	}
}

// notAddress matches a present server name that is no address.
func notAddress() *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{
		Name:                 headerServerName,
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: regexString(`[0-9.]+|.*:.*`)},
		InvertMatch:          true,
	}
}

// fixed is an answer that Envoy makes itself; localreply.go gives it a page.
func (b *builder) fixed(name string, match *routev3.RouteMatch, status uint32) *routev3.Route {
	return &routev3.Route{
		Name:                 name,
		Match:                match,
		Action:               &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: status}},
		TypedPerFilterConfig: map[string]*anypb.Any{filterAuthorize: b.unchecked()},
	}
}
