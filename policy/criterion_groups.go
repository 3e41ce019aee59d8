package policy

// criterionGroups tests the groups of the person: those of the groups claim,
// and the ids and names of the directory's.
var criterionGroups = &kind{
	name:    "groups",
	summary: "Tests the groups of the person: the provider's claim, and ids and names of a directory.",
	form:    listForm,
	session: true,
	reads:   Reads{Session: true},
	parse:   parseListMatcher,
	clauses: func(c criterion, l *literals, _ bool) []clause {
		m := c.operand.(listMatcher)
		return []clause{
			{true, "groups-ok", m.conditions(l, "input.person.groups", func(v string) string {
				// One group has several names: its id and its name.
				return v + " in input.person.only_group"
			})},
			{false, "groups-unauthorized", nil},
		}
	},
	fold: foldLists,
}
