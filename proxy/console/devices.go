package console

import (
	"context"
	"strings"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// Types of devices, as policies and records name them.
const (
	typeAny     = "any"
	typeEnclave = "enclave_only"
)

// ListDevices is DeviceService.ListDevices.
func (s *Service) ListDevices(ctx context.Context, a Actor, r *consolepb.ListDevicesRequest) (*consolepb.ListDevicesResponse, error) {
	if err := s.may(a, "ListDevices"); err != nil {
		return nil, err
	}
	search, err := searchText(r.GetSearch())
	if err != nil {
		return nil, err
	}
	out := &consolepb.ListDevicesResponse{}
	err = s.index.read(ctx, func(m *summaries) error {
		l, err := newListing(r.GetPage(), deviceOrders(m)...)
		if err != nil {
			return err
		}
		for _, row := range m.devicesOf(r.GetUserKey()) {
			if m.matchDevice(row, r, search) {
				l.add(row)
			}
		}
		var rows []*deviceRow
		rows, out.Page = l.page()
		for _, row := range rows {
			out.Devices = append(out.Devices, m.device(row))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// deviceOrders are the orders of devices, their own first.
func deviceOrders(m *summaries) []order[deviceRow] {
	return []order[deviceRow]{
		{"enrolled", func(r *deviceRow) place { return place{Number: r.enrolled.UnixMilli(), ID: r.id} }, true},
		{"used", func(r *deviceRow) place { return place{Number: r.used.UnixMilli(), ID: r.id} }, true},
		{"name", func(r *deviceRow) place { return place{Text: sortText(r.name), ID: r.id} }, false},
		{"model", func(r *deviceRow) place { return place{Text: sortText(r.model), ID: r.id} }, false},
		{"person", func(r *deviceRow) place { return place{Text: m.sortOf(r.userKey), ID: r.id} }, false},
	}
}

// sortOf is what a person is ordered by.
func (m *summaries) sortOf(key string) string {
	if u := m.users[key]; u != nil {
		return u.sort
	}
	return sortText(key)
}

// devicesOf returns the devices of one person, of all for "".
func (m *summaries) devicesOf(key string) map[string]*deviceRow {
	if key == "" {
		return m.devices
	}
	if o := m.owned[key]; o != nil {
		return o.devices
	}
	return nil
}

func (m *summaries) matchDevice(row *deviceRow, r *consolepb.ListDevicesRequest, search string) bool {
	switch r.GetState() {
	case consolepb.DeviceState_DEVICE_STATE_APPROVED:
		if !row.approved {
			return false
		}
	case consolepb.DeviceState_DEVICE_STATE_WAITING:
		if row.approved {
			return false
		}
	}
	if t := r.GetType(); t != "" && t != row.kind || r.GetSuspicious() && row.backAt.IsZero() {
		return false
	}
	return search == "" || strings.Contains(row.find, search) || m.matchUser(row.userKey, search)
}

func (m *summaries) device(row *deviceRow) *consolepb.Device {
	u, _ := m.user(row.userKey)
	return &consolepb.Device{
		Id: row.id, UserKey: row.userKey, UserEmail: u.email, UserName: u.name, Name: row.name, Type: row.kind, Model: row.model,
		Approved: row.approved, Attested: row.attested, BackupEligible: row.eligible, BackedUp: row.backedUp, UserVerified: row.verified,
		EnrolledAt: stamp(row.enrolled), LastUsedAt: stamp(row.used), CounterWentBackAt: stamp(row.backAt), LinkId: row.linkID,
	}
}

// GetDevice is DeviceService.GetDevice. It reads the record itself, which a
// decision about it is then made on.
func (s *Service) GetDevice(ctx context.Context, a Actor, r *consolepb.GetDeviceRequest) (*consolepb.GetDeviceResponse, error) {
	if err := s.may(a, "GetDevice"); err != nil {
		return nil, err
	}
	d, err := s.o.Broker.Device(ctx, r.GetId())
	if err != nil {
		return nil, fromBroker(err)
	}
	out := &consolepb.GetDeviceResponse{
		Version: d.Version, Aaguid: d.AAGUID, Format: d.Format, Attachment: d.Attachment, Transports: d.Transports,
		SignCount: d.SignCount, EnrolledFrom: d.EnrolledFrom, UserAgent: d.UserAgent,
	}
	for i := len(d.History) - 1; i >= 0; i-- {
		e := d.History[i]
		out.History = append(out.History, &consolepb.DeviceEvent{At: stamp(e.At), What: e.What, By: e.By, From: e.From})
	}
	err = s.index.read(ctx, func(m *summaries) error {
		out.Device = m.device(newDeviceRow(d))
		if l := m.links[d.LinkID]; l != nil {
			out.Link = m.link(l, s.o.Now())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func newDeviceRow(d *databroker.Device) *deviceRow {
	return &deviceRow{
		id: d.ID, userKey: d.UserKey, name: d.Name, kind: d.Type, model: d.Model, linkID: d.LinkID,
		approved: d.Approved, attested: d.Attested, eligible: d.BackupEligible, backedUp: d.BackedUp, verified: d.UserVerified,
		enrolled: d.EnrolledAt, used: d.LastUsedAt, backAt: d.CounterWentBackAt,
		find: strings.ToLower(d.ID + "\n" + d.Name + "\n" + d.Model),
	}
}
