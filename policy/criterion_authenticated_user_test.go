package policy

import "testing"

func TestAuthenticatedUser(t *testing.T) {
	t.Parallel()
	runCriterion(t, []criterionCase{
		{"true of a person", "authenticated_user: true", signedIn(ada()), true, reasons("user-ok")},
		{"true of a person with nothing but an id", "authenticated_user: 1", signedIn(PersonData{UserID: "u"}), true, reasons("user-ok")},
		{"false of a session without a user", "authenticated_user: ", signedIn(PersonData{SessionID: "s"}), false, reasons("user-unauthorized")},
		{"a stranger signs in", "authenticated_user: ", Facts{Request: get()}, false, reasons(nobody)},
	})
}
