package databroker

import (
	"context"
	"fmt"
	"time"

	"github.com/cardea-proxy/cardea/databroker/brokerpb"
)

// MaxLeaseTTL bounds how long a lease can be taken without renewing it: a
// holder that died must not block the others for longer.
const MaxLeaseTTL = 10 * time.Minute

// A Lease is the right to do one thing, named by Name, alone among all
// replicas until ExpiresAt.
type Lease struct {
	Name      string
	ExpiresAt time.Time // by the server's clock

	holder string // random; who knows it holds the lease
}

// AcquireLease takes the lease for ttl, or returns ErrHeld.
func (c *Client) AcquireLease(ctx context.Context, name string, ttl time.Duration) (*Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.rpc.AcquireLease(ctx, &brokerpb.AcquireLeaseRequest{Name: name, TtlMs: ttl.Milliseconds()})
	if err != nil {
		return nil, fmt.Errorf("acquire lease: %w", fromStatus(err))
	}
	return leaseFrom(resp.GetLease()), nil
}

// RenewLease lengthens the lease to ttl from now and returns it renewed, or
// ErrHeld when it has run out, even if nobody has taken it since: what it
// protected may have been done by another in between.
func (c *Client) RenewLease(ctx context.Context, l *Lease, ttl time.Duration) (*Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.rpc.RenewLease(ctx, &brokerpb.RenewLeaseRequest{Name: l.Name, Holder: l.holder, TtlMs: ttl.Milliseconds()})
	if err != nil {
		return nil, fmt.Errorf("renew lease: %w", fromStatus(err))
	}
	return leaseFrom(resp.GetLease()), nil
}

// ReleaseLease gives the lease back. It is no error if it has run out.
func (c *Client) ReleaseLease(ctx context.Context, l *Lease) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	_, err := c.rpc.ReleaseLease(ctx, &brokerpb.ReleaseLeaseRequest{Name: l.Name, Holder: l.holder})
	if err != nil {
		return fmt.Errorf("release lease: %w", fromStatus(err))
	}
	return nil
}

func leaseFrom(p *brokerpb.Lease) *Lease {
	return &Lease{Name: p.GetName(), ExpiresAt: timeFrom(p.GetExpiresAt()), holder: p.GetHolder()}
}
