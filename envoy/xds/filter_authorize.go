package xds

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cardea-proxy/cardea/config"
)

// certificateNamespace is where client-certificate.lua leaves the chain.
const certificateNamespace = "cardea.client_certificate"

// authorizeFilter asks authorize about every request. It fails closed: no
// answer, a late, a huge or an invalid one is a 503.
//
// The route cache is kept: the route that authorize was told of is the route
// that is taken, whatever headers it sets.
func (b *builder) authorizeFilter() *authzv3.ExtAuthz {
	f := &authzv3.ExtAuthz{
		TransportApiVersion: corev3.ApiVersion_V3,
		Services: &authzv3.ExtAuthz_GrpcService{GrpcService: &corev3.GrpcService{
			Timeout: durationpb.New(b.authorizeTimeout()),
			TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{
				ClusterName:             clusterAuthorize,
				MaxReceiveMessageLength: wrapperspb.UInt32(maxAuthorizeResponse),
			}},
		}},
		StatusOnError:              &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		ValidateMutations:          true,
		IncludeTlsSession:          !b.c.InsecureServer,
		MaxDeniedResponseBodyBytes: maxDeniedBody,
	}
	if b.asksClientCertificate() {
		f.IncludePeerCertificate = true
		f.MetadataContextNamespaces = []string{certificateNamespace}
	}
	return f
}

// authorizeTimeout is how long authorize may take to answer.
func (b *builder) authorizeTimeout() time.Duration {
	if b.c.GRPCClientTimeout > 0 {
		return b.c.GRPCClientTimeout
	}
	return 30 * time.Second
}

// checkRoute tells authorize which route Envoy chose, which policy it had when
// this snapshot was made, and whether every request there is held on a leash.
func (b *builder) checkRoute(r *config.Route, held bool) *anypb.Any {
	m := map[string]string{"route_id": r.ID, "policy": b.PolicyDigests[r.ID]}
	if held {
		m["leash"] = "true"
	}
	return b.contextExtensions(m)
}

// checkInternal tells authorize that the path is one of our own.
func (b *builder) checkInternal() *anypb.Any {
	return b.contextExtensions(map[string]string{"internal": "true"})
}

func (b *builder) contextExtensions(m map[string]string) *anypb.Any {
	return b.any(&authzv3.ExtAuthzPerRoute{Override: &authzv3.ExtAuthzPerRoute_CheckSettings{
		CheckSettings: &authzv3.CheckSettings{ContextExtensions: m},
	}})
}

// unchecked is for answers that Envoy makes itself and that open nothing: an
// unknown host, a wrong path.
func (b *builder) unchecked() *anypb.Any {
	return once(b, "unchecked", func() *anypb.Any {
		return b.any(&authzv3.ExtAuthzPerRoute{Override: &authzv3.ExtAuthzPerRoute_Disabled{Disabled: true}})
	})
}
