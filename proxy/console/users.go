package console

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// ListUsers is UserService.ListUsers.
func (s *Service) ListUsers(ctx context.Context, a Actor, r *consolepb.ListUsersRequest) (*consolepb.ListUsersResponse, error) {
	if err := s.may(a, "ListUsers"); err != nil {
		return nil, err
	}
	search, err := searchText(r.GetSearch())
	if err != nil {
		return nil, err
	}
	out := &consolepb.ListUsersResponse{}
	err = s.index.read(ctx, func(m *summaries) error {
		l, err := newListing(r.GetPage(), s.userOrders(m)...)
		if err != nil {
			return err
		}
		for key, row := range m.users {
			if isAccountKey(key) {
				continue // they have a list of their own
			}
			if matchState(row, r.GetState()) && (search == "" || m.matchUser(key, search) || !r.GetNotGroups() && m.matchMember(key, search)) &&
				(r.GetGroup() == "" || m.inGroup(key, r.GetGroup())) {
				l.add(row)
			}
		}
		var rows []*userRow
		rows, out.Page = l.page()
		for _, row := range rows {
			out.Users = append(out.Users, s.userOf(m, row.key))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// userOrders are the orders of people, their own first.
func (s *Service) userOrders(m *summaries) []order[userRow] {
	now := s.o.Now()
	return []order[userRow]{
		{"name", func(r *userRow) place { return place{Text: r.sort, ID: r.key} }, false},
		{"email", func(r *userRow) place { return place{Text: sortText(r.email), ID: r.key} }, false},
		{"sessions", func(r *userRow) place {
			n, _ := m.count(r.key, now)
			return place{Number: int64(n), ID: r.key}
		}, true},
		{"devices", func(r *userRow) place {
			_, n := m.count(r.key, now)
			return place{Number: int64(n), ID: r.key}
		}, true},
	}
}

func matchState(row *userRow, want consolepb.UserState) bool {
	switch want {
	case consolepb.UserState_USER_STATE_ENABLED:
		return !row.disabled
	case consolepb.UserState_USER_STATE_DISABLED:
		return row.disabled
	}
	return true
}

func (m *summaries) inGroup(key, group string) bool {
	if u := m.users[key]; u != nil && slices.Contains(u.groups, group) {
		return true
	}
	d := m.directory[key]
	return d != nil && slices.Contains(d.groups, group)
}

func (s *Service) userOf(m *summaries, key string) *consolepb.User {
	u, _ := m.user(key)
	provider, _, _ := strings.Cut(key, "/")
	sessions, devices := m.count(key, s.o.Now())
	return &consolepb.User{
		Key: key, Id: u.id, Provider: provider, Email: u.email, Name: u.name, Groups: u.groups, Disabled: u.disabled,
		Sessions: int32(sessions), Devices: int32(devices),
	}
}

// shownSessions bounds the sessions of GetUser.
const shownSessions = 100

// GetUser is UserService.GetUser.
func (s *Service) GetUser(ctx context.Context, a Actor, r *consolepb.GetUserRequest) (*consolepb.GetUserResponse, error) {
	if err := s.may(a, "GetUser"); err != nil {
		return nil, err
	}
	out := &consolepb.GetUserResponse{}
	err := s.index.read(ctx, func(m *summaries) error {
		if m.users[r.GetKey()] == nil {
			return ErrNotFound
		}
		out.User = s.userOf(m, r.GetKey())
		if o := m.owned[r.GetKey()]; o != nil {
			for _, d := range o.devices {
				out.Devices = append(out.Devices, &consolepb.UserDevice{
					Id: d.id, Name: d.name, Type: d.kind, Model: d.model, Approved: d.approved, Attested: d.attested,
					EnrolledAt: stamp(d.enrolled), LastUsedAt: stamp(d.used),
				})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out.Devices, func(a, b *consolepb.UserDevice) int {
		return cmp.Or(a.GetEnrolledAt().AsTime().Compare(b.GetEnrolledAt().AsTime()), cmp.Compare(a.Id, b.Id))
	})
	sessions, err := s.ListSessions(ctx, a, &consolepb.ListSessionsRequest{UserKey: r.GetKey(), Page: &consolepb.PageRequest{Size: shownSessions}})
	if err != nil {
		return nil, err
	}
	out.Sessions = sessions.Sessions
	if out.Impersonated, err = s.impersonated(ctx, r.GetKey()); err != nil {
		return nil, err
	}
	return out, nil
}

// ListGroups is UserService.ListGroups.
func (s *Service) ListGroups(ctx context.Context, a Actor, r *consolepb.ListGroupsRequest) (*consolepb.ListGroupsResponse, error) {
	if err := s.may(a, "ListGroups"); err != nil {
		return nil, err
	}
	search, err := searchText(r.GetSearch())
	if err != nil {
		return nil, err
	}
	l, err := newListing(r.GetPage(),
		order[consolepb.Group]{"name", func(g *consolepb.Group) place { return place{Text: sortText(g.Name), ID: g.Name} }, false},
		order[consolepb.Group]{"members", func(g *consolepb.Group) place { return place{Number: int64(g.Members), ID: g.Name} }, true})
	if err != nil {
		return nil, err
	}
	groups := map[string]*consolepb.Group{}
	err = s.index.read(ctx, func(m *summaries) error {
		for key := range m.users {
			u, _ := m.user(key)
			for _, name := range u.groups {
				if groups[name] == nil {
					groups[name] = &consolepb.Group{Name: name}
				}
				groups[name].Members++
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for name, g := range groups {
		if strings.Contains(strings.ToLower(name), search) {
			l.add(g)
		}
	}
	out := &consolepb.ListGroupsResponse{}
	out.Groups, out.Page = l.page()
	return out, nil
}

// DisableUser is UserService.DisableUser. The person is shut out first, so that
// nobody signs in between that and the end of their sessions.
func (s *Service) DisableUser(ctx context.Context, a Actor, r *consolepb.DisableUserRequest) (*consolepb.DisableUserResponse, error) {
	key := r.GetKey()
	out := &consolepb.DisableUserResponse{}
	c := change{action: "DisableUser", target: databroker.TypeUser + "/" + key, subject: key}
	err := s.change(ctx, a, c, func(ctx context.Context) (err error) {
		if key == a.UserKey && key != "" {
			return &Conflict{"you cannot shut out yourself: another administrator can"}
		}
		if err := s.setDisabled(ctx, key, true); err != nil {
			return err
		}
		if out.Revoked, err = s.endSessions(ctx, a, key); err != nil {
			return err
		}
		accounts, err := s.endAccounts(ctx, a, key) // whoever leaves takes no token along
		out.Revoked += accounts
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// EnableUser is UserService.EnableUser. A sign-in that was under way while the
// person was shut out has left a session behind, which would count again: it ends
// first, so that they have to sign in.
func (s *Service) EnableUser(ctx context.Context, a Actor, r *consolepb.EnableUserRequest) (*consolepb.EnableUserResponse, error) {
	key := r.GetKey()
	c := change{action: "EnableUser", target: databroker.TypeUser + "/" + key, subject: key}
	err := s.change(ctx, a, c, func(ctx context.Context) error {
		user, err := s.o.Broker.User(ctx, key)
		if err != nil {
			return fromBroker(err)
		}
		if !user.Disabled {
			return nil
		}
		if _, err := s.endSessions(ctx, a, key); err != nil {
			return err
		}
		return s.setDisabled(ctx, key, false)
	})
	if err != nil {
		return nil, err
	}
	return &consolepb.EnableUserResponse{}, nil
}

// setDisabled writes the one field.
func (s *Service) setDisabled(ctx context.Context, key string, disabled bool) error {
	return s.alterUser(ctx, key, func(u *databroker.User) bool {
		changed := u.Disabled != disabled
		u.Disabled = disabled
		return changed
	})
}
