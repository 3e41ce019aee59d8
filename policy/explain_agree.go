package policy

import (
	"context"
	"errors"
	"slices"

	"github.com/open-policy-agent/opa/v1/topdown"
)

// agrees reports whether two decisions come to the same and for the same
// reasons. Two that were not made agree. One that was not made agrees with one
// that was only where its error is of the moment; any other is of the rules and
// the facts, which both have, and so must the error be.
func (d *Decision) agrees(o Decision) bool {
	switch {
	case d.Err != nil && o.Err != nil:
		return true
	case d.Err != nil || o.Err != nil:
		return ofTheMoment(errors.Join(d.Err, o.Err))
	}
	return d.Outcome == o.Outcome && d.Allow == o.Allow && d.Deny == o.Deny &&
		slices.Equal(d.AllowReasons, o.AllowReasons) && slices.Equal(d.DenyReasons, o.DenyReasons)
}

// ofTheMoment reports whether all of an error is what may be otherwise the next
// time the very same is asked: the two evaluations have limits of their own on a
// clock that goes on while the machine is busy, and stores come and go.
func ofTheMoment(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(joined.Unwrap(), func(one error) bool { return !ofTheMoment(one) })
	}
	if errors.As(err, new(storeError)) || topdown.IsCancel(err) {
		return true
	}
	return slices.ContainsFunc([]error{errLate, errBusy, errStuck, context.Canceled, context.DeadlineExceeded},
		func(passing error) bool { return errors.Is(err, passing) })
}
