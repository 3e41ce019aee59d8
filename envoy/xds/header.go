package xds

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/cardea-proxy/cardea/config"
)

// responseHeaders are the configured headers of responses on r, or of our own
// pages for nil.
func (b *builder) responseHeaders(r *config.Route, action corev3.HeaderValueOption_HeaderAppendAction) []*corev3.HeaderValueOption {
	ordinary := r != nil && action == corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD && len(r.SetResponseHeaders) == 0
	if ordinary && b.plain != nil {
		return b.plain
	}
	headers := b.c.ResponseHeaders(r)
	options := make([]*corev3.HeaderValueOption, 0, len(headers))
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		b.checkHeader("set_response_headers", name, headers[name])
		option := setHeader(name, headers[name])
		option.AppendAction = action
		options = append(options, option)
	}
	if ordinary {
		b.plain = options
	}
	return options
}

// requestHeaders sets and removes headers of what goes upstream. Values that
// hold a "$" are authorize's to set: they speak of the person. A header that is
// set as well as removed is set.
func (b *builder) requestHeaders(r *config.Route, route *routev3.Route) {
	set := make(map[string]bool, len(r.SetRequestHeaders))
	for _, name := range slices.Sorted(maps.Keys(r.SetRequestHeaders)) {
		value := r.SetRequestHeaders[name]
		set[strings.ToLower(name)] = true
		if strings.Contains(value, "$") {
			continue
		}
		b.checkHeader("set_request_headers", name, value)
		route.RequestHeadersToAdd = append(route.RequestHeadersToAdd, setHeader(name, value))
	}
	for _, name := range r.RemoveRequestHeaders {
		if name = strings.ToLower(name); !set[name] && validHeader.MatchString(name) {
			route.RequestHeadersToRemove = append(route.RequestHeadersToRemove, name)
		}
	}
	slices.Sort(route.RequestHeadersToRemove)
}

// setHeader replaces what is there. "%" begins an operator in Envoy.
func setHeader(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: escapePercent(value)},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// validHeader is a field name (RFC 9110, section 5.1).
var validHeader = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")

func escapePercent(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// checkHeader refuses what Envoy would refuse together with everything else.
func (b *builder) checkHeader(key, name, value string) {
	if !validHeader.MatchString(name) {
		b.fail("%s: %q is not a header name", key, name)
	}
	if strings.ContainsAny(value, "\r\n\x00") {
		b.fail("%s: the value of %q holds a line break", key, name)
	}
}
