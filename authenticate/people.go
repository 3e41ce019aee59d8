package authenticate

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
)

// retryPeople is when a check of all sessions is tried again after a fault.
const retryPeople = 5 * time.Second

// checkPeople notes that the people of the built-in provider may have changed.
func (s *Server) checkPeople() {
	select {
	case s.peopleChanged <- struct{}{}:
	default: // noted already
	}
}

// followPeople ends sessions of people whom the configuration no longer names,
// or names with another password, and renews those of whom it says something
// else, at once: nobody should stay in until the next refresh.
func (s *Server) followPeople(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.peopleChanged:
		}
		for {
			err := s.judgePeople(ctx)
			if err == nil || ctx.Err() != nil {
				break
			}
			s.o.Log.Error().Err(err).Msg("sessions of the built-in provider not checked yet")
			select {
			case <-ctx.Done():
			case <-time.After(retryPeople):
			}
		}
	}
}

// judgePeople goes through all sessions of the built-in provider.
func (s *Server) judgePeople(ctx context.Context) error {
	active := s.active.Load()
	if active == nil || active.local == nil {
		return nil
	}
	return s.eachSession(ctx, func(session *databroker.Session) error {
		if active.providers[session.IDPID] == nil {
			return nil
		}
		holds, err := active.local.Holds(ctx, session.UserID, sittingOf(session))
		if err != nil {
			return fmt.Errorf("ask the built-in provider: %w", err)
		}
		if !holds {
			if err := s.o.Broker.DeleteSession(ctx, session.ID); err != nil {
				return fmt.Errorf("end session: %w", err)
			}
			s.o.Log.Info().Str("session_id", session.ID).Msg("session ended: its person or password is gone from the configuration")
			return nil
		}
		changed, err := s.saysOtherwise(ctx, active.config, session)
		if err != nil || !changed {
			return err
		}
		s.refresh(ctx, appointment{id: session.ID, expires: s.tokensExpire(session)})
		return nil
	})
}

// saysOtherwise reports whether the configuration names or groups the person
// of session in another way than their record does.
func (s *Server) saysOtherwise(ctx context.Context, cfg *config.Config, session *databroker.Session) (bool, error) {
	user, err := s.o.Broker.User(ctx, session.UserKey())
	switch {
	case errors.Is(err, databroker.ErrNotFound):
		return false, nil // then the session counts nowhere
	case err != nil:
		return false, fmt.Errorf("read user: %w", err)
	}
	for _, u := range cfg.Users {
		if strings.EqualFold(u.Email, user.Email) {
			return u.Name != user.Name || !slices.Equal(sorted(u.Groups), sorted(user.Groups)), nil
		}
	}
	return true, nil
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// sittingOf returns the sid of the session's ID token, "" for none. The token
// was checked when it came and lay sealed since.
func sittingOf(session *databroker.Session) string {
	parts := strings.Split(session.IDToken.Reveal(), ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Sitting string `json:"sid"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Sitting
}
