package databroker_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/google/go-cmp/cmp"
)

func TestRequestsForAccessAreOneRecordForEachPerson(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		ctx := t.Context()
		mine, err := b.client.AccessRequests(ctx, "p/ann")
		if err != nil || mine.UserKey != "p/ann" || len(mine.Requests) != 0 {
			t.Fatalf("of somebody who has made none: %+v, %v", mine, err)
		}
		late, _ := b.client.AccessRequests(ctx, "p/ann")
		mine.Requests = append(mine.Requests, databroker.AccessRequest{
			ID: "r", RouteID: "route", Grant: "ops", Reason: "on call", CreatedAt: time.Now().UTC(), State: databroker.AccessWaiting,
		})
		if err := b.client.PutAccessRequests(ctx, mine); err != nil {
			t.Fatal(err)
		}
		wantErr(t, "a write by somebody who has not seen it", b.client.PutAccessRequests(ctx, late), databroker.ErrConflict)
		read, err := b.client.AccessRequests(ctx, "p/ann")
		if diff := cmp.Diff(mine, read); err != nil || diff != "" {
			t.Errorf("%v (-put +read):\n%s", err, diff)
		}
		if read.Find("r") == nil || read.Find("x") != nil || read.Find("") != nil {
			t.Error("Find does not")
		}
		for n := range 60 {
			read.Requests = append(read.Requests, databroker.AccessRequest{ID: fmt.Sprint(n), State: databroker.AccessRefused})
		}
		if err := b.client.PutAccessRequests(ctx, read); err != nil {
			t.Fatal(err)
		}
		if read.Find("r") == nil || read.Find("59") == nil || read.Find("0") != nil || len(read.Requests) != 40 {
			t.Errorf("%d are kept", len(read.Requests))
		}
		synctest.Wait()
		time.Sleep(91 * 24 * time.Hour)
		if gone, err := b.client.AccessRequests(ctx, "p/ann"); err != nil || len(gone.Requests) != 0 {
			t.Errorf("after ninety days: %+v, %v", gone, err)
		}
	})
}

func TestServiceAccountsAreFoundAWhileAfterTheirEnd(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		ctx := t.Context()
		a := &databroker.ServiceAccount{ID: "a", Name: "backup", Groups: []string{"ops"}, SessionID: "s", CreatedAt: time.Now().UTC()}
		wantErr(t, "one without an end", b.client.PutServiceAccount(ctx, a), databroker.ErrInvalid)
		a.ExpiresAt = time.Now().Add(time.Hour).UTC()
		if err := b.client.PutServiceAccount(ctx, a); err != nil {
			t.Fatal(err)
		}
		time.Sleep(29 * 24 * time.Hour)
		read, err := b.client.ServiceAccount(ctx, "a")
		if diff := cmp.Diff(a, read); err != nil || diff != "" {
			t.Errorf("%v (-put +read):\n%s", err, diff)
		}
		time.Sleep(2 * 24 * time.Hour)
		_, err = b.client.ServiceAccount(ctx, "a")
		wantErr(t, "a month after its end", err, databroker.ErrNotFound)
	})
}
