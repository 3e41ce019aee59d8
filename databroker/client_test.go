package databroker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/databroker"
)

func TestASessionComesBackAsItWasPut(t *testing.T) {
	t.Parallel()
	c := startBroker(t, nil).client
	want := session("s1")
	want.Claims["big"] = json.Number("12345678901234567890")
	putSession(t, c, want)
	if want.Version != 1 {
		t.Errorf("version %d after the first put, want 1", want.Version)
	}
	got, err := c.Session(t.Context(), "s1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
}

func TestSessionsAreComparedAndSwapped(t *testing.T) {
	t.Parallel()
	c, ctx := startBroker(t, nil).client, t.Context()
	first := putSession(t, c, session("s1"))
	wantErr(t, "second PutSession of a new session", c.PutSession(ctx, session("s1")), databroker.ErrConflict)

	renewed := first.Clone()
	renewed.AccessToken = databroker.NewSecret("renewed")
	putSession(t, c, renewed)
	if renewed.Version != 2 {
		t.Errorf("version %d after the second put, want 2", renewed.Version)
	}
	wantErr(t, "PutSession of an old version", c.PutSession(ctx, first), databroker.ErrConflict)

	if err := c.DeleteSession(ctx, "s1"); err != nil {
		t.Fatal(err)
	}
	_, err := c.Session(ctx, "s1")
	wantErr(t, "Session after DeleteSession", err, databroker.ErrNotFound)
	// The refresh that was under way must not bring it back.
	renewed.AccessToken = databroker.NewSecret("renewed again")
	wantErr(t, "PutSession after DeleteSession", c.PutSession(ctx, renewed), databroker.ErrConflict)
	renewed.Version = 3 // that of the tombstone
	wantErr(t, "PutSession over the tombstone", c.PutSession(ctx, renewed), databroker.ErrConflict)
	if err := c.DeleteSession(ctx, "s1"); err != nil {
		t.Errorf("second DeleteSession = %v", err)
	}

	again := putSession(t, c, session("s1"))
	if again.Version != 4 {
		t.Errorf("version %d of the session made anew, want 4: it must count on", again.Version)
	}
}

func TestDeleteWantsTheVersionThatIsThere(t *testing.T) {
	t.Parallel()
	c, ctx := startBroker(t, nil).client, t.Context()
	s := putSession(t, c, session("s1"))
	wantErr(t, "Delete of version 0", c.Delete(ctx, databroker.TypeSession, "s1", 0), databroker.ErrInvalid)
	wantErr(t, "Delete of a later version", c.Delete(ctx, databroker.TypeSession, "s1", 2), databroker.ErrConflict)
	if err := c.Delete(ctx, databroker.TypeSession, "s1", s.Version); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Delete of what is gone", c.Delete(ctx, databroker.TypeSession, "s1", s.Version), databroker.ErrNotFound)
}

func TestTheOtherTypedValuesComeBackAsTheyWerePut(t *testing.T) {
	t.Parallel()
	c, ctx := startBroker(t, nil).client, t.Context()
	user := &databroker.User{Key: "idp/a/b", ID: "a/b", Email: "a@example.com", Groups: []string{"x"}, Claims: map[string]any{"k": "v"}, Disabled: true}
	directory := &databroker.DirectoryUser{Key: "idp/a", Email: "a@example.com", GroupIDs: []string{"1"}, GroupNames: []string{"one"}}
	password := &databroker.LocalPassword{Email: "a@example.com", Hash: databroker.NewSecret("$argon2id$"), CreatedAt: time.Now().UTC()}
	for _, err := range []error{c.PutUser(ctx, user), c.PutDirectoryUser(ctx, directory), c.PutLocalPassword(ctx, password)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	gotUser, err1 := c.User(ctx, user.Key)
	gotDirectory, err2 := c.DirectoryUser(ctx, directory.Key)
	gotPassword, err3 := c.LocalPassword(ctx, password.Email)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	if diff := cmp.Diff([]any{user, directory, password}, []any{gotUser, gotDirectory, gotPassword}); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	_, err := c.User(ctx, directory.Key)
	wantErr(t, "User under a directory user's key", err, databroker.ErrNotFound)
}

func TestAValueOfAnotherRoomKeepsItsSecrets(t *testing.T) {
	t.Parallel()
	type part struct {
		Key databroker.Secret `json:"key"`
	}
	type value struct {
		Name  string            `json:"name"`
		Parts []part            `json:"parts"`
		One   *part             `json:"one"`
		Empty databroker.Secret `json:"empty"`
	}
	c, ctx := startBroker(t, nil).client, t.Context()
	want := value{Name: "n", Parts: []part{{databroker.NewSecret("hush-1")}, {databroker.NewSecret("hush-2")}}, One: &part{databroker.NewSecret("hush-3")}}
	if _, err := c.PutJSON(ctx, "thing", "t1", want, databroker.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	var got value
	version, err := c.GetJSON(ctx, "thing", "t1", &got)
	if err != nil || version != 1 {
		t.Fatalf("GetJSON = %d, %v", version, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("value (-want +got):\n%s", diff)
	}
	r, err := c.Get(ctx, "thing", "t1")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(r.Data, []byte("hush")) {
		t.Errorf("the databroker is sent a secret in plain: %s", r.Data)
	}
	// A field's seal names its place: a secret of one record is none of another.
	r.ID = "t2"
	wantErr(t, "Decode of a moved value", c.Decode(r, &got), databroker.ErrTampered)

	_, err = c.PutJSON(ctx, "thing", "t3", map[string]databroker.Secret{"k": databroker.NewSecret("x")}, databroker.PutOptions{})
	wantErr(t, "PutJSON of a secret in a map", err, databroker.ErrInvalid)
	_, err = c.PutJSON(ctx, "thing", "t3", struct{ V any }{databroker.NewSecret("x")}, databroker.PutOptions{})
	wantErr(t, "PutJSON of a secret in an interface", err, databroker.ErrInvalid)
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	s := session("s1")
	text := fmt.Sprintf("%v %+v %#v %s %q %x %v", s, s, s, s.IDToken, s.IDToken, s.IDToken, &s.RefreshToken)
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{text, string(encoded)} {
		if bytes.Contains([]byte(out), []byte("token-s1")) || bytes.Contains([]byte(out), []byte("746f6b656e2d7331")) {
			t.Errorf("a token is printed: %s", out)
		}
	}
}

func TestWhatIsUsedOnceIsUsed(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	until := time.Now().Add(time.Minute)
	var admitted atomic.Int32
	var wg sync.WaitGroup
	for n := range 40 {
		client := b.client
		if n%2 == 0 {
			client = b.newClient() // another replica
		}
		wg.Go(func() {
			err := client.UseOnce(t.Context(), "handoff", "one", until)
			if err == nil {
				admitted.Add(1)
				return
			}
			wantErr(t, "UseOnce", err, databroker.ErrUsed)
		})
	}
	wg.Wait()
	if n := admitted.Load(); n != 1 {
		t.Errorf("%d callers were admitted, want 1", n)
	}
	if err := b.client.UseOnce(t.Context(), "other", "one", until); err != nil {
		t.Errorf("UseOnce for another purpose = %v", err)
	}
	wantErr(t, "UseOnce past its time", b.client.UseOnce(t.Context(), "handoff", "two", time.Now()), databroker.ErrUsed)
}

func TestRecordsExpireAtTheirTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, ctx := startBroker(t, nil).client, t.Context()
		put := func(expected uint64) error {
			_, err := c.Put(ctx, databroker.Write{Type: "x", ID: "1", Expected: expected, ExpiresAt: time.Now().Add(50 * time.Second)})
			return err
		}
		if err := put(0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50*time.Second - time.Millisecond) // before the sweep, which comes every minute
		if _, err := c.Get(ctx, "x", "1"); err != nil {
			t.Errorf("Get before the end = %v", err)
		}
		time.Sleep(time.Millisecond)
		_, err := c.Get(ctx, "x", "1")
		wantErr(t, "Get at the end", err, databroker.ErrNotFound)
		if page, err := c.List(ctx, "x", 0, nil); err != nil || len(page.Records) != 0 {
			t.Errorf("List at the end = %d records, %v", len(page.Records), err)
		}
		wantErr(t, "Put over an expired version", put(1), databroker.ErrConflict)
		if err := put(0); err != nil {
			t.Errorf("Put anew = %v", err)
		}
		_, err = c.Put(ctx, databroker.Write{Type: "x", ID: "2", ExpiresAt: time.Now()})
		wantErr(t, "Put of what has expired", err, databroker.ErrInvalid)
	})
}

func TestLeasesAreHeldByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, ctx := startBroker(t, nil), t.Context()
		other := b.newClient()
		lease, err := b.client.AcquireLease(ctx, "refresh/s1", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		_, err = other.AcquireLease(ctx, "refresh/s1", time.Minute)
		wantErr(t, "AcquireLease of a held lease", err, databroker.ErrHeld)
		if _, err := other.AcquireLease(ctx, "refresh/s2", time.Minute); err != nil {
			t.Errorf("AcquireLease of another name = %v", err)
		}
		time.Sleep(50 * time.Second)
		if lease, err = b.client.RenewLease(ctx, lease, time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		_, err = other.AcquireLease(ctx, "refresh/s1", time.Minute)
		wantErr(t, "AcquireLease of a renewed lease", err, databroker.ErrHeld)
		time.Sleep(10 * time.Second)
		_, err = b.client.RenewLease(ctx, lease, time.Minute)
		wantErr(t, "RenewLease of one that ran out", err, databroker.ErrHeld)
		taken, err := other.AcquireLease(ctx, "refresh/s1", time.Minute)
		if err != nil {
			t.Fatalf("AcquireLease of one that ran out = %v", err)
		}
		// The first holder is late: it must not take the lease from the second.
		if err := b.client.ReleaseLease(ctx, lease); err != nil {
			t.Errorf("ReleaseLease of one that ran out = %v", err)
		}
		_, err = b.client.AcquireLease(ctx, "refresh/s1", time.Minute)
		wantErr(t, "AcquireLease after a stranger's release", err, databroker.ErrHeld)
		if err := other.ReleaseLease(ctx, taken); err != nil {
			t.Fatal(err)
		}
		if _, err := b.client.AcquireLease(ctx, "refresh/s1", time.Minute); err != nil {
			t.Errorf("AcquireLease after the release = %v", err)
		}
		for _, ttl := range []time.Duration{0, -time.Second, databroker.MaxLeaseTTL + time.Second} {
			_, err := b.client.AcquireLease(ctx, "x", ttl)
			wantErr(t, fmt.Sprintf("AcquireLease for %v", ttl), err, databroker.ErrInvalid)
		}
	})
}

