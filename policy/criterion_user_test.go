package policy

import "testing"

func TestUser(t *testing.T) {
	t.Parallel()
	runCriterion(t, []criterionCase{
		{"the id", "user: u-1", signedIn(ada()), true, reasons("user-ok")},
		{"another id", "user: u-2", signedIn(ada()), false, reasons("user-unauthorized")},
		{"the e-mail address is no id", "user: ada@example.com", signedIn(ada()), false, reasons("user-unauthorized")},
		{"one of several", "user: {in: [u-2, u-1]}", signedIn(ada()), true, reasons("user-ok")},
		{"no id is not another id", "user: {not: u-2}", signedIn(PersonData{Email: "a@b"}), false, reasons("user-unauthorized")},
		{"a stranger signs in", "user: u-1", Facts{Request: get()}, false, reasons(nobody)},
	})
}
