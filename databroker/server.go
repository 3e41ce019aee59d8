package databroker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"

	"github.com/cardea-proxy/cardea/databroker/brokerpb"
)

// ServerOptions are the parts a Server is built from.
type ServerOptions struct {
	Store  Store
	Secret []byte // the shared secret, which wraps the store's key ring
	Log    zerolog.Logger

	Now        func() time.Time // nil means time.Now
	SweepEvery time.Duration    // how often expired records leave; 0 means 1 min
}

// A Server is the databroker's gRPC service over one store.
type Server struct {
	brokerpb.UnimplementedDatabrokerServer

	vault      *vault
	log        zerolog.Logger
	now        func() time.Time
	sweepEvery time.Duration
	done       chan struct{} // closed when Run ends: watches end with it
}

// NewServer returns a Server. It opens the store's key ring, or makes one in
// an empty store; ErrOtherKey says that the store belongs to another secret.
// It starts no goroutine. The store stays the caller's, who closes it.
func NewServer(ctx context.Context, o ServerOptions) (*Server, error) {
	if o.Store == nil || len(o.Secret) == 0 {
		return nil, errors.New("databroker: a server needs a store and the shared secret")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SweepEvery <= 0 {
		o.SweepEvery = time.Minute
	}
	v, err := openVault(ctx, o.Store, o.Secret)
	if err != nil {
		return nil, err
	}
	return &Server{
		vault: v, log: o.Log, now: o.Now, sweepEvery: o.SweepEvery,
		done: make(chan struct{}),
	}, nil
}

// Register makes the service answer on r. Who may reach r is the caller's to
// see to: the service trusts whoever calls it.
func (s *Server) Register(r grpc.ServiceRegistrar) { brokerpb.RegisterDatabrokerServer(r, s) }

// Run sweeps expired records until ctx ends, then ends every watch, so that a
// graceful stop of the gRPC server need not wait for them. Call it once.
func (s *Server) Run(ctx context.Context) error {
	defer close(s.done)
	tick := time.NewTicker(s.sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.sweep(ctx)
		}
	}
}

// sweepBatch bounds how long one sweep holds the store.
const sweepBatch = 1000

// sweep also looks whether another server on the same store has rotated the
// keys, so that no server goes on sealing with one that is about to leave.
func (s *Server) sweep(ctx context.Context) {
	if _, err := s.vault.reload(ctx, s.vault.keys.Load()); err != nil && ctx.Err() == nil {
		s.log.Warn().Err(err).Msg("databroker key ring")
	}
	for ctx.Err() == nil {
		n, err := s.vault.store.Sweep(ctx, s.now(), sweepBatch)
		if err != nil {
			if ctx.Err() == nil {
				s.log.Warn().Err(err).Msg("databroker sweep")
			}
			return
		}
		if n < sweepBatch {
			return
		}
	}
}

// RotateKeys makes a new data key, seals everything in the store anew with it
// and drops keys that nothing is under any more. Serving goes on meanwhile.
func (s *Server) RotateKeys(ctx context.Context) error {
	n, err := s.vault.rotate(ctx)
	if err != nil {
		return fmt.Errorf("rotate keys: %w", err)
	}
	s.log.Info().Int("records", n).Uint32("key", s.vault.keys.Load().ring.Active()).Msg("databroker keys rotated")
	return nil
}

// fail turns err into the caller's status, once, and logs what the caller is
// not told.
func (s *Server) fail(ctx context.Context, op string, err error) error {
	switch {
	case errors.Is(err, ErrTampered), errors.Is(err, ErrOtherKey):
		s.log.Error().Err(err).Str("op", op).Msg("databroker record does not open")
	case ctx.Err() != nil:
	case errors.Is(err, ErrConflict), errors.Is(err, ErrHeld), errors.Is(err, ErrNotFound),
		errors.Is(err, ErrInvalid), errors.Is(err, ErrRelist):
	default:
		s.log.Error().Err(err).Str("op", op).Msg("databroker store")
	}
	return toStatus(err)
}

// Get implements the service.
func (s *Server) Get(ctx context.Context, req *brokerpb.GetRequest) (*brokerpb.GetResponse, error) {
	r, position, err := s.get(ctx, req.GetType(), req.GetId())
	if err != nil {
		return nil, s.fail(ctx, "get", err)
	}
	resp := &brokerpb.GetResponse{Position: s.at(position).proto()}
	if r != nil {
		resp.Record = r.proto()
	}
	return resp, nil
}

// get returns the record typ/id, nil when there is none or it has expired. A
// tombstone is a record here: its version is what a reader compares with.
func (s *Server) get(ctx context.Context, typ, id string) (*Record, uint64, error) {
	if err := checkKey(typ, id); err != nil {
		return nil, 0, err
	}
	e, position, err := s.vault.store.Get(ctx, s.vault.key(typ, id))
	if errors.Is(err, ErrNoEntry) {
		return nil, position, nil
	}
	if err != nil {
		return nil, 0, err
	}
	r, err := s.vault.open(ctx, e)
	if err != nil {
		return nil, 0, err
	}
	if r.Expired(s.now()) {
		return nil, position, nil
	}
	return r, position, nil
}

func (s *Server) at(number uint64) Position {
	return Position{Epoch: s.vault.store.Epoch(), Number: number}
}

// Bounds of a page: the number of records, and the bytes after which no
// further record is added (a gRPC message holds 4 MiB).
const (
	defaultPage  = 100
	maxPage      = 1000
	maxPageBytes = 2 << 20
)

// List implements the service.
func (s *Server) List(ctx context.Context, req *brokerpb.ListRequest) (*brokerpb.ListResponse, error) {
	resp, err := s.list(ctx, req)
	if err != nil {
		return nil, s.fail(ctx, "list", err)
	}
	return resp, nil
}

func (s *Server) list(ctx context.Context, req *brokerpb.ListRequest) (*brokerpb.ListResponse, error) {
	if err := checkName("record type", req.GetType(), MaxTypeSize); err != nil {
		return nil, err
	}
	limit := int(req.GetLimit())
	if limit <= 0 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	var after *Key
	if token := req.GetAfter(); len(token) == KeySize {
		after = (*Key)(token)
	} else if len(token) != 0 {
		return nil, fmt.Errorf("%w: the list's position has %d bytes", ErrInvalid, len(token))
	}
	// Read first: what changes while the page is read comes again in the feed.
	position, err := s.vault.store.Position(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := s.vault.store.List(ctx, s.vault.kind(req.GetType()), after, limit)
	if err != nil {
		return nil, err
	}
	resp := &brokerpb.ListResponse{Position: s.at(position).proto()}
	now, size := s.now(), 0
	for i, e := range entries {
		r, err := s.vault.open(ctx, e)
		if err != nil {
			return nil, err
		}
		if !r.Deleted && !r.Expired(now) {
			resp.Records = append(resp.Records, r.proto())
		}
		size += len(e.Value)
		if size >= maxPageBytes || i == limit-1 {
			resp.Next = e.Key[:]
			break
		}
	}
	return resp, nil
}
