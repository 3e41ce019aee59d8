package policy

import "testing"

func TestEmail(t *testing.T) {
	t.Parallel()
	none := ada()
	none.Email = ""
	runCriterion(t, []criterionCase{
		{"the address", "email: ada@example.com", signedIn(ada()), true, reasons(emailOK)},
		{"another address", "email: eve@example.com", signedIn(ada()), false, reasons(emailNo)},
		{"case matters", "email: Ada@example.com", signedIn(ada()), false, reasons(emailNo)},
		{"no address is none", "email: ada@example.com", signedIn(none), false, reasons(emailNo)},
		{"a claim is no address", "email: research", signedIn(ada()), false, reasons(emailNo)},
		{"a stranger signs in", "email: ada@example.com", Facts{Request: get()}, false, reasons(nobody)},
	})
}

// What an address is not cannot be said where there is none. Such a test leads
// to the denial wherever it stands.
func TestEmailThatIsNotThere(t *testing.T) {
	t.Parallel()
	none := ada()
	none.Email = ""
	for _, tc := range []struct {
		name string
		ppl  string
		want Outcome
	}{
		{"not, in allow", "allow: {or: [{email: {not: eve@example.com}}]}", Deny},
		{"not_in, in allow", "allow: {or: [{email: {not_in: [eve@example.com]}}]}", Deny},
		{"not, negated in allow", "allow: {not: [{email: {not: eve@example.com}}]}", Deny},
		{"not, in deny", "{allow: {or: [{accept: }]}, deny: {or: [{email: {not: ada@example.com}}]}}", Deny},
		{"not, negated in deny", "{allow: {or: [{accept: }]}, deny: {nor: [{email: {not: ada@example.com}}]}}", Deny},
		{"is, in deny, is plainly false", "{allow: {or: [{accept: }]}, deny: {or: [{email: eve@example.com}]}}", Allow},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if d := program(t, tc.ppl).Decide(t.Context(), signedIn(none)); d.Outcome != tc.want {
				t.Errorf("Decide = %+v, want %v", d, tc.want)
			}
		})
	}
}
