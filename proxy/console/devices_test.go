package console

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

func TestDevicesAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shown(w.signIn("ada", nil))
	w.shown(w.signIn("bob", nil))
	w.enrolls("one", "ada", func(d *databroker.Device) {
		d.Approved, d.Model, d.EnrolledAt = true, "YubiKey 5", w.clock.now().Add(-time.Hour)
	})
	w.enrolls("two", "ada", func(d *databroker.Device) {
		d.Type, d.Name, d.LastUsedAt = typeEnclave, "Laptop", w.clock.now().Add(-time.Hour)
	})
	w.enrolls("three", "bob", func(d *databroker.Device) {
		d.CounterWentBackAt, d.EnrolledAt = w.clock.now(), w.clock.now().Add(-time.Minute)
	})
	for _, tc := range []struct {
		name string
		r    *consolepb.ListDevicesRequest
		want string
	}{
		{"all, the newest first", &consolepb.ListDevicesRequest{}, "two three one"},
		{"by name", &consolepb.ListDevicesRequest{Page: &consolepb.PageRequest{Order: "name"}}, "one three two"},
		{"by person, the other way round", &consolepb.ListDevicesRequest{Page: &consolepb.PageRequest{Order: "person", Descending: true}}, "three two one"},
		{"by model", &consolepb.ListDevicesRequest{Page: &consolepb.PageRequest{Order: "model", Descending: true}}, "one two three"},
		{"by use", &consolepb.ListDevicesRequest{Page: &consolepb.PageRequest{Order: "used", Descending: true}}, "two one three"},
		{"approved", &consolepb.ListDevicesRequest{State: consolepb.DeviceState_DEVICE_STATE_APPROVED}, "one"},
		{"waiting", &consolepb.ListDevicesRequest{State: consolepb.DeviceState_DEVICE_STATE_WAITING}, "two three"},
		{"a type", &consolepb.ListDevicesRequest{Type: typeEnclave}, "two"},
		{"suspicious ones", &consolepb.ListDevicesRequest{Suspicious: true}, "three"},
		{"of a person", &consolepb.ListDevicesRequest{UserKey: "idp/ada"}, "two one"},
		{"of nobody", &consolepb.ListDevicesRequest{UserKey: "idp/nobody"}, ""},
		{"by a model in other letters", &consolepb.ListDevicesRequest{Search: "yubikey"}, "one"},
		{"by the id", &consolepb.ListDevicesRequest{Search: "three"}, "three"},
		{"by the address of the person", &consolepb.ListDevicesRequest{Search: "ada@example"}, "two one"},
		{"by nothing that is there", &consolepb.ListDevicesRequest{Search: "no such"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := w.ListDevices(t.Context(), as(RoleViewer), tc.r)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range out.Devices {
				got = append(got, d.Id)
			}
			if strings.Join(got, " ") != tc.want || int(out.Page.Total) != len(got) {
				t.Errorf("got %v of %d", got, out.Page.Total)
			}
		})
	}
}

