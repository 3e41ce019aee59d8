package xds

import (
	"regexp"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cardea-proxy/cardea/config"
)

// rewriteHost chooses the Host that the upstream sees; the first wish counts.
// Where it is not the client's, that one travels as X-Forwarded-Host, unless
// the route removes it.
func (b *builder) rewriteHost(r *config.Route, action *routev3.RouteAction) {
	switch {
	case r.HostRewrite != "":
		action.HostRewriteSpecifier = &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: r.HostRewrite}
	case r.HostRewriteHeader != "":
		action.HostRewriteSpecifier = &routev3.RouteAction_HostRewriteHeader{HostRewriteHeader: r.HostRewriteHeader}
	case r.HostPathRegexRewritePattern != "":
		action.HostRewriteSpecifier = &routev3.RouteAction_HostRewritePathRegex{HostRewritePathRegex: b.substitute(
			r, "host_path_regex_rewrite_pattern", r.HostPathRegexRewritePattern, r.HostPathRegexRewriteSubstitution,
		)}
	case r.PreserveHostHeader || r.Verify || r.Console:
		return
	default:
		action.HostRewriteSpecifier = &routev3.RouteAction_AutoHostRewrite{AutoHostRewrite: wrapperspb.Bool(true)}
	}
	action.AppendXForwardedHost = !slices.ContainsFunc(r.RemoveRequestHeaders, func(name string) bool {
		return strings.EqualFold(name, "x-forwarded-host")
	})
}

// Two dots, spelled in percent signs or not, that end a segment for somebody:
// whatever stands behind them is no letter, digit or third dot.
const (
	dots    = `(?:\.|%2[eE])`
	dotsEnd = `(?:[^A-Za-z0-9.?][^?]*)?(?:\?.*)?`
)

// rewritePath changes the path after it was authorized, and nobody resolves
// dot segments any more. Where a rewrite could make one, so that the upstream
// reads a path that the policy did not see, guard matches what must be refused:
// it is an expression for path and query.
func (b *builder) rewritePath(r *config.Route, action *routev3.RouteAction) (guard string) {
	to := r.PrefixRewrite
	switch {
	case to != "":
	case r.RegexRewritePattern != "":
		action.RegexRewrite = b.substitute(r, "regex_rewrite_pattern", r.RegexRewritePattern, r.RegexRewriteSubstitution)
		// What the expression does is not known: "/app../x" may become "/../x".
		return `[^?]*` + dots + `{2}` + dotsEnd
	default:
		to = upstreamPath(r)
	}
	from := r.Prefix
	if from == "" {
		from = "/"
	}
	switch {
	case to == "", to == from && r.Path == "" && r.Regex == "":
	case r.Regex != "" || r.Path != "":
		action.PrefixRewrite = to // of the whole path
	case strings.HasSuffix(from, "/") && !strings.HasSuffix(to, "/"):
		// "/" to "/team1" must not make "/team10" of "/0".
		action.PrefixRewrite = to + "/"
	case !strings.HasSuffix(from, "/") && strings.HasSuffix(to, "/"):
		// "/app" to "/" must not make "//x" of "/app/x", which some servers
		// take for a host, nor "/../x" of "/app../x".
		action.RegexRewrite = &matcherv3.RegexMatchAndSubstitute{
			Pattern:      regex("^" + regexp.QuoteMeta(from) + "/*"),
			Substitution: strings.ReplaceAll(to, `\`, `\\`),
		}
		return regexp.QuoteMeta(from) + dots + `{1,2}` + dotsEnd
	default:
		action.PrefixRewrite = to
	}
	return ""
}

// upstreamPath is the path of the first destination, which stands for a rewrite
// where none is given. For a route of one path or an expression, "http://app/"
// names a host and not the one path for everything.
func upstreamPath(r *config.Route) string {
	if len(r.To) == 0 || !slices.Contains([]string{"http", "https", "h2c"}, r.To[0].URL.Scheme) {
		return ""
	}
	if path := r.To[0].URL.Path; path != "/" || r.Regex == "" && r.Path == "" {
		return path
	}
	return ""
}

// substitute is a replacement by expression. It refuses what Envoy would
// refuse together with everything else.
func (b *builder) substitute(r *config.Route, key, pattern, substitution string) *matcherv3.RegexMatchAndSubstitute {
	if re := b.checkRegex(r, key, pattern); re != nil && !validSubstitution(substitution, re.NumSubexp()) {
		b.fail("route %s: %s: its substitution refers to a group that the pattern has not", r.From, key)
	}
	return &matcherv3.RegexMatchAndSubstitute{Pattern: regex(pattern), Substitution: substitution}
}

// validSubstitution reports whether each backslash stands before a backslash
// or the number of a group.
func validSubstitution(s string, groups int) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		i++
		if i == len(s) || s[i] != '\\' && (s[i] < '0' || int(s[i]-'0') > groups || s[i] > '9') {
			return false
		}
	}
	return true
}
