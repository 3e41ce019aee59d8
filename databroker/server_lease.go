package databroker

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-proxy/cardea/databroker/brokerpb"
)

// typeLease is the record type of leases: the id is the lease's name, the data
// its holder, and it expires when the lease runs out. They are quiet.
const typeLease = "lease"

// AcquireLease implements the service.
func (s *Server) AcquireLease(ctx context.Context, req *brokerpb.AcquireLeaseRequest) (*brokerpb.AcquireLeaseResponse, error) {
	l, err := s.hold(ctx, req.GetName(), rand.Text(), req.GetTtlMs(), 0)
	if err != nil {
		return nil, s.fail(ctx, "acquire lease", err)
	}
	return &brokerpb.AcquireLeaseResponse{Lease: l}, nil
}

// RenewLease implements the service.
func (s *Server) RenewLease(ctx context.Context, req *brokerpb.RenewLeaseRequest) (*brokerpb.RenewLeaseResponse, error) {
	version, err := s.held(ctx, req.GetName(), req.GetHolder())
	if err != nil {
		return nil, s.fail(ctx, "renew lease", err)
	}
	l, err := s.hold(ctx, req.GetName(), req.GetHolder(), req.GetTtlMs(), version)
	if err != nil {
		return nil, s.fail(ctx, "renew lease", err)
	}
	return &brokerpb.RenewLeaseResponse{Lease: l}, nil
}

// ReleaseLease implements the service. A lease that has run out needs no
// release, and one that another holds by now is none of the caller's business.
func (s *Server) ReleaseLease(ctx context.Context, req *brokerpb.ReleaseLeaseRequest) (*brokerpb.ReleaseLeaseResponse, error) {
	version, err := s.held(ctx, req.GetName(), req.GetHolder())
	if err == nil {
		err = s.writeOne(ctx, Write{Type: typeLease, ID: req.GetName(), Expected: version, Delete: true, Quiet: true})
	}
	if err != nil && !errors.Is(err, ErrHeld) && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) {
		return nil, s.fail(ctx, "release lease", err)
	}
	return &brokerpb.ReleaseLeaseResponse{}, nil
}

// hold writes the lease over the version expected of its record.
func (s *Server) hold(ctx context.Context, name, holder string, ttlMS int64, expected uint64) (*brokerpb.Lease, error) {
	ttl := time.Duration(ttlMS) * time.Millisecond
	if ttlMS <= 0 || ttlMS > MaxLeaseTTL.Milliseconds() {
		return nil, fmt.Errorf("%w: a lease of %d ms, want 1 to %d", ErrInvalid, ttlMS, MaxLeaseTTL.Milliseconds())
	}
	until := s.now().Add(ttl)
	err := s.writeOne(ctx, Write{
		Type: typeLease, ID: name, Data: []byte(holder), ExpiresAt: until, Expected: expected, Quiet: true,
	})
	if errors.Is(err, ErrConflict) {
		return nil, ErrHeld
	}
	if err != nil {
		return nil, err
	}
	return &brokerpb.Lease{Name: name, Holder: holder, ExpiresAt: timeProto(until)}, nil
}

// held returns the version of the lease's record if holder holds it.
func (s *Server) held(ctx context.Context, name, holder string) (uint64, error) {
	r, _, err := s.get(ctx, typeLease, name)
	if err != nil {
		return 0, err
	}
	if r == nil || r.Deleted || subtle.ConstantTimeCompare(r.Data, []byte(holder)) != 1 {
		return 0, ErrHeld
	}
	return r.Version, nil
}

func (s *Server) writeOne(ctx context.Context, w Write) error {
	results, err := s.write(ctx, []Write{w})
	if err != nil {
		return err
	}
	return results[0].Err
}
