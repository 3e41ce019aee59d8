package proxy

import (
	"context"
	"errors"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/rs/zerolog"
)

// Sessions is the part of the databroker's view that a page reads.
type Sessions interface {
	// Session returns databroker.ErrNotFound for an unknown or expired id, and
	// waits for a copy that is at least of version minVersion.
	Session(ctx context.Context, id string, minVersion uint64) (*databroker.Session, error)
	User(ctx context.Context, key string) (*databroker.User, error)
	DirectoryUser(ctx context.Context, key string) (*databroker.DirectoryUser, error)
	Device(ctx context.Context, id string) (*databroker.Device, error)
	Grant(ctx context.Context, id string) (*databroker.Grant, error)
	LastAccess(ctx context.Context, sessionID string) (time.Time, error)
}

// Once remembers what was used; a *databroker.Client does.
type Once interface {
	// UseOnce returns databroker.ErrUsed from the second call on.
	UseOnce(ctx context.Context, purpose, id string, until time.Time) error
}

// Options are the parts a Server is built from. Fields are required unless
// said otherwise.
type Options struct {
	Sessions Sessions
	Once     Once
	Tickets  *ticket.Box // of route hosts
	Handoff  *handoff.Signer
	Pages    *pages.Pages
	Log      zerolog.Logger
	// ActsAs returns whom a session acts as in applications, for people, and until
	// when; "" for nobody. nil means that none does.
	ActsAs  func(ctx context.Context, sessionID string) (who string, until time.Time)
	Records policy.Records   // what policies look up beside the person; nil is nothing
	Now     func() time.Time // nil means time.Now
}

// A Server answers the reserved paths. It refuses everything until the first Apply.
type Server struct {
	o      Options
	active atomic.Pointer[State]
}

// A State is one configuration with what was made of it.
type State struct {
	Config   *config.Config
	Programs map[string]*policy.Program // by route id
	Minter   *assertion.Minter
}

// New returns a Server. It starts no goroutine and opens no connection.
func New(o Options) (*Server, error) {
	if o.Sessions == nil || o.Once == nil || o.Tickets == nil || o.Handoff == nil || o.Pages == nil {
		return nil, errors.New("proxy: an option is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{o: o}, nil
}

// Apply puts st in force.
func (s *Server) Apply(st State) { s.active.Store(&st) }

// base is the origin of the sign-in host.
func (st *State) base() *url.URL {
	return &url.URL{Scheme: "https", Host: st.Config.AuthenticateServiceURL.Host}
}
