package xds

import (
	"maps"
	"slices"
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// finished matches the local replies that are whole as they are: redirects, and
// what a route answers by its configuration. Our own fixed answers, known by the
// names of their routes, get a page.
const finished = `response.code < 400 || ` +
	`(response.code_details == 'direct_response' && ` +
	`!(xds.route_name in ['` + routeNotFound + `', '` + routeMisdirected + `', '` + routeTraversal + `']))`

// localReplies give Envoy's own errors a page in the form that the client
// reads: HTML or JSON if it says so, else plain text. The first mapper that
// fits is taken, so the first ones are those that change nothing.
func (b *builder) localReplies() *hcmv3.LocalReplyConfig {
	mappers := []*hcmv3.ResponseMapper{
		{
			// What authorize answers has its own headers; these come beside.
			Filter:       b.celFilter(`response.code_details == 'ext_authz_denied'`),
			HeadersToAdd: b.responseHeaders(nil, corev3.HeaderValueOption_ADD_IF_ABSENT),
		},
		{Filter: b.celFilter(finished)},
	}
	for _, page := range b.ErrorPages {
		mappers = append(mappers, pageMappers(page)...)
	}
	return &hcmv3.LocalReplyConfig{Mappers: mappers}
}

func pageMappers(page ErrorPage) []*hcmv3.ResponseMapper {
	var mappers []*hcmv3.ResponseMapper
	add := func(body, contentType string, header map[string]string, accept ...*accesslogv3.AccessLogFilter) {
		if body == "" {
			return
		}
		mappers = append(mappers, &hcmv3.ResponseMapper{
			Filter: all(append(accept, statusFilter(page.Statuses))),
			BodyFormatOverride: &corev3.SubstitutionFormatString{
				Format: &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: &corev3.DataSource{
					Specifier: &corev3.DataSource_InlineString{InlineString: body},
				}},
				ContentType: contentType,
			},
			HeadersToAdd: replyHeaders(header),
		})
	}
	// Envoy makes the body the message of a gRPC status, so no page there.
	add(page.Plain, "text/plain; charset=utf-8", nil, headerFilter(containing("content-type", "application/grpc")))
	add(page.HTML, "text/html; charset=utf-8", page.HTMLHeader, headerFilter(containing("accept", "text/html")))
	add(page.JSON, "application/problem+json", nil, headerFilter(containing("accept", "json")))
	add(page.Plain, "text/plain; charset=utf-8", nil)
	return mappers
}

// replyHeaders are set on a page: it is of this moment, and for nobody else.
func replyHeaders(extra map[string]string) []*corev3.HeaderValueOption {
	header := map[string]string{"cache-control": "no-store", "x-content-type-options": "nosniff"}
	for name, value := range extra {
		header[strings.ToLower(name)] = value
	}
	var options []*corev3.HeaderValueOption
	for _, name := range slices.Sorted(maps.Keys(header)) {
		options = append(options, setHeader(name, header[name]))
	}
	return options
}

// statusFilter matches any of statuses; none matches every status from 400.
func statusFilter(statuses []uint32) *accesslogv3.AccessLogFilter {
	compare := func(op accesslogv3.ComparisonFilter_Op, status uint32) *accesslogv3.AccessLogFilter {
		return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_StatusCodeFilter{
			StatusCodeFilter: &accesslogv3.StatusCodeFilter{Comparison: &accesslogv3.ComparisonFilter{
				Op:    op,
				Value: &corev3.RuntimeUInt32{DefaultValue: status, RuntimeKey: "cardea.local_reply_status"},
			}},
		}}
	}
	var any []*accesslogv3.AccessLogFilter
	for _, status := range statuses {
		any = append(any, compare(accesslogv3.ComparisonFilter_EQ, status))
	}
	switch len(any) {
	case 0:
		return compare(accesslogv3.ComparisonFilter_GE, 400)
	case 1:
		return any[0]
	}
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_OrFilter{
		OrFilter: &accesslogv3.OrFilter{Filters: any},
	}}
}

// celFilter matches by an expression over the request and its answer.
func (b *builder) celFilter(expression string) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{
		ExtensionFilter: &accesslogv3.ExtensionFilter{
			Name: "envoy.access_loggers.extension_filters.cel",
			ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{
				TypedConfig: b.any(&celv3.ExpressionFilter{Expression: expression}),
			},
		},
	}}
}

func containing(name, part string) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{
		Name: name,
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Contains{Contains: part},
			IgnoreCase:   true,
		}},
	}
}
