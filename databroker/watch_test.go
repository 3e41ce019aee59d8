package databroker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/databroker"
)

var errEnough = errors.New("enough")

// collect watches until it has seen n records.
func collect(t *testing.T, c *databroker.Client, types []string, from databroker.Position, n int) ([]string, databroker.Position) {
	t.Helper()
	var seen []string
	var last databroker.Position
	err := c.Watch(t.Context(), types, from, func(change databroker.Change) error {
		last = change.Position
		if r := change.Record; r != nil {
			text := fmt.Sprintf("%s/%s@%d", r.Type, r.ID, r.Version)
			if r.Deleted {
				text += " gone"
			}
			if seen = append(seen, text); len(seen) == n {
				return errEnough
			}
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("Watch = %v after %v", err, seen)
	}
	return seen, last
}

func TestAWatchFromAListMissesNothing(t *testing.T) {
	t.Parallel()
	c, ctx := startBroker(t, nil).client, t.Context()
	put := func(typ, id string) {
		t.Helper()
		if _, err := c.Put(ctx, databroker.Write{Type: typ, ID: id, Overwrite: true}); err != nil {
			t.Fatal(err)
		}
	}
	put("x", "before")
	page, err := c.List(ctx, "x", 0, nil)
	if err != nil || len(page.Records) != 1 {
		t.Fatal(page, err)
	}
	put("x", "a")
	put("y", "other type")
	put("x", "b")
	put("x", "a")
	if err := c.Remove(ctx, "x", "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(ctx, databroker.Write{Type: "x", ID: "quiet", Quiet: true}); err != nil {
		t.Fatal(err)
	}
	seen, last := collect(t, c, []string{"x"}, page.Position, 2)
	if diff := cmp.Diff([]string{"x/a@2", "x/b@2 gone"}, seen); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	put("x", "later")
	if seen, _ := collect(t, c, nil, last, 1); seen[0] != "x/later@1" {
		t.Errorf("a resumed watch saw %v", seen)
	}
}

func TestAWatchShowsThatItIsAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := startBroker(t, nil).client
		begun, beats := time.Now(), 0
		err := c.Watch(t.Context(), nil, databroker.Position{}, func(change databroker.Change) error {
			if beats++; beats == 10 {
				return errEnough
			}
			return nil
		})
		wantErr(t, "Watch", err, errEnough)
		if took := time.Since(begun); took > 10*databroker.HeartbeatInterval {
			t.Errorf("ten signs of life took %v", took)
		}
	})
}

func TestAWatchThatCannotBeResumedSaysSo(t *testing.T) {
	t.Parallel()
	store := databroker.NewMemoryStore(databroker.MemoryOptions{LogSize: 10})
	c, ctx := startBroker(t, store).client, t.Context()
	for n := range 30 {
		if _, err := c.Put(ctx, databroker.Write{Type: "x", ID: name(n)}); err != nil {
			t.Fatal(err)
		}
	}
	never := func(databroker.Change) error { return nil }
	for what, from := range map[string]databroker.Position{
		"an overrun log":   {Epoch: store.Epoch(), Number: 5},
		"another store":    {Epoch: store.Epoch() + 1, Number: 30},
		"a future of ours": {Epoch: store.Epoch(), Number: 31},
	} {
		wantErr(t, "Watch after "+what, c.Watch(ctx, nil, from, never), databroker.ErrRelist)
	}
}

func TestAShutdownEndsWatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, nil)
		ended := make(chan error, 1)
		go func() {
			ended <- b.client.Watch(context.WithoutCancel(t.Context()), nil, databroker.Position{}, func(databroker.Change) error { return nil })
		}()
		synctest.Wait()
		b.stop()
		wantErr(t, "Watch", <-ended, databroker.ErrUnavailable)
	})
}
