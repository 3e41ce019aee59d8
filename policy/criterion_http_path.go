package policy

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// criterionHTTPPath tests the path of the request, decoded and without its
// query, as it goes to the upstream.
var criterionHTTPPath = &kind{
	name:    "http_path",
	summary: "Tests the path of the request, decoded, without the query, as it goes to the upstream.",
	form:    pathForm,
	reads:   Reads{Path: true},
	parse: func(p *parser, path string, n *yaml.Node) operand {
		return parseStringMatcher(p, path, n, checkPath)
	},
	clauses: func(c criterion, l *literals, doubt bool) []clause {
		return stringClauses(l, "input.http.path", "http-path-ok", "http-path-unauthorized", c.operand.(stringMatcher), doubt)
	},
	fold: foldStrings,
}

// checkPath refuses "admin" where /admin is meant: a deny of "admin" would
// deny nothing.
func checkPath(operator, value string) string {
	switch operator {
	case "contains", "ends_with":
		return ""
	}
	if !strings.HasPrefix(value, "/") {
		return "a path that begins with /"
	}
	return ""
}
