package authorize

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
)

// A stream that a device or a grant has opened does not outlive it.
func TestStreamsEndWithDevicesAndGrants(t *testing.T) {
	remove := func(typ, id string) func(*testing.T, *kennel) {
		return func(t *testing.T, k *kennel) { must(t, k.broker.client.Remove(t.Context(), typ, id)) }
	}
	for _, tc := range []struct {
		name, rule string
		change     func(*testing.T, *kennel)
		pause      time.Duration
		want       string
	}{
		{"nothing happens", ruleDevice, func(*testing.T, *kennel) {}, 5 * time.Minute, ""},
		{"the device is deleted", ruleDevice, remove(databroker.TypeDevice, "laptop"), 0, "device"},
		{"the device is disapproved", ruleDevice, func(t *testing.T, k *kennel) {
			k.broker.changeDevice(t, func(d *databroker.Device) { d.Approved = false })
		}, 0, "device"},
		{"the device has another name", ruleDevice, func(t *testing.T, k *kennel) {
			k.broker.changeDevice(t, func(d *databroker.Device) { d.Name = "Spare" })
		}, 0, ""},
		{"the touch is too long ago", `allow: {and: [{device: {within: 5m}}]}`, func(*testing.T, *kennel) {}, 5 * time.Minute, "device"},
		{"the grant is taken back", ruleGrant, remove(databroker.TypeGrant, "g-1"), 0, "deny"},
		{"the grant ends", ruleGrant, func(*testing.T, *kennel) {}, 10 * time.Minute, "deny"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKennel(t, map[string]string{"app": tc.rule}, nil)
				k.broker.enroll(t, k.house)
				w, err := k.setOff(t, websocket(k.cookie("s-alice", "app.example")))
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				tc.change(t, k)
				time.Sleep(tc.pause)
				synctest.Wait()
				if why := w.ended(); why != tc.want {
					t.Errorf("ended for %q, want %q", why, tc.want)
				}
			})
		})
	}
}
