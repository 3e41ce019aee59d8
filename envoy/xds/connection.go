package xds

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	uuidv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/request_id/uuid/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cardea-proxy/cardea/config"
)

// Limits of one request, and of one HTTP/2 connection.
const (
	maxHeaderKiB         = 128
	maxHeaders           = 1000
	maxStreams           = 100
	streamWindow         = 64 << 10 // bytes
	connectionWindow     = 1 << 20  // bytes
	headersTimeout       = 10 * time.Second
	delayedClose         = time.Second
	managerName          = "envoy.filters.network.http_connection_manager"
	serverName           = "cardea"
	maxDeniedBody        = 1 << 20 // bytes
	maxAuthorizeResponse = 2 << 20 // bytes
)

func (b *builder) networkFilter(m *hcmv3.HttpConnectionManager) *listenerv3.Filter {
	return &listenerv3.Filter{
		Name:       managerName,
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.any(m)},
	}
}

// routing is how HTTP is spoken on e. Its routes come over RDS, so that a
// changed route changes no listener.
func (b *builder) routing(e entrance) *hcmv3.HttpConnectionManager {
	m := b.manager(e.stats)
	m.EarlyHeaderMutationExtensions = b.earlyMutations()
	if !b.c.InsecureServer {
		// Whatever an absolute-form target or an HTTP/2 client writes. Without
		// TLS here, a trusted proxy in front may have had it.
		m.SchemeHeaderTransformation = &corev3.SchemeHeaderTransformation{
			Transformation: &corev3.SchemeHeaderTransformation_SchemeToOverwrite{SchemeToOverwrite: "https"},
		}
	}
	m.HttpFilters = b.httpFilters()
	m.LocalReplyConfig = b.localReplies()
	m.RouteSpecifier = &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
		ConfigSource:    ads(),
		RouteConfigName: e.routes,
	}}
	return m
}

// manager is what all listeners share: the limits, and who is believed what.
func (b *builder) manager(prefix string) *hcmv3.HttpConnectionManager {
	m := &hcmv3.HttpConnectionManager{
		StatPrefix:                prefix,
		CodecType:                 b.codec(),
		CommonHttpProtocolOptions: b.protocolOptions(),
		HttpProtocolOptions:       &corev3.Http1ProtocolOptions{},
		Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
			MaxConcurrentStreams:        wrapperspb.UInt32(maxStreams),
			InitialStreamWindowSize:     wrapperspb.UInt32(streamWindow),
			InitialConnectionWindowSize: wrapperspb.UInt32(connectionWindow),
			// No AllowConnect: it offers extended CONNECT, upon which a browser
			// opens websockets over HTTP/2, without the key that an upstream of
			// HTTP/1.1 demands (RFC 8441, section 5). Tunnels do not need it.
		},
		MaxRequestHeadersKb:   wrapperspb.UInt32(maxHeaderKiB),
		RequestHeadersTimeout: durationpb.New(headersTimeout),
		RequestTimeout:        durationpb.New(b.c.TimeoutRead),
		StreamIdleTimeout:     durationpb.New(b.c.TimeoutIdle),
		DelayedCloseTimeout:   durationpb.New(delayedClose),

		ServerName:                   serverName,
		ServerHeaderTransformation:   hcmv3.HttpConnectionManager_OVERWRITE,
		StripTrailingHostDot:         true,
		NormalizePath:                wrapperspb.Bool(b.c.NormalizePath),
		MergeSlashes:                 b.c.MergeSlashes,
		PathWithEscapedSlashesAction: b.escapedSlashes(),

		// No client is internal: x-envoy-* headers are believed from nobody,
		// and the request id is always ours.
		UseRemoteAddress:             wrapperspb.Bool(true),
		InternalAddressConfig:        nobodyInternal(),
		SkipXffAppend:                b.c.SkipXFFAppend,
		XffNumTrustedHops:            b.c.XFFNumTrustedHops,
		GenerateRequestId:            wrapperspb.Bool(true),
		AlwaysSetRequestIdInResponse: true,
		RequestIdExtension: &hcmv3.RequestIDExtension{TypedConfig: b.any(&uuidv3.UuidRequestIdConfig{
			PackTraceReason:              wrapperspb.Bool(false),
			UseRequestIdForTraceSampling: wrapperspb.Bool(false),
		})},
		ForwardClientCertDetails: hcmv3.HttpConnectionManager_SANITIZE,
		AccessLog:                b.accessLogs(),
	}
	return m
}

// nobodyInternal names an address that no client has (RFC 919, section 7). An
// empty list would not do: Envoy then takes private addresses for internal.
func nobodyInternal() *hcmv3.HttpConnectionManager_InternalAddressConfig {
	return &hcmv3.HttpConnectionManager_InternalAddressConfig{
		CidrRanges: []*corev3.CidrRange{{AddressPrefix: "255.255.255.255", PrefixLen: wrapperspb.UInt32(32)}},
	}
}

func (b *builder) codec() hcmv3.HttpConnectionManager_CodecType {
	switch b.c.CodecType {
	case config.CodecHTTP1:
		return hcmv3.HttpConnectionManager_HTTP1
	case config.CodecHTTP2:
		return hcmv3.HttpConnectionManager_HTTP2
	}
	return hcmv3.HttpConnectionManager_AUTO
}

func (b *builder) protocolOptions() *corev3.HttpProtocolOptions {
	o := &corev3.HttpProtocolOptions{
		IdleTimeout:     durationpb.New(b.c.TimeoutIdle),
		MaxHeadersCount: wrapperspb.UInt32(maxHeaders),
	}
	if b.c.TimeoutWrite > 0 {
		o.MaxStreamDuration = durationpb.New(b.c.TimeoutWrite)
	}
	switch b.c.HeadersWithUnderscoresAction {
	case config.UnderscoresAllow:
		o.HeadersWithUnderscoresAction = corev3.HttpProtocolOptions_ALLOW
	case config.UnderscoresDrop:
		o.HeadersWithUnderscoresAction = corev3.HttpProtocolOptions_DROP_HEADER
	default:
		o.HeadersWithUnderscoresAction = corev3.HttpProtocolOptions_REJECT_REQUEST
	}
	return o
}

func (b *builder) escapedSlashes() hcmv3.HttpConnectionManager_PathWithEscapedSlashesAction {
	switch b.c.PathWithEscapedSlashesAction {
	case config.SlashesKeep:
		return hcmv3.HttpConnectionManager_KEEP_UNCHANGED
	case config.SlashesRedirect:
		return hcmv3.HttpConnectionManager_UNESCAPE_AND_REDIRECT
	case config.SlashesForward:
		return hcmv3.HttpConnectionManager_UNESCAPE_AND_FORWARD
	}
	return hcmv3.HttpConnectionManager_REJECT_REQUEST
}
