package console

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

func TestTheIndexFollowsEveryChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s1, s2 := w.signIn("ada", nil), w.signIn("ada", nil)
	w.shown(s2)
	get := func() *consolepb.GetUserResponse {
		t.Helper()
		out, err := w.GetUser(t.Context(), as(RoleViewer), &consolepb.GetUserRequest{Key: "idp/ada"})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := get(); out.User.Sessions != 2 || len(out.Sessions) != 2 || len(out.User.Groups) != 0 {
		t.Errorf("at first: %v", out)
	}
	if err := w.client.DeleteSession(t.Context(), s1); err != nil {
		t.Fatal(err)
	}
	if err := w.client.PutDirectoryUser(t.Context(), &databroker.DirectoryUser{
		Key: "idp/ada", Email: "ada@directory.example", GroupIDs: []string{"1", "2"}, GroupNames: []string{"doors", "keys"},
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.client.PutDevice(t.Context(), &databroker.Device{
		ID: "d", UserKey: "idp/ada", Name: "phone", Type: "any", CredentialID: []byte{1}, PublicKey: []byte{1}, EnrolledAt: w.clock.now(), Approved: true,
	}); err != nil {
		t.Fatal(err)
	}
	w.settle("the changes", func(m *summaries) bool {
		return m.sessions[s1] == nil && m.directory["idp/ada"] != nil && m.devices["d"] != nil
	})
	if out := get(); out.User.Sessions != 1 || out.User.Email != "ada@directory.example" || len(out.User.Groups) != 2 ||
		len(out.Devices) != 1 || !out.Devices[0].Approved || out.Devices[0].Name != "phone" {
		t.Errorf("after changes: %v", out)
	}
	found, err := w.ListUsers(t.Context(), as(RoleViewer), &consolepb.ListUsersRequest{Search: "DOORS", Group: "keys"})
	if err != nil || found.Page.Total != 1 {
		t.Errorf("groups of a directory are not found: %v, %v", found, err)
	}
	w.clock.advance(14 * time.Hour)
	if out := get(); out.User.Sessions != 0 || len(out.Sessions) != 0 {
		t.Errorf("after the end of the session: %v", out)
	}
}

// A shakyFeed is lost after its listing, and again and again.
type shakyFeed struct {
	crowd
	lists   int
	watches chan error
}

func (f *shakyFeed) List(ctx context.Context, typ string, limit int, after []byte) (databroker.Page, error) {
	if f.lists++; f.lists == 1 {
		return databroker.Page{}, databroker.ErrUnavailable
	}
	return f.crowd.List(ctx, typ, limit, after)
}

func (f *shakyFeed) Watch(ctx context.Context, _ []string, _ databroker.Position, _ func(databroker.Change) error) error {
	select {
	case err := <-f.watches:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestTheIndexListsAnewWhenTheFeedIsLost(t *testing.T) {
	t.Parallel()
	service, _, _ := crowded(t, 30)
	f := &shakyFeed{crowd: service.o.Broker.(crowd), watches: make(chan error)}
	x := newIndex(f, zerolog.Nop(), service.o.Now)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- x.run(ctx) }()
	count := func() (n int) {
		t.Helper()
		if err := x.read(t.Context(), func(m *summaries) error { n = len(m.sessions); return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count() // waits for the listing after the one that failed
	f.watches <- databroker.ErrRelist
	f.watches <- errors.New("gone") // follows another listing
	if after := count(); before == 0 || after != before {
		t.Errorf("%d sessions, then %d", before, after)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestListsWaitForTheFirstListing(t *testing.T) {
	t.Parallel()
	service, _, _ := crowded(t, 3)
	x := newIndex(service.o.Broker, zerolog.Nop(), service.o.Now) // nobody runs it
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.read(ctx, func(*summaries) error { return nil }); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

func TestRecordsThatDoNotOpenAreLeftOut(t *testing.T) {
	t.Parallel()
	service, _, _ := crowded(t, 3)
	c := service.o.Broker.(crowd)
	x := newIndex(c, zerolog.Nop(), service.o.Now)
	for _, typ := range append(followed, "something else") {
		x.take(&x.summaries, &databroker.Record{Type: typ, ID: "broken", Data: []byte("{")})
		x.take(&x.summaries, &databroker.Record{Type: typ, ID: "never there", Deleted: true})
	}
	if n := len(x.sessions) + len(x.users) + len(x.directory) + len(x.devices) + len(x.owned); n != 0 {
		t.Errorf("%d rows", n)
	}
}
