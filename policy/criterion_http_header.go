package policy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// criterionHTTPHeader tests one header of the request. The name is read whatever
// its case. A header that is not there is false; where the matcher says only
// what the header must not be, that cannot be told, and it leads towards a
// denial. One that is sent several times comes joined by commas, and its sender
// chooses which value the upstream takes: where its being true leads towards a
// denial it is true as well if one value matches, and what is excluded must be
// none of them.
var criterionHTTPHeader = &kind{
	name:    "http_header",
	summary: "Tests one header of the request by its first value; its name has no case.",
	form:    textForm,
	subPath: true,
	example: "accept-language",
	sub:     headerName,
	readsOf: func(c criterion) Reads { return Reads{Headers: []string{c.subPath}} },
	parse: func(p *parser, path string, n *yaml.Node) operand {
		return parseStringMatcher(p, path, n, nil)
	},
	clauses: func(c criterion, l *literals, doubt bool) []clause {
		const ok, no = "http-header-ok", "http-header-unauthorized"
		m := c.operand.(stringMatcher)
		name := l.text(c.subPath)
		ref, values := "input.http.headers["+name+"]", "input.http.header_values["+name+"]"
		out := stringClauses(l, ref, ok, no, m, doubt)
		if doubt {
			one := append([]string{"some value in " + values}, m.conditions(l, "value")...)
			many := []string{ref, "not " + values}
			return slices.Insert(out, 1, clause{true, ok, one}, clause{true, no, many})
		}
		for _, t := range m {
			if t.operator != "not" && t.operator != "not_in" {
				continue
			}
			for _, v := range t.values {
				out[0].conditions = append(out[0].conditions, "("+l.text(v)+" in "+values+") == false")
			}
		}
		return out
	},
	fold: foldStrings,
}

// maxHeaderValues bounds the values of one header that are looked at one by one.
// Where there are more, nobody knows what they are.
const maxHeaderValues = 100

// headerValues are those that a header may have been sent with; nil if they are
// too many.
func headerValues(joined string) []string {
	if strings.Count(joined, ",") >= maxHeaderValues {
		return nil
	}
	values := strings.Split(joined, ",")
	for i, v := range values {
		values[i] = strings.Trim(v, " \t")
	}
	return values
}

// headerName returns the canonical name of a header. It refuses those that do
// not reach the upstream as the client sent them, for a policy must be about
// the request that arrives, and those that hold a credential, which no policy
// should spell.
func headerName(name string) (canonical, problem, want string) {
	const other = "the name of another header"
	canonical = http.CanonicalHeaderKey(name)
	lower := lowerASCII(name)
	switch {
	case strings.HasPrefix(name, ":"):
		return canonical, fmt.Sprintf("%q is no header: it is part of the request itself", name), "http_method, http_path, or the name of a header"
	case !isToken(name):
		return canonical, fmt.Sprintf("%q is no name of a header", name), "letters, digits and dashes"
	case lower == "host":
		return canonical, "the host of a request chooses its route, and its policy is read only then", other
	case slices.Contains(hopHeaders, lower):
		return canonical, "the header " + lower + " is about one connection and does not reach the upstream", other
	case slices.Contains(changedHeaders, lower), slices.ContainsFunc(changedPrefixes, func(p string) bool { return strings.HasPrefix(lower, p) }):
		return canonical, "the header " + lower + " is set or removed on the way, so that what the client sends is not what the upstream gets", other
	case SecretHeader(lower):
		return canonical, "the header " + lower + " holds a credential, and a policy is no place for one", other
	}
	return canonical, "", ""
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// hopHeaders end at the next hop (RFC 9110, section 7.6.1).
var hopHeaders = []string{
	"connection", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer", "trailers",
	"transfer-encoding", "upgrade",
}

// changedHeaders are those that the proxy sets or removes by itself, whatever
// it is configured to do, and so are those that begin with a changedPrefix.
var changedHeaders = []string{
	"b3", "forwarded", "front-end-https", "proxy", "traceparent", "tracestate", "true-client-ip", "x-client-ip",
	"x-client-trace-id", "x-cluster-client-ip", "x-http-method", "x-http-method-override", "x-method-override",
	"x-real-ip", "x-request-id", "x-rewrite-url", "x-webauth-user",
}

var changedPrefixes = []string{
	"remote-", "x-auth-request-", "x-b3-", "x-cardea-", "x-envoy-", "x-forwarded-", "x-original-", "x-pomerium-", "x-remote-",
}
