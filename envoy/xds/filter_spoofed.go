package xds

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	mutationrulesv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
)

// headerServerName carries the server name of the TLS handshake to the route
// table, which refuses hosts that the connection is not for. It stays inside.
const headerServerName = "x-cardea-sni"

// spoofed are headers that a client has no business to send: upstreams take
// them for ours or for a trusted proxy's, or act on another path or method
// than the policy read. Forwarded-For and -Proto are not here, since Envoy
// writes them itself and knows which hops to trust.
var spoofed = []string{
	"forwarded",
	"front-end-https",
	"proxy", // becomes HTTP_PROXY in a CGI environment
	"remote-email",
	"remote-groups",
	"remote-name",
	"remote-user",
	"true-client-ip",
	"x-auth-request-access-token",
	"x-auth-request-email",
	"x-auth-request-groups",
	"x-auth-request-preferred-username",
	"x-auth-request-user",
	"x-client-ip",
	"x-client-trace-id",
	"x-cluster-client-ip",
	"x-forwarded-access-token",
	"x-forwarded-client-cert",
	"x-forwarded-email",
	"x-forwarded-groups",
	"x-forwarded-host",
	"x-forwarded-method",
	"x-forwarded-path",
	"x-forwarded-port",
	"x-forwarded-preferred-username",
	"x-forwarded-prefix",
	"x-forwarded-scheme",
	"x-forwarded-server",
	"x-forwarded-ssl",
	"x-forwarded-uri",
	"x-forwarded-url",
	"x-forwarded-user",
	"x-http-method",
	"x-http-method-override",
	"x-method-override",
	"x-original-host",
	"x-original-method",
	"x-original-uri",
	"x-original-url",
	"x-real-ip",
	"x-remote-group",
	"x-remote-groups",
	"x-remote-user",
	"x-rewrite-url",
	"x-webauth-user",
}

// The one header of x-pomerium-* that clients send, and the one of x-envoy-*
// that Envoy has already set by itself when the others are removed.
const (
	ticketHeader    = "authorization"
	externalAddress = "external-address"
)

// earlyMutations change a request before a route is chosen: nothing that a
// client made up can match a route, reach ext_authz or be logged. They are
// Envoy's own code, one pass over the headers.
func (b *builder) earlyMutations() []*corev3.TypedExtensionConfig {
	mutations := []*mutationrulesv3.HeaderMutation{
		removeMatching(b.spoofedPattern()),
		// Envoy keeps Connection only on an upgrade. Naming our headers there
		// would tell the next proxy to drop them (RFC 9110, section 7.6.1).
		appendHeader("connection", "upgrade", corev3.HeaderValueOption_OVERWRITE_IF_EXISTS),
	}
	if b.checksServerName() {
		mutations = append(mutations, appendHeader(headerServerName, "%REQUESTED_SERVER_NAME%",
			corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD))
	}
	return []*corev3.TypedExtensionConfig{{
		Name:        "envoy.http.early_header_mutation.header_mutation",
		TypedConfig: b.any(&earlyv3.HeaderMutation{Mutations: mutations}),
	}}
}

// spoofedTrailers removes from trailers what earlyMutations remove from
// headers: some servers join the two. It is the first filter and every request
// meets it, so it also bounds them, which an early mutation cannot: Envoy cleans
// up behind those.
func (b *builder) spoofedTrailers() *mutationv3.HeaderMutation {
	pattern := b.spoofedPattern() + "|x-pomerium-authorization|authorization|cookie|host"
	return &mutationv3.HeaderMutation{Mutations: &mutationv3.Mutations{
		RequestMutations:         []*mutationrulesv3.HeaderMutation{b.boundHeader()},
		RequestTrailersMutations: []*mutationrulesv3.HeaderMutation{removeMatching(pattern)},
	}}
}

// spoofedPattern matches the names of spoofed headers. Envoy has them in lower
// case; "_" counts as "-", because many servers make one of the other.
func (b *builder) spoofedPattern() string {
	names := make(map[string]bool, len(spoofed))
	for _, name := range spoofed {
		names[name] = true
	}
	for name := range b.c.JWTClaimsHeaders {
		names[strings.ToLower(name)] = true
	}
	patterns := slices.Concat(
		family("x-pomerium-", ticketHeader),
		family("x-envoy-", externalAddress),
		family("x-cardea-", ""),
	)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		patterns = append(patterns, anyHyphen(regexp.QuoteMeta(name)))
	}
	return strings.Join(patterns, "|")
}

// family matches the names that begin with prefix, however its hyphens are
// written, but for the one name prefix+but.
func family(prefix, but string) []string {
	folded := make([]string, 0, 3)
	if but == "" {
		folded = append(folded, prefix+".*")
	} else {
		folded = append(folded, prefix+except(but))
	}
	for i, c := range prefix { // one expression for each place of a first "_"
		if c == '-' {
			folded = append(folded, prefix[:i]+"_"+anyHyphen(prefix[i+1:])+".*")
		}
	}
	return folded
}

// anyHyphen lets "_" stand for "-" and the reverse, as many servers do.
func anyHyphen(name string) string {
	return strings.NewReplacer("-", "[-_]", "_", "[-_]").Replace(name)
}

// except returns an expression that matches every string but word. RE2 has no
// word for "not".
func except(word string) string {
	pattern := ".+" // what may follow the whole word
	for i := len(word) - 1; i >= 0; i-- {
		c := word[i : i+1]
		pattern = "(?:[^" + c + "].*|" + c + pattern + ")?"
	}
	return pattern
}

func removeMatching(pattern string) *mutationrulesv3.HeaderMutation {
	return &mutationrulesv3.HeaderMutation{Action: &mutationrulesv3.HeaderMutation_RemoveOnMatch_{
		RemoveOnMatch: &mutationrulesv3.HeaderMutation_RemoveOnMatch{KeyMatcher: regexString(pattern)},
	}}
}

func appendHeader(name, value string, action corev3.HeaderValueOption_HeaderAppendAction) *mutationrulesv3.HeaderMutation {
	return &mutationrulesv3.HeaderMutation{Action: &mutationrulesv3.HeaderMutation_Append{
		Append: &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: name, Value: value},
			AppendAction: action,
		},
	}}
}
