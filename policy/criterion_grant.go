package policy

import (
	"time"

	"gopkg.in/yaml.v3"
)

// criterionGrant tests the names of what the person has been granted for a
// time, of those grants that have not expired.
var criterionGrant = &kind{
	name:    "grant",
	summary: "Tests the names of what the person has been granted for a time that is not over.",
	form:    grantForm,
	session: true,
	reads:   Reads{Session: true, Clock: true},
	parse: func(p *parser, path string, n *yaml.Node) operand {
		m, ok := parseListMatcher(p, path, n).(listMatcher)
		if ok && len(m) > 0 && m.onlyExcludes() {
			// It would be true of nearly everybody, and become true of the
			// others by waiting.
			p.want(path, n, "has or is as well: a grant lets somebody in, and to lack one should not")
		}
		return m
	},
	until: func(_ criterion, f *Facts) (at time.Time) {
		if f.Person == nil {
			return at
		}
		for _, g := range f.Person.grants {
			at = earliest(at, after(f.Now, time.UnixMilli(g.ExpiresAt.UnixMilli())))
		}
		return at
	},
	clauses: func(c criterion, l *literals, _ bool) []clause {
		const held = "held := {grant.name | some grant in input.person.grants; grant.expires_ms > input.now.unix_ms}"
		conditions := c.operand.(listMatcher).conditions(l, "held", func(v string) string { return "held == {" + v + "}" })
		return []clause{{true, "grant-ok", append([]string{held}, conditions...)}, {false, "grant-unauthorized", nil}}
	},
	fold: foldLists,
}
