package policy

import "testing"

func TestReject(t *testing.T) {
	t.Parallel()
	runCriterion(t, []criterionCase{
		{"false of a stranger", "reject: true", Facts{Request: get()}, false, reasons("reject")},
		{"false of a person", "reject: ", signedIn(ada()), false, reasons("reject")},
	})
	t.Run("a deny made of it denies nobody", func(t *testing.T) {
		t.Parallel()
		d := program(t, "{allow: {or: [{accept: }]}, deny: {or: [{reject: }]}}").Decide(t.Context(), Facts{Request: get()})
		if d.Outcome != Allow {
			t.Errorf("Decide = %+v", d)
		}
	})
}
