package xds

import (
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// The names of routes that are not a person's. Those of a person are called by
// their ids.
const (
	routeInternal    = "internal"
	routeNotFound    = "not-found"
	routeMisdirected = "misdirected"
	routeTraversal   = "traversal"
	routeAlive       = "alive"
)

// headerClientAddress tells our own pages where a request comes from. A client
// cannot set it: x-cardea-* is removed before a route is chosen.
const headerClientAddress = "x-cardea-client-address"

// internalTimeout bounds a page of ours.
const internalTimeout = 30 * time.Second

// ownPaths are one expression and not four routes: with ten thousand hosts that
// is half a second less for Envoy to take a change in, and a tenth of a
// microsecond more for a request.
const ownPaths = `/(?:\.pomerium|\.well-known/pomerium)(?:/.*)?|/ping|/healthz`

// internalRoutes are our own paths. They come before everything else on every
// host: no route can stand in for them.
func (b *builder) internalRoutes() []*routev3.Route {
	if b.internal == nil {
		b.internal = []*routev3.Route{b.internalRoute(pathRegex(ownPaths))}
	}
	return b.internal
}

// signInRoutes are the further paths of the sign-in host that a route on the
// same host must not take.
func (b *builder) signInRoutes() []*routev3.Route {
	return []*routev3.Route{b.internalRoute(path("/oauth2/callback"))}
}

// internalRoute leads to our own pages. The cookies are kept: the pages read
// them. Their own response headers win over the configured ones, which would
// otherwise break their content security policy.
func (b *builder) internalRoute(match *routev3.RouteMatch) *routev3.Route {
	return &routev3.Route{
		Name:  routeInternal,
		Match: match,
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: clusterHTTP},
			Timeout:          durationpb.New(internalTimeout),
		}},
		TypedPerFilterConfig: map[string]*anypb.Any{
			filterAuthorize:     b.checkInternal(),
			filterCleanUpstream: b.off(),
			filterCleanResponse: b.off(),
		},
		RequestHeadersToAdd:  []*corev3.HeaderValueOption{clientAddress()},
		ResponseHeadersToAdd: b.responseHeaders(nil, corev3.HeaderValueOption_ADD_IF_ABSENT),
	}
}

// clientAddress says where a request comes from.
func clientAddress() *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: headerClientAddress, Value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// notFound answers what nothing else took.
func (b *builder) notFound() *routev3.Route { return b.fixed(routeNotFound, prefix("/"), 404) }

// alive says that Envoy is there.
func (b *builder) alive(p string) *routev3.Route {
	match := path(p)
	match.Headers = []*routev3.HeaderMatcher{{
		Name:                 ":method",
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: regexString("GET|HEAD")},
	}}
	route := b.fixed(routeAlive, match, 200)
	route.GetDirectResponse().Body = &corev3.DataSource{
		Specifier: &corev3.DataSource_InlineString{InlineString: "OK\n"},
	}
	return route
}
