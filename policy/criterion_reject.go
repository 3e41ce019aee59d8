package policy

// criterionReject is false of everybody. It allows nobody; and, since it is
// false, a deny made of it denies nobody either.
var criterionReject = &kind{
	name:    "reject",
	summary: "False of everybody; a deny made of it denies nobody.",
	form:    anythingForm,
	parse:   parseAnything,
	clauses: func(criterion, *literals, bool) []clause {
		return []clause{{false, "reject", nil}}
	},
	fold: foldAnything,
}
