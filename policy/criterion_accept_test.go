package policy

import "testing"

func TestAccept(t *testing.T) {
	t.Parallel()
	anybody := Facts{Request: get()}
	runCriterion(t, []criterionCase{
		{"true of a stranger", "accept: true", anybody, true, reasons("accept")},
		{"true of a person", "accept: true", signedIn(ada()), true, reasons("accept")},
		{"the operand may be missing", "accept: ", anybody, true, reasons("accept")},
		{"the operand may be anything", "accept: [1, {a: b}]", anybody, true, reasons("accept")},
	})
}
