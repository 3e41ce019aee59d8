package console

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
)

// Options are the parts a Server is built from. Fields are required unless
// said otherwise.
type Options struct {
	Service *Service
	Pages   *pages.Pages
	// Identify returns who a session belongs to, if it would let them in at this
	// moment: ErrNobody if not. Any other error means that nobody can tell.
	Identify func(ctx context.Context, sessionID string) (Person, error)
	// FormKey makes the tokens of forms; the same on every replica.
	FormKey [32]byte
	Records policy.Records // what roles look up beside the person; nil is nothing
	Log     zerolog.Logger
	Now     func() time.Time // nil means time.Now
}

// A Server is the upstream of routes with "console: true". It refuses
// everybody until the first Apply.
type Server struct {
	o      Options
	active atomic.Pointer[State]
	mux    *http.ServeMux
	once   sent         // forms that make a secret
	served []servedPage // what mux holds
	grpc   *grpc.Server
}

// A State is one configuration with what was made of it.
type State struct {
	Config *config.Config
	Roles  Roles
	Minter *assertion.Minter
}

// New returns a Server. It starts no goroutine and opens no connection.
func New(o Options) (*Server, error) {
	if o.Service == nil || o.Pages == nil || o.Identify == nil || o.FormKey == [32]byte{} {
		return nil, errors.New("console: an option is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{o: o, mux: http.NewServeMux()}
	s.routes()
	s.grpc = o.Service.newGRPC()
	o.Service.house.Store(s)
	return s, nil
}

// Apply puts st in force: roles are decided by it from the next request on.
func (s *Server) Apply(st State) {
	s.active.Store(&st)
	if st.Config.HasConsole() {
		s.o.Service.Wake()
	}
}

// Handler serves pages and gRPC to whom the assertion of the request names.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	st := s.active.Load()
	if st == nil {
		s.refuse(w, r, ErrUnavailable)
		return
	}
	actor, err := s.identify(r.Context(), st, r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		if !fromHere(r) {
			s.refuse(w, r, errForeign)
			return
		}
		actor.Via = ViaGRPC
		s.grpc.ServeHTTP(w, r.WithContext(withAgain(withActor(r.Context(), actor), s.again(actor))))
		return
	}
	if actor.isAccount() {
		s.refuse(w, r, errAccount) // pages and their forms are for people
		return
	}
	s.page(w, r, st, actor)
}
