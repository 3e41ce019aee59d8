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
	case r.PreserveHostHeader || r.Verify:
		return
	default:
		action.HostRewriteSpecifier = &routev3.RouteAction_AutoHostRewrite{AutoHostRewrite: wrapperspb.Bool(true)}
	}
	action.AppendXForwardedHost = !slices.ContainsFunc(r.RemoveRequestHeaders, func(name string) bool {
		return strings.EqualFold(name, "x-forwarded-host")
	})
}

// rewritePath changes the path after it was authorized. Where that could give
// a path a meaning that the policy did not see, guard matches what must be
// refused.
func (b *builder) rewritePath(r *config.Route, action *routev3.RouteAction) (guard *routev3.RouteMatch) {
	to := r.PrefixRewrite
	switch {
	case to != "":
	case r.RegexRewritePattern != "":
		action.RegexRewrite = b.substitute(r, "regex_rewrite_pattern", r.RegexRewritePattern, r.RegexRewriteSubstitution)
		return nil
	case len(r.To) > 0 && slices.Contains([]string{"http", "https", "h2c"}, r.To[0].URL.Scheme):
		to = r.To[0].URL.Path
		if to == "/" && (r.Regex != "" || r.Path != "") {
			to = "" // "http://app/" names a host, not the one path for everything
		}
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
		return pathRegex(regexp.QuoteMeta(from) + `(?:\.|%2[eE]){1,2}(?:[^-A-Za-z0-9._~].*)?`)
	default:
		action.PrefixRewrite = to
	}
	return nil
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
