package authorize

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/policy"
)

const (
	ruleDevice   = "allow: {and: [{device: {approved: true}}]}"
	ruleNoDevice = "{allow: {or: [{domain: corp.example}]}, deny: {or: [{device: {is: laptop}}]}}"
	ruleGrant    = "allow: {or: [{grant: deploy}]}"
)

// enroll writes a device of s's owner, and grants them "deploy" for an hour.
func (b *broker) enroll(t *testing.T, h *house) {
	t.Helper()
	s := h.records.sessions["s-alice"]
	must(t, b.client.PutDevice(t.Context(), &databroker.Device{ID: "laptop", UserKey: s.UserKey(), Name: "Laptop", Type: "any", Approved: true}))
	must(t, b.client.PutGrant(t.Context(), &databroker.Grant{ID: "g-1", UserKey: s.UserKey(), Name: "deploy", ExpiresAt: time.Now().Add(10 * time.Minute)}))
	b.changeUser(t, s.UserKey(), func(u *databroker.User) { u.GrantIDs = []string{"g-1"} })
	b.show(t, databroker.DeviceProof{DeviceID: "laptop", At: time.Now().UTC()})
}

// show notes in Alice's session that a device has shown itself.
func (b *broker) show(t *testing.T, proof databroker.DeviceProof) {
	t.Helper()
	s, err := b.client.Session(t.Context(), "s-alice")
	must(t, err)
	s = s.Clone()
	s.Show(proof)
	must(t, b.client.PutSession(t.Context(), s))
	synctest.Wait()
}

func (b *broker) changeUser(t *testing.T, key string, change func(*databroker.User)) {
	t.Helper()
	u, err := b.client.User(t.Context(), key)
	must(t, err)
	u = u.Clone()
	change(u)
	must(t, b.client.PutUser(t.Context(), u))
	synctest.Wait()
}

func (b *broker) changeDevice(t *testing.T, change func(*databroker.Device)) {
	t.Helper()
	d, err := b.client.Device(t.Context(), "laptop")
	must(t, err)
	d = d.Clone()
	change(d)
	must(t, b.client.PutDevice(t.Context(), d))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What happens to a device or a grant is in force at the next request.
func TestHoldingsChangeTheNextRequest(t *testing.T) {
	for _, tc := range []struct {
		name   string
		rule   string
		before bool // allowed
		change func(*testing.T, *house, *broker)
		after  bool
	}{
		{"nothing happens", ruleDevice, true, func(*testing.T, *house, *broker) {}, true},
		{"the device is deleted", ruleDevice, true, func(t *testing.T, _ *house, b *broker) {
			must(t, b.client.Remove(t.Context(), databroker.TypeDevice, "laptop"))
		}, false},
		{"the device is disapproved", ruleDevice, true, func(t *testing.T, _ *house, b *broker) {
			b.changeDevice(t, func(d *databroker.Device) { d.Approved = false })
		}, false},
		{"the device is approved", ruleDevice, false, func(t *testing.T, _ *house, b *broker) {
			b.changeDevice(t, func(d *databroker.Device) { d.Approved = true })
		}, true},
		{"the device becomes somebody else's", ruleDevice, true, func(t *testing.T, _ *house, b *broker) {
			b.changeDevice(t, func(d *databroker.Device) { d.UserKey = "provider/mallory" })
		}, false},
		{"the session forgets the device", ruleDevice, true, func(t *testing.T, _ *house, b *broker) {
			s, err := b.client.Session(t.Context(), "s-alice")
			must(t, err)
			s = s.Clone()
			s.Devices = nil
			must(t, b.client.PutSession(t.Context(), s))
		}, false},
		{"the proof grows old", "allow: {or: [{device: {within: 5m}}]}", true, func(*testing.T, *house, *broker) { time.Sleep(5 * time.Minute) }, false},
		{"and is renewed", "allow: {or: [{device: {within: 5m}}]}", true, func(t *testing.T, _ *house, b *broker) {
			time.Sleep(5 * time.Minute)
			b.show(t, databroker.DeviceProof{DeviceID: "laptop", At: time.Now().UTC()})
		}, true},
		{"a touch, and then the PIN", "allow: {or: [{device: {user_verified: true}}]}", false, func(t *testing.T, _ *house, b *broker) {
			b.show(t, databroker.DeviceProof{DeviceID: "laptop", At: time.Now().UTC(), UserVerified: true})
		}, true},
		{"a stolen device is deleted, and so not shown any more", ruleNoDevice, false, func(t *testing.T, _ *house, b *broker) {
			must(t, b.client.Remove(t.Context(), databroker.TypeDevice, "laptop"))
		}, false},
		{"the grant ends", ruleGrant, true, func(*testing.T, *house, *broker) { time.Sleep(10 * time.Minute) }, false},
		{"the grant is taken back", ruleGrant, true, func(t *testing.T, _ *house, b *broker) {
			must(t, b.client.Remove(t.Context(), databroker.TypeGrant, "g-1"))
		}, false},
		{"the grant turns out to be somebody else's", ruleGrant, true, func(t *testing.T, _ *house, b *broker) {
			g, err := b.client.Grant(t.Context(), "g-1")
			must(t, err)
			g.UserKey = "provider/mallory"
			must(t, b.client.PutGrant(t.Context(), g))
		}, false},
		{"the person loses the grant", ruleGrant, true, func(t *testing.T, h *house, b *broker) {
			b.changeUser(t, h.records.sessions["s-alice"].UserKey(), func(u *databroker.User) { u.GrantIDs = nil })
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := startBroker(t)
				h := newHouseOn(t, b, map[string]string{"app": tc.rule}, nil)
				b.enroll(t, h)
				if !tc.before && tc.rule == ruleDevice {
					b.changeDevice(t, func(d *databroker.Device) { d.Approved = false })
					synctest.Wait()
				}
				q := question{route: "app", cookie: h.cookie("s-alice", "app.example")}
				for range 2 { // the second is remembered
					if got := h.ask(q); got.allowed != tc.before {
						t.Fatalf("before: allowed %v with %d", got.allowed, got.status)
					}
				}
				tc.change(t, h, b)
				synctest.Wait()
				for range 2 {
					if got := h.ask(q); got.allowed != tc.after {
						t.Errorf("after: allowed %v with %d", got.allowed, got.status)
					}
				}
			})
		})
	}
}

