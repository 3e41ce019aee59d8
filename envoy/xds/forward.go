package xds

import (
	"maps"
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cardea-proxy/cardea/config"
)

// headerRoutingKey is set by authorize: one value per session.
const headerRoutingKey = "x-pomerium-routing-key"

// forward sends a request to the upstream. Nothing is retried: a second try
// could do twice what was asked once. guard, if any, is an expression for the
// paths, with their query, that the rewrite would lead astray.
func (b *builder) forward(r *config.Route) (action *routev3.RouteAction, guard string) {
	action = &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: clusterName(r)},
		Timeout:          durationpb.New(b.c.UpstreamTimeout(r)),
		UpgradeConfigs:   b.upgrades(r),
		HashPolicy:       hashPolicy(r),
	}
	switch {
	case r.IdleTimeout != nil:
		action.IdleTimeout = durationpb.New(*r.IdleTimeout)
	case r.IsTCP() || r.Upgrades(b.c)["websocket"]:
		action.IdleTimeout = durationpb.New(0) // no limit
	}
	if r.IsTCP() {
		return action, ""
	}
	b.rewriteHost(r, action)
	return action, b.rewritePath(r, action)
}

// upgrades are the protocols that a connection may change to; none but these.
func (b *builder) upgrades(r *config.Route) []*routev3.RouteAction_UpgradeConfig {
	if r.IsTCP() {
		tunnel := &routev3.RouteAction_UpgradeConfig{UpgradeType: "CONNECT", Enabled: wrapperspb.Bool(true)}
		if len(r.To) > 0 && r.To[0].URL.Scheme == "tcp" {
			// The tunnel ends here and its bytes go on; without this, the
			// CONNECT itself goes on, to a proxy.
			tunnel.ConnectConfig = &routev3.RouteAction_UpgradeConfig_ConnectConfig{}
		}
		return []*routev3.RouteAction_UpgradeConfig{tunnel}
	}
	var upgrades []*routev3.RouteAction_UpgradeConfig
	for _, name := range slices.Sorted(maps.Keys(r.Upgrades(b.c))) {
		upgrades = append(upgrades, &routev3.RouteAction_UpgradeConfig{
			UpgradeType: name,
			Enabled:     wrapperspb.Bool(true),
		})
	}
	return upgrades
}

// hashPolicy keeps a session on one upstream where the load balancing policy
// asks for it, and a stranger by address.
func hashPolicy(r *config.Route) []*routev3.RouteAction_HashPolicy {
	if r.LoadBalancingPolicy != config.LBMaglev && r.LoadBalancingPolicy != config.LBRingHash {
		return nil
	}
	return []*routev3.RouteAction_HashPolicy{
		{
			PolicySpecifier: &routev3.RouteAction_HashPolicy_Header_{
				Header: &routev3.RouteAction_HashPolicy_Header{HeaderName: headerRoutingKey},
			},
			Terminal: true,
		},
		{
			PolicySpecifier: &routev3.RouteAction_HashPolicy_ConnectionProperties_{
				ConnectionProperties: &routev3.RouteAction_HashPolicy_ConnectionProperties{SourceIp: true},
			},
			Terminal: true,
		},
	}
}
