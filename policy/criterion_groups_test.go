package policy

import "testing"

func TestGroups(t *testing.T) {
	t.Parallel()
	const ok, no = "groups-ok", "groups-unauthorized"
	only := PersonData{UserID: "u", Groups: []string{"g-7"}, DirectoryGroups: []DirectoryGroup{{ID: "g-7", Name: "admins"}}}
	directory := PersonData{UserID: "u", DirectoryGroups: []DirectoryGroup{{ID: "g-7", Name: "admins"}, {ID: "g-8", Name: "ops"}}}
	nameless := PersonData{UserID: "u", DirectoryGroups: []DirectoryGroup{{ID: "g-8"}}}
	none := PersonData{UserID: "u", Groups: []string{""}, DirectoryGroups: nil}
	runCriterion(t, []criterionCase{
		{"a group of the claim", "groups: engineers", signedIn(ada()), true, reasons(ok)},
		{"the id of a group of the directory", "groups: {has: g-7}", signedIn(ada()), true, reasons(ok)},
		{"its name", "groups: {has: admins}", signedIn(ada()), true, reasons(ok)},
		{"another group", "groups: sales", signedIn(ada()), false, reasons(no)},
		{"case matters", "groups: Admins", signedIn(ada()), false, reasons(no)},
		{"part of a name is not the name", "groups: admin", signedIn(ada()), false, reasons(no)},
		{"is, with several groups", "groups: {is: admins}", signedIn(ada()), false, reasons(no)},
		{"is, with one group, by name", "groups: {is: admins}", signedIn(only), true, reasons(ok)},
		{"is, with one group, by id", "groups: {is: g-7}", signedIn(only), true, reasons(ok)},
		{"is, with another group", "groups: {is: sales}", signedIn(only), false, reasons(no)},
		{"exclude a group that is not there", "groups: {exclude: sales}", signedIn(ada()), true, reasons(ok)},
		{"exclude a group that is there", "groups: {exclude: admins}", signedIn(ada()), false, reasons(no)},
		{"exclude a group of the directory by its id", "groups: {exclude: g-7}", signedIn(ada()), false, reasons(no)},
		{"a group that only the directory knows, by id", "groups: g-7", signedIn(only), true, reasons(ok)},
		{"a group that only the directory knows, by name", "groups: admins", signedIn(directory), true, reasons(ok)},
		{"is, with a group that has no name", "groups: {is: g-8}", signedIn(nameless), true, reasons(ok)},
		{"no name is no group", "groups: {exclude: g-8}", signedIn(nameless), false, reasons(no)},
		{"has and exclude", "groups: {has: admins, exclude: sales}", signedIn(ada()), true, reasons(ok)},
		{"has and exclude of the same", "groups: {has: admins, exclude: g-7}", signedIn(ada()), false, reasons(no)},
		{"no group", "groups: engineers", signedIn(none), false, reasons(no)},
		{"no group is not one", "groups: {is: engineers}", signedIn(none), false, reasons(no)},
		{"no group excludes all", "groups: {exclude: engineers}", signedIn(none), true, reasons(ok)},
		{"a stranger signs in", "groups: engineers", Facts{Request: get()}, false, reasons(nobody)},
	})
}
