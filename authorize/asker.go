package authorize

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/policy"
)

// ErrNobody is returned for a session that lets nobody in: unknown, over, or of
// somebody whose account is shut.
var ErrNobody = errors.New("authorize: the session counts no more")

// An Asker is who a session belongs to, as decisions read them.
type Asker struct {
	UserKey string // databroker.User.Key
	Email   string
	Name    string
	// Facts are shared by decisions about one version of the person's records.
	Facts *policy.Person
	Data  policy.PersonData // of Facts; shared, not to be changed
	// ActsAs is whom the session acts as on routes; nil is nobody. All else here
	// is of the person whose session it is.
	ActsAs *ActsAs
}

// Asker returns who the session id belongs to, a person or a service account, if
// it would let them in now: ErrNobody if not, another error where nobody can tell.
func (s *Server) Asker(ctx context.Context, id string) (Asker, error) {
	current := s.state.Load()
	if current == nil {
		return Asker{}, databroker.ErrUnavailable
	}
	for _, provider := range []string{"", databroker.AccountProvider} {
		switch standing, p, err := s.recall(ctx, current.current, ticket.Ticket{SessionID: id}, provider); standing {
		case known:
			a := Asker{UserKey: p.key, Email: p.email, Name: p.name, Facts: p.facts, Data: p.data}
			if p.session.Impersonates != nil {
				// Where nobody can tell, requests are refused, and nobody is acted as.
				if other, err := s.standIn(ctx, p, "", &settled{}); err == nil {
					a.ActsAs = other.actsAs()
				}
			}
			return a, nil
		case uncertain:
			return Asker{}, err
		}
	}
	return Asker{}, ErrNobody
}

// Supposed returns who a person would be in a session that begins now, in which
// no device has shown itself: ErrNobody where there is no such person, or they are
// shut out.
func (s *Server) Supposed(ctx context.Context, userKey string) (Asker, error) {
	user, err := s.sessions.User(ctx, userKey)
	if errors.Is(err, databroker.ErrNotFound) || err == nil && user.Disabled {
		return Asker{}, ErrNobody
	}
	if err != nil {
		return Asker{}, fmt.Errorf("read user: %w", err)
	}
	directory, err := s.sessions.DirectoryUser(ctx, userKey)
	if err != nil && !errors.Is(err, databroker.ErrNotFound) {
		return Asker{}, fmt.Errorf("read directory user: %w", err)
	}
	if err != nil {
		directory = nil
	}
	provider, _, _ := strings.Cut(userKey, "/")
	session := &databroker.Session{ID: "supposed", UserID: user.ID, IDPID: provider, IssuedAt: s.now()}
	held, err := s.held(ctx, userKey, session, user)
	if err != nil {
		return Asker{}, err
	}
	p := newPerson(session, user, directory, held)
	return Asker{UserKey: userKey, Email: p.email, Name: p.name, Facts: p.facts, Data: p.data}, nil
}
