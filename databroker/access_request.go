package databroker

import (
	"context"
	"errors"
	"slices"
	"time"
)

// TypeAccessRequests is the record type of AccessRequests.
const TypeAccessRequests = "access_requests"

// An AccessState is what became of a request for access.
type AccessState string

// The states.
const (
	AccessWaiting   AccessState = "waiting"
	AccessGranted   AccessState = "granted"
	AccessRefused   AccessState = "refused"
	AccessWithdrawn AccessState = "withdrawn" // by who asked
)

// An AccessRequest is one that a person has made: to be granted what the policy
// of a route asks for.
type AccessRequest struct {
	ID        string      `json:"id"`       // random
	RouteID   string      `json:"route_id"` // of the route that was shut
	Grant     string      `json:"grant"`    // its name, as policies have it
	Reason    string      `json:"reason"`   // the person's own words
	CreatedAt time.Time   `json:"created_at"`
	State     AccessState `json:"state"`

	DecidedBy string    `json:"decided_by,omitempty"` // who, for people to read
	DecidedAt time.Time `json:"decided_at"`           // zero: not yet
	Note      string    `json:"note,omitempty"`       // what who refused it says
	Until     time.Time `json:"until"`                // of a granted one; it may have been ended since
	GrantID   string    `json:"grant_id,omitempty"`
}

// AccessRequests are the requests of one person, the newest last. They are one
// record, so that how many may wait is counted and a decision is made once,
// whoever else writes at the same time.
type AccessRequests struct {
	UserKey string `json:"-"` // the record id
	Version uint64 `json:"-"` // of the record; 0 before the first PutAccessRequests

	Requests []AccessRequest `json:"requests"`
}

// How long and how many requests are remembered. Those that wait stay longest.
const (
	accessKept  = 90 * 24 * time.Hour
	maxRequests = 40
)

// Find returns the request id, nil for none. It may be changed before a put.
func (a *AccessRequests) Find(id string) *AccessRequest {
	i := slices.IndexFunc(a.Requests, func(r AccessRequest) bool { return r.ID == id })
	if id == "" || i < 0 {
		return nil
	}
	return &a.Requests[i]
}

// AccessRequests returns the requests of a person, an empty list for one who has
// made none.
func (c *Client) AccessRequests(ctx context.Context, userKey string) (*AccessRequests, error) {
	a, err := get(ctx, c, TypeAccessRequests, userKey, c.AccessRequestsFrom)
	if errors.Is(err, ErrNotFound) {
		return &AccessRequests{UserKey: userKey}, nil
	}
	return a, err
}

// PutAccessRequests writes a as PutUser does. Of too many the oldest that do not
// wait are left out.
func (c *Client) PutAccessRequests(ctx context.Context, a *AccessRequests) error {
	for i := 0; i < len(a.Requests) && len(a.Requests) > maxRequests; {
		if a.Requests[i].State == AccessWaiting {
			i++
			continue
		}
		a.Requests = slices.Delete(a.Requests, i, i+1)
	}
	return put(ctx, c, TypeAccessRequests, a.UserKey, a, &a.Version, c.now().Add(accessKept))
}

// AccessRequestsFrom reads the requests out of a record from Get, List or Watch.
func (c *Client) AccessRequestsFrom(r *Record) (*AccessRequests, error) {
	a := &AccessRequests{UserKey: r.ID, Version: r.Version}
	if err := c.Decode(r, a); err != nil {
		return nil, err
	}
	return a, nil
}
