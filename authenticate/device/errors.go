package device

import "errors"

// Refusals, beside those of package ceremony.
var (
	ErrKnown      = errors.New("device: already enrolled")
	ErrTooMany    = errors.New("device: the person has too many devices")
	ErrNotYours   = errors.New("device: no such device of this person")
	ErrName       = errors.New("device: not a name for a device")
	ErrLink       = errors.New("device: no such enrollment link")
	ErrLinkOther  = errors.New("device: enrollment link of another person")
	ErrLinkUsed   = errors.New("device: enrollment link was used")
	ErrLinkEnded  = errors.New("device: enrollment link has expired")
	errNoSession  = errors.New("device: session ended during the ceremony")
	errManyWrites = errors.New("device: record keeps changing")
)
