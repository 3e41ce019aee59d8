package ceremony

import "errors"

// Refusals, each of which a page explains in its own words. What is returned
// wraps one of them and says more, for the log alone: it may repeat what the
// browser sent.
var (
	// ErrMalformed is an answer that no browser and authenticator would send.
	ErrMalformed = errors.New("ceremony: malformed answer")
	// ErrChallenge is a challenge that is not ours, or was made for another
	// session, host, purpose or type of device.
	ErrChallenge = errors.New("ceremony: challenge is not ours")
	// ErrExpired is a challenge of ours that is older than 15 minutes.
	ErrExpired = errors.New("ceremony: challenge has expired")
	// ErrOrigin is an answer made on another page than ours, or inside a frame
	// of another site.
	ErrOrigin = errors.New("ceremony: answer was made on another origin")
	// ErrOtherPerson is a credential that belongs to somebody else.
	ErrOtherPerson = errors.New("ceremony: credential belongs to another person")
	// ErrOtherDevice is a credential that was not asked for.
	ErrOtherDevice = errors.New("ceremony: credential was not asked for")
	// ErrUserPresence is an answer that nobody touched the device for.
	ErrUserPresence = errors.New("ceremony: nobody touched the device")
	// ErrUserVerification is an answer without the PIN, finger or face that was
	// demanded.
	ErrUserVerification = errors.New("ceremony: user was not verified")
	// ErrAlgorithm is a key of a kind or size that is not taken.
	ErrAlgorithm = errors.New("ceremony: key is of a kind that is not taken")
	// ErrSignature is a signature that the credential's key did not make.
	ErrSignature = errors.New("ceremony: signature is wrong")
	// ErrFormat is an attestation of a format that is not taken.
	ErrFormat = errors.New("ceremony: attestation format is not taken")
	// ErrAttestation is an attestation that contradicts the credential.
	ErrAttestation = errors.New("ceremony: attestation does not hold")
	// ErrNotAttested is a credential whose attestation leads to no configured
	// root, where one is demanded.
	ErrNotAttested = errors.New("ceremony: attestation leads to no trusted root")
	// ErrNotPlatform is a device one can unplug where a built-in one is
	// demanded.
	ErrNotPlatform = errors.New("ceremony: authenticator is not built into the device")
	// ErrSyncedPasskey is a credential that may be copied to other devices
	// where one bound to its device is demanded.
	ErrSyncedPasskey = errors.New("ceremony: credential is not bound to one device")
	// ErrBackupChanged is a credential that could be copied at its registration
	// and no longer can, or the reverse. An authenticator never changes that.
	ErrBackupChanged = errors.New("ceremony: credential changed whether it can be copied")
)
