package policy

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// criterionHTTPMethod tests the method of the request. Methods are
// case-sensitive (RFC 9110, section 9.1).
var criterionHTTPMethod = &kind{
	name:    "http_method",
	summary: "Tests the method of the request, in upper case.",
	form:    methodForm,
	reads:   Reads{Method: true},
	parse: func(p *parser, path string, n *yaml.Node) operand {
		return parseStringMatcher(p, path, n, checkMethod)
	},
	clauses: func(c criterion, l *literals, doubt bool) []clause {
		return stringClauses(l, "input.http.method", "http-method-ok", "http-method-unauthorized", c.operand.(stringMatcher), doubt)
	},
	fold: foldStrings,
}

// checkMethod refuses "post" where POST is meant: a deny of "post" would deny
// nothing.
func checkMethod(_, value string) string {
	if upper := strings.ToUpper(value); upper != value {
		return upper + " (methods are case-sensitive)"
	}
	return ""
}
