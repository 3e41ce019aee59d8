package databroker

import (
	"context"
	"fmt"
	"time"
)

// TypeServiceAccount is the record type of ServiceAccount.
const TypeServiceAccount = "service_account"

// AccountProvider is the provider id of the sessions of service accounts. It is
// no provider's: theirs are hashes.
const AccountProvider = "service-account"

// A ServiceAccount is a principal that is no person: a program that signs in
// nowhere and has a token instead. It has a User record, under
// UserKey(AccountProvider, ID), by which policies know it, and one Session,
// without which its token opens nothing.
type ServiceAccount struct {
	ID      string `json:"-"` // random; the record id, and the id of the User record
	Version uint64 `json:"-"` // of the record; 0 before the first PutServiceAccount

	Name      string    `json:"name"`
	Owner     string    `json:"owner,omitempty"` // key of the person who answers for it, "" for nobody
	Groups    []string  `json:"groups,omitempty"`
	SessionID string    `json:"session_id"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"` // who, for people to read
	ExpiresAt time.Time `json:"expires_at"` // it opens something before then
}

// accountKept is how long an account is listed after its end.
const accountKept = 30 * 24 * time.Hour

// ServiceAccount returns the account id, or ErrNotFound. An expired one is found
// for thirty days.
func (c *Client) ServiceAccount(ctx context.Context, id string) (*ServiceAccount, error) {
	return get(ctx, c, TypeServiceAccount, id, c.ServiceAccountFrom)
}

// PutServiceAccount writes a as PutUser does. Its end must be set.
func (c *Client) PutServiceAccount(ctx context.Context, a *ServiceAccount) error {
	if a.ExpiresAt.IsZero() {
		return fmt.Errorf("put service account: %w: it has no end", ErrInvalid)
	}
	return put(ctx, c, TypeServiceAccount, a.ID, a, &a.Version, a.ExpiresAt.Add(accountKept))
}

// ServiceAccountFrom reads the account out of a record from Get, List or Watch.
func (c *Client) ServiceAccountFrom(r *Record) (*ServiceAccount, error) {
	a := &ServiceAccount{ID: r.ID, Version: r.Version}
	if err := c.Decode(r, a); err != nil {
		return nil, err
	}
	return a, nil
}
