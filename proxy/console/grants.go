package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Bounds of texts in characters, and of grants that one person has.
const (
	maxReason = 500
	maxName   = 128
	maxHeld   = 64
)

// minGrant is the shortest that access is granted for.
const minGrant = time.Second

// ListGrants is AccessService.ListGrants.
func (s *Service) ListGrants(ctx context.Context, a Actor, r *consolepb.ListGrantsRequest) (*consolepb.ListGrantsResponse, error) {
	if err := s.may(a, "ListGrants"); err != nil {
		return nil, err
	}
	search, err := searchText(r.GetSearch())
	if err != nil {
		return nil, err
	}
	l, err := newListing(r.GetPage(),
		order[databroker.Grant]{"expires", func(g *databroker.Grant) place { return place{Number: g.ExpiresAt.UnixMilli(), ID: g.ID} }, false},
		order[databroker.Grant]{"granted", func(g *databroker.Grant) place { return place{Number: g.GrantedAt.UnixMilli(), ID: g.ID} }, true},
		order[databroker.Grant]{"name", func(g *databroker.Grant) place { return place{Text: sortText(g.Name), ID: g.ID} }, false})
	if err != nil {
		return nil, err
	}
	out := &consolepb.ListGrantsResponse{}
	err = s.index.read(ctx, func(m *summaries) error {
		now := s.o.Now()
		for _, g := range m.grants {
			found := search == "" || strings.Contains(strings.ToLower(g.Name+"\n"+g.Reason), search) || m.matchUser(g.UserKey, search)
			if now.Before(g.ExpiresAt) && found && (r.GetUserKey() == "" || r.GetUserKey() == g.UserKey) {
				l.add(g)
			}
		}
		var rows []*databroker.Grant
		rows, out.Page = l.page()
		for _, g := range rows {
			out.Grants = append(out.Grants, m.grant(g))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (m *summaries) grant(g *databroker.Grant) *consolepb.Grant {
	u, _ := m.user(g.UserKey)
	return &consolepb.Grant{
		Id: g.ID, UserKey: g.UserKey, Email: u.email, Person: u.name, Name: g.Name, GrantedAt: stamp(g.GrantedAt),
		ExpiresAt: stamp(g.ExpiresAt), GrantedBy: g.GrantedBy, Reason: g.Reason, RequestId: g.RequestID,
	}
}

// grantOf is a grant that has just been made. Without an index it lacks the
// person's name.
func (s *Service) grantOf(ctx context.Context, g *databroker.Grant) (out *consolepb.Grant) {
	if s.index.read(ctx, func(m *summaries) error { out = m.grant(g); return nil }) != nil {
		return (&summaries{}).grant(g)
	}
	return out
}

// CreateGrant is AccessService.CreateGrant.
func (s *Service) CreateGrant(ctx context.Context, a Actor, r *consolepb.CreateGrantRequest) (*consolepb.CreateGrantResponse, error) {
	c := change{action: "CreateGrant", target: databroker.TypeUser + "/" + r.GetUserKey(), subject: r.GetUserKey()}
	var g *databroker.Grant
	if a.May(c.action) {
		length, err := s.grantLength("duration", r.GetDuration())
		if err == nil {
			err = checkText("name", r.GetName(), maxName, false)
		}
		if err == nil {
			err = checkText("reason", r.GetReason(), maxReason, true)
		}
		if err != nil {
			return nil, err
		}
		g = s.newGrant(a, r.GetUserKey(), r.GetName(), oneLine(r.GetReason()), length)
		c.detail = grantDetail(g)
	}
	err := s.change(ctx, a, c, func(ctx context.Context) error {
		if err := s.fourEyes(ctx, a, g.UserKey); err != nil {
			return err
		}
		if err := s.o.Broker.PutGrant(ctx, g); err != nil {
			return fromBroker(err)
		}
		err := s.hold(ctx, g)
		if err != nil {
			_ = s.o.Broker.Remove(context.WithoutCancel(ctx), databroker.TypeGrant, g.ID) // nothing leads to it
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &consolepb.CreateGrantResponse{Grant: s.grantOf(ctx, g)}, nil
}

// hold leads the person's record to g, which is in force from then on, and
// forgets grants that have ended.
func (s *Service) hold(ctx context.Context, g *databroker.Grant) error {
	for range maxTries {
		user, err := s.o.Broker.User(ctx, g.UserKey)
		if err != nil {
			return fromBroker(err)
		}
		if user.Disabled {
			return &Conflict{"the person is shut out: let them in again first"}
		}
		var held []string
		for _, id := range user.GrantIDs {
			switch _, err := s.o.Broker.Grant(ctx, id); {
			case err == nil:
				held = append(held, id)
			case !errors.Is(err, databroker.ErrNotFound):
				return fromBroker(err)
			}
		}
		if len(held) >= maxHeld {
			return &Conflict{fmt.Sprintf("the person holds %d grants already: end some first", len(held))}
		}
		changed := user.Clone()
		changed.GrantIDs = append(held, g.ID)
		err = s.o.Broker.PutUser(ctx, changed)
		if !errors.Is(err, databroker.ErrConflict) {
			return fromBroker(err)
		}
	}
	return fromBroker(databroker.ErrConflict)
}

// EndGrant is AccessService.EndGrant.
func (s *Service) EndGrant(ctx context.Context, a Actor, r *consolepb.EndGrantRequest) (*consolepb.EndGrantResponse, error) {
	c := change{action: "EndGrant", target: databroker.TypeGrant + "/" + r.GetId()}
	var g *databroker.Grant
	if a.May(c.action) {
		var err error
		if g, err = s.o.Broker.Grant(ctx, r.GetId()); err != nil {
			return nil, fromBroker(err)
		}
		c.subject, c.detail = g.UserKey, grantDetail(g)
	}
	err := s.change(ctx, a, c, func(ctx context.Context) error {
		// The record alone decides: what still leads to it leads nowhere.
		if err := s.o.Broker.Remove(ctx, databroker.TypeGrant, g.ID); err != nil {
			return fromBroker(err)
		}
		return s.tidy(ctx, g)
	})
	if err != nil {
		return nil, err
	}
	return &consolepb.EndGrantResponse{}, nil
}

// tidy notes in the person's records that g has ended.
func (s *Service) tidy(ctx context.Context, g *databroker.Grant) error {
	if g.RequestID != "" {
		err := s.changeRequest(ctx, g.UserKey, g.RequestID, func(r *databroker.AccessRequest) error {
			r.Until = s.o.Now().UTC()
			return nil
		})
		if err != nil && !errors.Is(err, ErrNotFound) { // an old request may be forgotten
			return err
		}
	}
	for range maxTries {
		user, err := s.o.Broker.User(ctx, g.UserKey)
		if errors.Is(err, databroker.ErrNotFound) || err == nil && !slices.Contains(user.GrantIDs, g.ID) {
			return nil
		}
		if err != nil {
			return fromBroker(err)
		}
		changed := user.Clone()
		changed.GrantIDs = slices.DeleteFunc(changed.GrantIDs, func(id string) bool { return id == g.ID })
		err = s.o.Broker.PutUser(ctx, changed)
		if !errors.Is(err, databroker.ErrConflict) {
			return fromBroker(err)
		}
	}
	return fromBroker(databroker.ErrConflict)
}

// grantLength checks how long something is to be granted for.
func (s *Service) grantLength(field string, d *durationpb.Duration) (time.Duration, error) {
	cfg := s.inForce()
	if cfg == nil {
		return 0, ErrUnavailable
	}
	return lengthWithin(field, d, minGrant, cfg.Console.MaxGrant)
}

func lengthWithin(field string, d *durationpb.Duration, least, most time.Duration) (time.Duration, error) {
	length := d.AsDuration()
	if !d.IsValid() || length < least || length > most { // nil is not valid either
		return 0, &Invalid{field, fmt.Sprintf("%s to %s", least, most)}
	}
	return length, nil
}

// checkText refuses a text that is empty, too long, or would act on a terminal
// or a page; lines may it have several of.
func checkText(field, s string, most int, lines bool) error {
	bad := func(r rune) bool {
		return unicode.IsControl(r) && !(lines && (r == '\n' || r == '\r' || r == '\t')) || r == utf8.RuneError
	}
	n := utf8.RuneCountInString(s)
	if strings.TrimSpace(s) == "" || n > most || strings.ContainsFunc(s, bad) {
		return &Invalid{field, fmt.Sprintf("a text of 1 to %d characters", most)}
	}
	return nil
}

// oneLine is a text as lists show it.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// routeName is what people call a route.
func (s *Service) routeName(id string) string {
	if cfg := s.inForce(); cfg != nil {
		for _, r := range cfg.Routes {
			if r.ID == id {
				if r.Name != "" {
					return r.Name
				}
				return r.From.Host
			}
		}
	}
	return id
}

// grant returns one grant as lists show it.
func (s *Service) grant(ctx context.Context, id string) (out *consolepb.Grant, err error) {
	err = s.index.read(ctx, func(m *summaries) error {
		g := m.grants[id]
		if g == nil || !s.o.Now().Before(g.ExpiresAt) {
			return ErrNotFound
		}
		out = m.grant(g)
		return nil
	})
	return out, err
}
