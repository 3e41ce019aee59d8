package device

import (
	"context"
	"errors"
	"fmt"

	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/cardea-proxy/cardea/databroker"
)

// Show takes the touch of a device, and returns the session, which shows it, in
// its new version.
func (d *Desk) Show(ctx context.Context, a Asker, want Demand, response []byte) (*databroker.Device, *databroker.Session, error) {
	challenge, err := d.use(ctx, a, ceremony.PurposeAssert, want, response)
	if err != nil {
		return nil, nil, err
	}
	id, err := ceremony.CredentialOf(response)
	if err != nil {
		return nil, nil, err
	}
	for range maxTries {
		one, err := d.own(ctx, a, ID(id))
		if err != nil {
			return nil, nil, err
		}
		if !fits(one, want.Type) {
			return nil, nil, ceremony.ErrOtherDevice
		}
		question, err := d.request(a, want, []*databroker.Device{one}, challenge)
		if err != nil {
			return nil, nil, err
		}
		found, err := a.Party.VerifyAssertion(question, d.credential(one), response)
		if err != nil {
			return nil, nil, err
		}
		one, err = d.seen(ctx, a, one, found)
		if errors.Is(err, databroker.ErrConflict) {
			continue // somebody else has written the device: the counter may be another now
		}
		if err != nil {
			return nil, nil, err
		}
		session, err := d.prove(ctx, a, databroker.DeviceProof{DeviceID: one.ID, At: one.LastUsedAt, UserVerified: found.UserVerified})
		return one, session, err
	}
	return nil, nil, errManyWrites
}

// seen writes down what a touch told of the device.
func (d *Desk) seen(ctx context.Context, a Asker, one *databroker.Device, found *ceremony.Asserted) (*databroker.Device, error) {
	now := d.o.Now().UTC()
	next := one.Clone()
	next.SignCount, next.BackedUp, next.LastUsedAt = found.SignCount, found.BackedUp, now
	if found.CounterWentBack {
		next.CounterWentBackAt = now
		d.o.Log.Warn().Str("user", a.Session.UserID).Str("device", one.ID).Uint32("stored", one.SignCount).Uint32("now", found.SignCount).
			Str("request_id", a.RequestID).Msg("a device's signature counter did not grow: there may be two of it")
	}
	next.Note(databroker.DeviceEvent{At: now, What: databroker.DeviceUsed, From: a.Address})
	if err := d.o.Broker.PutDevice(ctx, next); err != nil {
		return nil, fmt.Errorf("write device: %w", err)
	}
	return next, nil
}

// prove notes in the session that a device has shown itself.
func (d *Desk) prove(ctx context.Context, a Asker, p databroker.DeviceProof) (*databroker.Session, error) {
	for range maxTries {
		session, err := d.o.Broker.Session(ctx, a.Session.ID)
		switch {
		case errors.Is(err, databroker.ErrNotFound):
			return nil, errNoSession
		case err != nil:
			return nil, fmt.Errorf("read session: %w", err)
		}
		next := session.Clone()
		next.Show(p)
		err = d.o.Broker.PutSession(ctx, next)
		if errors.Is(err, databroker.ErrConflict) {
			continue // a refresh, or another tab
		}
		if err != nil {
			return nil, fmt.Errorf("write session: %w", err)
		}
		return next, nil
	}
	return nil, errManyWrites
}
