package xds

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// The names of the filters. Routes refer to them.
const (
	filterTrailers          = "spoofed-trailers"
	filterClientCertificate = "client-certificate"
	filterAuthorize         = "envoy.filters.http.ext_authz"
	filterLeash             = "leash"
	filterCleanUpstream     = "clean-upstream"
	filterCleanResponse     = "clean-response"
	filterRewriteHeaders    = "rewrite-headers"
	filterRouter            = "envoy.filters.http.router"
)

// httpFilters are the filters of every entrance, in the order that requests
// meet them. What a client has no business to send is gone before (see
// filter_spoofed.go).
func (b *builder) httpFilters() []*hcmv3.HttpFilter {
	filters := []*hcmv3.HttpFilter{b.filter(filterTrailers, b.spoofedTrailers())}
	if b.asksClientCertificate() {
		filters = append(filters, b.filter(filterClientCertificate, b.clientCertificateFilter()))
	}
	rewrite := b.filter(filterRewriteHeaders, b.rewriteHeadersFilter())
	rewrite.Disabled = true // but for the routes that ask for it
	return append(filters,
		b.filter(filterAuthorize, b.authorizeFilter()),
		b.filter(filterLeash, b.leashFilter()),
		b.filter(filterCleanUpstream, b.cleanUpstreamFilter()),
		b.filter(filterCleanResponse, b.cleanResponseFilter()),
		rewrite,
		b.filter(filterRouter, &routerv3.Router{}),
	)
}

func (b *builder) filter(name string, m proto.Message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{
		Name:       name,
		ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: b.any(m)},
	}
}

// off switches a filter off for a route.
func (b *builder) off() *anypb.Any {
	return once(b, "off", func() *anypb.Any { return b.any(&routev3.FilterConfig{Disabled: true}) })
}
