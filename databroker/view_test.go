package databroker_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
)

// bubble runs fn where time stands still unless everybody waits.
func bubble(t *testing.T, fn func(t *testing.T, b *broker)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { fn(t, startBroker(t, nil)) })
}

// settle lets the view's feed come up.
func settle(t *testing.T, v *databroker.View) {
	t.Helper()
	time.Sleep(2 * databroker.HeartbeatInterval)
	synctest.Wait()
	if !v.Live() {
		t.Fatal("the view hears no feed")
	}
}

func look(t *testing.T, v *databroker.View, id string, minVersion uint64) *databroker.Session {
	t.Helper()
	s, err := v.Session(t.Context(), id, minVersion)
	if err != nil {
		t.Fatalf("View.Session(%s, %d) = %v", id, minVersion, err)
	}
	return s
}

func TestAViewRemembersAndIsToldOfChanges(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{})
		settle(t, v)
		s := putSession(t, b.client, session("s1"))
		first := look(t, v, "s1", 1)
		if look(t, v, "s1", 1) != first {
			t.Error("one version has two pointers")
		}
		if err := b.client.PutSession(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := look(t, v, "s1", 1); got.Version != 2 || got == first {
			t.Errorf("version %d after the change, want 2", got.Version)
		}
		if err := b.client.DeleteSession(t.Context(), "s1"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // no time passes
		_, err := v.Session(t.Context(), "s1", 1)
		wantErr(t, "a deleted session", err, databroker.ErrNotFound)
	})
}

func TestAViewAsksTheBrokerOnce(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{})
		settle(t, v)
		putSession(t, b.client, session("s1"))
		look(t, v, "s1", 1)
		_, err := v.DirectoryUser(t.Context(), "idp/nobody")
		wantErr(t, "an absent directory user", err, databroker.ErrNotFound)
		b.network.cut() // from here on only memory can answer; the feed's limit is not over yet
		look(t, v, "s1", 1)
		_, err = v.DirectoryUser(t.Context(), "idp/nobody")
		wantErr(t, "an absent directory user, remembered", err, databroker.ErrNotFound)
	})
}

func TestAFreshTicketIsNeverMissed(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{})
		settle(t, v)
		_, err := v.Session(t.Context(), "s1", 0)
		wantErr(t, "a session before it was made", err, databroker.ErrNotFound)
		for version := uint64(1); version < 20; version++ {
			s := session("s1")
			s.Version = version - 1
			putSession(t, b.client, s) // the feed has had no chance yet
			if got := look(t, v, "s1", version); got.Version != version {
				t.Fatalf("version %d, want %d", got.Version, version)
			}
		}
	})
}

func TestAVersionThatTheBrokerDoesNotKnowIsNoSession(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{})
		settle(t, v)
		putSession(t, b.client, session("s1"))
		for range 2 {
			_, err := v.Session(t.Context(), "s1", 7) // a ticket from before a backup was put back
			wantErr(t, "a session rolled back", err, databroker.ErrNotFound)
			_, err = v.Session(t.Context(), "s2", 7)
			wantErr(t, "a session that is gone", err, databroker.ErrNotFound)
		}
		b.network.cut()
		_, err := v.Session(t.Context(), "s1", 7)
		wantErr(t, "a session rolled back, remembered", err, databroker.ErrNotFound)
		look(t, v, "s1", 1)
	})
}

func TestASessionEndsAtItsTimeInAView(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{})
		settle(t, v)
		s := session("s1")
		s.ExpiresAt = time.Now().Add(time.Minute)
		putSession(t, b.client, s)
		time.Sleep(time.Minute - time.Millisecond)
		look(t, v, "s1", 1)
		time.Sleep(time.Millisecond)
		_, err := v.Session(t.Context(), "s1", 1)
		wantErr(t, "a session at its end", err, databroker.ErrNotFound)
	})
}

// A sign-in writes the user first and the session second. Who sees the new
// session must not decide by the groups of before.
func TestASessionNeverMeetsItsUserOfBefore(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		conn := &feedless{ClientConn: b.dial()}
		v := b.runView(databroker.ViewOptions{Client: b.clientOn(conn)})
		settle(t, v)
		u := &databroker.User{Key: "idp/sub-s1", Groups: []string{"admins"}}
		if err := b.client.PutUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		if _, err := v.User(t.Context(), u.Key); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		conn.silent.Store(true) // the feed is slow: for now it brings nothing
		u.Groups = nil
		if err := b.client.PutUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		putSession(t, b.client, session("s1"))
		synctest.Wait()
		got, err := v.User(t.Context(), look(t, v, "s1", 1).UserKey())
		if err != nil || len(got.Groups) != 0 {
			t.Errorf("groups %v, %v: those of before the sign-in", got.Groups, err)
		}
		if !v.Live() {
			t.Error("the test proves nothing: the view heard that the feed is lost")
		}
	})
}

