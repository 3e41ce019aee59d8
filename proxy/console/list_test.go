package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/audit"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// A crowd is a feed of many records that never change, and a view in which
// nothing was ever used.
type crowd struct {
	Broker
	records map[string][]*databroker.Record
}

func (c crowd) List(_ context.Context, typ string, _ int, _ []byte) (databroker.Page, error) {
	return databroker.Page{Records: c.records[typ]}, nil
}

func (c crowd) Watch(ctx context.Context, _ []string, _ databroker.Position, _ func(databroker.Change) error) error {
	<-ctx.Done()
	return ctx.Err()
}

func (c crowd) Decode(r *databroker.Record, value any) error { return json.Unmarshal(r.Data, value) }

func (c crowd) LastAccess(context.Context, string) (time.Time, error) { return time.Time{}, nil }

var crowdNow = time.Date(2026, 6, 3, 12, 0, 0, 0, time.UTC)

// crowded returns a service over n sessions of a third as many people, the same
// ones each time, and what they are.
func crowded(t testing.TB, n int) (*Service, []*databroker.Session, map[string]*databroker.User) {
	t.Helper()
	c := crowd{records: map[string][]*databroker.Record{}}
	add := func(typ, id string, value any) {
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		c.records[typ] = append(c.records[typ], &databroker.Record{Type: typ, ID: id, Version: 1, Data: raw})
	}
	dice := rand.New(rand.NewPCG(1, 2))
	users := map[string]*databroker.User{}
	names := []string{"Ada", "Bob", "Cleo", "Dan", "Eve", "Zoë", ""}
	for i := range n/3 + 1 {
		name := strings.TrimSpace(names[dice.IntN(len(names))] + fmt.Sprintf(" %d", dice.IntN(n)))
		u := &databroker.User{
			Key: databroker.UserKey("idp", fmt.Sprint(i)), ID: fmt.Sprint(i), Name: name, Email: fmt.Sprintf("person%d@example.com", i),
			Groups: []string{fmt.Sprintf("team-%d", i%40)}, Disabled: i%17 == 0,
		}
		users[u.Key] = u
		add(databroker.TypeUser, u.Key, u)
	}
	var sessions []*databroker.Session
	for i := range n {
		// Many share a moment: the id has to decide.
		s := &databroker.Session{
			ID: fmt.Sprintf("%016X", dice.Uint64()), UserID: fmt.Sprint(dice.IntN(n/3 + 2)), IDPID: "idp",
			IssuedAt: crowdNow.Add(-time.Duration(dice.IntN(n/4+1)) * time.Second), ExpiresAt: crowdNow.Add(time.Duration(dice.IntN(5000)-100) * time.Second),
		}
		if i%9 == 0 {
			s.IDPID = "other"
		}
		sessions = append(sessions, s)
		add(databroker.TypeSession, s.ID, s)
	}
	service, err := NewService(ServiceOptions{Broker: c, View: c, Audit: &memoryAudit{}, AuditReader: new(audit.Log), Explainer: fakePolicies{}, Configuration: fakePolicies{}, Instance: fakePolicies{}, Log: zerolog.Nop(), Now: func() time.Time { return crowdNow }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() { defer close(done); _ = service.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	service.index.wake()
	<-service.index.ready // however long a busy machine takes
	return service, sessions, users
}

// plainly is ListSessions as one would write it without an index.
func plainly(sessions []*databroker.Session, users map[string]*databroker.User, r *consolepb.ListSessionsRequest) []string {
	var found []*databroker.Session
	for _, s := range sessions {
		u := users[s.UserKey()]
		state := consolepb.SessionState_SESSION_STATE_ACTIVE
		text := s.ID + "\n" + s.UserKey()
		switch {
		case u == nil:
			state = consolepb.SessionState_SESSION_STATE_ORPHANED
		case u.Disabled:
			state = consolepb.SessionState_SESSION_STATE_DISABLED
		}
		if u != nil {
			text += "\n" + u.Name + "\n" + u.Email
		}
		if s.ExpiresAt.After(crowdNow) && (r.State == 0 || r.State == state) && (r.Provider == "" || r.Provider == s.IDPID) &&
			(r.UserKey == "" || r.UserKey == s.UserKey()) && strings.Contains(strings.ToLower(text), strings.ToLower(r.Search)) {
			found = append(found, s)
		}
	}
	person := func(s *databroker.Session) string {
		if u := users[s.UserKey()]; u != nil {
			return strings.ToLower(cmp.Or(u.Name, u.Email))
		}
		return s.UserKey()
	}
	slices.SortFunc(found, func(a, b *databroker.Session) int {
		var c int
		switch r.Page.GetOrder() {
		case "", "issued":
			c = -cmp.Or(a.IssuedAt.Compare(b.IssuedAt), cmp.Compare(a.ID, b.ID))
		case "expires":
			c = a.ExpiresAt.Compare(b.ExpiresAt)
		case "person":
			c = cmp.Compare(person(a), person(b))
		case "provider":
			c = cmp.Compare(a.IDPID, b.IDPID)
		}
		if c = cmp.Or(c, cmp.Compare(a.ID, b.ID)); r.Page.GetDescending() {
			return -c
		}
		return c
	})
	var ids []string
	for _, s := range found {
		ids = append(ids, s.ID)
	}
	return ids
}

// TestPagesOfAHundredThousand walks through lists page by page and wants what a
// plain sort gives, each row once.
func TestPagesOfAHundredThousand(t *testing.T) {
	t.Parallel()
	n := 100_000
	if testing.Short() {
		n = 3000
	}
	service, sessions, users := crowded(t, n)
	for _, r := range []*consolepb.ListSessionsRequest{
		{Page: &consolepb.PageRequest{Size: 500}, Search: "PERSON77"},
		{Page: &consolepb.PageRequest{Size: 7}, Search: "person777"},
		{Page: &consolepb.PageRequest{Size: 500, Order: "person"}, Search: "bob 7"},
		{Page: &consolepb.PageRequest{Size: 500, Order: "person", Descending: true}, State: consolepb.SessionState_SESSION_STATE_DISABLED, Search: "person3"},
		{Page: &consolepb.PageRequest{Size: 500, Order: "expires"}, Provider: "other", Search: "88"},
		{Page: &consolepb.PageRequest{Size: 500, Order: "provider", Descending: true}, Search: "zoë 7"},
		{Page: &consolepb.PageRequest{Size: 3}, State: consolepb.SessionState_SESSION_STATE_ORPHANED, Search: "idp"},
		{Page: &consolepb.PageRequest{Size: 2}, UserKey: "idp/5"},
		{Page: &consolepb.PageRequest{}, Search: "no such thing"},
	} {
		want := plainly(sessions, users, r)
		var got []string
		for first := true; first || r.Page.Cursor != ""; first = false {
			out, err := service.ListSessions(t.Context(), as(RoleViewer), r)
			if err != nil {
				t.Fatalf("%v: %v", r, err)
			}
			if int(out.Page.Total) != len(want) || len(out.Sessions) > 500 {
				t.Fatalf("%v: %d of %d in all, want %d", r, len(out.Sessions), out.Page.Total, len(want))
			}
			for _, s := range out.Sessions {
				got = append(got, s.Id)
			}
			if len(got) > len(want) {
				break
			}
			r.Page.Cursor = out.Page.Next
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: %d rows, want %d, or in another order", r, len(got), len(want))
		}
		if r.Search != "no such thing" && len(want) == 0 {
			t.Errorf("%v finds nothing: the case tests nothing", r)
		}
	}
}

func TestUsersAndGroupsArePaged(t *testing.T) {
	t.Parallel()
	service, _, users := crowded(t, 900)
	for _, order := range []string{"", "name", "email", "sessions", "devices"} {
		for _, turn := range []bool{false, true} {
			r := &consolepb.ListUsersRequest{Page: &consolepb.PageRequest{Size: 11, Order: order, Descending: turn}}
			seen := map[string]bool{}
			for first := true; first || r.Page.Cursor != ""; first = false {
				out, err := service.ListUsers(t.Context(), as(RoleViewer), r)
				if err != nil {
					t.Fatal(err)
				}
				for _, u := range out.Users {
					if seen[u.Key] {
						t.Fatalf("%s %t: %s comes twice", order, turn, u.Key)
					}
					seen[u.Key] = true
				}
				r.Page.Cursor = out.Page.Next
			}
			if len(seen) != len(users) {
				t.Errorf("%s %t: %d of %d", order, turn, len(seen), len(users))
			}
		}
	}
	groups, err := service.ListGroups(t.Context(), as(RoleViewer), &consolepb.ListGroupsRequest{Page: &consolepb.PageRequest{Size: 3, Order: "members"}})
	if err != nil || groups.Page.Total != 40 || len(groups.Groups) != 3 || groups.Groups[0].Members < groups.Groups[2].Members {
		t.Errorf("%v, %v", groups, err)
	}
	members, err := service.ListUsers(t.Context(), as(RoleViewer), &consolepb.ListUsersRequest{Group: groups.Groups[0].Name})
	if err != nil || members.Page.Total != groups.Groups[0].Members {
		t.Errorf("%d members, want %d, %v", members.GetPage().GetTotal(), groups.Groups[0].Members, err)
	}
}

func TestWishesThatCannotBe(t *testing.T) {
	t.Parallel()
	service, _, _ := crowded(t, 30)
	first, err := service.ListSessions(t.Context(), as(RoleViewer), &consolepb.ListSessionsRequest{Page: &consolepb.PageRequest{Size: 2}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		field string
		page  *consolepb.PageRequest
	}{
		{"page.size", &consolepb.PageRequest{Size: -1}},
		{"page.order", &consolepb.PageRequest{Order: "colour"}},
		{"page.cursor", &consolepb.PageRequest{Cursor: "!"}},
		{"page.cursor", &consolepb.PageRequest{Cursor: "e30"}},
		{"page.cursor", &consolepb.PageRequest{Cursor: strings.Repeat("A", maxCursor+1)}},
		{"page.cursor", &consolepb.PageRequest{Cursor: first.Page.Next, Order: "person"}},
	} {
		var invalid *Invalid
		if _, err := service.ListSessions(t.Context(), as(RoleViewer), &consolepb.ListSessionsRequest{Page: tc.page}); !errors.As(err, &invalid) || invalid.Field != tc.field {
			t.Errorf("%v: %v", tc.page, err)
		}
	}
	var invalid *Invalid
	if _, err := service.ListUsers(t.Context(), as(RoleViewer), &consolepb.ListUsersRequest{Search: strings.Repeat("a", 300)}); !errors.As(err, &invalid) {
		t.Errorf("a long search: %v", err)
	}
}

// FuzzCursor: whatever is sent as a cursor is a page or an Invalid.
func FuzzCursor(f *testing.F) {
	service, _, _ := crowded(f, 60)
	out, err := service.ListSessions(f.Context(), as(RoleViewer), &consolepb.ListSessionsRequest{Page: &consolepb.PageRequest{Size: 2}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(out.Page.Next, "issued", int32(3))
	f.Add("e30", "person", int32(0))
	f.Fuzz(func(t *testing.T, cursor, order string, size int32) {
		r := &consolepb.ListSessionsRequest{Page: &consolepb.PageRequest{Cursor: cursor, Order: order, Size: size}, Search: order}
		var invalid *Invalid
		if out, err := service.ListSessions(t.Context(), as(RoleViewer), r); err != nil && !errors.As(err, &invalid) || len(out.GetSessions()) > maxPage {
			t.Errorf("%v: %d rows, %v", r, len(out.GetSessions()), err)
		}
	})
}

// processor reports what each turn takes of a processor, which other work on the
// machine does not change much, beside the time on the wall, which it does.
func processor(b *testing.B) func() {
	spent := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start := spent()
	return func() { b.ReportMetric(float64((spent()-start).Microseconds())/1000/float64(b.N), "cpu-ms/op") }
}

func BenchmarkListSessions100k(b *testing.B) {
	service, _, _ := crowded(b, 100_000)
	for name, r := range map[string]*consolepb.ListSessionsRequest{
		"newest":           {},
		"by person":        {Page: &consolepb.PageRequest{Order: "person"}},
		"search for many":  {Search: "person", Page: &consolepb.PageRequest{Order: "person", Size: 500}},
		"search for none":  {Search: "no such person"},
		"filter and order": {State: consolepb.SessionState_SESSION_STATE_DISABLED, Provider: "idp", Page: &consolepb.PageRequest{Order: "expires", Descending: true}},
	} {
		b.Run(name, func(b *testing.B) {
			defer processor(b)()
			for b.Loop() {
				if _, err := service.ListSessions(b.Context(), as(RoleViewer), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("people by sessions", func(b *testing.B) {
		defer processor(b)()
		for b.Loop() {
			if _, err := service.ListUsers(b.Context(), as(RoleViewer), &consolepb.ListUsersRequest{Page: &consolepb.PageRequest{Order: "sessions"}, Search: "team"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkIndex says how long 100,000 sessions take to take in, and what they
// take to keep.
func BenchmarkIndex(b *testing.B) {
	service, _, _ := crowded(b, 100_000)
	c := service.o.Broker.(crowd)
	var before, after runtime.MemStats
	for b.Loop() {
		x := newIndex(c, zerolog.Nop(), service.o.Now)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for _, typ := range followed {
			if _, err := x.list(b.Context(), &x.summaries, typ); err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/100_000, "B/session")
		runtime.KeepAlive(x)
	}
}
