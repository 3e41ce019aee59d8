package xds

import (
	"fmt"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	authzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// asked is what routes look at. All of it is ASCII: there, Envoy's expressions
// and Go's match alike.
type asked struct {
	method     string
	authority  string // with its port
	target     string // path and query; "" for CONNECT
	path       string
	serverName string // "" for none
}

// A rule is one route: which requests it takes and what becomes of them.
type rule struct {
	path    pathRule
	headers []headerRule
	match   Match
}

// takes looks at an expression for the path last, because it costs most.
func (r *rule) takes(a asked) bool {
	if r.path.kind != pathMatches && !r.path.takes(a) {
		return false
	}
	for i := range r.headers {
		if !r.headers[i].takes(a) {
			return false
		}
	}
	return r.path.kind != pathMatches || r.path.takes(a)
}

// A pathRule is the one matcher of the path that a route has.
type pathRule struct {
	kind pathKind
	text string // lower case if fold
	fold bool   // whether case is without meaning
	re   *expression
}

type pathKind int

const (
	pathBegins pathKind = iota
	pathIs
	pathWithin // text, or text and a slash and more
	pathMatches
	pathNone // CONNECT
)

func (p *pathRule) takes(a asked) bool {
	if a.target == "" || p.kind == pathNone {
		return a.target == "" && p.kind == pathNone
	}
	path := a.path
	if p.fold {
		path = strings.ToLower(path)
	}
	switch p.kind {
	case pathIs:
		return path == p.text
	case pathWithin:
		rest, ok := strings.CutPrefix(path, p.text)
		return ok && (rest == "" || rest[0] == '/')
	case pathMatches:
		return p.re.matches(a.path)
	}
	return strings.HasPrefix(path, p.text)
}

// A headerRule looks at one header.
type headerRule struct {
	name   string
	is     func(string) bool
	invert bool
}

func (h *headerRule) takes(a asked) bool {
	var value string
	switch h.name {
	case headerAuthority:
		value = a.authority
	case headerMethod:
		value = a.method
	case headerPath:
		value = a.target
	case headerServerName:
		value = a.serverName
	}
	// What is absent matches nothing, inverted or not.
	return value != "" && h.is(value) != h.invert
}

// A ruleReader compiles each expression once.
type ruleReader struct{ compiled map[string]*expression }

func newRuleReader() *ruleReader { return &ruleReader{make(map[string]*expression)} }

// rules reads the routes of a virtual host.
func (r *ruleReader) rules(host *routev3.VirtualHost) ([]rule, error) {
	rules := make([]rule, len(host.Routes))
	for i, route := range host.Routes {
		var err error
		if rules[i], err = r.rule(route); err != nil {
			return nil, fmt.Errorf("%w (route %d of host %q)", err, i, host.Name)
		}
	}
	return rules, nil
}

func (r *ruleReader) rule(route *routev3.Route) (rule, error) {
	const fields = "name match route redirect direct_response typed_per_filter_config " +
		"request_headers_to_add request_headers_to_remove response_headers_to_add"
	if err := known(route, fields); err != nil {
		return rule{}, err
	}
	path, err := r.path(route.GetMatch())
	if err != nil {
		return rule{}, err
	}
	read := rule{path: path, headers: make([]headerRule, len(route.Match.Headers))}
	for i, h := range route.Match.Headers {
		if read.headers[i], err = r.header(h); err != nil {
			return rule{}, err
		}
	}
	read.match, err = outcome(route)
	return read, err
}

func (r *ruleReader) path(m *routev3.RouteMatch) (pathRule, error) {
	const fields = "prefix path path_separated_prefix safe_regex connect_matcher case_sensitive headers"
	if err := known(m, fields); err != nil {
		return pathRule{}, err
	}
	p := pathRule{fold: m.CaseSensitive != nil && !m.CaseSensitive.Value}
	switch s := m.PathSpecifier.(type) {
	case *routev3.RouteMatch_Prefix:
		p.kind, p.text = pathBegins, s.Prefix
	case *routev3.RouteMatch_Path:
		p.kind, p.text = pathIs, s.Path
	case *routev3.RouteMatch_PathSeparatedPrefix:
		p.kind, p.text = pathWithin, s.PathSeparatedPrefix
	case *routev3.RouteMatch_ConnectMatcher_:
		p.kind = pathNone
	case *routev3.RouteMatch_SafeRegex:
		re, err := r.regex(s.SafeRegex)
		if err != nil {
			return pathRule{}, err
		}
		p.kind, p.re = pathMatches, re
	default:
		return pathRule{}, unsure("a route without a matcher of paths is not interpreted")
	}
	if p.fold {
		p.text = strings.ToLower(p.text)
	}
	return p, nil
}

func (r *ruleReader) regex(m *matcherv3.RegexMatcher) (*expression, error) {
	if err := known(m, "regex"); err != nil {
		return nil, err
	}
	e, ok := r.compiled[m.Regex]
	if !ok {
		var err error
		if e, err = newExpression(m.Regex); err != nil {
			return nil, err
		}
		r.compiled[m.Regex] = e
	}
	return e, nil
}

func (r *ruleReader) header(m *routev3.HeaderMatcher) (headerRule, error) {
	if err := known(m, "name string_match invert_match"); err != nil {
		return headerRule{}, err
	}
	h := headerRule{name: m.Name, invert: m.InvertMatch}
	switch m.Name {
	case headerAuthority, headerMethod, headerPath, headerServerName:
	default:
		return headerRule{}, unsure("header %q is not known", m.Name)
	}
	s := m.GetStringMatch()
	if s == nil {
		return headerRule{}, unsure("header %q is matched by no string", m.Name)
	}
	if err := known(s, "exact prefix suffix contains safe_regex ignore_case"); err != nil {
		return headerRule{}, err
	}
	var err error
	h.is, err = r.text(s)
	return h, err
}

// text returns what a value must be.
func (r *ruleReader) text(m *matcherv3.StringMatcher) (func(string) bool, error) {
	fold := func(s string) string { return s }
	if m.IgnoreCase {
		fold = strings.ToLower
	}
	by := func(holds func(s, part string) bool, part string) (func(string) bool, error) {
		part = fold(part)
		return func(s string) bool { return holds(fold(s), part) }, nil
	}
	switch p := m.MatchPattern.(type) {
	case *matcherv3.StringMatcher_Exact:
		return by(func(s, part string) bool { return s == part }, p.Exact)
	case *matcherv3.StringMatcher_Prefix:
		return by(strings.HasPrefix, p.Prefix)
	case *matcherv3.StringMatcher_Suffix:
		return by(strings.HasSuffix, p.Suffix)
	case *matcherv3.StringMatcher_Contains:
		return by(strings.Contains, p.Contains)
	case *matcherv3.StringMatcher_SafeRegex:
		re, err := r.regex(p.SafeRegex)
		return re.matches, err
	}
	return nil, unsure("a matcher of strings of type %T is not interpreted", m.MatchPattern)
}

// outcome is what a route says about authorize: what it asks, or that Envoy
// answers itself.
func outcome(route *routev3.Route) (Match, error) {
	packed := route.TypedPerFilterConfig[filterAuthorize]
	check := new(authzv3.ExtAuthzPerRoute)
	if packed == nil || packed.UnmarshalTo(check) != nil {
		return Match{}, unsure("route %q does not say what authorize is asked", route.Name)
	}
	if check.GetDisabled() {
		direct := route.GetDirectResponse()
		if direct == nil {
			return Match{}, unsure("route %q is not authorized", route.Name)
		}
		if route.Match.GetConnectMatcher() != nil {
			// Before it looks at the answer, Envoy finds no leave for CONNECT.
			return Match{Status: 403, Answer: answer(403, reason(route.Name))}, nil
		}
		status := int(direct.Status)
		return Match{Status: status, Answer: answer(status, reason(route.Name))}, nil
	}
	if route.Match.GetConnectMatcher() != nil && !tunnels(route) {
		return Match{}, unsure("route %q takes CONNECT and makes no tunnel", route.Name)
	}
	said := check.GetCheckSettings().GetContextExtensions()
	m := Match{Found: true, RouteID: said["route_id"], Internal: said["internal"] == "true"}
	if m.Internal == (m.RouteID != "") {
		return Match{}, unsure("route %q names no route and no path of ours, or both", route.Name)
	}
	return m, nil
}

// tunnels reports whether a route has leave for CONNECT.
func tunnels(route *routev3.Route) bool {
	return slices.ContainsFunc(route.GetRoute().GetUpgradeConfigs(), func(u *routev3.RouteAction_UpgradeConfig) bool {
		return u.UpgradeType == "CONNECT" && u.GetEnabled().GetValue()
	})
}

// reason says why Envoy answers by a route of our own.
func reason(name string) string {
	switch name {
	case routeNotFound:
		return "no route takes the request"
	case routeMisdirected:
		return "the host is not one that the connection's server name stands for"
	case routeTraversal:
		return "the route's rewrite would make a path that leads elsewhere"
	case routeAlive:
		return "it says that it is there"
	}
	return "its configuration says so"
}
