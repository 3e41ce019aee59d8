package xds

import (
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cardea-proxy/cardea/config"
)

// healthChecks are the probes of a route's upstreams.
func (b *builder) healthChecks(r *config.Route) []*corev3.HealthCheck {
	var checks []*corev3.HealthCheck
	for i := range r.HealthChecks {
		h := &r.HealthChecks[i]
		check := &corev3.HealthCheck{
			Name:                         "check-" + strconv.Itoa(i),
			Timeout:                      durationOr(h.Timeout, 5*time.Second),
			Interval:                     durationOr(h.Interval, 10*time.Second),
			InitialJitter:                optional(h.InitialJitter),
			IntervalJitter:               optional(h.IntervalJitter),
			IntervalJitterPercent:        h.IntervalJitterPercent,
			UnhealthyThreshold:           wrapperspb.UInt32(2),
			HealthyThreshold:             wrapperspb.UInt32(1),
			NoTrafficInterval:            optional(h.NoTrafficInterval),
			NoTrafficHealthyInterval:     optional(h.NoTrafficHealthyInterval),
			UnhealthyInterval:            optional(h.UnhealthyInterval),
			UnhealthyEdgeInterval:        optional(h.UnhealthyEdgeInterval),
			HealthyEdgeInterval:          optional(h.HealthyEdgeInterval),
			AlwaysLogHealthCheckFailures: h.AlwaysLogHealthCheckFailures,
		}
		limit(&check.UnhealthyThreshold, h.UnhealthyThreshold)
		limit(&check.HealthyThreshold, h.HealthyThreshold)
		if h.ReuseConnection != nil {
			check.ReuseConnection = wrapperspb.Bool(*h.ReuseConnection)
		}
		if !prober(h, check) {
			b.fail("route %s: health_checks[%d]: want one of http_health_check, tcp_health_check and grpc_health_check", r.From, i)
		}
		checks = append(checks, check)
	}
	return checks
}

// prober sets what is asked; false if nothing is.
func prober(h *config.HealthCheck, check *corev3.HealthCheck) bool {
	switch {
	case h.HTTP != nil:
		check.HealthChecker = httpProbe(h.HTTP)
	case h.TCP != nil:
		probe := &corev3.HealthCheck_TcpHealthCheck{}
		if h.TCP.Send != nil {
			probe.Send = payload(*h.TCP.Send)
		}
		for _, p := range h.TCP.Receive {
			probe.Receive = append(probe.Receive, payload(p))
		}
		check.HealthChecker = &corev3.HealthCheck_TcpHealthCheck_{TcpHealthCheck: probe}
	case h.GRPC != nil:
		check.HealthChecker = &corev3.HealthCheck_GrpcHealthCheck_{GrpcHealthCheck: &corev3.HealthCheck_GrpcHealthCheck{
			ServiceName: h.GRPC.ServiceName,
			Authority:   h.GRPC.Authority,
		}}
	default:
		return false
	}
	return true
}

func httpProbe(h *config.HTTPHealthCheck) *corev3.HealthCheck_HttpHealthCheck_ {
	probe := &corev3.HealthCheck_HttpHealthCheck{
		Host:              h.Host,
		Path:              h.Path,
		ExpectedStatuses:  statuses(h.ExpectedStatuses),
		RetriableStatuses: statuses(h.RetriableStatuses),
	}
	if probe.Path == "" {
		probe.Path = "/"
	}
	if strings.EqualFold(h.CodecClientType, "HTTP2") {
		probe.CodecClientType = typev3.CodecClientType_HTTP2
	}
	return &corev3.HealthCheck_HttpHealthCheck_{HttpHealthCheck: probe}
}

func statuses(ranges []config.StatusRange) []*typev3.Int64Range {
	var all []*typev3.Int64Range
	for _, r := range ranges {
		all = append(all, &typev3.Int64Range{Start: r.Start, End: r.End})
	}
	return all
}

func payload(p config.Payload) *corev3.HealthCheck_Payload {
	if len(p.Binary) > 0 {
		return &corev3.HealthCheck_Payload{Payload: &corev3.HealthCheck_Payload_Binary{Binary: p.Binary}}
	}
	return &corev3.HealthCheck_Payload{Payload: &corev3.HealthCheck_Payload_Text{Text: p.Text}}
}

// optional leaves Envoy's default where nothing is said.
func optional(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

func durationOr(d, otherwise time.Duration) *durationpb.Duration {
	if d == 0 {
		d = otherwise
	}
	return durationpb.New(d)
}
