package policy

import "gopkg.in/yaml.v3"

// criterionHTTPQuery tests one parameter of the query by its decoded name and
// value. Programs differ in how they read a query, and who sends the request
// chooses what they see: a parameter twice, a semicolon, an escape that is
// none. So it is true only of a parameter that stands exactly once in a query
// that can be read in one way. Where its being true leads towards a denial, it
// is true as well if one of several values matches, and if the parameter may be
// in what can be read otherwise.
var criterionHTTPQuery = &kind{
	name:    "http_query",
	summary: "Tests one parameter of the query by its decoded value; true only where it stands exactly once.",
	form:    textForm,
	subPath: true,
	example: "tab",
	readsOf: func(c criterion) Reads { return Reads{Parameters: []string{c.subPath}} },
	parse: func(p *parser, path string, n *yaml.Node) operand {
		return parseStringMatcher(p, path, n, nil)
	},
	clauses: func(c criterion, l *literals, doubt bool) []clause {
		const ok, no = "http-query-ok", "http-query-unauthorized"
		m := c.operand.(stringMatcher)
		name := l.text(c.subPath)
		ref := "input.http.query[" + name + "]"
		if !doubt {
			return []clause{{true, ok, m.conditions(l, ref+".only")}, {false, no, nil}}
		}
		out := []clause{
			{true, ok, append([]string{"some value in " + ref + ".values"}, m.conditions(l, "value")...)},
			{true, no, []string{ref + ".doubtful"}},
		}
		if m.onlyExcludes() {
			// As of every text that is not there; see stringClauses.
			out = append(out, clause{true, no, []string{ref + ".values == []"}})
		}
		return append(out, clause{false, no, nil})
	},
	fold: foldStrings,
}
