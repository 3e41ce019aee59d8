package xds

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	streamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	withoutqueryv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/formatter/req_without_query/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// defaultLogFields are logged when access_log_fields names none.
var defaultLogFields = []string{
	"authority", "duration", "forwarded-for", "method", "path", "referer", "request-id",
	"response-code", "response-code-details", "size", "upstream-cluster", "user-agent",
}

// logOperators are the fields of the access log and how Envoy spells them. The
// host is the client's, also on routes that rewrite it: the client's own
// X-Forwarded-Host is gone by then.
var logOperators = map[string]string{
	"authority":             "%REQ(X-FORWARDED-HOST?:AUTHORITY)%",
	"cluster-stat-name":     "%UPSTREAM_CLUSTER%",
	"duration":              "%DURATION%",
	"forwarded-for":         "%REQ(X-FORWARDED-FOR)%",
	"ip":                    "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
	"method":                "%REQ(:METHOD)%",
	"path":                  "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%",
	"query":                 "%QUERY_PARAMS(ORIG)%",
	"referer":               "%REQ_WITHOUT_QUERY(REFERER)%",
	"request-id":            "%REQ(X-REQUEST-ID)%",
	"response-code":         "%RESPONSE_CODE%",
	"response-code-details": "%RESPONSE_CODE_DETAILS%",
	"size":                  "%BYTES_SENT%",
	"upstream-cluster":      "%UPSTREAM_CLUSTER_RAW%",
	"user-agent":            "%REQ(USER-AGENT)%",
}

// certificateOperators are the parts of the field client-certificate.
var certificateOperators = map[string]string{
	"fingerprint": "%DOWNSTREAM_PEER_FINGERPRINT_256%",
	"issuer":      "%DOWNSTREAM_PEER_ISSUER%",
	"serial":      "%DOWNSTREAM_PEER_SERIAL%",
	"subject":     "%DOWNSTREAM_PEER_SUBJECT%",
}

// unloggable are headers whose values let somebody in; they are never logged,
// even if asked for.
var unloggable = []string{
	"authorization", "cookie", "proxy-authorization", "set-cookie",
	"x-pomerium-authorization", "x-pomerium-jwt-assertion", "x-pomerium-jwt-assertion-for",
}

// Paths whose query may hold a ticket, a code or a signed handoff: all of our
// own, and every one with a parameter of ours, spelled in percent signs or not.
const (
	healthPaths  = `/(?:ping|healthz)(?:\?.*)?`
	secretQuerys = `/oauth2/callback.*|/\.pomerium.*|[^?]*\?(?:.*&)?(?:pomerium_|[^=&]*%).*`
)

// accessLogs write one JSON line per request to Envoy's standard output. Lines
// are of level info, and for /ping and /healthz of level debug.
func (b *builder) accessLogs() []*accesslogv3.AccessLog {
	level := string(b.c.ProxyLogLevel)
	if level == "" {
		level = string(b.c.LogLevel)
	}
	var filters []*accesslogv3.AccessLogFilter
	switch level {
	case "trace", "debug":
	case "", "info":
		filters = append(filters, pathFilter(healthPaths, true))
	default:
		return nil
	}
	fields := b.logFields()
	if fields.Fields["query"] == nil {
		return []*accesslogv3.AccessLog{b.accessLog(fields, filters)}
	}
	hidden := b.logFields()
	hidden.Fields["query"] = structpb.NewStringValue("[redacted]")
	return []*accesslogv3.AccessLog{
		b.accessLog(fields, append(slices.Clone(filters), pathFilter(secretQuerys, true))),
		b.accessLog(hidden, append(slices.Clone(filters), pathFilter(secretQuerys, false))),
	}
}

func (b *builder) accessLog(fields *structpb.Struct, filters []*accesslogv3.AccessLogFilter) *accesslogv3.AccessLog {
	return &accesslogv3.AccessLog{
		Name:   "envoy.access_loggers.stdout",
		Filter: all(filters),
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: b.any(&streamv3.StdoutAccessLog{
			AccessLogFormat: &streamv3.StdoutAccessLog_LogFormat{LogFormat: &corev3.SubstitutionFormatString{
				Format:          &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: fields},
				OmitEmptyValues: true,
				Formatters: []*corev3.TypedExtensionConfig{{
					Name:        "envoy.formatter.req_without_query",
					TypedConfig: b.any(&withoutqueryv3.ReqWithoutQuery{}),
				}},
			}},
		})},
	}
}

// logFields is the shape of a line. Unknown fields are left out: the loader
// has warned of them.
func (b *builder) logFields() *structpb.Struct {
	line := map[string]*structpb.Value{
		"level":   structpb.NewStringValue("info"),
		"service": structpb.NewStringValue("envoy"),
		"time":    structpb.NewStringValue("%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%"),
		"message": structpb.NewStringValue("http-request"),
	}
	names := b.c.AccessLogFields
	if len(names) == 0 {
		names = defaultLogFields
	}
	for _, name := range names {
		if operator, ok := logOperators[name]; ok {
			line[name] = structpb.NewStringValue(operator)
		}
		if header, ok := strings.CutPrefix(name, "headers."); ok && loggable(header) {
			line[name] = structpb.NewStringValue("%REQ(" + http.CanonicalHeaderKey(header) + ")%")
		}
		if name == "client-certificate" {
			parts := make(map[string]*structpb.Value, len(certificateOperators))
			for part, operator := range certificateOperators {
				parts[part] = structpb.NewStringValue(operator)
			}
			line[name] = structpb.NewStructValue(&structpb.Struct{Fields: parts})
		}
	}
	return &structpb.Struct{Fields: line}
}

// loggable reports whether a header may be logged: a token, so that it cannot
// end the operator it stands in, and no secret.
func loggable(header string) bool {
	return plainName.MatchString(header) && !slices.Contains(unloggable, strings.ToLower(header))
}

var plainName = regexp.MustCompile("^[-A-Za-z0-9_]+$")

// pathFilter lets through what the path (query included) matches, or what it
// does not match.
func pathFilter(pattern string, invert bool) *accesslogv3.AccessLogFilter {
	return headerFilter(&routev3.HeaderMatcher{
		Name:                      ":path",
		HeaderMatchSpecifier:      &routev3.HeaderMatcher_StringMatch{StringMatch: regexString(pattern)},
		InvertMatch:               invert,
		TreatMissingHeaderAsEmpty: true, // CONNECT has no path
	})
}

func headerFilter(m *routev3.HeaderMatcher) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_HeaderFilter{
		HeaderFilter: &accesslogv3.HeaderFilter{Header: m},
	}}
}

// all joins filters; nil lets everything through.
func all(filters []*accesslogv3.AccessLogFilter) *accesslogv3.AccessLogFilter {
	switch len(filters) {
	case 0:
		return nil
	case 1:
		return filters[0]
	}
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_AndFilter{
		AndFilter: &accesslogv3.AndFilter{Filters: filters},
	}}
}
