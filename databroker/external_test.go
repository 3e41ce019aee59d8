package databroker_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cardea-proxy/cardea/databroker"
)

func TestExternalRecordsAreSeenAsTheyChange(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{})
		settle(t, v)
		ctx := t.Context()
		_, err := v.External(ctx, "hr", "user.id", "u-1")
		wantErr(t, "an absent record", err, databroker.ErrNotFound)
		e := &databroker.External{Type: "hr", Key: "user.id", Value: "u-1", Data: map[string]any{"team": "blue"}}
		if err := b.client.PutExternal(ctx, e, databroker.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		first, err := v.External(ctx, "hr", "user.id", "u-1")
		if err != nil || first.Data["team"] != "blue" {
			t.Fatalf("External = %+v, %v", first, err)
		}
		if again, _ := v.External(ctx, "hr", "user.id", "u-1"); again != first {
			t.Error("one version has two addresses")
		}
		e.Data = map[string]any{"team": "red"}
		if err := b.client.PutExternal(ctx, e, databroker.PutOptions{Expected: e.Version}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if second, err := v.External(ctx, "hr", "user.id", "u-1"); err != nil || second.Data["team"] != "red" {
			t.Errorf("after a change: %+v, %v", second, err)
		}
		_, err = v.External(ctx, "hr", "user.email", "u-1")
		wantErr(t, "the same value under another key", err, databroker.ErrNotFound)
		_, err = v.External(ctx, "hr", "user.id", strings.Repeat("x", 600))
		wantErr(t, "a value too long for an id", err, databroker.ErrNotFound)
		if err := b.client.DeleteExternal(ctx, "hr", "user.id", "u-1"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_, err = v.External(ctx, "hr", "user.id", "u-1")
		wantErr(t, "a deleted record", err, databroker.ErrNotFound)
	})
}

func TestExternalNamesHoldNoBar(t *testing.T) {
	t.Parallel()
	c := startBroker(t, nil).client
	for _, e := range []*databroker.External{
		{Type: "a|b", Key: "user.id", Value: "x"}, {Type: "a", Key: "b|user.id", Value: "x"},
	} {
		wantErr(t, e.Type+e.Key, c.PutExternal(t.Context(), e, databroker.PutOptions{}), databroker.ErrInvalid)
	}
}