// approvedNow is what the record says.
func (w *world) approvedNow(id string) bool {
	w.t.Helper()
	d, err := w.client.Device(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return d.Approved
}

func TestApprovalComesAndGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shown(w.signIn("ada", nil))
	w.enrolls("d", "ada", nil)
	manager := as(RoleManager)
	seen, err := w.GetDevice(t.Context(), as(RoleViewer), &consolepb.GetDeviceRequest{Id: "d"})
	if err != nil || seen.Device.Approved || seen.Version == 0 || seen.Device.UserEmail != "ada@example.com" {
		t.Fatalf("%v, %v", seen, err)
	}
	if _, err := w.ApproveDevice(t.Context(), manager, &consolepb.ApproveDeviceRequest{Id: "d", Version: seen.Version}); err != nil || !w.approvedNow("d") {
		t.Fatalf("not approved: %v", err)
	}
	if got := w.audit.take(); len(got) != 1 || got[0].Action != "ApproveDevice" || got[0].Target != "device/d" || got[0].Subject != "idp/ada" || got[0].Outcome != OutcomeDone {
		t.Errorf("the audit has %+v", got)
	}
	if _, err := w.DisapproveDevice(t.Context(), manager, &consolepb.DisapproveDeviceRequest{Id: "d"}); err != nil || w.approvedNow("d") {
		t.Fatalf("still approved: %v", err)
	}
	after, err := w.GetDevice(t.Context(), as(RoleViewer), &consolepb.GetDeviceRequest{Id: "d"})
	if err != nil {
		t.Fatal(err)
	}
	var history []string
	for _, e := range after.History {
		history = append(history, e.What+" by "+e.By)
	}
	if diff := cmp.Diff([]string{"disapproved by manager@example.com", "approved by manager@example.com", "enrolled by "}, history); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	// What is so already is left alone, also in the history.
	if _, err := w.DisapproveDevice(t.Context(), manager, &consolepb.DisapproveDeviceRequest{Id: "d"}); err != nil {
		t.Error(err)
	}
	if again, err := w.GetDevice(t.Context(), manager, &consolepb.GetDeviceRequest{Id: "d"}); err != nil || again.Version != after.Version {
		t.Errorf("written for nothing: %v, %v", again, err)
	}
}

func TestADeviceThatChangedIsNotApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn("ada", nil)
	d := w.enrolls("d", "ada", nil)
	old, manager := d.Version, as(RoleManager)
	next := d.Clone()
	next.CounterWentBackAt = w.clock.now()
	if err := w.client.PutDevice(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	var conflict *Conflict
	if _, err := w.ApproveDevice(t.Context(), manager, &consolepb.ApproveDeviceRequest{Id: "d", Version: old}); !errors.As(err, &conflict) || w.approvedNow("d") {
		t.Errorf("approved as it was: %v", err)
	}
	if got := w.audit.take(); len(got) != 1 || got[0].Outcome != OutcomeFailed {
		t.Errorf("the audit has %+v", got)
	}
	if _, err := w.DisapproveDevice(t.Context(), manager, &consolepb.DisapproveDeviceRequest{Id: "d", Version: old}); !errors.As(err, &conflict) {
		t.Errorf("disapproved as it was: %v", err)
	}
	if _, err := w.DeleteDevice(t.Context(), manager, &consolepb.DeleteDeviceRequest{Id: "d", Version: old}); !errors.As(err, &conflict) {
		t.Errorf("deleted as it was: %v", err)
	}
	if _, err := w.client.Device(t.Context(), "d"); err != nil {
		t.Errorf("it is gone: %v", err)
	}
	if err := w.client.Remove(t.Context(), databroker.TypeDevice, "d"); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"approve":    second(w.ApproveDevice(t.Context(), manager, &consolepb.ApproveDeviceRequest{Id: "d", Version: old})),
		"disapprove": second(w.DisapproveDevice(t.Context(), manager, &consolepb.DisapproveDeviceRequest{Id: "d"})),
		"delete":     second(w.DeleteDevice(t.Context(), manager, &consolepb.DeleteDeviceRequest{Id: "d"})),
		"show":       second(w.GetDevice(t.Context(), manager, &consolepb.GetDeviceRequest{Id: "d"})),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s of a deleted device: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A meddler is a broker in which something happens to a device, once, between
// the look at it and the write.
type meddler struct {
	Broker
	meddle func(*databroker.Device)
}

func (m *meddler) PutDevice(ctx context.Context, d *databroker.Device) error {
	if m.meddle != nil {
		meddle := m.meddle
		m.meddle = nil
		meddle(d)
	}
	return m.Broker.PutDevice(ctx, d)
}

// TestADeviceChangesJustThen: whoever goes on using a device changes its record
// all the time. That stops an approval, and must not stop its end.
func TestADeviceChangesJustThen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn("ada", nil)
	m := &meddler{Broker: w.client}
	service, err := NewService(ServiceOptions{Broker: m, View: w.view, Audit: w.audit, AuditReader: w.chain, Explainer: fakePolicies{}, Configuration: fakePolicies{}, Instance: fakePolicies{}, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	use := func(*databroker.Device) {
		d, err := w.client.Device(t.Context(), "d")
		if err != nil {
			t.Fatal(err)
		}
		next := d.Clone()
		next.SignCount++
		if err := w.client.PutDevice(t.Context(), next); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(*databroker.Device) {
		if err := w.client.Remove(t.Context(), databroker.TypeDevice, "d"); err != nil {
			t.Fatal(err)
		}
	}
	w.enrolls("d", "ada", nil)
	manager := as(RoleManager)
	var conflict *Conflict
	m.meddle = use
	if _, err := service.ApproveDevice(t.Context(), manager, &consolepb.ApproveDeviceRequest{Id: "d"}); !errors.As(err, &conflict) || w.approvedNow("d") {
		t.Errorf("approved while it was used: %v", err)
	}
	if _, err := service.ApproveDevice(t.Context(), manager, &consolepb.ApproveDeviceRequest{Id: "d"}); err != nil {
		t.Fatal(err)
	}
	m.meddle = use
	if _, err := service.DisapproveDevice(t.Context(), manager, &consolepb.DisapproveDeviceRequest{Id: "d"}); err != nil || w.approvedNow("d") {
		t.Errorf("still approved since it was used: %v", err)
	}
	if d, err := w.client.Device(t.Context(), "d"); err != nil || d.SignCount != 2 {
		t.Errorf("a use was lost: %+v, %v", d, err)
	}
	m.meddle = remove
	if _, err := service.ApproveDevice(t.Context(), manager, &consolepb.ApproveDeviceRequest{Id: "d"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("approved while it was deleted: %v", err)
	}
	if _, err := w.client.Device(t.Context(), "d"); !errors.Is(err, databroker.ErrNotFound) {
		t.Errorf("it is back: %v", err)
	}
}

func TestADeletedDeviceLeavesItsOwnersList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn("ada", nil)
	w.enrolls("d", "ada", nil)
	w.enrolls("e", "ada", nil)
	// Sign-ins write the same record meanwhile.
	stop, writing := make(chan struct{}), sync.WaitGroup{}
	writing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if u, err := w.client.User(t.Context(), "idp/ada"); err == nil {
				next := u.Clone()
				next.Name = fmt.Sprint("Ada ", i)
				_ = w.client.PutUser(t.Context(), next) // another may be faster
			}
		}
	})
	_, err := w.DeleteDevice(t.Context(), as(RoleManager), &consolepb.DeleteDeviceRequest{Id: "d"})
	close(stop)
	writing.Wait()
	if err != nil {
		t.Fatal(err)
	}
	user, err := w.client.User(t.Context(), "idp/ada")
	if err != nil || !slices.Equal(user.DeviceIDs, []string{"e"}) {
		t.Errorf("%+v, %v", user, err)
	}
	if _, err := w.client.Device(t.Context(), "d"); !errors.Is(err, databroker.ErrNotFound) {
		t.Errorf("the record: %v", err)
	}
	// A device of somebody who is gone can be deleted too.
	w.enrolls("f", "gone", nil)
	if _, err := w.DeleteDevice(t.Context(), as(RoleManager), &consolepb.DeleteDeviceRequest{Id: "f"}); err != nil {
		t.Errorf("of somebody who is gone: %v", err)
	}
}

