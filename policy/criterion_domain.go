package policy

import "gopkg.in/yaml.v3"

// criterionDomain tests the part of the e-mail address after the "@", without
// regard to the case of its ASCII letters. An address with no "@" or with
// several has no domain: in "a@evil.example@good.example" each reader finds
// the domain that suits them.
var criterionDomain = &kind{
	name:    "domain",
	summary: "Tests what follows the @ of the e-mail address, whatever the case of A to Z.",
	form:    domainForm,
	session: true,
	reads:   Reads{Session: true},
	parse: func(p *parser, path string, n *yaml.Node) operand {
		return parseStringMatcher(p, path, n, checkDomain)
	},
	clauses: func(c criterion, l *literals, doubt bool) []clause {
		m := c.operand.(stringMatcher).mapValues(lowerASCII)
		return stringClauses(l, "input.person.domain", "domain-ok", "domain-unauthorized", m, doubt)
	},
	fold: foldStrings,
}

// checkDomain refuses an address where a domain is wanted; no domain holds "@".
func checkDomain(_, value string) string {
	for _, c := range value {
		if c == '@' {
			return "a domain without @"
		}
	}
	return ""
}

// lowerASCII lowers A to Z and nothing else. Full Unicode folding would make
// the Kelvin sign a k, and with it two different domains one.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