func TestARevocationIsSeenWithinASecondThoughTheFeedIsSilent(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		conn := &feedless{ClientConn: b.dial()}
		v := b.runView(databroker.ViewOptions{Client: b.clientOn(conn)})
		settle(t, v)
		putSession(t, b.client, session("s1"))
		look(t, v, "s1", 1)
		for _, after := range []time.Duration{0, 100 * time.Millisecond, 500 * time.Millisecond, 700 * time.Millisecond} {
			s := look(t, v, "s1", 1)
			conn.silent.Store(true)
			time.Sleep(after)
			look(t, v, "s1", 1)
			if err := b.client.DeleteSession(t.Context(), "s1"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			_, err := v.Session(t.Context(), "s1", 1)
			wantErr(t, "a session a second after it was revoked", err, databroker.ErrNotFound)
			conn.silent.Store(false)
			settle(t, v)
			anew := session("s1")
			putSession(t, b.client, anew)
			if got := look(t, v, "s1", anew.Version); got == s {
				t.Error("another version has the same pointer")
			}
		}
	})
}

func TestASilentBrokerHoldsUpNobodyWhoIsKnown(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{})
		settle(t, v)
		putSession(t, b.client, session("s1"))
		look(t, v, "s1", 1)
		b.network.hush() // connections stand, nothing comes through
		defer b.network.heal()
		time.Sleep(10 * time.Second)
		for range 20 {
			begun := time.Now()
			look(t, v, "s1", 1)
			if took := time.Since(begun); took > 300*time.Millisecond {
				t.Errorf("a known session took %v", took)
			}
			time.Sleep(100 * time.Millisecond)
		}
		begun := time.Now()
		_, err := v.Session(t.Context(), "s2", 1)
		wantErr(t, "an unknown session", err, databroker.ErrStale)
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("an unknown session took %v to be refused", took)
		}
	})
}

func TestAPeerThatVanishedWithoutAGoodbyeIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{})
		settle(t, v)
		putSession(t, b.client, session("s1"))
		look(t, v, "s1", 1)
		b.network.strand()
		time.Sleep(20 * time.Second)
		if !v.Live() {
			t.Error("the view is still on the dead connection")
		}
		putSession(t, b.newClient(), session("s2"))
		look(t, v, "s2", 1)
	})
}

func TestWithoutAFeedEntriesAreReadOneByOne(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		// Not running: a view without a feed.
		v, err := databroker.NewView(databroker.ViewOptions{Client: b.newClient()})
		if err != nil {
			t.Fatal(err)
		}
		putSession(t, b.client, session("s1"))
		first := look(t, v, "s1", 1)
		time.Sleep(time.Second)
		if look(t, v, "s1", 1) != first {
			t.Error("one version has two pointers")
		}
		if err := b.client.DeleteSession(t.Context(), "s1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		_, err = v.Session(t.Context(), "s1", 1)
		wantErr(t, "a revoked session after a second", err, databroker.ErrNotFound)
	})
}

func TestKnownSessionsHoldForTheGraceAndNoLonger(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{Grace: time.Minute})
		settle(t, v)
		s := putSession(t, b.client, session("s1"))
		look(t, v, "s1", 1)
		_, err := v.DirectoryUser(t.Context(), s.UserKey())
		wantErr(t, "a directory user", err, databroker.ErrNotFound)
		b.network.cut()
		time.Sleep(58 * time.Second)
		look(t, v, "s1", 1)
		_, err = v.DirectoryUser(t.Context(), s.UserKey())
		wantErr(t, "a directory user within the grace", err, databroker.ErrNotFound)
		_, err = v.Session(t.Context(), "s2", 1)
		wantErr(t, "an unknown session within the grace", err, databroker.ErrStale)
		_, err = v.Session(t.Context(), "s1", 2)
		wantErr(t, "an unknown version within the grace", err, databroker.ErrStale)
		time.Sleep(3 * time.Second)
		_, err = v.Session(t.Context(), "s1", 1)
		wantErr(t, "a known session after the grace", err, databroker.ErrStale)
		wantErr(t, "a known session after the grace", err, databroker.ErrUnavailable)
		_, err = v.DirectoryUser(t.Context(), s.UserKey())
		wantErr(t, "a directory user after the grace", err, databroker.ErrStale)
		b.network.heal()
		time.Sleep(2 * time.Second)
		look(t, v, "s1", 1)
		if !v.Live() {
			t.Error("the feed did not come back")
		}
	})
}

