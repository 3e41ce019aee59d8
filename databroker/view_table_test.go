package databroker

import (
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"
)

func emptyView(t *testing.T) *View {
	t.Helper()
	client, err := NewClient(ClientOptions{Conn: new(grpc.ClientConn), Secret: []byte("secret")})
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewView(ViewOptions{Client: client, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWhatWasKnownLaterStays(t *testing.T) {
	t.Parallel()
	at := func(epoch, position uint64, read time.Duration) *state[Session] {
		return &state[Session]{epoch: epoch, position: position, read: int64(read)}
	}
	for _, tc := range []struct {
		name     string
		old, new *state[Session]
		stays    bool
	}{
		{"a later change replaces", at(1, 5, 1), at(1, 6, 2), false},
		{"the same position, read again, replaces", at(1, 5, 1), at(1, 5, 2), false},
		{"a read that was overtaken by the feed is dropped", at(1, 6, 2), at(1, 5, 1), true},
		{"a read at the same moment as the feed's later change is dropped", at(1, 6, 1), at(1, 5, 1), true},
		{"a later read of an earlier position tells of a store put back", at(1, 6, 1), at(1, 5, 2), false},
		{"a later read of another store replaces", at(1, 6, 1), at(2, 1, 2), false},
		{"an overtaken read of another store is dropped", at(2, 1, 2), at(1, 6, 1), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			table := emptyView(t).sessions
			s := table.shard("id")
			table.remember(s, "id", tc.old)
			want := tc.new
			if tc.stays {
				want = tc.old
			}
			if got := table.remember(s, "id", tc.new); got != want || s.slots["id"].state.Load() != want {
				t.Error("the other one is remembered")
			}
		})
	}
}

// A change that comes while the record is being read must not be lost: the
// read may have happened before it.
func TestAChangeDuringTheFirstReadIsKept(t *testing.T) {
	t.Parallel()
	table := emptyView(t).sessions
	s := table.shard("id")
	s.flights["id"] = &flight[Session]{}
	gone := &Record{Type: TypeSession, ID: "id", Version: 2, Deleted: true}
	table.apply(gone, Position{Epoch: 1, Number: 7}, 1, 100)
	st := table.remember(s, "id", &state[Session]{value: &Session{}, version: 1, epoch: 1, position: 6, read: 50})
	if st.value != nil || st.version != 2 {
		t.Errorf("version %d is remembered, want the deletion, 2", st.version)
	}
	delete(s.flights, "id")

	other := table.shard("other")
	table.apply(&Record{Type: TypeSession, ID: "other", Version: 1, Deleted: true}, Position{Epoch: 1, Number: 8}, 1, 100)
	if other.slots["other"] != nil {
		t.Error("a change of what nobody asked for is remembered")
	}
}

// Both bind an entry to its place: the seal by its additional data, and the
// record under it by what it says.
func TestTheSealAloneBindsAnEntryToItsPlace(t *testing.T) {
	t.Parallel()
	v, err := openVault(t.Context(), NewMemoryStore(MemoryOptions{}), []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	key := v.key("session", "id")
	e, err := v.seal(key, &Record{Type: "session", ID: "id", Version: 3})
	if err != nil {
		t.Fatal(err)
	}
	ring := v.keys.Load().ring
	if _, err := ring.Open(e.Value[1:], place(recordFormat, key, 3)); err != nil {
		t.Fatal(err)
	}
	for name, additional := range map[string][]byte{
		"another form":    place(recordFormat+1, key, 3),
		"another id":      place(recordFormat, v.key("session", "other"), 3),
		"another type":    place(recordFormat, v.key("user", "id"), 3),
		"another version": place(recordFormat, key, 4),
	} {
		if _, err := ring.Open(e.Value[1:], additional); err == nil {
			t.Errorf("it opens as %s", name)
		}
	}
	for name, other := range map[string]*Record{
		"another type":    {Type: "user", ID: "id", Version: 3},
		"another id":      {Type: "session", ID: "other", Version: 3},
		"another version": {Type: "session", ID: "id", Version: 4},
		"another end":     {Type: "session", ID: "id", Version: 3, ExpiresAt: time.Unix(1, 0)},
	} {
		forged, err := v.seal(key, other)
		if err != nil {
			t.Fatal(err)
		}
		forged.Version, forged.ExpiresAt = 3, time.Time{}
		if _, err := v.open(t.Context(), forged); err == nil {
			t.Errorf("what says that it is %s opens", name)
		}
	}
	// Types and ids do not run into each other.
	if v.key("ab", "c") == v.key("a", "bc") {
		t.Error("two records rest in one place")
	}
}
