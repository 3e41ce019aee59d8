package xds

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/lua"
)

// script runs a Lua script. The route stays the one that was authorized,
// whatever the script does to the headers.
func script(source string) *luav3.Lua {
	return &luav3.Lua{
		DefaultSourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: source}},
		ClearRouteCache:   wrapperspb.Bool(false),
	}
}

// clientCertificateFilter runs on listeners that ask for a certificate.
func (b *builder) clientCertificateFilter() *luav3.Lua { return script(lua.ClientCertificate()) }

// rewriteHeadersFilter runs only where a route switches it on.
func (b *builder) rewriteHeadersFilter() *luav3.Lua { return script(lua.RewriteHeaders()) }

// rewrites switches rewrite-headers.lua on for a route and says what to do.
func (b *builder) rewrites(list []config.HeaderRewrite) *anypb.Any {
	values := make([]*structpb.Value, len(list))
	for i, r := range list {
		values[i] = structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
			"header": structpb.NewStringValue(strings.ToLower(r.Header)),
			"prefix": structpb.NewStringValue(r.Prefix),
			"value":  structpb.NewStringValue(r.Value),
		}})
	}
	return b.any(&luav3.LuaPerRoute{FilterContext: &structpb.Struct{Fields: map[string]*structpb.Value{
		"rewrites": structpb.NewListValue(&structpb.ListValue{Values: values}),
	}}})
}
