package databroker_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/cardea-proxy/cardea/databroker"
)

// entries returns everything in the store but the key ring.
func entries(t *testing.T, s databroker.Store) []databroker.Entry {
	t.Helper()
	all, err := s.List(t.Context(), nil, nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 || all[0].Key != (databroker.Key{}) {
		t.Fatal("the store has no key ring")
	}
	return all[1:]
}

// replace puts e into the store as an attacker would who can write to it.
func replace(t *testing.T, s databroker.Store, e databroker.Entry) {
	t.Helper()
	var version uint64
	if old, _, err := s.Get(t.Context(), e.Key); err == nil {
		version = old.Version
	}
	errs, err := s.Write(t.Context(), []databroker.Put{{Entry: e, Expected: version}})
	if err != nil || errs[0] != nil {
		t.Fatal(err, errs)
	}
}

func TestTheStoreSeesNothingInPlain(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	s := session("very-recognisable-id")
	putSession(t, b.client, s)
	for _, e := range entries(t, b.store) {
		all := string(e.Key[:]) + string(e.Value)
		for _, plain := range []string{"very-recognisable", "session", "token", "example.com", "sub-", "engineers"} {
			if strings.Contains(all, plain) {
				t.Errorf("the store sees %q", plain)
			}
		}
	}
}

func TestATamperedRecordIsAnErrorNeverASession(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		tamper func(t *testing.T, s databroker.Store, mine, other databroker.Entry)
	}{
		{"its first byte is changed", func(t *testing.T, s databroker.Store, e, _ databroker.Entry) {
			e.Value = bytes.Clone(e.Value)
			e.Value[0] ^= 1
			replace(t, s, e)
		}},
		{"its last byte is changed", func(t *testing.T, s databroker.Store, e, _ databroker.Entry) {
			e.Value = bytes.Clone(e.Value)
			e.Value[len(e.Value)-1] ^= 1
			replace(t, s, e)
		}},
		{"it is cut", func(t *testing.T, s databroker.Store, e, _ databroker.Entry) {
			e.Value = e.Value[:len(e.Value)/2]
			replace(t, s, e)
		}},
		{"it is emptied", func(t *testing.T, s databroker.Store, e, _ databroker.Entry) {
			e.Value = nil
			replace(t, s, e)
		}},
		{"another record's value is put in its place", func(t *testing.T, s databroker.Store, e, o databroker.Entry) {
			o.Key = e.Key
			replace(t, s, o)
		}},
		{"its version is relabelled", func(t *testing.T, s databroker.Store, e, _ databroker.Entry) {
			e.Version++
			replace(t, s, e)
		}},
		{"its end is taken away", func(t *testing.T, s databroker.Store, e, _ databroker.Entry) {
			e.ExpiresAt = e.ExpiresAt.AddDate(1, 0, 0)
			replace(t, s, e)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t, nil)
			putSession(t, b.client, session("mine"))
			putSession(t, b.client, session("other"))
			both := entries(t, b.store)
			// Which of the two is which the store cannot tell; neither can we.
			tc.tamper(t, b.store, both[0], both[1])
			broken := 0
			for _, id := range []string{"mine", "other"} {
				got, err := b.client.Session(t.Context(), id)
				switch {
				case errors.Is(err, databroker.ErrTampered):
					broken++
					wantErr(t, "PutSession over it", b.client.PutSession(t.Context(), session(id)), databroker.ErrTampered)
					// It can be got rid of.
					if err := b.client.DeleteSession(t.Context(), id); err != nil {
						t.Errorf("DeleteSession = %v", err)
					}
					_, err = b.client.Session(t.Context(), id)
					wantErr(t, "Session after DeleteSession", err, databroker.ErrNotFound)
				case err != nil:
					t.Errorf("Session(%s) = %v, want the session or ErrTampered", id, err)
				case got.ID != id || got.UserID != "sub-"+id:
					t.Errorf("Session(%s) is the session of %s", id, got.UserID)
				}
			}
			if broken != 1 {
				t.Errorf("%d sessions are broken, want 1", broken)
			}
		})
	}
}

func TestADeletedRecordDoesNotComeBackByItsOldValueInANewPlace(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	putSession(t, b.client, session("s1"))
	old := entries(t, b.store)[0]
	if err := b.client.DeleteSession(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	tombstone := entries(t, b.store)[0]
	old.Version = tombstone.Version
	replace(t, b.store, old)
	_, err := b.client.Session(t.Context(), "s1")
	wantErr(t, "Session", err, databroker.ErrTampered)
}

func TestAnotherSecretIsRefusedWithAPlainSentence(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	putSession(t, b.client, session("s1"))
	_, err := databroker.NewServer(t.Context(), databroker.ServerOptions{
		Store: b.store, Secret: []byte("another secret, also 32 bytes...."), Log: zerolog.Nop(),
	})
	wantErr(t, "NewServer", err, databroker.ErrOtherKey)
	if !strings.Contains(err.Error(), "shared_secret") || strings.Contains(err.Error(), "another secret") {
		t.Errorf("the sentence is %q", err)
	}
}

func TestAStoreWithoutItsKeyRingIsRefused(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	putSession(t, b.client, session("s1"))
	orphan := databroker.NewMemoryStore(databroker.MemoryOptions{})
	replace(t, orphan, entries(t, b.store)[0])
	_, err := databroker.NewServer(t.Context(), databroker.ServerOptions{Store: orphan, Secret: testSecret, Log: zerolog.Nop()})
	wantErr(t, "NewServer", err, databroker.ErrTampered)
}

func TestServersThatStartTogetherShareOneKeyRing(t *testing.T) {
	t.Parallel()
	store := databroker.NewMemoryStore(databroker.MemoryOptions{})
	brokers := make([]*broker, 8)
	var wg sync.WaitGroup
	for i := range brokers {
		wg.Go(func() { brokers[i] = startBroker(t, store) })
	}
	wg.Wait()
	putSession(t, brokers[0].client, session("s1"))
	for _, b := range brokers {
		if _, err := b.client.Session(t.Context(), "s1"); err != nil {
			t.Errorf("Session = %v", err)
		}
	}
}

func TestKeysRotateWhileServing(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	replica := startBroker(t, b.store) // another server on the same store
	for n := range 300 {
		putSession(t, b.client, session(name(n)))
	}
	before := make(map[databroker.Key]databroker.Entry)
	for _, e := range entries(t, b.store) {
		before[e.Key] = e
	}
	// Somebody goes on writing all the while, through either server.
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i, client := range []*databroker.Client{b.client, replica.client} {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				s, err := client.Session(t.Context(), name(i*100+n%50))
				if err == nil {
					err = client.PutSession(t.Context(), s)
				}
				if err != nil {
					t.Errorf("during the rotation: %v", err)
					return
				}
			}
		})
	}
	for range 3 {
		if err := b.server.RotateKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	wg.Wait()
	if err := replica.server.RotateKeys(t.Context()); err != nil && !errors.Is(err, databroker.ErrConflict) {
		t.Fatal(err)
	}
	for _, e := range entries(t, b.store) {
		if old := before[e.Key]; old.Version == e.Version && bytes.Equal(old.Value[:5], e.Value[:5]) {
			t.Error("a record is still under its first key")
		}
	}
	fresh := startBroker(t, b.store)
	for n := range 300 {
		if _, err := fresh.client.Session(t.Context(), name(n)); err != nil {
			t.Fatalf("Session after the rotation = %v", err)
		}
	}
}