func TestWhatChangedWhileTheFeedWasLostIsSeenAfter(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{})
		settle(t, v)
		for n := range 5 {
			putSession(t, b.client, session(name(n)))
			look(t, v, name(n), 1)
		}
		b.network.cut()
		time.Sleep(10 * time.Second)
		operator := startBroker(t, b.store)
		for n := range 4 {
			if err := operator.client.DeleteSession(t.Context(), name(n)); err != nil {
				t.Fatal(err)
			}
		}
		b.network.heal()
		time.Sleep(2 * time.Second)
		for n := range 4 {
			_, err := v.Session(t.Context(), name(n), 1)
			wantErr(t, "a session deleted meanwhile", err, databroker.ErrNotFound)
		}
		look(t, v, name(4), 1)
	})
}

func TestAFeedThatCatchesUpVouchesForNothingYet(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		conn := &feedless{ClientConn: b.dial()}
		v := b.runView(databroker.ViewOptions{Client: b.clientOn(conn)})
		settle(t, v)
		for n := range 3 {
			putSession(t, b.client, session(name(n)))
			look(t, v, name(n), 1)
		}
		b.network.cut()
		time.Sleep(10 * time.Second)
		operator := startBroker(t, b.store)
		for n := range 3 {
			if err := operator.client.DeleteSession(t.Context(), name(n)); err != nil {
				t.Fatal(err)
			}
		}
		conn.brings.Store(3) // where it starts, the first deletion, and no more
		b.network.heal()
		for conn.brings.Load() != 0 {
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if v.Live() {
			t.Error("the view trusts a feed that has not told yet what was missed")
		}
	})
}

func TestAViewBeginsAnewOnAnotherStore(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		var mu sync.Mutex
		resets := 0
		v := b.runView(databroker.ViewOptions{OnChange: func(_, id string) {
			mu.Lock()
			defer mu.Unlock()
			if id == "" {
				resets++
			}
		}})
		settle(t, v)
		putSession(t, b.client, session("s1"))
		look(t, v, "s1", 1)
		b.stop()
		b.store = databroker.NewMemoryStore(databroker.MemoryOptions{}) // empty, as after a restart
		b.start()
		time.Sleep(5 * time.Second)
		_, err := v.Session(t.Context(), "s1", 1)
		wantErr(t, "a session that the new store does not know", err, databroker.ErrNotFound)
		if !v.Live() {
			t.Error("the view hears no feed")
		}
		mu.Lock()
		defer mu.Unlock()
		if resets != 2 {
			t.Errorf("%d resets were told, want 2", resets)
		}
	})
}

func TestALeavingCallerDoesNotSpoilTheReadForOthers(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		conn := &feedless{ClientConn: b.dial()}
		v := b.runView(databroker.ViewOptions{Client: b.clientOn(conn)})
		settle(t, v)
		conn.silent.Store(true) // the feed must not be faster than the reads
		putSession(t, b.client, session("s1"))
		b.network.hush()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := v.Session(ctx, "s1", 1)
			wantErr(t, "the leaving caller's read", err, context.Canceled)
		})
		for range 10 {
			wg.Go(func() {
				if _, err := v.Session(t.Context(), "s1", 1); err != nil {
					t.Errorf("a staying caller's read = %v", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		time.Sleep(500 * time.Millisecond)
		b.network.heal()
		wg.Wait()
	})
}

func TestADamagedRecordIsAnErrorInAViewToo(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{})
		settle(t, v)
		putSession(t, b.client, session("s1"))
		look(t, v, "s1", 1)
		e := entries(t, b.store)[0]
		e.Value = append([]byte(nil), e.Value...)
		e.Value[20] ^= 1
		replace(t, b.store, e)
		time.Sleep(time.Second)
		_, err := v.Session(t.Context(), "s1", 1)
		wantErr(t, "a damaged session", err, databroker.ErrTampered)
		putSession(t, b.client, session("s2")) // the rest goes on
		look(t, v, "s2", 1)
		time.Sleep(time.Second)
		if !v.Live() {
			t.Error("one damaged record silences the feed")
		}
	})
}

func TestAViewIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{Capacity: 64})
		settle(t, v)
		for n := range 500 {
			putSession(t, b.client, session(name(n)))
			look(t, v, name(n), 1)
		}
		remembered := 0
		b.network.cut()
		for n := range 500 {
			if _, err := v.Session(t.Context(), name(n), 1); err == nil {
				remembered++
			} else if !errors.Is(err, databroker.ErrStale) {
				t.Fatal(err)
			}
		}
		if remembered == 0 || remembered > 64 {
			t.Errorf("%d sessions are remembered, want at most 64", remembered)
		}
	})
}
