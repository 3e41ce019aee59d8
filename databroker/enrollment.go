package databroker

import (
	"context"
	"fmt"
	"time"
)

// TypeEnrollmentLink is the record type of EnrollmentLink.
const TypeEnrollmentLink = "enrollment_link"

// linkKept is how long a link is remembered after its end, so that who follows
// it late, and who made it, are told what became of it.
const linkKept = 30 * 24 * time.Hour

// An EnrollmentLink lets one person enroll one device that is approved from the
// start. The address that an administrator hands out names it.
type EnrollmentLink struct {
	ID      string `json:"-"` // random; the record id
	Version uint64 `json:"-"` // of the record; 0 before the first PutEnrollmentLink

	UserKey     string    `json:"user_key"`               // of the one person who may use it
	Type        string    `json:"type"`                   // of the device: "any" or "enclave_only"
	RedirectURL string    `json:"redirect_url,omitempty"` // where to go afterwards
	CreatedBy   string    `json:"created_by"`             // who, for people to read
	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	UsedAt      time.Time `json:"used_at"`             // zero: not yet
	DeviceID    string    `json:"device_id,omitempty"` // what was enrolled with it
}

// EnrollmentLink returns the link id, or ErrNotFound. An expired one is found
// for thirty days.
func (c *Client) EnrollmentLink(ctx context.Context, id string) (*EnrollmentLink, error) {
	return get(ctx, c, TypeEnrollmentLink, id, c.EnrollmentLinkFrom)
}

// PutEnrollmentLink writes l as PutUser does: of two who use it at once, one
// gets ErrConflict.
func (c *Client) PutEnrollmentLink(ctx context.Context, l *EnrollmentLink) error {
	if l.ExpiresAt.IsZero() {
		return fmt.Errorf("put enrollment link: %w: it has no end", ErrInvalid)
	}
	return put(ctx, c, TypeEnrollmentLink, l.ID, l, &l.Version, l.ExpiresAt.Add(linkKept))
}

// EnrollmentLinkFrom reads the link out of a record from Get, List or Watch.
func (c *Client) EnrollmentLinkFrom(r *Record) (*EnrollmentLink, error) {
	l := &EnrollmentLink{ID: r.ID, Version: r.Version}
	if err := c.Decode(r, l); err != nil {
		return nil, err
	}
	return l, nil
}
