package policy

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/open-policy-agent/opa/v1/topdown"
)

func TestDecisionsAgree(t *testing.T) {
	t.Parallel()
	yes := Decision{Outcome: Allow, Allow: true, AllowReasons: []string{"accept"}}
	other := yes
	other.AllowReasons = []string{"email-ok"}
	broken := func(err error) Decision { return Decision{Err: err} }
	late := fmt.Errorf("evaluate policy: %w", errLate)
	for _, tc := range []struct {
		name string
		a, b Decision
		want bool
	}{
		{"alike", yes, yes, true},
		{"another outcome", yes, Decision{}, false},
		{"other reasons", yes, other, false},
		{"neither was made", broken(errSteps), broken(errLate), true},
		{"one is late", broken(late), yes, true},
		{"one was cancelled", broken(&topdown.Error{Code: topdown.CancelErr}), yes, true},
		{"the patience of one is over", broken(fmt.Errorf("evaluate policy: %w", context.DeadlineExceeded)), yes, true},
		{"one waits for evaluations that do not end", broken(fmt.Errorf("x.rego: %w", errStuck)), yes, true},
		{"one found no turn", broken(fmt.Errorf("x.rego: %w", errBusy)), yes, true},
		{"the store was away for one", broken(fmt.Errorf("read record %q: %w", "x", storeError{errors.New("away")})), yes, true},
		{"one takes too many steps", broken(fmt.Errorf("x.rego: %w", errSteps)), yes, false},
		{"one has no result", broken(errNoResult), yes, false},
		{"the evaluator panics for one", broken(fmt.Errorf("%w: at 3", errPanic)), yes, false},
		{"a module fails for one", broken(&topdown.Error{Code: topdown.BuiltinErr, Message: "late"}), yes, false},
		{"one is late and broken", broken(errors.Join(errors.Join(late), errNoResult)), yes, false},
		{"one is late twice", broken(errors.Join(errors.Join(late), errLate)), yes, true},
	} {
		if got := tc.a.agrees(tc.b); got != tc.want {
			t.Errorf("%s: agrees = %t, want %t", tc.name, got, tc.want)
		}
		if got := tc.b.agrees(tc.a); got != tc.want {
			t.Errorf("%s, the other way round: agrees = %t, want %t", tc.name, got, tc.want)
		}
	}
}

// A store that is away when a module asks it is no defect of ours, and neither
// is its answering again a moment later.
func TestAStoreThatComesAndGoesIsNoDisagreement(t *testing.T) {
	t.Parallel()
	p := writtenProgram(t, `allow if get_databroker_record("a", input.session.user_id) == null`)
	s := by(ada())
	s.Records = &everyOther{}
	x, err := p.Explain(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if x.Err == "" || x.Disagrees {
		t.Errorf("error %q, disagrees: %t", x.Err, x.Disagrees)
	}
}

// everyOther is a store that is away first, then there, and so on.
type everyOther struct{ asked int }

func (e *everyOther) Record(context.Context, string, RecordKey, string) (*Record, error) {
	if e.asked++; e.asked%2 == 1 {
		return nil, errors.New("away")
	}
	return nil, nil
}

// A program that breaks where its rules do not is a defect, and is told as one.
func TestAnErrorOfOneSideIsADisagreement(t *testing.T) {
	t.Parallel()
	p := program(t, "allow: {or: [{http_method: GET}]}")
	p.shape = fromRego(t, "allow := true\ndeny := [false, set()]").shape
	x, err := p.Explain(t.Context(), by(ada()))
	if err != nil {
		t.Fatal(err)
	}
	if !x.Disagrees || x.Outcome != "deny" || x.Err == "" {
		t.Errorf("Explain = %+v", x)
	}
}
