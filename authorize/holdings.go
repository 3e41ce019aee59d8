package authorize

import (
	"context"
	"errors"
	"fmt"

	"github.com/cardea-proxy/cardea/databroker"
)

// holdings are what a person has in a session besides who they are. What is
// gone, or turns out to be somebody else's, is nil. Most people have none, and
// then this costs nothing.
type holdings struct {
	devices []*databroker.Device // one for each of the session's Devices
	grants  []*databroker.Grant  // one for each of the user's GrantIDs
}

// held reads the records that session and user lead to. key is the owner's.
func (s *Server) held(ctx context.Context, key string, session *databroker.Session, user *databroker.User) (h holdings, err error) {
	for _, proof := range session.Devices {
		d, err := s.device(ctx, key, proof.DeviceID)
		if err != nil {
			return holdings{}, err
		}
		h.devices = append(h.devices, d)
	}
	for _, id := range user.GrantIDs {
		g, err := s.grant(ctx, key, id)
		if err != nil {
			return holdings{}, err
		}
		h.grants = append(h.grants, g)
	}
	return h, nil
}

// unchanged reports whether the records that p was made of are still the newest.
// It goes by the address, as for session and user.
func (s *Server) unchanged(ctx context.Context, p *person) (bool, error) {
	for i, proof := range p.session.Devices {
		if d, err := s.device(ctx, p.key, proof.DeviceID); err != nil || d != p.held.devices[i] {
			return false, err
		}
	}
	for i, id := range p.user.GrantIDs {
		if g, err := s.grant(ctx, p.key, id); err != nil || g != p.held.grants[i] {
			return false, err
		}
	}
	return true, nil
}

// device returns a device that is the person's own, or nil. That a session
// names a device proves nothing of whose it is.
func (s *Server) device(ctx context.Context, key, id string) (*databroker.Device, error) {
	d, err := s.sessions.Device(ctx, id)
	switch {
	case errors.Is(err, databroker.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read device: %w", err)
	case d.UserKey != key || d.ID != id:
		return nil, nil
	}
	return d, nil
}

// grant returns a grant that is the person's own, or nil.
func (s *Server) grant(ctx context.Context, key, id string) (*databroker.Grant, error) {
	g, err := s.sessions.Grant(ctx, id)
	switch {
	case errors.Is(err, databroker.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read grant: %w", err)
	case g.UserKey != key || g.ID != id:
		return nil, nil
	}
	return g, nil
}

// shown are the devices of p that are there, each with its proof.
func (p *person) shown(yield func(*databroker.Device, databroker.DeviceProof) bool) {
	for i, d := range p.held.devices {
		if d != nil && !yield(d, p.session.Devices[i]) {
			return
		}
	}
}
