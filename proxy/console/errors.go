package console

import (
	"errors"
	"fmt"

	"github.com/cardea-proxy/cardea/databroker"
)

// What actions fail with. Callers branch on these; pages and gRPC each map them
// in one table (web_errors.go, grpc.go).
var (
	// ErrForbidden is returned where the actor's role does not reach.
	ErrForbidden = errors.New("console: the role does not reach")
	// ErrNotFound is returned for what is not there, or not any more.
	ErrNotFound = errors.New("console: not there")
	// ErrConflict is returned for what cannot be done as things are.
	ErrConflict = errors.New("console: cannot be done as things are")
	// ErrUnavailable is returned while records cannot be read, or a change could
	// not be written to the audit. Nothing was changed.
	ErrUnavailable = errors.New("console: not available")
	// ErrNobody is returned by Options.Identify for a session that counts no more.
	ErrNobody = errors.New("console: nobody is signed in")
)

// An Invalid error names the field of a request that is wrong, and what would
// be right.
type Invalid struct{ Field, Want string }

func (e *Invalid) Error() string { return fmt.Sprintf("%s: want %s", e.Field, e.Want) }

// A Conflict is an ErrConflict with a sentence for people.
type Conflict struct{ Why string }

func (e *Conflict) Error() string { return e.Why }

// Unwrap lets errors.Is find ErrConflict.
func (e *Conflict) Unwrap() error { return ErrConflict }

// fromBroker puts an error of the databroker into the words of the console.
func fromBroker(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, databroker.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, databroker.ErrConflict):
		return &Conflict{"it has been changed by somebody else at the same time: look again"}
	case errors.Is(err, databroker.ErrInvalid):
		return fmt.Errorf("%w: %w", ErrNotFound, err) // an id that cannot be one
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
