package databroker_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/google/go-cmp/cmp"
)

func TestDevicesAndGrantsAreSeenAsTheyChange(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{})
		settle(t, v)
		ctx := t.Context()
		_, err := v.Device(ctx, "d")
		wantErr(t, "an absent device", err, databroker.ErrNotFound)
		d := &databroker.Device{ID: "d", UserKey: "p/ann", CredentialID: []byte{1, 2}, PublicKey: []byte{3}, Type: "any"}
		d.Note(databroker.DeviceEvent{At: time.Now().UTC(), What: databroker.DeviceEnrolled})
		if err := b.client.PutDevice(ctx, d); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		first, err := v.Device(ctx, "d")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, first); diff != "" {
			t.Errorf("(-put +seen):\n%s", diff)
		}
		next := first.Clone()
		next.Approved = true
		if err := b.client.PutDevice(ctx, next); err != nil {
			t.Fatal(err)
		}
		wantErr(t, "a write from an older version", b.client.PutDevice(ctx, d), databroker.ErrConflict)
		synctest.Wait()
		if seen, err := v.Device(ctx, "d"); err != nil || !seen.Approved || first.Approved {
			t.Errorf("after approval: %+v, %v; before: %v", seen, err, first.Approved)
		}
		if err := b.client.Remove(ctx, databroker.TypeDevice, "d"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_, err = v.Device(ctx, "d")
		wantErr(t, "a deleted device", err, databroker.ErrNotFound)

		g := &databroker.Grant{ID: "g", UserKey: "p/ann", Name: "deploy", ExpiresAt: time.Now().Add(time.Minute)}
		if err := b.client.PutGrant(ctx, g); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if seen, err := v.Grant(ctx, "g"); err != nil || seen.Name != "deploy" {
			t.Errorf("Grant = %+v, %v", seen, err)
		}
		time.Sleep(time.Minute)
		_, err = v.Grant(ctx, "g")
		wantErr(t, "a grant at its end", err, databroker.ErrNotFound)
		wantErr(t, "a grant without an end", b.client.PutGrant(ctx, &databroker.Grant{ID: "h"}), databroker.ErrInvalid)
	})
}

// A device that is enrolled again and shown in a session must not be taken for
// the absent one that a view remembers.
func TestASessionBringsItsDevices(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{})
		settle(t, v)
		ctx := t.Context()
		_, err := v.Device(ctx, "d")
		wantErr(t, "an absent device", err, databroker.ErrNotFound)
		if err := b.client.PutDevice(ctx, &databroker.Device{ID: "d", UserKey: "p/ann"}); err != nil {
			t.Fatal(err)
		}
		s := &databroker.Session{ID: "s", UserID: "ann", IDPID: "p", ExpiresAt: time.Now().Add(time.Hour)}
		s.Show(databroker.DeviceProof{DeviceID: "d", At: time.Now().UTC()})
		if err := b.client.PutSession(ctx, s); err != nil {
			t.Fatal(err)
		}
		got, err := v.Session(ctx, "s", s.Version)
		if err != nil || len(got.Devices) != 1 {
			t.Fatalf("Session = %+v, %v", got, err)
		}
		if _, err := v.Device(ctx, got.Devices[0].DeviceID); err != nil {
			t.Errorf("its device: %v", err)
		}
	})
}

func TestAnEnrollmentLinkIsUsedOnce(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		ctx := t.Context()
		l := &databroker.EnrollmentLink{ID: "l", UserKey: "p/ann", Type: "any", ExpiresAt: time.Now().Add(time.Hour)}
		if err := b.client.PutEnrollmentLink(ctx, l); err != nil {
			t.Fatal(err)
		}
		one, err := b.client.EnrollmentLink(ctx, "l")
		if err != nil {
			t.Fatal(err)
		}
		other := *one
		one.UsedAt = time.Now()
		if err := b.client.PutEnrollmentLink(ctx, one); err != nil {
			t.Fatal(err)
		}
		wantErr(t, "the second use", b.client.PutEnrollmentLink(ctx, &other), databroker.ErrConflict)
		time.Sleep(2 * time.Hour)
		if late, err := b.client.EnrollmentLink(ctx, "l"); err != nil || late.UsedAt.IsZero() {
			t.Errorf("after its end: %+v, %v", late, err)
		}
	})
}

func TestProofsAndHistoryAreBounded(t *testing.T) {
	t.Parallel()
	var s databroker.Session
	at := time.Unix(1_800_000_000, 0)
	for i := range 40 {
		s.Show(databroker.DeviceProof{DeviceID: fmt.Sprint(i % 20), At: at.Add(time.Duration(i) * time.Second)})
	}
	if len(s.Devices) != 16 || s.Devices[15].DeviceID != "19" || !s.Devices[15].At.Equal(at.Add(39*time.Second)) {
		t.Errorf("%d devices, last %+v", len(s.Devices), s.Devices[len(s.Devices)-1])
	}
	var d databroker.Device
	d.Note(databroker.DeviceEvent{What: databroker.DeviceEnrolled})
	for i := range 100 {
		d.Note(databroker.DeviceEvent{What: databroker.DeviceUsed, At: at.Add(time.Duration(i))})
		d.Note(databroker.DeviceEvent{What: databroker.DeviceRenamed, At: at.Add(time.Duration(i))})
	}
	uses := 0
	for _, e := range d.History {
		if e.What == databroker.DeviceUsed {
			uses++
		}
	}
	if uses != 5 || len(d.History) != 51 || d.History[0].What != databroker.DeviceEnrolled {
		t.Errorf("%d events, %d uses, first %q", len(d.History), uses, d.History[0].What)
	}
}
