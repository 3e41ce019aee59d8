package audit

import (
	"context"
	"crypto/rand"
	"maps"
)

// Change makes a change by calling do, between two entries of what e says: begun
// is written before, and where that fails do is not called; done or failed is
// written after, with the problem as a detail. do may add to the details that
// the second entry gets. It has a context that the caller cannot cancel: of a
// change that was broken off nobody knows whether it was made, and saying that it
// failed might be wrong. How long it may take is for do to bound.
//
// The error is that of the first entry or that of do. Where the second entry
// cannot be written the change has been made all the same, and saying otherwise
// would be wrong: the first one stays without an end, and the log says why.
func (l *Log) Change(ctx context.Context, e Entry, do func(ctx context.Context, details map[string]string) error) error {
	e.Change, e.Result = rand.Text(), Begun
	if _, err := l.Append(ctx, e); err != nil {
		return err
	}
	end := e
	end.Details = maps.Clone(e.Details)
	if end.Details == nil {
		end.Details = map[string]string{}
	}
	ctx = context.WithoutCancel(ctx)
	err := do(ctx, end.Details)
	end.Result, end.Time = Done, l.o.Now()
	if err != nil {
		end.Result, end.Details["problem"] = Failed, err.Error()
	}
	if _, problem := l.Append(ctx, end); problem != nil {
		l.o.Log.Error().Err(problem).Str("change", e.Change).Str("action", string(e.Action)).Msg("the end of a change is not in the audit")
	}
	return err
}

// Refuse writes that somebody tried what is not his to do.
func (l *Log) Refuse(ctx context.Context, e Entry) error {
	e.Change, e.Result = rand.Text(), Refused
	_, err := l.Append(ctx, e)
	return err
}