func TestDevicePages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager, viewer := w.signIn("manager", nil), w.signIn("viewer", nil)
	w.shown(w.signIn("ada", nil))
	w.enrolls("d", "ada", func(d *databroker.Device) { d.UserAgent, d.EnrolledFrom = "Mozilla/5.0 (hostile)", "192.0.2.99" })
	page := w.get(viewer, "/devices").Body.String()
	if !strings.Contains(page, "ada&#39;s key") || !strings.Contains(page, "1 device") || strings.Contains(page, "/devices/approve") || strings.Contains(page, "/devices/enroll") {
		t.Errorf("a viewer sees:\n%s", page)
	}
	page = w.get(viewer, "/devices/show?id=d").Body.String()
	for _, want := range []string{"Mozilla/5.0 (hostile)", "192.0.2.99", "Self-asserted", "Waits for approval", "Its owner"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q on:\n%s", want, page)
		}
	}
	ask := w.get(manager, "/devices/approve?id=d")
	if ask.Code != http.StatusOK || !strings.Contains(ask.Body.String(), `name="version" value="1"`) {
		t.Errorf("the question (%d):\n%s", ask.Code, ask.Body)
	}
	for _, path := range []string{"/devices", "/devices/show?id=d", "/devices/approve?id=d", "/devices/disapprove?id=d", "/devices/delete?id=d", "/devices/enroll?key=idp/ada", "/devices/links"} {
		if body := w.get(manager, path).Body.String(); strings.Contains(body, "devices.") || strings.Contains(body, "enroll.") || strings.Contains(body, "links.") {
			t.Errorf("%s shows the key of a sentence:\n%s", path, body)
		}
	}
	if out := w.post(manager, "/devices/approve", url.Values{"id": {"d"}, "version": {"7"}}); out.Code != http.StatusConflict || !strings.Contains(out.Body.String(), "has changed since you looked") {
		t.Errorf("an old version: %d\n%s", out.Code, out.Body)
	}
	for _, step := range []struct {
		path string
		form url.Values
		want string
	}{
		{"/devices/approve", url.Values{"id": {"d"}, "version": {"1"}}, "/devices/show?id=d&done=device-approved"},
		{"/devices/disapprove", url.Values{"id": {"d"}}, "/devices/show?id=d&done=device-disapproved"},
		{"/devices/delete", url.Values{"id": {"d"}}, "/devices?done=device-deleted"},
	} {
		out := w.post(manager, step.path, step.form)
		if out.Code != http.StatusSeeOther || out.Header().Get("Location") != step.want {
			t.Errorf("%s: %d to %q\n%s", step.path, out.Code, out.Header().Get("Location"), out.Body)
		}
	}
	if out := w.get(manager, "/devices/show?id=d"); out.Code != http.StatusNotFound {
		t.Errorf("a deleted device: %d", out.Code)
	}
}

// BenchmarkListDevices100k is what a page of the list costs.
func BenchmarkListDevices100k(b *testing.B) {
	service, _, _ := crowded(b, 3) // for its index
	dice := rand.New(rand.NewPCG(3, 4))
	m := newSummaries()
	for i := range 30_000 {
		m.users[fmt.Sprint("idp/", i)] = newUserRow(&databroker.User{
			Key: fmt.Sprint("idp/", i), ID: fmt.Sprint(i), Name: fmt.Sprintf("Person %d", dice.IntN(30_000)), Email: fmt.Sprintf("person%d@example.com", i),
		})
	}
	for i := range 100_000 {
		d := &databroker.Device{
			ID: fmt.Sprintf("%016x", dice.Uint64()), UserKey: fmt.Sprint("idp/", dice.IntN(30_000)), Name: fmt.Sprintf("Key %d", dice.IntN(1000)), Type: typeAny,
			Model: []string{"YubiKey 5", "Windows Hello", ""}[i%3], Approved: i%4 == 0, EnrolledAt: crowdNow.Add(-time.Duration(i) * time.Second), LastUsedAt: crowdNow,
		}
		if i%10 == 0 {
			d.Type = typeEnclave
		}
		m.putDevice(newDeviceRow(d))
	}
	if err := service.index.read(b.Context(), func(*summaries) error { return nil }); err != nil {
		b.Fatal(err)
	}
	service.index.mu.Lock()
	service.index.summaries = m
	service.index.mu.Unlock()
	for name, r := range map[string]*consolepb.ListDevicesRequest{
		"newest":           {},
		"by person":        {Page: &consolepb.PageRequest{Order: "person"}},
		"search for many":  {Search: "person", Page: &consolepb.PageRequest{Order: "person", Size: 500}},
		"search for none":  {Search: "no such device"},
		"filter and order": {State: consolepb.DeviceState_DEVICE_STATE_WAITING, Type: typeEnclave, Page: &consolepb.PageRequest{Order: "used", Descending: true}},
	} {
		b.Run(name, func(b *testing.B) {
			defer processor(b)()
			for b.Loop() {
				if _, err := service.ListDevices(b.Context(), as(RoleViewer), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
