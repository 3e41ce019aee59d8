package console

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// targetRequest is the type in the targets of changes of one request: records
// hold all of a person.
const targetRequest = "access_request"

// ListAccessRequests is AccessService.ListAccessRequests.
func (s *Service) ListAccessRequests(ctx context.Context, a Actor, r *consolepb.ListAccessRequestsRequest) (*consolepb.ListAccessRequestsResponse, error) {
	if err := s.may(a, "ListAccessRequests"); err != nil {
		return nil, err
	}
	search, err := searchText(r.GetSearch())
	if err != nil {
		return nil, err
	}
	l, err := newListing(r.GetPage(), requestOrders...)
	if err != nil {
		return nil, err
	}
	out := &consolepb.ListAccessRequestsResponse{}
	err = s.index.read(ctx, func(m *summaries) error {
		now := s.o.Now()
		for _, row := range m.requests {
			switch want := r.GetState(); {
			case want != consolepb.AccessRequestState_ACCESS_REQUEST_STATE_UNSPECIFIED && want != row.stateAt(now):
			case r.GetUserKey() != "" && r.GetUserKey() != row.userKey:
			case search != "" && !strings.Contains(row.find, search) && !m.matchUser(row.userKey, search) &&
				!strings.Contains(strings.ToLower(s.routeName(row.RouteID)), search):
			default:
				l.add(row)
			}
		}
		var rows []*requestRow
		rows, out.Page = l.page()
		for _, row := range rows {
			out.Requests = append(out.Requests, s.requestOf(m, row, now))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// requestOrders are the orders of requests: what waits is in front, the oldest
// of it first, and then the newest.
var requestOrders = []order[requestRow]{
	{"state", func(r *requestRow) place {
		at := -r.CreatedAt.UnixMilli()
		if r.State == databroker.AccessWaiting {
			at = r.CreatedAt.UnixMilli() - 1<<60
		}
		return place{Number: at, ID: r.ID}
	}, false},
	{"created", func(r *requestRow) place { return place{Number: r.CreatedAt.UnixMilli(), ID: r.ID} }, true},
}

func (s *Service) requestOf(m *summaries, row *requestRow, now time.Time) *consolepb.AccessRequest {
	u, _ := m.user(row.userKey)
	return &consolepb.AccessRequest{
		Id: row.ID, UserKey: row.userKey, Email: u.email, Name: u.name, RouteId: row.RouteID, Route: s.routeName(row.RouteID),
		Grant: row.Grant, Reason: row.Reason, State: row.stateAt(now), CreatedAt: stamp(row.CreatedAt), DecidedBy: row.DecidedBy,
		DecidedAt: stamp(row.DecidedAt), Note: row.Note, Until: stamp(row.Until), GrantId: row.GrantID,
	}
}

// GetAccessRequest is AccessService.GetAccessRequest.
func (s *Service) GetAccessRequest(ctx context.Context, a Actor, r *consolepb.GetAccessRequestRequest) (*consolepb.GetAccessRequestResponse, error) {
	if err := s.may(a, "GetAccessRequest"); err != nil {
		return nil, err
	}
	cfg := s.inForce()
	if cfg == nil {
		return nil, ErrUnavailable
	}
	out := &consolepb.GetAccessRequestResponse{Longest: durationpb.New(cfg.Console.MaxGrant)}
	err := s.index.read(ctx, func(m *summaries) error {
		row := m.requests[r.GetId()]
		if row == nil {
			return ErrNotFound
		}
		out.Request = s.requestOf(m, row, s.o.Now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ApproveAccessRequest is AccessService.ApproveAccessRequest. The grant is
// written first, which opens nothing while no person's record leads to it; then
// the request, which settles who decides; and then the person's record.
func (s *Service) ApproveAccessRequest(ctx context.Context, a Actor, r *consolepb.ApproveAccessRequestRequest) (*consolepb.ApproveAccessRequestResponse, error) {
	c := change{action: "ApproveAccessRequest", target: targetRequest + "/" + r.GetId()}
	var g *databroker.Grant
	if a.May(c.action) {
		length, err := s.grantLength("duration", r.GetDuration())
		if err != nil {
			return nil, err
		}
		asked, err := s.asked(ctx, r.GetId())
		if err != nil {
			return nil, err
		}
		g = s.newGrant(a, asked.userKey, asked.Grant, asked.Reason, length)
		g.RequestID = asked.ID
		c.subject, c.detail = g.UserKey, grantDetail(g)
		c.detail["route"] = asked.RouteID
	}
	err := s.change(ctx, a, c, func(ctx context.Context) error { return s.approve(ctx, a, g) })
	if err != nil {
		return nil, err
	}
	return &consolepb.ApproveAccessRequestResponse{Grant: s.grantOf(ctx, g)}, nil
}

func (s *Service) approve(ctx context.Context, a Actor, g *databroker.Grant) error {
	if err := s.fourEyes(ctx, a, g.UserKey); err != nil {
		return err
	}
	if err := s.o.Broker.PutGrant(ctx, g); err != nil {
		return fromBroker(err)
	}
	err := s.decide(ctx, g.UserKey, g.RequestID, func(r *databroker.AccessRequest) {
		r.State, r.DecidedBy, r.DecidedAt = databroker.AccessGranted, a.Label(), g.GrantedAt
		r.Until, r.GrantID = g.ExpiresAt, g.ID
	})
	if err == nil {
		if err = s.hold(ctx, g); err == nil {
			return nil
		}
		// It was granted and is not held: it waits again.
		undo := context.WithoutCancel(ctx)
		_ = s.changeRequest(undo, g.UserKey, g.RequestID, func(r *databroker.AccessRequest) error {
			r.State, r.DecidedBy, r.DecidedAt = databroker.AccessWaiting, "", time.Time{}
			r.Until, r.GrantID = time.Time{}, ""
			return nil
		})
	}
	// If this fails too, the grant ends by itself and nothing leads to it.
	_ = s.o.Broker.Remove(context.WithoutCancel(ctx), databroker.TypeGrant, g.ID)
	return err
}

// RefuseAccessRequest is AccessService.RefuseAccessRequest.
func (s *Service) RefuseAccessRequest(ctx context.Context, a Actor, r *consolepb.RefuseAccessRequestRequest) (*consolepb.RefuseAccessRequestResponse, error) {
	c := change{action: "RefuseAccessRequest", target: targetRequest + "/" + r.GetId()}
	if a.May(c.action) {
		if r.GetNote() != "" {
			if err := checkText("note", r.GetNote(), maxReason, true); err != nil {
				return nil, err
			}
		}
		asked, err := s.asked(ctx, r.GetId())
		if err != nil {
			return nil, err
		}
		c.subject = asked.userKey
		c.detail = map[string]string{"grant": asked.Grant, "route": asked.RouteID, "note": oneLine(r.GetNote())}
	}
	err := s.change(ctx, a, c, func(ctx context.Context) error {
		return s.decide(ctx, c.subject, r.GetId(), func(one *databroker.AccessRequest) {
			one.State, one.DecidedBy, one.DecidedAt, one.Note = databroker.AccessRefused, a.Label(), s.o.Now().UTC(), oneLine(r.GetNote())
		})
	})
	if err != nil {
		return nil, err
	}
	return &consolepb.RefuseAccessRequestResponse{}, nil
}

// asked returns the request id.
func (s *Service) asked(ctx context.Context, id string) (row *requestRow, err error) {
	err = s.index.read(ctx, func(m *summaries) error {
		if row = m.requests[id]; row == nil {
			return ErrNotFound
		}
		return nil
	})
	return row, err
}

// decide settles a request that waits.
func (s *Service) decide(ctx context.Context, userKey, id string, how func(*databroker.AccessRequest)) error {
	return s.changeRequest(ctx, userKey, id, func(r *databroker.AccessRequest) error {
		if r.State != databroker.AccessWaiting {
			return &Conflict{fmt.Sprintf("the request does not wait any more: it is %s", r.State)}
		}
		how(r)
		return nil
	})
}

// changeRequest changes one request of a person, however often others change
// the rest of their requests.
func (s *Service) changeRequest(ctx context.Context, userKey, id string, how func(*databroker.AccessRequest) error) error {
	for range maxTries {
		list, err := s.o.Broker.AccessRequests(ctx, userKey)
		if err != nil {
			return fromBroker(err)
		}
		one := list.Find(id)
		if one == nil {
			return ErrNotFound
		}
		if err := how(one); err != nil {
			return err
		}
		err = s.o.Broker.PutAccessRequests(ctx, list)
		if !errors.Is(err, databroker.ErrConflict) {
			return fromBroker(err)
		}
	}
	return fromBroker(databroker.ErrConflict)
}

// fourEyes refuses whoever decides about their own access: by another account
// with the same address too. A service account is made and used by people, and
// would be a way round that.
func (s *Service) fourEyes(ctx context.Context, a Actor, userKey string) error {
	if a.isAccount() {
		return &Conflict{"a service account cannot let anybody in: a person has to decide"}
	}
	own := &Conflict{"you cannot decide about your own access: somebody else has to"}
	if a.UserKey != "" && a.UserKey == userKey {
		return own
	}
	theirs, err := s.addresses(ctx, userKey)
	if err != nil {
		return err
	}
	mine := []string{strings.ToLower(a.Email)}
	if a.UserKey != "" {
		more, err := s.addresses(ctx, a.UserKey)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		mine = append(mine, more...)
	}
	for _, one := range mine {
		if one != "" && slices.Contains(theirs, one) {
			return own
		}
	}
	return nil
}

// addresses are the e-mail addresses of a person in lower case, as the provider
// and as a directory say. They are asked of the store: the index may lag behind.
func (s *Service) addresses(ctx context.Context, userKey string) ([]string, error) {
	user, err := s.o.Broker.User(ctx, userKey)
	if err != nil {
		return nil, fromBroker(err)
	}
	out := []string{strings.ToLower(user.Email)}
	directory, err := s.o.Broker.DirectoryUser(ctx, userKey)
	switch {
	case errors.Is(err, databroker.ErrNotFound):
	case err != nil:
		return nil, fromBroker(err)
	default:
		out = append(out, strings.ToLower(directory.Email))
	}
	return out, nil
}

func (s *Service) newGrant(a Actor, userKey, name, reason string, length time.Duration) *databroker.Grant {
	now := s.o.Now().UTC()
	return &databroker.Grant{
		ID: rand.Text(), UserKey: userKey, Name: name, Reason: reason, GrantedAt: now, ExpiresAt: now.Add(length), GrantedBy: a.Label(),
	}
}

func grantDetail(g *databroker.Grant) map[string]string {
	return map[string]string{
		"grant": g.Name, "grant_id": g.ID, "reason": g.Reason, "until": g.ExpiresAt.Format(time.RFC3339),
	}
}
