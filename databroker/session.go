package databroker

import (
	"maps"
	"slices"
	"time"
)

// TypeSession is the record type of Session.
const TypeSession = "session"

// A Session says that a person has signed in with a provider and until when.
// A *Session that a View returned is shared and must not be changed: Clone it
// first.
type Session struct {
	ID      string `json:"-"` // random, at least 128 bits; the record id
	Version uint64 `json:"-"` // of the record; 0 before the first PutSession

	UserID string `json:"user_id"` // the provider's `sub`
	IDPID  string `json:"idp_id"`  // which provider: equal subs of two are two people

	IssuedAt  time.Time `json:"issued_at"`
	ExpiresAt time.Time `json:"expires_at"` // absolute end; the record expires then

	IDToken          Secret    `json:"id_token"`
	AccessToken      Secret    `json:"access_token"`
	RefreshToken     Secret    `json:"refresh_token"`
	TokenExpiresAt   time.Time `json:"token_expires_at"`    // of the access token; zero is unknown
	IDTokenExpiresAt time.Time `json:"id_token_expires_at"` // zero is unknown

	// Claims are the provider's, as they came. Numbers are json.Number once
	// read back, so that a large id keeps its digits.
	Claims map[string]any `json:"claims,omitempty"`

	// Devices are those that have shown themselves in this session, each once,
	// with the last time.
	Devices []DeviceProof `json:"devices,omitempty"`

	// From is the address that the person signed in from, and UserAgent what their
	// browser said of itself: hostile text, bounded by whoever writes it.
	From      string `json:"from,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`

	// Impersonates is whom the session acts as; nil is nobody, as for nearly all.
	Impersonates *Impersonation `json:"impersonates,omitempty"`

	// RefreshDisabled is set for sessions that nobody may lengthen, such as
	// those made from a token that a program brought along.
	RefreshDisabled bool `json:"refresh_disabled,omitempty"`
}

// UserKey returns the id of the session's User record.
func (s *Session) UserKey() string { return UserKey(s.IDPID, s.UserID) }

// Expired reports whether s is void at now. It expires at ExpiresAt, not
// after; a session without an end is void, because it would never be looked
// at again.
func (s *Session) Expired(now time.Time) bool { return !now.Before(s.ExpiresAt) }

// Idle reports whether s has rested for limit or longer at now. last is the
// View's LastAccess; a session counts as touched when it was issued. A limit
// of 0 or less is no limit.
func (s *Session) Idle(last, now time.Time, limit time.Duration) bool {
	if limit <= 0 {
		return false
	}
	if last.Before(s.IssuedAt) {
		last = s.IssuedAt
	}
	return now.Sub(last) >= limit
}

// Clone returns a copy that may be changed and put; the claims' values are
// shared, the map is not.
func (s *Session) Clone() *Session {
	c := *s
	c.Claims = maps.Clone(s.Claims)
	c.Devices = slices.Clone(s.Devices)
	if s.Impersonates != nil {
		i := *s.Impersonates
		c.Impersonates = &i
	}
	return &c
}

// Show notes that a device has shown itself. p takes the place of an earlier
// proof of the same device; of more than maxProofs the oldest go.
func (s *Session) Show(p DeviceProof) {
	s.Devices = slices.DeleteFunc(slices.Clone(s.Devices), func(old DeviceProof) bool { return old.DeviceID == p.DeviceID })
	s.Devices = append(s.Devices, p)
	if extra := len(s.Devices) - maxProofs; extra > 0 {
		s.Devices = s.Devices[extra:]
	}
}

// maxProofs bounds the devices of one session.
const maxProofs = 16
