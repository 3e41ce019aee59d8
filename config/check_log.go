package config

import (
	"slices"
	"strings"
)

// accessLogFields are the names that access_log_fields may hold, besides
// "headers.<Name>".
var accessLogFields = []string{
	"authority", "client-certificate", "cluster-stat-name", "duration", "forwarded-for", "ip", "method", "path",
	"query", "referer", "request-id", "response-code", "response-code-details", "size", "upstream-cluster", "user-agent",
}

// authorizeLogFields are the names that authorize_log_fields may hold, besides
// "headers.<Name>".
var authorizeLogFields = []string{
	"body", "check-request-id", "cluster-stat-name", "email", "envoy-route-checksum", "envoy-route-id", "headers",
	"host", "id-token", "id-token-claims", "impersonate-email", "impersonate-session-id", "impersonate-user-id", "ip",
	"mcp-method", "mcp-tool", "mcp-tool-parameters", "method", "path", "query", "removed-groups-count", "request-id",
	"route-checksum", "route-id", "service-account-id", "session-id", "user",
}

// checkDecisionLog demands room for a record that tells something.
func (l *loading) checkDecisionLog() {
	if l.c.DecisionLogMaxSize < 8<<20 && !l.bad["decision_log_max_size"] {
		l.refuse("decision_log_max_size", "", "at least 8MiB")
	}
}

// checkLogs only warns of fields it does not know: a log that lacks a field is
// no reason to be without a proxy.
func (l *loading) checkLogs() {
	l.logFields("access_log_fields", l.c.AccessLogFields, accessLogFields)
	l.logFields("authorize_log_fields", l.c.AuthorizeLogFields, authorizeLogFields)
}

func (l *loading) logFields(key string, given, known []string) {
	for i, name := range given {
		header, isHeader := strings.CutPrefix(name, "headers.")
		if isHeader && isToken(header) || slices.Contains(known, name) {
			continue
		}
		l.warn(l.item(key, i), "unknown field"+didYouMean(name, slices.Clone(known)))
	}
}
