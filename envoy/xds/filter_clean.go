package xds

import (
	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	matchingv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/matching/v3"
	skipv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/matcher/action/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"

	"github.com/cardea-proxy/cardea/lua"
)

// The cleaning scripts run where they are not switched off, so that a route
// that somebody forgets leaks nothing. A script costs more than all of Envoy's
// own filters together, so Envoy looks first whether there may be anything to
// do: authorize has taken most cookies of ours out by then. These looks must be
// coarser than the scripts, never finer.

// cleanUpstreamFilter takes what is ours out of requests.
func (b *builder) cleanUpstreamFilter() *matchingv3.ExtensionWithMatcher {
	source, err := lua.CleanUpstream(b.c.CookieName)
	if err != nil {
		b.fail("cookie_name: %w", err)
	}
	return b.onlyWhere(filterCleanUpstream, script(source),
		b.look(requestHeader("cookie"), holding(b.c.CookieName)),
		b.look(requestHeader("authorization"), &xdsmatcherv3.StringMatcher{
			MatchPattern: &xdsmatcherv3.StringMatcher_Contains{Contains: "pomerium"}, IgnoreCase: true,
		}),
		b.look(requestHeader("x-pomerium-authorization"), anything()),
		b.look(requestHeader(":path"), holding(sessionParameter)),
		b.look(requestHeader(":path"), holding("%")), // which may spell it
		b.look(requestHeader("referer"), holding(sessionParameter)),
		b.look(requestHeader("referer"), holding("%")),
	)
}

// sessionParameter is the query parameter that holds a ticket.
const sessionParameter = "pomerium_session"

// cleanResponseFilter takes cookies of our names out of what upstreams answer.
func (b *builder) cleanResponseFilter() *matchingv3.ExtensionWithMatcher {
	source, err := lua.CleanResponse(b.c.CookieName)
	if err != nil {
		b.fail("cookie_name: %w", err)
	}
	return b.onlyWhere(filterCleanResponse, script(source),
		b.look(&matcherv3.HttpResponseHeaderMatchInput{HeaderName: "set-cookie"}, holding(b.c.CookieName)))
}

// onlyWhere runs a filter where at least one of the predicates holds.
func (b *builder) onlyWhere(name string, filter proto.Message, predicates ...*xdsmatcherv3.Matcher_MatcherList_Predicate) *matchingv3.ExtensionWithMatcher {
	none := &xdsmatcherv3.Matcher_MatcherList_Predicate{
		MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_NotMatcher{NotMatcher: oneOf(predicates...)},
	}
	return &matchingv3.ExtensionWithMatcher{
		ExtensionConfig: &corev3.TypedExtensionConfig{Name: name, TypedConfig: b.any(filter)},
		XdsMatcher:      b.where(none, "skip", &skipv3.SkipFilter{}),
	}
}

// where does what action says where the predicate holds, and nothing elsewhere.
func (b *builder) where(predicate *xdsmatcherv3.Matcher_MatcherList_Predicate, name string, action proto.Message) *xdsmatcherv3.Matcher {
	return &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherList_{MatcherList: &xdsmatcherv3.Matcher_MatcherList{
		Matchers: []*xdsmatcherv3.Matcher_MatcherList_FieldMatcher{{
			Predicate: predicate,
			OnMatch:   b.doing(name, action),
		}},
	}}}
}

func (b *builder) doing(name string, action proto.Message) *xdsmatcherv3.Matcher_OnMatch {
	return &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{
		Action: &xdscorev3.TypedExtensionConfig{Name: name, TypedConfig: b.any(action)},
	}}
}

// oneOf holds where at least one of the predicates does.
func oneOf(predicates ...*xdsmatcherv3.Matcher_MatcherList_Predicate) *xdsmatcherv3.Matcher_MatcherList_Predicate {
	if len(predicates) == 1 {
		return predicates[0]
	}
	return &xdsmatcherv3.Matcher_MatcherList_Predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_OrMatcher{
		OrMatcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_PredicateList{Predicate: predicates},
	}}
}

// look is a predicate on one input. Headers of one name are looked at as one,
// joined by commas; an absent one fits nothing.
func (b *builder) look(input proto.Message, want *xdsmatcherv3.StringMatcher) *xdsmatcherv3.Matcher_MatcherList_Predicate {
	return &xdsmatcherv3.Matcher_MatcherList_Predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_{
		SinglePredicate: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate{
			Input:   &xdscorev3.TypedExtensionConfig{Name: "header", TypedConfig: b.any(input)},
			Matcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_ValueMatch{ValueMatch: want},
		},
	}}
}

func requestHeader(name string) *matcherv3.HttpRequestHeaderMatchInput {
	return &matcherv3.HttpRequestHeaderMatchInput{HeaderName: name}
}

func holding(text string) *xdsmatcherv3.StringMatcher {
	return &xdsmatcherv3.StringMatcher{MatchPattern: &xdsmatcherv3.StringMatcher_Contains{Contains: text}}
}

func anything() *xdsmatcherv3.StringMatcher {
	return &xdsmatcherv3.StringMatcher{MatchPattern: &xdsmatcherv3.StringMatcher_SafeRegex{SafeRegex: &xdsmatcherv3.RegexMatcher{
		EngineType: &xdsmatcherv3.RegexMatcher_GoogleRe2{GoogleRe2: &xdsmatcherv3.RegexMatcher_GoogleRE2{}},
		Regex:      "(?s).*",
	}}}
}
