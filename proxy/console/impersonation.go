package console

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// StartImpersonation is ImpersonationService.StartImpersonation. The person's
// record is written first: nobody is acted as without being able to see it.
func (s *Service) StartImpersonation(ctx context.Context, a Actor, r *consolepb.StartImpersonationRequest) (*consolepb.StartImpersonationResponse, error) {
	c := change{action: "StartImpersonation", target: databroker.TypeSession + "/" + r.GetSessionId()}
	reason, now := oneLine(r.GetReason()), s.o.Now().UTC()
	until := now.Add(r.GetDuration().AsDuration())
	var target *databroker.Session
	if a.May(c.action) { // else nothing is said of whether it is there
		d := r.GetDuration().AsDuration()
		if r.GetDuration() == nil || d <= 0 || d > databroker.MaxImpersonation {
			return nil, &Invalid{"duration", "a time of at most an hour"}
		}
		err := checkText("reason", reason, maxReason, true)
		if err != nil {
			return nil, err
		}
		if target, err = s.o.Broker.Session(ctx, r.GetSessionId()); err != nil {
			return nil, fromBroker(err)
		}
		c.subject = target.UserKey()
		c.detail = map[string]string{"reason": reason, "until": until.Format(time.RFC3339), "as_session": a.SessionID}
	}
	err := s.change(ctx, a, c, func(ctx context.Context) error {
		if err := s.mayImpersonate(ctx, a, target); err != nil {
			return err
		}
		note := databroker.Impersonated{By: a.Label(), At: now, Until: until}
		if err := s.alterUser(ctx, target.UserKey(), func(u *databroker.User) bool { u.NoteImpersonated(note); return true }); err != nil {
			return err
		}
		return s.alterSession(ctx, a.SessionID, func(own *databroker.Session) {
			own.Impersonates = &databroker.Impersonation{SessionID: target.ID, UserKey: target.UserKey(), Until: until, By: own.UserKey()}
		})
	})
	if err != nil {
		return nil, err
	}
	return &consolepb.StartImpersonationResponse{Until: stamp(until)}, nil
}

// mayImpersonate is nil where a may act as the owner of target. authorize looks at
// all of it again, at each request.
func (s *Service) mayImpersonate(ctx context.Context, a Actor, target *databroker.Session) error {
	server := s.house.Load()
	if server == nil || server.active.Load() == nil {
		return ErrUnavailable
	}
	st := server.active.Load()
	switch {
	case !st.Config.Console.Impersonation:
		return &Conflict{"the configuration does not consent: console.impersonation is not true"}
	case a.SessionID == "":
		return &Conflict{"who comes by the socket has no session that could act as somebody"}
	case target.IDPID == databroker.AccountProvider:
		return &Conflict{"this is a program, as which nobody acts"}
	case a.ActsAs != "":
		return &Conflict{"you act as somebody already: stop that first"}
	case target.ID == a.SessionID || target.UserKey() == a.UserKey:
		return &Conflict{"this is you"}
	case target.Impersonates.Lasting(s.o.Now(), 0):
		return &Conflict{"this session acts as somebody else itself"}
	}
	own, err := s.o.Broker.Session(ctx, a.SessionID)
	if err != nil {
		return fromBroker(err)
	}
	if own.IDPID == databroker.AccountProvider {
		return &Conflict{"a program acts as nobody else"}
	}
	p, err := server.o.Identify(ctx, target.ID)
	if errors.Is(err, ErrNobody) {
		return &Conflict{"this session opens nothing any more, or its person is shut out"}
	}
	if err != nil {
		return errors.Join(ErrUnavailable, err)
	}
	role, err := st.Roles.of(ctx, server.factsOf(p))
	if err != nil {
		return err
	}
	if role == RoleAdmin {
		return &Conflict{"this person is an administrator, as whom nobody acts"}
	}
	return nil
}

// StopImpersonation is ImpersonationService.StopImpersonation.
func (s *Service) StopImpersonation(ctx context.Context, a Actor, r *consolepb.StopImpersonationRequest) (*consolepb.StopImpersonationResponse, error) {
	id := r.GetSessionId()
	if id == "" {
		id = a.SessionID
	}
	c := change{action: "StopImpersonation", target: databroker.TypeSession + "/" + id}
	var was *databroker.Impersonation
	if a.May(c.action) {
		if id == "" {
			return nil, &Invalid{"session_id", "the id of a session that acts as somebody"}
		}
		session, err := s.o.Broker.Session(ctx, id)
		if err != nil {
			return nil, fromBroker(err)
		}
		if was = session.Impersonates; was == nil {
			return nil, &Conflict{"the session acts as nobody"}
		}
		c.subject, c.detail = was.UserKey, map[string]string{"of_session": was.SessionID}
	}
	err := s.change(ctx, a, c, func(ctx context.Context) error {
		if err := s.alterSession(ctx, id, func(own *databroker.Session) { own.Impersonates = nil }); err != nil {
			return err
		}
		s.noteEnd(ctx, was)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &consolepb.StopImpersonationResponse{}, nil
}

// noteEnd tells the person that it ended sooner. Where that cannot be written,
// they are told of the longest that it could have lasted.
func (s *Service) noteEnd(ctx context.Context, was *databroker.Impersonation) {
	now := s.o.Now().UTC()
	err := s.alterUser(ctx, was.UserKey, func(u *databroker.User) bool {
		for i := range slices.Backward(u.Impersonated) {
			if one := &u.Impersonated[i]; one.Until.Equal(was.Until) && now.Before(one.Until) {
				one.Until = now
				return true
			}
		}
		return false
	})
	if err != nil {
		s.o.Log.Warn().Err(err).Str("user", was.UserKey).Msg("end of acting as a person not written to their record")
	}
}

// alterSession writes what change makes of a session, however often it is
// refreshed meanwhile.
func (s *Service) alterSession(ctx context.Context, id string, change func(*databroker.Session)) error {
	for range 20 {
		session, err := s.o.Broker.Session(ctx, id)
		if err != nil {
			return fromBroker(err)
		}
		changed := session.Clone()
		change(changed)
		if err = s.o.Broker.PutSession(ctx, changed); !errors.Is(err, databroker.ErrConflict) {
			return fromBroker(err)
		}
	}
	return fromBroker(databroker.ErrConflict)
}

// alterUser writes what change makes of a person's record, however often sign-ins
// write it meanwhile; nothing where it returns false.
func (s *Service) alterUser(ctx context.Context, key string, change func(*databroker.User) bool) error {
	for range 20 {
		user, err := s.o.Broker.User(ctx, key)
		if err != nil {
			return fromBroker(err)
		}
		changed := user.Clone()
		if !change(changed) {
			return nil
		}
		if err = s.o.Broker.PutUser(ctx, changed); !errors.Is(err, databroker.ErrConflict) {
			return fromBroker(err)
		}
	}
	return fromBroker(databroker.ErrConflict)
}

// impersonated are the last times that an administrator acted as a person, the
// latest first.
func (s *Service) impersonated(ctx context.Context, key string) ([]*consolepb.Impersonated, error) {
	user, err := s.o.Broker.User(ctx, key)
	if err != nil {
		return nil, fromBroker(err)
	}
	var out []*consolepb.Impersonated
	for _, one := range slices.Backward(user.Impersonated) {
		out = append(out, &consolepb.Impersonated{By: one.By, At: stamp(one.At), Until: stamp(one.Until)})
	}
	return out, nil
}
