package console

import (
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// A requestRow is one request for access.
type requestRow struct {
	databroker.AccessRequest
	userKey string
	find    string // lower case
}

// stateAt is the state as lists show it.
func (r *requestRow) stateAt(now time.Time) consolepb.AccessRequestState {
	switch r.State {
	case databroker.AccessWaiting:
		return consolepb.AccessRequestState_ACCESS_REQUEST_STATE_WAITING
	case databroker.AccessGranted:
		if !now.Before(r.Until) {
			return consolepb.AccessRequestState_ACCESS_REQUEST_STATE_OVER
		}
		return consolepb.AccessRequestState_ACCESS_REQUEST_STATE_GRANTED
	case databroker.AccessRefused:
		return consolepb.AccessRequestState_ACCESS_REQUEST_STATE_REFUSED
	case databroker.AccessWithdrawn:
		return consolepb.AccessRequestState_ACCESS_REQUEST_STATE_WITHDRAWN
	}
	return consolepb.AccessRequestState_ACCESS_REQUEST_STATE_UNSPECIFIED
}

// takeRequests puts all requests of a person in the place of those before.
func (x *index) takeRequests(into *summaries, r *databroker.Record) error {
	for _, id := range into.requestsOf[r.ID] {
		delete(into.requests, id)
	}
	delete(into.requestsOf, r.ID)
	if r.Deleted {
		return nil
	}
	var list databroker.AccessRequests
	if err := x.feed.Decode(r, &list); err != nil {
		return err
	}
	for _, one := range list.Requests {
		into.requests[one.ID] = &requestRow{
			AccessRequest: one, userKey: r.ID,
			find: strings.ToLower(strings.Join([]string{one.ID, one.RouteID, one.Grant, one.Reason, r.ID}, "\n")),
		}
		into.requestsOf[r.ID] = append(into.requestsOf[r.ID], one.ID)
	}
	return nil
}

func (x *index) takeGrant(into *summaries, r *databroker.Record) error {
	if r.Deleted {
		delete(into.grants, r.ID)
		return nil
	}
	g := &databroker.Grant{ID: r.ID}
	if err := x.feed.Decode(r, g); err != nil {
		return err
	}
	into.grants[r.ID] = g
	return nil
}
