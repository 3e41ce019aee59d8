package console

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"github.com/rs/zerolog"
)

// Broker is the part of the databroker's client that actions use.
type Broker interface {
	Session(ctx context.Context, id string) (*databroker.Session, error)
	PutSession(ctx context.Context, s *databroker.Session) error
	DeleteSession(ctx context.Context, id string) error
	User(ctx context.Context, key string) (*databroker.User, error)
	PutUser(ctx context.Context, u *databroker.User) error
	WriteAll(ctx context.Context, writes []databroker.Write) ([]databroker.Result, error)
	DirectoryUser(ctx context.Context, key string) (*databroker.DirectoryUser, error)
	Device(ctx context.Context, id string) (*databroker.Device, error)
	PutDevice(ctx context.Context, d *databroker.Device) error
	EnrollmentLink(ctx context.Context, id string) (*databroker.EnrollmentLink, error)
	PutEnrollmentLink(ctx context.Context, l *databroker.EnrollmentLink) error
	// Delete is databroker.ErrConflict for a record with another version.
	Delete(ctx context.Context, typ, id string, expected uint64) error
	Grant(ctx context.Context, id string) (*databroker.Grant, error)
	PutGrant(ctx context.Context, g *databroker.Grant) error
	AccessRequests(ctx context.Context, userKey string) (*databroker.AccessRequests, error)
	PutAccessRequests(ctx context.Context, a *databroker.AccessRequests) error
	ServiceAccount(ctx context.Context, id string) (*databroker.ServiceAccount, error)
	PutServiceAccount(ctx context.Context, a *databroker.ServiceAccount) error
	Remove(ctx context.Context, typ, id string) error
	PutJSON(ctx context.Context, typ, id string, value any, o databroker.PutOptions) (version uint64, err error)
	Feed
}

// View is the part of the databroker's view that actions use.
type View interface {
	// LastAccess returns the zero time for a session that was never used.
	LastAccess(ctx context.Context, id string) (time.Time, error)
}

// ServiceOptions are the parts a Service is built from. Fields are required
// unless said otherwise.
type ServiceOptions struct {
	Broker Broker
	View   View
	Audit  Audit
	// AuditReader reads what Audit has kept.
	AuditReader AuditReader
	// Decisions are nil where they are not recorded.
	Decisions     Decisions
	Explainer     Explainer
	Configuration Configuration
	Instance      Instance
	Log           zerolog.Logger
	Now           func() time.Time // nil means time.Now
	// Config returns the configuration in force, nil before the first; nil is
	// always that.
	Config func() *config.Config
	// EnrollmentURL returns the address by which a link is followed, on the
	// sign-in host that base names; nil is none, and no links can be made.
	EnrollmentURL func(base *url.URL, linkID string) string
	// IssueToken returns the token of a service account with that session. With
	// nil nobody can make one.
	IssueToken func(*databroker.Session) string
}

// A Service holds the actions: each a method that takes who acts and a request,
// looks at the role first, and writes to the audit what it changes. Pages, gRPC
// and commands all come by here. Calls may overlap.
type Service struct {
	o     ServiceOptions
	index *index
	house atomic.Pointer[Server] // what is in force, and who people are; nil before New

	parting sync.WaitGroup // see part
	ending  chan struct{}  // closed when Run ends

	followCheck time.Duration // followCheck, but for tests
	replaying   sync.Mutex    // held by the one that runs
	slow        *turns        // of searches and explanations
	following   *turns        // of those who follow decisions

	counting  sync.Mutex // of what follows
	counted   *consolepb.GetActivityResponse
	countedAt time.Time
}

// NewService returns a Service. It starts no goroutine; lists wait for Run.
func NewService(o ServiceOptions) (*Service, error) {
	if o.Broker == nil || o.View == nil || o.Audit == nil || o.AuditReader == nil || o.Explainer == nil || o.Configuration == nil || o.Instance == nil {
		return nil, errors.New("console: a part of the service is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{
		o: o, index: newIndex(o.Broker, o.Log, o.Now), ending: make(chan struct{}), followCheck: followCheck,
		slow: newTurns(slowEach, slowAll), following: newTurns(followEach, 0),
	}, nil
}

// Run keeps the index of sessions, people and devices up to date until ctx ends, from
// the first call of Wake or of an action that reads it. Call it once.
func (s *Service) Run(ctx context.Context) error {
	err := s.index.run(ctx)
	close(s.ending)
	s.parting.Wait()
	return err
}

// Wake builds the index before somebody waits for it.
func (s *Service) Wake() { s.index.wake() }

// may is ErrForbidden unless a reaches far enough for the action.
func (s *Service) may(a Actor, action Action) error {
	if !a.May(action) {
		return ErrForbidden
	}
	return nil
}

// A change is one that is about to be made.
type change struct {
	action  Action
	target  string // see AuditEntry
	subject string
	detail  map[string]string
}

// changePatience bounds a change: everybody of a large installation is signed
// out within it.
const changePatience = 5 * time.Minute

// change makes c by calling do, if a may, with the audit's knowledge. Once it is
// begun it is no longer the caller's to break off: of a call that is, nobody knows
// whether the store has made it, and the audit would say that it had failed.
func (s *Service) change(ctx context.Context, a Actor, c change, do func(context.Context) error) error {
	e := AuditEntry{
		ID: rand.Text(), At: s.o.Now(), Actor: a, Action: c.action, Target: c.target, Subject: c.subject,
		Detail: c.detail, Outcome: OutcomeBegun,
	}
	if err := s.may(a, c.action); err != nil {
		s.deny(ctx, a, c)
		return err
	}
	if err := s.append(ctx, e); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changePatience)
	defer cancel()
	err := do(ctx)
	if ctx.Err() != nil && err != nil {
		return err // it may have been made, and stays begun
	}
	e.Outcome, e.At = OutcomeDone, s.o.Now()
	if err != nil {
		e.Outcome, e.Err = OutcomeFailed, err.Error()
	}
	// Where it cannot be written, the change is made all the same, and stays begun.
	_ = s.append(context.WithoutCancel(ctx), e)
	return err
}

// deny writes down that a tried c, which the role does not reach. A guest's try
// is left out: anybody may be one, and would fill the audit.
func (s *Service) deny(ctx context.Context, a Actor, c change) {
	if a.Role == RoleNone {
		return
	}
	_ = s.append(ctx, AuditEntry{ // it is denied in any case
		ID: rand.Text(), At: s.o.Now(), Actor: a, Action: c.action, Target: c.target, Subject: c.subject, Detail: c.detail,
		Outcome: OutcomeDenied,
	})
}

func (s *Service) append(ctx context.Context, e AuditEntry) error {
	if err := s.o.Audit.Append(ctx, e); err != nil {
		s.o.Log.Error().Err(err).Str("action", string(e.Action)).Str("target", e.Target).Msg("audit cannot be written")
		return fmt.Errorf("%w: the audit cannot be written", ErrUnavailable)
	}
	return nil
}

// inForce is the configuration in force, nil before the first.
func (s *Service) inForce() *config.Config {
	if s.o.Config == nil {
		return nil
	}
	return s.o.Config()
}
