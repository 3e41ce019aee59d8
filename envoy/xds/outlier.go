package xds

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cardea-proxy/cardea/config"
)

// outlierDetection leaves out upstreams that fail; nil fields keep Envoy's
// defaults, and nil does not watch at all.
func outlierDetection(o *config.OutlierDetection) *clusterv3.OutlierDetection {
	if o == nil {
		return nil
	}
	d := &clusterv3.OutlierDetection{SplitExternalLocalOriginErrors: o.SplitExternalLocalOriginErrors}
	for _, n := range []struct {
		to   **wrapperspb.UInt32Value
		from *uint32
	}{
		{&d.Consecutive_5Xx, o.Consecutive5xx},
		{&d.MaxEjectionPercent, o.MaxEjectionPercent},
		{&d.EnforcingConsecutive_5Xx, o.EnforcingConsecutive5xx},
		{&d.EnforcingSuccessRate, o.EnforcingSuccessRate},
		{&d.SuccessRateMinimumHosts, o.SuccessRateMinimumHosts},
		{&d.SuccessRateRequestVolume, o.SuccessRateRequestVolume},
		{&d.SuccessRateStdevFactor, o.SuccessRateStdevFactor},
		{&d.ConsecutiveGatewayFailure, o.ConsecutiveGatewayFailure},
		{&d.EnforcingConsecutiveGatewayFailure, o.EnforcingConsecutiveGatewayFailure},
		{&d.ConsecutiveLocalOriginFailure, o.ConsecutiveLocalOriginFailure},
		{&d.EnforcingConsecutiveLocalOriginFailure, o.EnforcingConsecutiveLocalOriginFailure},
		{&d.EnforcingLocalOriginSuccessRate, o.EnforcingLocalOriginSuccessRate},
		{&d.FailurePercentageThreshold, o.FailurePercentageThreshold},
		{&d.EnforcingFailurePercentage, o.EnforcingFailurePercentage},
		{&d.EnforcingFailurePercentageLocalOrigin, o.EnforcingFailurePercentageLocalOrigin},
		{&d.FailurePercentageMinimumHosts, o.FailurePercentageMinimumHosts},
		{&d.FailurePercentageRequestVolume, o.FailurePercentageRequestVolume},
	} {
		limit(n.to, n.from)
	}
	for _, t := range []struct {
		to   **durationpb.Duration
		from *time.Duration
	}{
		{&d.Interval, o.Interval},
		{&d.BaseEjectionTime, o.BaseEjectionTime},
		{&d.MaxEjectionTime, o.MaxEjectionTime},
		{&d.MaxEjectionTimeJitter, o.MaxEjectionTimeJitter},
	} {
		if t.from != nil {
			*t.to = durationpb.New(*t.from)
		}
	}
	if v := o.SuccessfulActiveHealthCheckUnejectHost; v != nil {
		d.SuccessfulActiveHealthCheckUnejectHost = wrapperspb.Bool(*v)
	}
	if v := o.AlwaysEjectOneHost; v != nil {
		d.AlwaysEjectOneHost = wrapperspb.Bool(*v)
	}
	return d
}
