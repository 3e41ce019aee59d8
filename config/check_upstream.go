package config

import (
	"encoding/hex"
	"time"
)

// checkUpstreamTLS reads the certificates of one route. Given both ways, the
// inline form wins, as it always did for routes.
func (l *loading) checkUpstreamTLS(r *Route, key string) {
	r.UpstreamCA = l.authority(key+".tls_custom_ca", r.TLSCustomCA, key+".tls_custom_ca_file", r.TLSCustomCAFile)
	r.DownstreamClientCA = l.authority(key+".tls_downstream_client_ca", r.TLSDownstreamClientCA,
		key+".tls_downstream_client_ca_file", r.TLSDownstreamClientCAFile)
	switch {
	case r.TLSClientCert != nil || r.TLSClientKey != "":
		r.UpstreamClientCert = l.inlinePair(key+".tls_client_cert", r.TLSClientCert, key+".tls_client_key", r.TLSClientKey)
	case r.TLSClientCertFile != "" || r.TLSClientKeyFile != "":
		r.UpstreamClientCert = l.filePair(key+".tls_client_cert_file", r.TLSClientCertFile, key+".tls_client_key_file", r.TLSClientKeyFile)
	}
	if r.UpstreamClientCert != nil {
		l.checkExpiry(key, r.UpstreamClientCert)
	}
	for name, host := range map[string]string{
		"tls_server_name":            r.TLSServerName,
		"tls_upstream_server_name":   r.TLSUpstreamServerName,
		"tls_downstream_server_name": r.TLSDownstreamServerName,
	} {
		if host != "" && !validHost(host, false) {
			l.refuse(key+"."+name, "", "a host name")
		}
	}
	if r.TLSSkipVerify && len(r.UpstreamCA) > 0 {
		l.warn(key+".tls_skip_verify", "tls_custom_ca is not used, since nothing is verified")
	}
}

// checkHealth checks what Envoy would refuse for the whole snapshot.
func (l *loading) checkHealth(r *Route, key string) {
	for i := range r.HealthChecks {
		l.checkHealthCheck(&r.HealthChecks[i], l.item(key+".health_checks", i))
	}
	if p := r.HealthyPanicThreshold; p != nil && *p > 100 {
		l.refuse(key+".healthy_panic_threshold", "", wantPercent)
	}
	if r.OutlierDetection != nil {
		l.checkOutlier(r.OutlierDetection, key+".outlier_detection")
	}
}

// wantPercent is the wish of shares.
const wantPercent = "a percentage from 0 to 100"

func (l *loading) checkHealthCheck(h *HealthCheck, key string) {
	if l.bad[key] {
		return
	}
	for name, d := range map[string]time.Duration{"timeout": h.Timeout, "interval": h.Interval} {
		if d <= 0 && !l.bad[key+"."+name] {
			l.refuse(key+"."+name, "", "a duration above 0")
		}
	}
	for name, n := range map[string]*uint32{"unhealthy_threshold": h.UnhealthyThreshold, "healthy_threshold": h.HealthyThreshold} {
		if n == nil && !l.bad[key+"."+name] {
			l.refuse(key+"."+name, "missing", "how many checks in a row change the state")
		}
	}
	kinds := 0
	for _, given := range []bool{h.HTTP != nil, h.TCP != nil, h.GRPC != nil} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		l.refuse(key, "", "one of http_health_check, tcp_health_check or grpc_health_check")
	}
	if h.HTTP != nil {
		l.checkHTTPHealth(h.HTTP, key+".http_health_check")
	}
	if h.TCP != nil {
		l.checkPayloads(h.TCP, key+".tcp_health_check")
	}
}

func (l *loading) checkHTTPHealth(h *HTTPHealthCheck, key string) {
	if h.Path == "" || h.Path[0] != '/' {
		l.refuse(key+".path", "", "a path that begins with /")
	}
	switch h.CodecClientType {
	case "", "HTTP1", "HTTP2":
	default:
		l.refuse(key+".codec_client_type", "", "HTTP1 or HTTP2")
	}
	for name, ranges := range map[string][]StatusRange{"expected_statuses": h.ExpectedStatuses, "retriable_statuses": h.RetriableStatuses} {
		for i, s := range ranges {
			if s.Start < 100 || s.End > 600 || s.Start >= s.End {
				l.refuse(l.item(key+"."+name, i), "", "start and end from 100 to 600, the end not included")
			}
		}
	}
}

func (l *loading) checkPayloads(h *TCPHealthCheck, key string) {
	payloads := make(map[string]Payload)
	if h.Send != nil {
		payloads[key+".send"] = *h.Send
	}
	for i, p := range h.Receive {
		payloads[l.item(key+".receive", i)] = p
	}
	for under, p := range payloads {
		_, err := hex.DecodeString(p.Text)
		if (p.Text == "") == (len(p.Binary) == 0) || err != nil {
			l.refuse(under, "", "text in hexadecimal or binary in base64")
		}
	}
}

func (l *loading) checkOutlier(o *OutlierDetection, key string) {
	for name, p := range map[string]*uint32{
		"max_ejection_percent":                       o.MaxEjectionPercent,
		"enforcing_consecutive_5xx":                  o.EnforcingConsecutive5xx,
		"enforcing_success_rate":                     o.EnforcingSuccessRate,
		"enforcing_consecutive_gateway_failure":      o.EnforcingConsecutiveGatewayFailure,
		"enforcing_consecutive_local_origin_failure": o.EnforcingConsecutiveLocalOriginFailure,
		"enforcing_local_origin_success_rate":        o.EnforcingLocalOriginSuccessRate,
		"enforcing_failure_percentage":               o.EnforcingFailurePercentage,
		"enforcing_failure_percentage_local_origin":  o.EnforcingFailurePercentageLocalOrigin,
		"failure_percentage_threshold":               o.FailurePercentageThreshold,
	} {
		if p != nil && *p > 100 {
			l.refuse(key+"."+name, "", wantPercent)
		}
	}
	for name, d := range map[string]*time.Duration{
		"interval":           o.Interval,
		"base_ejection_time": o.BaseEjectionTime,
		"max_ejection_time":  o.MaxEjectionTime,
	} {
		if d != nil && *d == 0 {
			l.refuse(key+"."+name, "", "a duration above 0")
		}
	}
}
