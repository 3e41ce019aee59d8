package console

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// ListSessions is SessionService.ListSessions.
func (s *Service) ListSessions(ctx context.Context, a Actor, r *consolepb.ListSessionsRequest) (*consolepb.ListSessionsResponse, error) {
	if err := s.may(a, "ListSessions"); err != nil {
		return nil, err
	}
	search, err := searchText(r.GetSearch())
	if err != nil {
		return nil, err
	}
	out := &consolepb.ListSessionsResponse{}
	err = s.index.read(ctx, func(m *summaries) error {
		l, err := newListing(r.GetPage(), sessionOrders(m)...)
		if err != nil {
			return err
		}
		now := s.o.Now()
		for _, row := range m.sessionsOf(r.GetUserKey()) {
			if !row.over(now) && m.matchSession(row, r, search) {
				l.add(row)
			}
		}
		var rows []*sessionRow
		rows, out.Page = l.page()
		for _, row := range rows {
			out.Sessions = append(out.Sessions, m.session(row))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.addLastUse(ctx, out.Sessions)
	return out, nil
}

// sessionOrders are the orders of sessions, their own first.
func sessionOrders(m *summaries) []order[sessionRow] {
	return []order[sessionRow]{
		{"issued", func(r *sessionRow) place { return place{Number: r.issued, ID: r.id} }, true},
		{"expires", func(r *sessionRow) place { return place{Number: r.expires, ID: r.id} }, false},
		{"person", func(r *sessionRow) place { return place{Text: m.sortOf(r.userKey), ID: r.id} }, false},
		{"provider", func(r *sessionRow) place { return place{Text: sortText(r.provider), ID: r.id} }, false},
	}
}

// sessionsOf returns the sessions of one person, of all for "".
func (m *summaries) sessionsOf(key string) map[string]*sessionRow {
	if key == "" {
		return m.sessions
	}
	if o := m.owned[key]; o != nil {
		return o.sessions
	}
	return nil
}

func (m *summaries) matchSession(row *sessionRow, r *consolepb.ListSessionsRequest, search string) bool {
	if p := r.GetProvider(); p != "" && p != row.provider {
		return false
	}
	if want := r.GetState(); want != consolepb.SessionState_SESSION_STATE_UNSPECIFIED && want != m.stateOf(row) {
		return false
	}
	return search == "" || strings.Contains(row.find, search) || m.matchUser(row.userKey, search)
}

// matchUser reports whether the key, an address or a name of the person called
// key holds search, a text in lower case; matchMember whether one of their
// groups does.
func (m *summaries) matchUser(key, search string) bool {
	if u := m.users[key]; u != nil && strings.Contains(u.find, search) {
		return true
	}
	d := m.directory[key]
	return d != nil && strings.Contains(d.find, search)
}

func (m *summaries) matchMember(key, search string) bool {
	if u := m.users[key]; u != nil && strings.Contains(u.member, search) {
		return true
	}
	d := m.directory[key]
	return d != nil && strings.Contains(d.member, search)
}

func (m *summaries) stateOf(row *sessionRow) consolepb.SessionState {
	switch u := m.users[row.userKey]; {
	case u == nil:
		return consolepb.SessionState_SESSION_STATE_ORPHANED
	case u.disabled:
		return consolepb.SessionState_SESSION_STATE_DISABLED
	}
	return consolepb.SessionState_SESSION_STATE_ACTIVE
}

func (m *summaries) session(row *sessionRow) *consolepb.Session {
	u, _ := m.user(row.userKey)
	return &consolepb.Session{
		Id: row.id, UserKey: row.userKey, Email: u.email, Name: u.name, Provider: row.provider, State: m.stateOf(row),
		IssuedAt: stamp(time.UnixMilli(row.issued)), ExpiresAt: stamp(time.UnixMilli(row.expires)), Devices: int32(row.devices), From: row.from, UserAgent: row.agent.Value(),
	}
}

// stamp leaves the zero time out.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// addLastUse looks up when the sessions of one page were last used: that is
// written too often for the feed. What cannot be read is left out.
func (s *Service) addLastUse(ctx context.Context, sessions []*consolepb.Session) {
	ctx, cancel := context.WithTimeout(ctx, lastUsePatience)
	defer cancel()
	for _, one := range sessions {
		if at, err := s.o.View.LastAccess(ctx, one.Id); err == nil {
			one.LastUsedAt = stamp(at)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// lastUsePatience bounds what the column of last uses may cost a page.
const lastUsePatience = 150 * time.Millisecond

// RevokeSession is SessionService.RevokeSession.
func (s *Service) RevokeSession(ctx context.Context, a Actor, r *consolepb.RevokeSessionRequest) (*consolepb.RevokeSessionResponse, error) {
	c := change{action: "RevokeSession", target: databroker.TypeSession + "/" + r.GetId()}
	if a.May(c.action) { // else nothing is said of whether it is there
		session, err := s.o.Broker.Session(ctx, r.GetId())
		if err != nil {
			return nil, fromBroker(err)
		}
		c.subject = session.UserKey()
	}
	err := s.change(ctx, a, c, func(ctx context.Context) error {
		if err := s.demandSignIn(ctx, c.subject); err != nil {
			return err
		}
		if r.GetId() == a.SessionID {
			s.part(ctx, a.SessionID)
			return nil
		}
		return fromBroker(s.o.Broker.DeleteSession(ctx, r.GetId()))
	})
	if err != nil {
		return nil, err
	}
	return &consolepb.RevokeSessionResponse{}, nil
}

// RevokeUserSessions is SessionService.RevokeUserSessions.
func (s *Service) RevokeUserSessions(ctx context.Context, a Actor, r *consolepb.RevokeUserSessionsRequest) (*consolepb.RevokeUserSessionsResponse, error) {
	key := r.GetUserKey()
	if a.May("RevokeUserSessions") && key == "" {
		return nil, &Invalid{"user_key", "the key of a person"}
	}
	out := &consolepb.RevokeUserSessionsResponse{}
	c := change{action: "RevokeUserSessions", target: databroker.TypeUser + "/" + key, subject: key}
	err := s.change(ctx, a, c, func(ctx context.Context) (err error) {
		out.Revoked, err = s.endSessions(ctx, a, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// RevokeAllSessions is SessionService.RevokeAllSessions.
func (s *Service) RevokeAllSessions(ctx context.Context, a Actor, _ *consolepb.RevokeAllSessionsRequest) (*consolepb.RevokeAllSessionsResponse, error) {
	out := &consolepb.RevokeAllSessionsResponse{}
	err := s.change(ctx, a, change{action: "RevokeAllSessions", target: databroker.TypeSession + "/*"}, func(ctx context.Context) (err error) {
		out.Revoked, err = s.endSessions(ctx, a, "")
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// demandSignIn sees to it that whoever has the key, or Everybody, proves who they
// are before they have a session again, whatever their provider remembers. It
// comes before sessions are ended: nobody slips in between.
func (s *Service) demandSignIn(ctx context.Context, key string) error {
	now := s.o.Now()
	_, err := s.o.Broker.PutJSON(ctx, databroker.TypeSignInAfter, key, databroker.SignInAfter{At: now.UTC().Truncate(time.Second)},
		databroker.PutOptions{Overwrite: true, ExpiresAt: now.Add(databroker.SignInAfterLasts)})
	return fromBroker(err)
}

// endSessions ends the sessions of one person, of all for "". It asks the store
// and not the index, which may lag a moment behind a sign-in. The actor's own
// session counts, and ends a moment later: see part.
func (s *Service) endSessions(ctx context.Context, a Actor, key string) (int32, error) {
	if err := s.demandSignIn(ctx, cmp.Or(key, databroker.Everybody)); err != nil {
		return 0, err
	}
	var ended int32
	var after []byte
	own := false
	for first := true; first || len(after) > 0; first = false {
		page, err := s.o.Broker.List(ctx, databroker.TypeSession, 0, after)
		if err != nil {
			return ended, fromBroker(err)
		}
		var writes []databroker.Write
		for _, r := range page.Records {
			w := databroker.Write{Type: databroker.TypeSession, ID: r.ID, Overwrite: true, Delete: true}
			switch {
			case key != "" && s.ownerOf(r) != key:
			case r.ID == a.SessionID:
				own = true
			default:
				writes = append(writes, w)
			}
		}
		n, err := s.writeAll(ctx, writes)
		if ended += n; err != nil {
			return ended, err
		}
		after = page.Next
	}
	if own {
		s.part(ctx, a.SessionID)
		ended++
	}
	return ended, nil
}

// writeAll applies deletions, many at once, and returns how many did something.
func (s *Service) writeAll(ctx context.Context, writes []databroker.Write) (n int32, err error) {
	for part := range slices.Chunk(writes, databroker.MaxWrites) {
		results, err := s.o.Broker.WriteAll(ctx, part)
		if err != nil {
			return n, fromBroker(err)
		}
		for _, r := range results {
			switch {
			case r.Err == nil:
				n++
			case !errors.Is(r.Err, databroker.ErrNotFound): // gone meanwhile
				return n, fromBroker(r.Err)
			}
		}
	}
	return n, nil
}

// ownerOf returns the key of the person whose session r is; "" for one that does
// not open.
func (s *Service) ownerOf(r *databroker.Record) string {
	var owner struct {
		UserID string `json:"user_id"`
		IDPID  string `json:"idp_id"`
	}
	if s.o.Broker.Decode(r, &owner) != nil {
		return ""
	}
	return databroker.UserKey(owner.IDPID, owner.UserID)
}

// session returns one session as lists show it.
func (s *Service) session(ctx context.Context, id string) (*consolepb.Session, error) {
	var out *consolepb.Session
	err := s.index.read(ctx, func(m *summaries) error {
		row := m.sessions[id]
		if row == nil || row.over(s.o.Now()) {
			return ErrNotFound
		}
		out = m.session(row)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.addLastUse(ctx, []*consolepb.Session{out})
	return out, nil
}
