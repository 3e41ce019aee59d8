package console

import (
	"context"
	"errors"
	"slices"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// ApproveDevice is DeviceService.ApproveDevice.
func (s *Service) ApproveDevice(ctx context.Context, a Actor, r *consolepb.ApproveDeviceRequest) (*consolepb.ApproveDeviceResponse, error) {
	err := s.changeDevice(ctx, a, "ApproveDevice", r.GetId(), func(ctx context.Context) error {
		return s.setApproved(ctx, a, r.GetId(), r.GetVersion(), true)
	})
	if err != nil {
		return nil, err
	}
	return &consolepb.ApproveDeviceResponse{}, nil
}

// DisapproveDevice is DeviceService.DisapproveDevice.
func (s *Service) DisapproveDevice(ctx context.Context, a Actor, r *consolepb.DisapproveDeviceRequest) (*consolepb.DisapproveDeviceResponse, error) {
	err := s.changeDevice(ctx, a, "DisapproveDevice", r.GetId(), func(ctx context.Context) error {
		return s.setApproved(ctx, a, r.GetId(), r.GetVersion(), false)
	})
	if err != nil {
		return nil, err
	}
	return &consolepb.DisapproveDeviceResponse{}, nil
}

// DeleteDevice is DeviceService.DeleteDevice.
func (s *Service) DeleteDevice(ctx context.Context, a Actor, r *consolepb.DeleteDeviceRequest) (*consolepb.DeleteDeviceResponse, error) {
	err := s.changeDevice(ctx, a, "DeleteDevice", r.GetId(), func(ctx context.Context) error {
		return s.removeDevice(ctx, r.GetId(), r.GetVersion())
	})
	if err != nil {
		return nil, err
	}
	return &consolepb.DeleteDeviceResponse{}, nil
}

// changeDevice makes a change of one device; the audit learns whose it is.
func (s *Service) changeDevice(ctx context.Context, a Actor, action Action, id string, do func(context.Context) error) error {
	c := change{action: action, target: databroker.TypeDevice + "/" + id}
	if a.May(action) { // else nothing is said of whether it is there
		d, err := s.o.Broker.Device(ctx, id)
		if err != nil {
			return fromBroker(err)
		}
		c.subject, c.detail = d.UserKey, map[string]string{"name": d.Name, "model": d.Model}
	}
	return s.change(ctx, a, c, do)
}

var errDeviceChanged = &Conflict{"the device has changed since you looked at it: look again"}

// maxTries bounds how often a write is tried whose record changes meanwhile.
const maxTries = 50

// setApproved writes the one field. Approval is for the device as it was looked
// at: it fails if that has changed meanwhile. To take it back must not be held
// up by somebody who goes on using the device: without a version it is tried
// again.
func (s *Service) setApproved(ctx context.Context, a Actor, id string, version uint64, approved bool) error {
	what := databroker.DeviceDisapproved
	if approved {
		what = databroker.DeviceApproved
	}
	for range maxTries {
		d, err := s.o.Broker.Device(ctx, id)
		switch {
		case err != nil:
			return fromBroker(err)
		case version != 0 && version != d.Version:
			return errDeviceChanged
		case d.Approved == approved:
			return nil
		}
		next := d.Clone()
		next.Approved = approved
		next.Note(databroker.DeviceEvent{At: s.o.Now().UTC(), What: what, By: a.Label()})
		err = s.o.Broker.PutDevice(ctx, next)
		if !errors.Is(err, databroker.ErrConflict) {
			return fromBroker(err)
		}
		if approved { // the next look tells whether it has changed or is gone
			version = d.Version
		}
	}
	return errDeviceChanged
}

// removeDevice deletes first the device, which counts for nothing from then on,
// and then its id from the owner's list, where one that leads nowhere does no
// harm.
func (s *Service) removeDevice(ctx context.Context, id string, version uint64) error {
	d, err := s.o.Broker.Device(ctx, id)
	switch {
	case err != nil:
		return fromBroker(err)
	case version == 0:
		err = s.o.Broker.Remove(ctx, databroker.TypeDevice, id)
	default:
		err = s.o.Broker.Delete(ctx, databroker.TypeDevice, id, version)
	}
	if errors.Is(err, databroker.ErrConflict) {
		return errDeviceChanged
	}
	if err != nil {
		return fromBroker(err)
	}
	// Also for somebody who has gone away meanwhile.
	if err := s.unlist(context.WithoutCancel(ctx), d.UserKey, id); err != nil {
		s.o.Log.Warn().Err(err).Str("device", id).Str("user", d.UserKey).Msg("deleted device stays in its owner's list")
	}
	return nil
}

// unlist takes a device out of its owner's list, however often sign-ins write
// the rest.
func (s *Service) unlist(ctx context.Context, key, id string) error {
	for range maxTries {
		user, err := s.o.Broker.User(ctx, key)
		if errors.Is(err, databroker.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !slices.Contains(user.DeviceIDs, id) {
			return nil
		}
		next := user.Clone()
		next.DeviceIDs = slices.DeleteFunc(next.DeviceIDs, func(one string) bool { return one == id })
		if err := s.o.Broker.PutUser(ctx, next); !errors.Is(err, databroker.ErrConflict) {
			return err
		}
	}
	return databroker.ErrConflict
}
