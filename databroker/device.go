package databroker

import (
	"context"
	"slices"
	"time"
)

// TypeDevice is the record type of Device.
const TypeDevice = "device"

// A Device is an authenticator that a person has enrolled: the public half of a
// credential and what was learned of it (Web Authentication, section 5.1). A
// *Device that a View returned is shared and must not be changed: Clone it first.
type Device struct {
	ID      string `json:"-"` // made from the credential id by whoever enrolls; the record id
	Version uint64 `json:"-"` // of the record; 0 before the first PutDevice

	UserKey string `json:"user_key"` // of the owner's User record; never changes
	Name    string `json:"name"`     // the owner's own words
	Type    string `json:"type"`     // what was demanded at enrollment: "any" or "enclave_only"

	CredentialID []byte   `json:"credential_id"` // 1 to 1023 bytes
	PublicKey    []byte   `json:"public_key"`    // COSE_Key (RFC 9052, section 7)
	SignCount    uint32   `json:"sign_count"`    // the authenticator's, when last seen
	Transports   []string `json:"transports,omitempty"`
	Attachment   string   `json:"attachment,omitempty"` // "platform", "cross-platform", or not told

	AAGUID         string `json:"aaguid,omitempty"` // of the model, as a UUID
	Model          string `json:"model,omitempty"`  // its name, where it is known
	Format         string `json:"format"`           // of the attestation statement, such as "packed"
	Attested       bool   `json:"attested"`         // its certificates lead to a configured root; else it is self-asserted
	BackupEligible bool   `json:"backup_eligible"`  // the key may leave the device
	BackedUp       bool   `json:"backed_up"`
	UserVerified   bool   `json:"user_verified"` // the owner proved presence by PIN or biometry at enrollment

	EnrolledAt   time.Time `json:"enrolled_at"`
	EnrolledFrom string    `json:"enrolled_from,omitempty"` // address
	UserAgent    string    `json:"user_agent,omitempty"`    // as it came: hostile text
	LinkID       string    `json:"link_id,omitempty"`       // of the EnrollmentLink, "" for one enrolled by its owner alone

	Approved   bool      `json:"approved"`
	LastUsedAt time.Time `json:"last_used_at"`
	// CounterWentBackAt is when the signature counter last did not grow, a sign
	// that there are two of it; zero is never.
	CounterWentBackAt time.Time `json:"counter_went_back_at"`

	History []DeviceEvent `json:"history,omitempty"` // oldest first, see Note
}

// A DeviceEvent is one thing that happened to a device.
type DeviceEvent struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`           // one of the Device… words below
	By   string    `json:"by,omitempty"`   // who, where it was not the owner
	From string    `json:"from,omitempty"` // address
}

// What happens to a device.
const (
	DeviceEnrolled    = "enrolled"
	DeviceUsed        = "used"
	DeviceRenamed     = "renamed"
	DeviceApproved    = "approved"
	DeviceDisapproved = "disapproved"
)

// Bounds of a device's history, in events.
const (
	maxDeviceHistory = 50
	maxDeviceUses    = 5
)

// Note adds e to the history. The last five uses are kept, and the last fifty
// events in all; the enrollment stays.
func (d *Device) Note(e DeviceEvent) {
	d.History = append(slices.Clip(d.History), e)
	drop := func(limit int, is func(DeviceEvent) bool) {
		n := 0
		for _, one := range d.History {
			if is(one) {
				n++
			}
		}
		d.History = slices.DeleteFunc(d.History, func(one DeviceEvent) bool {
			gone := n > limit && is(one)
			if gone {
				n--
			}
			return gone
		})
	}
	drop(maxDeviceUses, func(e DeviceEvent) bool { return e.What == DeviceUsed })
	drop(maxDeviceHistory, func(e DeviceEvent) bool { return e.What != DeviceEnrolled })
}

// Clone returns a copy that may be changed and put.
func (d *Device) Clone() *Device {
	c := *d
	c.CredentialID, c.PublicKey = slices.Clone(d.CredentialID), slices.Clone(d.PublicKey)
	c.Transports, c.History = slices.Clone(d.Transports), slices.Clone(d.History)
	return &c
}

// A DeviceProof says that a device has shown itself in a session.
type DeviceProof struct {
	DeviceID     string    `json:"device_id"`
	At           time.Time `json:"at"`
	UserVerified bool      `json:"user_verified,omitempty"`
}

// Device returns the device id, or ErrNotFound.
func (c *Client) Device(ctx context.Context, id string) (*Device, error) {
	return get(ctx, c, TypeDevice, id, c.DeviceFrom)
}

// PutDevice writes d as PutUser does.
func (c *Client) PutDevice(ctx context.Context, d *Device) error {
	return put(ctx, c, TypeDevice, d.ID, d, &d.Version, time.Time{})
}

// DeviceFrom reads the device out of a record from Get, List or Watch.
func (c *Client) DeviceFrom(r *Record) (*Device, error) {
	d := &Device{ID: r.ID, Version: r.Version}
	if err := c.Decode(r, d); err != nil {
		return nil, err
	}
	return d, nil
}

// Device returns the device id, or ErrNotFound, or ErrStale.
func (v *View) Device(ctx context.Context, id string) (*Device, error) {
	return v.devices.get(ctx, id, 0)
}
