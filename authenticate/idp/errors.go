package idp

import (
	"errors"
	"fmt"
	"time"
)

// ErrUnavailable means that the provider did not answer, or answered with a
// fault of its own: try again later, and keep what there is.
var ErrUnavailable = errors.New("idp: identity provider unavailable")

// ErrRevoked means that the provider will not renew these tokens again.
var ErrRevoked = errors.New("idp: refresh token rejected")

// ErrEmailUnverified is the Refusal of a person whose e-mail address the
// provider does not vouch for.
var ErrEmailUnverified = refuse("the identity provider does not vouch for the e-mail address of this person")

// A Refusal is an answer of the provider that Cardea does not accept. Why holds
// no token and may be logged; it is not for strangers' eyes.
type Refusal struct{ Why string }

func (r *Refusal) Error() string { return "idp: refused: " + r.Why }

func refuse(format string, args ...any) error { return &Refusal{Why: fmt.Sprintf(format, args...)} }

// A ClockError means that the provider's times and ours are so far apart that
// nobody can sign in.
type ClockError struct {
	Ours   time.Time
	Theirs time.Time // the time the provider's token speaks of
	What   string    // "issued at" or "expired at"
}

func (e *ClockError) Error() string {
	return fmt.Sprintf("idp: token %s %s, but our clock says %s", e.What, e.Theirs.UTC().Format(time.RFC3339), e.Ours.UTC().Format(time.RFC3339))
}
