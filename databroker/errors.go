package databroker

import "errors"

// Callers branch on these. They survive the way over gRPC.
var (
	// ErrNotFound is returned by every read of a record that is absent,
	// deleted or expired.
	ErrNotFound = errors.New("databroker: no such record")

	// ErrConflict is returned by a write that expected another version: read
	// again, decide again, write again.
	ErrConflict = errors.New("databroker: the record has changed meanwhile")

	// ErrHeld is returned for a lease that is in other hands, and to a holder
	// whose lease has run out.
	ErrHeld = errors.New("databroker: the lease is held by another")

	// ErrUsed is returned by UseOnce for what was used before or is past its
	// time.
	ErrUsed = errors.New("databroker: used already")

	// ErrRelist is returned by a watch from a position that the change log no
	// longer reaches, or that belongs to another incarnation of the store.
	// What was remembered may be wrong: list again, and watch from there.
	ErrRelist = errors.New("databroker: the change log does not reach back that far")

	// ErrInvalid is returned for what breaks a limit or lacks a part. Trying
	// again is of no use.
	ErrInvalid = errors.New("databroker: invalid request")

	// ErrTampered is returned for a record that does not open: changed, moved
	// to another place, or written under a key that is gone.
	ErrTampered = errors.New("databroker: a stored record has been changed or damaged")

	// ErrOtherKey is returned at start for a store that another shared secret
	// has sealed. Its text is meant for the person who starts the program.
	ErrOtherKey = errors.New("the databroker's data was written with another shared_secret: " +
		"start with the secret it was written with, or with an empty storage directory")

	// ErrUnavailable is returned when the broker or its store does not answer.
	ErrUnavailable = errors.New("databroker: not available")

	// ErrStale is returned by a View that cannot vouch for what it knows: the
	// broker has been away for longer than the grace. It wraps ErrUnavailable,
	// because the caller's answer is the same.
	ErrStale error = staleError{}
)

// staleError lets errors.Is(err, ErrUnavailable) hold for ErrStale.
type staleError struct{}

func (staleError) Error() string { return "databroker: the broker has been away for too long" }

func (staleError) Unwrap() error { return ErrUnavailable }
