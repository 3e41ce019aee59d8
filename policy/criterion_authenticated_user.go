package policy

// criterionAuthenticatedUser is true of everybody who is signed in.
var criterionAuthenticatedUser = &kind{
	name:    "authenticated_user",
	summary: "True of everybody who is signed in.",
	form:    anythingForm,
	session: true,
	reads:   Reads{Session: true},
	parse:   parseAnything,
	clauses: func(criterion, *literals, bool) []clause {
		return []clause{
			{true, "user-ok", []string{"input.person.user_id"}},
			{false, "user-unauthorized", nil},
		}
	},
	fold: foldAnything,
}
