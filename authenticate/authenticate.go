package authenticate

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/cardea-proxy/cardea/authenticate/device"
	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/cardea-proxy/cardea/authenticate/idp"
	"github.com/cardea-proxy/cardea/authenticate/local"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/rs/zerolog"
)

// Broker is the part of the databroker that signing in needs. A
// *databroker.Client is one.
type Broker interface {
	Session(ctx context.Context, id string) (*databroker.Session, error)
	PutSession(ctx context.Context, s *databroker.Session) error
	DeleteSession(ctx context.Context, id string) error
	User(ctx context.Context, key string) (*databroker.User, error)
	PutUser(ctx context.Context, u *databroker.User) error
	AccessRequests(ctx context.Context, userKey string) (*databroker.AccessRequests, error)
	PutAccessRequests(ctx context.Context, a *databroker.AccessRequests) error
	UseOnce(ctx context.Context, purpose, id string, until time.Time) error

	Delete(ctx context.Context, typ, id string, expected uint64) error
	Remove(ctx context.Context, typ, id string) error
	PutJSON(ctx context.Context, typ, id string, value any, o databroker.PutOptions) (version uint64, err error)
	GetJSON(ctx context.Context, typ, id string, value any) (version uint64, err error)
	List(ctx context.Context, typ string, limit int, after []byte) (databroker.Page, error)
	Decode(r *databroker.Record, value any) error
	Watch(ctx context.Context, types []string, from databroker.Position, fn func(databroker.Change) error) error
	AcquireLease(ctx context.Context, name string, ttl time.Duration) (*databroker.Lease, error)
	ReleaseLease(ctx context.Context, l *databroker.Lease) error
}

// Sessions tells when a session was last used; a *databroker.View does.
type Sessions interface {
	LastAccess(ctx context.Context, sessionID string) (time.Time, error)
	Touch(sessionID string)
}

// Options are the parts a Server is built from. Fields are required unless
// said otherwise.
type Options struct {
	Broker   Broker
	Sessions Sessions
	Tickets  *ticket.Box     // of the sign-in host alone
	Handoff  *handoff.Signer // shared with the route hosts
	Pages    *pages.Pages
	Devices  *device.Desk
	StateKey [32]byte // for the state of a sign-in
	LocalKey [32]byte // for the built-in provider
	// Reveal shows a made password to the operator, outside the log.
	Reveal func(email, password string)
	Log    zerolog.Logger
	Now    func() time.Time // nil means time.Now
}

// A Server is the sign-in host. It refuses everything until the first Apply.
type Server struct {
	o         Options
	state     *stateBox
	active    atomic.Pointer[applied]
	scheduled *schedule
	// peopleChanged holds one token while sessions of the built-in provider wait
	// to be checked.
	peopleChanged chan struct{}
}

// applied is what one configuration makes of the Server.
type applied struct {
	config    *config.Config
	base      *url.URL                 // https://SIGN-IN-HOST
	providers map[string]*idp.Provider // by config.ProviderID
	local     *local.Provider          // nil unless idp_provider is local
	party     *ceremony.Party          // nil: nobody can register a device
}

// New returns a Server. It starts no goroutine and opens no connection.
func New(o Options) (*Server, error) {
	if o.Broker == nil || o.Sessions == nil || o.Tickets == nil || o.Handoff == nil || o.Pages == nil || o.Devices == nil || o.Reveal == nil {
		return nil, errors.New("authenticate: an option is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{o: o, state: newStateBox(o.StateKey, o.Now), scheduled: newSchedule(), peopleChanged: make(chan struct{}, 1)}, nil
}

// A Prepared is a configuration that was checked and only waits to be used.
type Prepared struct{ next *applied }

// Prepare builds all that cfg needs and changes nothing that is running.
func (s *Server) Prepare(cfg *config.Config) (*Prepared, error) {
	next := &applied{config: cfg, providers: map[string]*idp.Provider{}}
	if cfg.AuthenticateServiceURL.IsZero() {
		return nil, errors.New("authenticate_service_url: want the address of the sign-in host")
	}
	next.base = &url.URL{Scheme: "https", Host: cfg.AuthenticateServiceURL.Host}
	next.party = s.newParty(cfg, next.base)
	if cfg.IDPProvider == "" {
		return &Prepared{next}, nil // nobody can sign in; public routes and certificates still serve
	}
	if cfg.IDPProvider == "local" {
		if err := s.prepareLocal(next); err != nil {
			return nil, err
		}
	}
	if err := s.addProvider(next, nil); err != nil {
		return nil, err
	}
	for _, r := range cfg.Routes {
		if err := s.addProvider(next, r); err != nil {
			return nil, fmt.Errorf("route %q: %w", r.ID, err)
		}
	}
	return &Prepared{next}, nil
}

// Apply puts p in force.
func (s *Server) Apply(ctx context.Context, p *Prepared) error {
	if p.next.local != nil {
		if err := p.next.local.Apply(ctx, p.next.config.Users); err != nil {
			return err
		}
	}
	s.active.Store(p.next)
	if p.next.local != nil {
		s.checkPeople()
	}
	return nil
}

func (s *Server) addProvider(next *applied, r *config.Route) error {
	id := config.ProviderID(next.config, r)
	if next.providers[id] != nil {
		return nil
	}
	cfg := next.config
	o := idp.Options{
		Provider: cfg.IDPProvider, URL: cfg.IDPProviderURL.String(), ClientID: cfg.IDPClientID, ClientSecret: cfg.IDPClientSecret,
		Scopes: cfg.IDPScopes, RequestParams: cfg.IDPRequestParams, RedirectURL: next.base.String() + callbackPath, Now: s.o.Now,
	}
	if r != nil && r.IDPClientID != "" {
		o.ClientID, o.ClientSecret = r.IDPClientID, r.IDPClientSecret
	}
	if next.local != nil {
		o.URL, o.Transport = next.base.String()+local.Path, next.local.Transport()
		o.ClientID, o.ClientSecret = localClientID, s.localClientSecret()
	}
	provider, err := idp.New(o)
	if err != nil {
		return err
	}
	next.providers[id] = provider
	return nil
}
