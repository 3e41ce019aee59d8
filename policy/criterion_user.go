package policy

import "gopkg.in/yaml.v3"

// criterionUser tests the id that the identity provider gave the person.
var criterionUser = &kind{
	name:    "user",
	summary: "Tests the id that the identity provider gave the person.",
	form:    textForm,
	session: true,
	reads:   Reads{Session: true},
	parse: func(p *parser, path string, n *yaml.Node) operand {
		return parseStringMatcher(p, path, n, nil)
	},
	clauses: func(c criterion, l *literals, doubt bool) []clause {
		return stringClauses(l, "input.person.user_id", "user-ok", "user-unauthorized", c.operand.(stringMatcher), doubt)
	},
	fold: foldStrings,
}
