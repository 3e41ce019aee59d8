package databroker

import (
	"crypto/subtle"
	"fmt"
)

// A Secret is text that is a secret in itself: a token, a password hash, a
// private key. It prints as "[redacted]" in every way, and a Client seals it
// a second time, under a key the databroker does not have, before the value
// that holds it leaves the process. The zero value is no secret.
type Secret struct{ text string }

// NewSecret returns text as a Secret.
func NewSecret(text string) Secret { return Secret{text: text} }

// Reveal returns the text: the only way to it.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text == "" }

// Equal compares in constant time, lengths excepted.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.text), []byte(o.text)) == 1
}

// String says "[redacted]", or nothing when there is no secret.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return "[redacted]"
}

// Format covers every verb: %q and %x of a struct would look inside.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText keeps encoders, loggers among them, from showing the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText leaves the secret empty: what MarshalText wrote is not it. A
// Client sets it from the sealed fields.
func (s *Secret) UnmarshalText([]byte) error {
	*s = Secret{}
	return nil
}
