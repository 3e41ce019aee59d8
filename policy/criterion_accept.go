package policy

// criterionAccept is true of everybody, signed in or not.
var criterionAccept = &kind{
	name:  "accept",
	parse: parseAnything,
	clauses: func(criterion, bool) []clause {
		return []clause{{true, "accept", nil}}
	},
	fold: foldAnything,
}
