package policy

// criterionAccept is true of everybody, signed in or not.
var criterionAccept = &kind{
	name:    "accept",
	summary: "True of everybody, signed in or not.",
	form:    anythingForm,
	parse:   parseAnything,
	clauses: func(criterion, *literals, bool) []clause {
		return []clause{{true, "accept", nil}}
	},
	fold: foldAnything,
}
