package console

import (
	"context"
	"time"

	"github.com/rs/zerolog"
)

// An Outcome is what became of a change.
type Outcome string

// The outcomes. An entry is written before its change is made, as begun, so that
// no change can lack one; a second entry with the same id says what became of it.
const (
	OutcomeBegun  Outcome = "begun"
	OutcomeDone   Outcome = "done"
	OutcomeFailed Outcome = "failed"
	OutcomeDenied Outcome = "denied" // the role does not reach
)

// An AuditEntry is one change that somebody made through the console, or tried.
type AuditEntry struct {
	ID      string // random; the same in the two entries of a change
	At      time.Time
	Actor   Actor
	Action  Action
	Target  string            // what is changed: type, slash, id, such as "session/…"
	Subject string            // key of the person whom it is about, "" for nobody
	Detail  map[string]string // what else a reader needs; values may be hostile text
	Outcome Outcome
	Err     string // why it failed
}

// Audit keeps what was done.
type Audit interface {
	// Append writes e so that it stays. After an error nothing may be changed.
	// Calls may overlap.
	Append(ctx context.Context, e AuditEntry) error
}

// A LogAudit writes entries to the log.
type LogAudit struct{ Log zerolog.Logger }

// Append is that of Audit. It does not fail.
func (a LogAudit) Append(_ context.Context, e AuditEntry) error {
	line := a.Log.Info().Str("audit_id", e.ID).Time("at", e.At).
		Str("action", string(e.Action)).Str("target", e.Target).Str("outcome", string(e.Outcome)).
		Str("actor", e.Actor.Label()).Str("actor_user", e.Actor.UserKey).Str("actor_session", e.Actor.SessionID).
		Str("role", e.Actor.Role.String()).Str("via", string(e.Actor.Via)).
		Str("request_id", e.Actor.RequestID).Str("address", e.Actor.Address)
	if e.Subject != "" {
		line = line.Str("subject", e.Subject)
	}
	if len(e.Detail) > 0 {
		line = line.Interface("detail", e.Detail)
	}
	if e.Err != "" {
		line = line.Str("problem", e.Err)
	}
	line.Msg("console audit")
	return nil
}