func TestOneOfManyGetsALease(t *testing.T) {
	t.Parallel()
	c := startBroker(t, nil).client
	var got atomic.Int32
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			if _, err := c.AcquireLease(t.Context(), "l", time.Minute); err == nil {
				got.Add(1)
			} else {
				wantErr(t, "AcquireLease", err, databroker.ErrHeld)
			}
		})
	}
	wg.Wait()
	if got.Load() != 1 {
		t.Errorf("%d holders, want 1", got.Load())
	}
}

func TestRequestsThatBreakALimitAreRefused(t *testing.T) {
	t.Parallel()
	c, ctx := startBroker(t, nil).client, t.Context()
	long := func(n int) string { return string(bytes.Repeat([]byte("x"), n)) }
	for _, tc := range []struct {
		name  string
		write databroker.Write
	}{
		{"no type", databroker.Write{ID: "1"}},
		{"no id", databroker.Write{Type: "x"}},
		{"a long type", databroker.Write{Type: long(databroker.MaxTypeSize + 1), ID: "1"}},
		{"a long id", databroker.Write{Type: "x", ID: long(databroker.MaxIDSize + 1)}},
		{"a line break in the id", databroker.Write{Type: "x", ID: "a\nb"}},
		{"an id that is no text", databroker.Write{Type: "x", ID: "a\x00"}},
		{"too much data", databroker.Write{Type: "x", ID: "1", Data: make([]byte, databroker.MaxDataSize+1)}},
	} {
		_, err := c.Put(ctx, tc.write)
		wantErr(t, "Put with "+tc.name, err, databroker.ErrInvalid)
	}
	if _, err := c.Put(ctx, databroker.Write{Type: long(databroker.MaxTypeSize), ID: long(databroker.MaxIDSize), Data: make([]byte, databroker.MaxDataSize)}); err != nil {
		t.Errorf("Put at the limits = %v", err)
	}
	_, err := c.WriteAll(ctx, make([]databroker.Write, databroker.MaxWrites+1))
	wantErr(t, "WriteAll of too many", err, databroker.ErrInvalid)
	_, err = c.WriteAll(ctx, nil)
	wantErr(t, "WriteAll of none", err, databroker.ErrInvalid)
	_, err = c.List(ctx, "x", 0, []byte("nonsense"))
	wantErr(t, "List from nowhere", err, databroker.ErrInvalid)
	_, err = c.Get(ctx, "x", "\xff")
	if err == nil {
		t.Error("an id that is no UTF-8 was accepted")
	}
}

func TestAListHasEveryRecordOnce(t *testing.T) {
	t.Parallel()
	c, ctx := startBroker(t, nil).client, t.Context()
	want := make(map[string]bool)
	for n := range 250 {
		if _, err := c.Put(ctx, databroker.Write{Type: "x", ID: name(n), Data: make([]byte, 20_000)}); err != nil {
			t.Fatal(err)
		}
		want[name(n)] = true
	}
	if _, err := c.Put(ctx, databroker.Write{Type: "y", ID: "other"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Remove(ctx, "x", name(7)); err != nil {
		t.Fatal(err)
	}
	delete(want, name(7))
	for r, err := range c.All(ctx, "x") {
		if err != nil {
			t.Fatal(err)
		}
		if !want[r.ID] || r.Type != "x" {
			t.Errorf("%s/%s came twice or should not have come", r.Type, r.ID)
		}
		delete(want, r.ID)
	}
	if len(want) != 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestAnEndedContextIsTheError(t *testing.T) {
	t.Parallel()
	c := startBroker(t, nil).client
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Session(ctx, "s1")
	wantErr(t, "Session", err, context.Canceled)
}
