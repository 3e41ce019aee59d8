package xds

import (
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/cardea-proxy/cardea/config"
)

// routes are what becomes of one candidate: mostly one route, with another
// before it where a rewrite must be guarded.
func (b *builder) routes(c candidate) []*routev3.Route {
	r := c.route
	if r.ID == "" || b.PolicyDigests[r.ID] == "" {
		b.fail("route %s: no id or no policy", r.From)
	}
	match := b.match(r)
	match.Headers = slices.Clone(c.guards)
	route := &routev3.Route{
		Name:                 r.ID,
		Match:                match,
		TypedPerFilterConfig: make(map[string]*anypb.Any, 3),
		ResponseHeadersToAdd: b.responseHeaders(r, corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD),
	}
	if r.Console {
		// Its pages are ours, as those of internalRoute.
		route.ResponseHeadersToAdd = b.responseHeaders(r, corev3.HeaderValueOption_ADD_IF_ABSENT)
		route.RequestHeadersToAdd = append(route.RequestHeadersToAdd, clientAddress())
	}
	// What answers by itself answers at once.
	held := r.Redirect == nil && r.Response == nil && b.holdsAll(r)
	route.TypedPerFilterConfig[filterAuthorize] = b.checkRoute(r, held)
	if held {
		route.TypedPerFilterConfig[filterLeash] = b.everything()
	}
	if len(r.RewriteResponseHeaders) > 0 {
		route.TypedPerFilterConfig[filterRewriteHeaders] = b.rewrites(r.RewriteResponseHeaders)
	}
	switch {
	case r.Redirect != nil:
		route.Action = b.redirect(r.Redirect)
	case r.Response != nil:
		route.Action = respond(r.Response)
	default:
		b.requestHeaders(r, route)
		action, guard := b.forward(r)
		route.Action = &routev3.Route_Route{Route: action}
		if guard != "" {
			astray := proto.Clone(match).(*routev3.RouteMatch)
			astray.Headers = append(astray.Headers, &routev3.HeaderMatcher{
				Name:                 ":path",
				HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: regexString(guard)},
			})
			return []*routev3.Route{b.fixed(routeTraversal, astray, 400), route}
		}
	}
	return []*routev3.Route{route}
}

// respond answers with fixed text, after the policy has agreed.
func respond(r *config.Response) *routev3.Route_DirectResponse {
	return &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{
		Status: r.Status,
		Body:   &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: r.Body}},
	}}
}

// largestBody returns the size in bytes of the longest fixed answer.
func largestBody(routes []*config.Route) uint32 {
	size := 0
	for _, r := range routes {
		if r.Response != nil {
			size = max(size, len(r.Response.Body))
		}
	}
	return uint32(size)
}