// That a session or a user names a record proves nothing of whose it is.
func TestAnotherPersonsHoldingsCountForNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"device": ruleDevice, "grant": ruleGrant, "any": "allow: {or: [{device: true}]}"}, nil)
	mallory := h.signIn("s-mallory", "mallory", "mallory@corp.example")
	h.records.change(func() {
		alice := h.records.sessions["s-alice"]
		h.records.devices["laptop"] = &databroker.Device{ID: "laptop", UserKey: alice.UserKey(), Type: "any", Approved: true}
		h.records.devices["mixed-up"] = &databroker.Device{ID: "laptop", UserKey: mallory.UserKey(), Type: "any", Approved: true}
		h.records.grants["g-1"] = &databroker.Grant{ID: "g-1", UserKey: alice.UserKey(), Name: "deploy", ExpiresAt: h.clock.now().Add(time.Hour)}
		for _, id := range []string{"laptop", "gone", "mixed-up"} {
			proof := databroker.DeviceProof{DeviceID: id, At: h.clock.now()}
			alice.Show(proof)
			mallory.Show(proof)
		}
		h.records.users[alice.UserKey()].GrantIDs = []string{"gone", "g-1"}
		h.records.users[mallory.UserKey()].GrantIDs = []string{"gone", "g-1"}
	})
	for _, route := range []string{"device", "grant", "any"} {
		h.allowed(question{route: route, cookie: h.cookie("s-alice", route+".example")})
		if got := h.ask(question{route: route, cookie: h.cookie("s-mallory", route+".example")}); got.allowed {
			t.Errorf("%s: what Alice has lets Mallory in", route)
		}
	}
}

func TestHoldingsThatCannotBeReadLetNobodyIn(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"device", "grant"} {
		h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
		sessions := &faulty{records: h.records}
		h.sessions = sessions
		h.records.change(func() {
			alice := h.records.sessions["s-alice"]
			alice.Show(databroker.DeviceProof{DeviceID: "laptop", At: h.clock.now()})
			h.records.users[alice.UserKey()].GrantIDs = []string{"g-1"}
		})
		q := question{route: "app", cookie: h.cookie("s-alice", "app.example")}
		h.allowed(q)
		sessions.what = what
		if got := h.ask(q); got.allowed || got.status != 503 {
			t.Errorf("%s: allowed %v with %d", what, got.allowed, got.status)
		}
	}
}

// faulty are records of which one kind cannot be read.
type faulty struct {
	*records
	what string
}

var errStale = errors.New("stale")

func (f *faulty) Device(ctx context.Context, id string) (*databroker.Device, error) {
	if f.what == "device" {
		return nil, errStale
	}
	return f.records.Device(ctx, id)
}

func (f *faulty) Grant(ctx context.Context, id string) (*databroker.Grant, error) {
	if f.what == "grant" {
		return nil, errStale
	}
	return f.records.Grant(ctx, id)
}

// What a policy is told of devices is what is recorded of a decision.
func TestADecisionIsRecordedWithItsDevices(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	record := &kept{}
	h.recorder = record
	h.records.change(func() {
		alice := h.records.sessions["s-alice"]
		h.records.devices["laptop"] = &databroker.Device{ID: "laptop", UserKey: alice.UserKey(), Type: "enclave_only", Approved: true}
		alice.Show(databroker.DeviceProof{DeviceID: "laptop", At: h.clock.now(), UserVerified: true})
	})
	h.allowed(question{route: "app", cookie: h.cookie("s-alice", "app.example")})
	want := []policy.Device{{ID: "laptop", Type: "enclave_only", Approved: true, ShownAt: testStart, UserVerified: true}}
	if diff := cmp.Diff(want, record.all[0].Person.Devices); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
}
