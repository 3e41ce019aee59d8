package xds

import (
	"strconv"
	"time"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	mutationrulesv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	compositev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/composite/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cardea-proxy/cardea/config"
)

// What may live long is held on a leash: a gRPC stream to authorize that stays
// open as long as the HTTP stream does, over ext_proc, which sees the headers
// and no body. When authorize ends it with an error, Envoy resets exactly that
// HTTP stream. When authorize goes away, Envoy resets them all: what cannot be
// ended must not go on.
//
// Everything else pays nothing, and therefore must not live long, whatever its
// client does. A route's timeout does not see to that: it counts from the end of
// the request, and a client may leave its request open while it reads the
// answer. So every request is bounded from its first moment, by a header for
// Envoy's router, and the leash is what takes that bound away.

// longTimeout is the timeout beyond which every request of a route is held.
const longTimeout = time.Minute

// headerBound is the header by which Envoy's router ends a stream, and which it
// keeps to itself. A client cannot set it: x-envoy-* is removed before.
const headerBound = "x-envoy-upstream-stream-duration-ms"

// readsLong reports whether a request alone, without its answer, may take long.
func (b *builder) readsLong() bool { return b.c.TimeoutRead <= 0 || b.c.TimeoutRead > longTimeout }

// bound is how long a request without a leash lives at most: its own time, and
// that of the slowest answer.
func (b *builder) bound() time.Duration {
	if b.readsLong() {
		return 2 * longTimeout // of our own pages: all others are held
	}
	return b.c.TimeoutRead + longTimeout
}

// boundHeader bounds every request that comes in.
func (b *builder) boundHeader() *mutationrulesv3.HeaderMutation {
	return appendHeader(headerBound, strconv.FormatInt(b.bound().Milliseconds(), 10),
		corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD)
}

// leashFilter holds nothing by itself: the table of routes says what is held. So
// a request without a route, which ext_authz passes over and the router answers,
// is not. Only where something is held is a filter of ext_proc made: making one
// and passing it over would cost every request more than all looks at its
// headers.
func (b *builder) leashFilter() *compositev3.Composite {
	return &compositev3.Composite{NamedFilterChains: map[string]*compositev3.FilterChainConfiguration{
		filterLeash: {TypedConfig: []*corev3.TypedExtensionConfig{{Name: filterLeash, TypedConfig: b.any(b.leash())}}},
	}}
}

// whatLasts holds upgrades, CONNECT and gRPC, on whatever route. The headers
// decide without which there would be no such thing, never one that a client may
// leave out. authorize looks for the same, no finer (authorize/leash_facts.go):
// what it does not expect here has no facts, and keeps its bound. So do paths of
// ours and what Envoy answers by itself.
func (b *builder) whatLasts() *anypb.Any {
	return b.any(&compositev3.CompositePerRoute{Matcher: b.where(oneOf(
		b.look(requestHeader("upgrade"), anything()),
		b.look(requestHeader(":method"), &xdsmatcherv3.StringMatcher{
			MatchPattern: &xdsmatcherv3.StringMatcher_Exact{Exact: "CONNECT"},
		}),
		b.look(requestHeader("content-type"), &xdsmatcherv3.StringMatcher{
			MatchPattern: &xdsmatcherv3.StringMatcher_Contains{Contains: "grpc"}, IgnoreCase: true,
		}),
	), "hold", hold())})
}

// everything holds all requests of a route.
func (b *builder) everything() *anypb.Any {
	return once(b, "everything", func() *anypb.Any {
		return b.any(&compositev3.CompositePerRoute{Matcher: &xdsmatcherv3.Matcher{OnNoMatch: b.doing("hold", hold())}})
	})
}

func hold() *compositev3.ExecuteFilterAction {
	return &compositev3.ExecuteFilterAction{FilterChainName: filterLeash}
}

func (b *builder) leash() *extprocv3.ExternalProcessor {
	timeout := b.authorizeTimeout()
	return &extprocv3.ExternalProcessor{
		GrpcService: &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
			EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{
				ClusterName: clusterLeash, MaxReceiveMessageLength: wrapperspb.UInt32(maxLeashResponse),
			},
		}},
		ProcessingMode: &extprocv3.ProcessingMode{
			RequestHeaderMode:  extprocv3.ProcessingMode_SEND,
			ResponseHeaderMode: extprocv3.ProcessingMode_SKIP,
			RequestBodyMode:    extprocv3.ProcessingMode_NONE,
			ResponseBodyMode:   extprocv3.ProcessingMode_NONE,
			RequestTrailerMode: extprocv3.ProcessingMode_SKIP,
			// Something has to be left to wait for, or Envoy lets go of the leash.
			ResponseTrailerMode: extprocv3.ProcessingMode_SEND,
		},
		MessageTimeout:   durationpb.New(timeout),
		StatusOnError:    &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		RouteCacheAction: extprocv3.ExternalProcessor_RETAIN,
		// All that may change is the bound, which the leash takes away.
		MutationRules: &mutationrulesv3.HeaderMutationRules{
			DisallowAll:     wrapperspb.Bool(true),
			AllowExpression: regex(headerBound),
			DisallowIsError: wrapperspb.Bool(true),
		},
		// The facts come as ext_authz left them, since the headers are by now
		// those for the upstream. The request's id is for the log.
		MetadataOptions: &extprocv3.MetadataOptions{
			ForwardingNamespaces: &extprocv3.MetadataOptions_MetadataNamespaces{Untyped: []string{filterAuthorize}},
		},
		ForwardRules: &extprocv3.HeaderForwardingRules{AllowedHeaders: &matcherv3.ListStringMatcher{
			Patterns: []*matcherv3.StringMatcher{{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: "x-request-id"}}},
		}},
		DisableImmediateResponse: true,
	}
}

// maxLeashResponse bounds what authorize says on a leash, in bytes.
const maxLeashResponse = 16 << 10

// holdsAll reports whether every request of a route is held, and not only those
// that look as if they would last.
func (b *builder) holdsAll(r *config.Route) bool {
	timeout := b.c.UpstreamTimeout(r)
	return timeout <= 0 || timeout > longTimeout || b.readsLong()
}
