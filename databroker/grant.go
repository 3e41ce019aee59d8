package databroker

import (
	"context"
	"fmt"
	"time"
)

// TypeGrant is the record type of Grant.
const TypeGrant = "grant"

// A Grant lets one person do one thing for a time: what the criterion `grant`
// asks for. Its record expires with it. A *Grant that a View returned is shared
// and must not be changed.
type Grant struct {
	ID      string `json:"-"` // random; the record id
	Version uint64 `json:"-"` // of the record; 0 before the first PutGrant

	UserKey   string    `json:"user_key"` // of the person's User record; never changes
	Name      string    `json:"name"`     // as policies name it
	GrantedAt time.Time `json:"granted_at"`
	ExpiresAt time.Time `json:"expires_at"` // it holds before then
	GrantedBy string    `json:"granted_by"` // who, for people to read
	Reason    string    `json:"reason,omitempty"`
	RequestID string    `json:"request_id,omitempty"` // of the request for access that it answers
}

// Grant returns the grant id, or ErrNotFound.
func (c *Client) Grant(ctx context.Context, id string) (*Grant, error) {
	return get(ctx, c, TypeGrant, id, c.GrantFrom)
}

// PutGrant writes g as PutUser does. Its end must be set.
func (c *Client) PutGrant(ctx context.Context, g *Grant) error {
	if g.ExpiresAt.IsZero() {
		return fmt.Errorf("put grant: %w: it has no end", ErrInvalid)
	}
	return put(ctx, c, TypeGrant, g.ID, g, &g.Version, g.ExpiresAt)
}

// GrantFrom reads the grant out of a record from Get, List or Watch.
func (c *Client) GrantFrom(r *Record) (*Grant, error) {
	g := &Grant{ID: r.ID, Version: r.Version}
	if err := c.Decode(r, g); err != nil {
		return nil, err
	}
	return g, nil
}

// Grant returns the grant id, or ErrNotFound, or ErrStale.
func (v *View) Grant(ctx context.Context, id string) (*Grant, error) {
	return v.grants.get(ctx, id, 0)
}
