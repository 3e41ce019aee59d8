package device

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/cardea-proxy/cardea/databroker"
)

// An Enrollment is one that a browser has answered.
type Enrollment struct {
	Demand
	Response []byte // JSON, as the page posts it
	Name     string // what the owner calls the device, "" for a name of ours
	// Link is that of the administrator who has approved the device beforehand,
	// as Open returned it; nil for none.
	Link *databroker.EnrollmentLink
}

// Enroll makes a device of a registration, and shows it in the session: its
// owner has just touched it. It returns the session in its new version.
//
// The device is there before it is approved, and it is approved after the link
// was used up: of two who use one link at once, the later one gets nothing.
func (d *Desk) Enroll(ctx context.Context, a Asker, e Enrollment) (*databroker.Device, *databroker.Session, error) {
	challenge, err := d.use(ctx, a, ceremony.PurposeRegister, e.Demand, e.Response)
	if err != nil {
		return nil, nil, err
	}
	user, all, err := d.belongings(ctx, a.Session)
	if err != nil {
		return nil, nil, err
	}
	if len(all) >= maxDevices {
		return nil, nil, ErrTooMany
	}
	question, err := d.creation(a, e.Demand, user, all, challenge)
	if err != nil {
		return nil, nil, err
	}
	found, err := a.Party.VerifyRegistration(question, e.Response)
	if err != nil {
		return nil, nil, err
	}
	one, err := d.write(ctx, a, e, found)
	if err != nil {
		return nil, nil, err
	}
	if one, err = d.approve(ctx, one, e.Link); err != nil {
		return nil, nil, errors.Join(err, d.disown(ctx, one))
	}
	d.log(a).Str("device", one.ID).Str("type", one.Type).Str("model", one.Model).Bool("attested", one.Attested).
		Bool("approved", one.Approved).Str("link", one.LinkID).Msg("device enrolled")
	session, err := d.prove(ctx, a, databroker.DeviceProof{DeviceID: one.ID, At: one.EnrolledAt, UserVerified: one.UserVerified})
	return one, session, err
}

// write stores what was registered as a device that nobody has approved.
func (d *Desk) write(ctx context.Context, a Asker, e Enrollment, found *ceremony.Registered) (*databroker.Device, error) {
	now := d.o.Now().UTC()
	one := &databroker.Device{
		ID: ID(found.CredentialID), UserKey: a.Session.UserKey(), Type: e.Type,
		CredentialID: found.CredentialID, PublicKey: found.PublicKey, SignCount: found.SignCount,
		Transports: found.Transports, Attachment: found.Attachment,
		AAGUID: found.AAGUID, Model: found.Model, Format: found.Format, Attested: found.Attested,
		BackupEligible: found.BackupEligible, BackedUp: found.BackedUp, UserVerified: found.UserVerified,
		EnrolledAt: now, EnrolledFrom: a.Address, UserAgent: a.UserAgent[:min(len(a.UserAgent), 512)], LastUsedAt: now,
	}
	var ok bool
	if one.Name, ok = cleanName(e.Name); !ok {
		one.Name = nameFor(found, a.UserAgent)
	}
	one.Note(databroker.DeviceEvent{At: now, What: databroker.DeviceEnrolled, From: a.Address})
	if _, err := d.o.Broker.Device(ctx, one.ID); !errors.Is(err, databroker.ErrNotFound) {
		if err != nil {
			return nil, fmt.Errorf("read device: %w", err)
		}
		// A credential has one owner for good. What is said does not tell whether
		// that is somebody else.
		return nil, ErrKnown
	}
	if err := d.claim(ctx, one); err != nil {
		return nil, err
	}
	// First the owner's list: an id in it that leads nowhere is harmless, a device
	// in nobody's list could never be deleted by its owner.
	err := d.changeUser(ctx, one.UserKey, func(u *databroker.User) bool {
		if slices.Contains(u.DeviceIDs, one.ID) {
			return false
		}
		u.DeviceIDs = append(u.DeviceIDs, one.ID)
		return true
	})
	if err != nil {
		return nil, err
	}
	err = d.o.Broker.PutDevice(ctx, one)
	if errors.Is(err, databroker.ErrConflict) {
		return nil, ErrKnown
	}
	if err != nil {
		return nil, fmt.Errorf("write device: %w", err)
	}
	return one, nil
}

// idsKept is how long the id of a credential is remembered, whatever becomes of
// the device.
const idsKept = 10 * 365 * 24 * time.Hour

// claim takes the id of a credential for one and for no other ever: ErrKnown
// where it was taken before. An authenticator makes an id for each credential,
// but one that lies takes whichever it likes. With that of a device which was
// deleted, its owner, or whoever learned it from them, would have another key
// pass for that device: where a policy names it, or somebody approves it.
func (d *Desk) claim(ctx context.Context, one *databroker.Device) error {
	err := d.o.Broker.UseOnce(ctx, "credential", one.ID, one.EnrolledAt.Add(idsKept))
	if errors.Is(err, databroker.ErrUsed) {
		return fmt.Errorf("%w, and deleted", ErrKnown)
	}
	return err
}

// disown removes a device that was not to be after all.
func (d *Desk) disown(ctx context.Context, one *databroker.Device) error {
	err := d.o.Broker.Remove(ctx, databroker.TypeDevice, one.ID)
	return errors.Join(err, d.changeUser(ctx, one.UserKey, func(u *databroker.User) bool {
		before := len(u.DeviceIDs)
		u.DeviceIDs = slices.DeleteFunc(u.DeviceIDs, func(id string) bool { return id == one.ID })
		return len(u.DeviceIDs) != before
	}))
}

// approve uses link up and approves one for it. Without a link nothing changes.
// The device is returned with an error too.
func (d *Desk) approve(ctx context.Context, one *databroker.Device, link *databroker.EnrollmentLink) (*databroker.Device, error) {
	if link == nil {
		return one, nil
	}
	if err := d.spend(ctx, link, one); err != nil {
		return one, err // it was made for the link alone
	}
	next := one.Clone()
	next.Approved, next.LinkID = true, link.ID
	next.Note(databroker.DeviceEvent{At: d.o.Now().UTC(), What: databroker.DeviceApproved, By: link.CreatedBy})
	if err := d.o.Broker.PutDevice(ctx, next); err != nil {
		return one, fmt.Errorf("approve device: %w", err)
	}
	return next, nil
}

// log begins a line about what a does.
func (d *Desk) log(a Asker) *zerolog.Event {
	return d.o.Log.Info().Str("user", a.Session.UserID).Str("session_id", a.Session.ID).Str("request_id", a.RequestID)
}
