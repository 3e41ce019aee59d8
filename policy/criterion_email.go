package policy

import "gopkg.in/yaml.v3"

// criterionEmail tests the whole e-mail address, case included: whether two
// spellings of a local part are one mailbox is for the mail host to say
// (RFC 5321, section 2.4).
var criterionEmail = &kind{
	name:    "email",
	summary: "Tests the whole e-mail address, with its case.",
	form:    textForm,
	session: true,
	reads:   Reads{Session: true},
	parse: func(p *parser, path string, n *yaml.Node) operand {
		return parseStringMatcher(p, path, n, nil)
	},
	clauses: func(c criterion, l *literals, doubt bool) []clause {
		return stringClauses(l, "input.person.email", "email-ok", "email-unauthorized", c.operand.(stringMatcher), doubt)
	},
	fold: foldStrings,
}
