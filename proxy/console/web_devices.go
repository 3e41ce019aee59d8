package console

import (
	"fmt"
	"strings"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// valueSuspicious is that of the filter by counter.
const valueSuspicious = "suspicious"

func (s *Server) devicesPage(v visit) error {
	page, err := s.devicesList(v, 0)
	if err != nil {
		return err
	}
	s.o.Pages.ConsoleList(page).Send(v.w)
	return nil
}

// overDevices makes a page a dialog over the devices.
func (s *Server) overDevices(v visit, label string, escape bool) (pages.Console, error) {
	frame := s.frame(v, "/devices")
	beneath := v
	beneath.r = v.r.Clone(v.r.Context())
	beneath.r.URL.RawQuery = "" // which is about the dialog
	list, err := s.devicesList(beneath, seenBeneath)
	if err != nil {
		return frame, err
	}
	frame.Over = &pages.Over{
		Label: label, Title: list.Title, Table: list.Table, Escape: escape,
		Close: pages.Action{Label: say("close"), URL: "/devices"},
	}
	return frame, nil
}

// seenBeneath is how many rows are seen around a dialog.
const seenBeneath = 8

// devicesList is the page of devices; size 0 is that of every list.
func (s *Server) devicesList(v visit, size int32) (pages.ConsoleList, error) {
	t := v.table("/devices", "state", "type", "counter", "user")
	req := &consolepb.ListDevicesRequest{
		Page: t.page(), Search: t.get("q"), UserKey: t.get("user"), Type: t.get("type"), Suspicious: t.get("counter") == valueSuspicious,
	}
	req.Page.Size = size
	switch t.get("state") {
	case "approved":
		req.State = consolepb.DeviceState_DEVICE_STATE_APPROVED
	case "waiting":
		req.State = consolepb.DeviceState_DEVICE_STATE_WAITING
	}
	out, err := s.o.Service.ListDevices(v.r.Context(), v.actor, req)
	if err != nil {
		return pages.ConsoleList{}, err
	}
	page := pages.ConsoleList{
		Console: s.frame(v, "/devices"), Title: say("devices.title"), Lead: say("devices.lead"),
		Search: t.search("devices.search",
			t.filter("state", "devices.state", "approved", say("devices.approved"), "waiting", say("devices.waiting")),
			t.filter("type", "devices.type", typeAny, typeWord(typeAny), typeEnclave, typeWord(typeEnclave)),
			t.filter("counter", "devices.counter", valueSuspicious, say("devices.suspicious"))),
		Count: countOf("devices", out.Page.GetTotal()),
		Table: pages.Table{Caption: say("devices.caption"), Empty: say("devices.empty"), Columns: []pages.Column{
			t.column("devices.name", "name", false, false), t.column("devices.person", "person", false, false), {Label: say("devices.state")},
			{Label: say("devices.type")}, t.column("devices.enrolled", "enrolled", true, true), t.column("devices.used", "used", false, true),
		}},
		Actions: []pages.Action{{Label: say("devices.links"), URL: "/devices/links"}},
	}
	if user := t.get("user"); user != "" {
		page.Search.Hidden = append(page.Search.Hidden, pages.Field{Name: "user", Value: user})
	}
	for _, d := range out.Devices {
		page.Table.Rows = append(page.Table.Rows, v.deviceRow(d))
	}
	page.First, page.Next = t.pager(out.Page)
	if v.actor.May("CreateEnrollmentLink") {
		page.Actions = append(page.Actions, pages.Action{Label: say("enroll"), URL: "/devices/enroll"})
	}
	return page, nil
}

// deviceRow is one line of a table of devices, in the columns of devicesPage.
func (v visit) deviceRow(d *consolepb.Device) pages.Row {
	state := deviceState(d.Approved)
	if d.CounterWentBackAt != nil {
		state.Sub = say("devices.suspicious")
	}
	row := pages.Row{Cells: []pages.Cell{
		{Text: called(d.Name, d.Id), Sub: modelOf(d), Link: withQuery("/devices/show", "id", d.Id)},
		personCell(d.UserKey, d.UserName, d.UserEmail), state, {Text: typeWord(d.Type)}, timeCell(d.EnrolledAt), timeCell(d.LastUsedAt),
	}}
	if !d.Approved && v.actor.May("ApproveDevice") {
		row.Actions = []pages.Action{{Label: say("devices.approve"), URL: withQuery("/devices/approve", "id", d.Id)}}
	}
	return row
}

// modelOf is the model of a device. Where no maker vouches for it, whoever made
// the key may have called it anything.
func modelOf(d interface {
	GetModel() string
	GetAttested() bool
}) string {
	if d.GetModel() == "" || d.GetAttested() {
		return d.GetModel()
	}
	return d.GetModel() + ", " + say("devices.model.claimed")
}

func deviceState(approved bool) pages.Cell {
	if approved {
		return pages.Cell{Text: say("devices.approved"), Tone: pages.ToneAllow}
	}
	return pages.Cell{Text: say("devices.waiting"), Tone: pages.ToneWait}
}

// typeWord is a type of devices as people name it.
func typeWord(t string) string {
	switch t {
	case typeAny:
		return say("devices.type.any")
	case typeEnclave:
		return say("devices.type.enclave")
	}
	return t
}

func (s *Server) devicePage(v visit) error {
	out, err := s.o.Service.GetDevice(v.r.Context(), v.actor, &consolepb.GetDeviceRequest{Id: v.r.URL.Query().Get("id")})
	if err != nil {
		return err
	}
	d, state := out.Device, deviceState(out.Device.Approved)
	page := pages.ConsoleDetail{
		Console: s.frame(v, "/devices"), State: pages.Notice{Text: state.Text, Tone: state.Tone},
		Title: called(d.Name, d.Id), Sub: modelOf(d), Back: pages.Action{Label: say("devices.back"), URL: "/devices"},
		Pairs: devicePairs(out), Parts: []pages.Part{historyPart(out.History)},
	}
	for _, one := range []struct {
		offered bool
		action  Action
		label   string
		path    string
	}{
		{!d.Approved, "ApproveDevice", say("devices.approve"), "/devices/approve"},
		{d.Approved, "DisapproveDevice", say("devices.disapprove"), "/devices/disapprove"},
		{true, "DeleteDevice", say("devices.delete"), "/devices/delete"},
	} {
		if one.offered && v.actor.May(one.action) {
			page.Actions = append(page.Actions, pages.Action{Label: one.label, URL: withQuery(one.path, "id", d.Id)})
		}
	}
	s.o.Pages.ConsoleDetail(page).Send(v.w)
	return nil
}

// devicePairs are the facts of a device.
func devicePairs(out *consolepb.GetDeviceResponse) []pages.Pair {
	d := out.Device
	vouched, counted := "devices.selfasserted", say("devices.sign.none")
	if d.Attested {
		vouched = "devices.attested"
	}
	if out.SignCount > 0 {
		counted = fmt.Sprint(out.SignCount)
	}
	kept, asked := "devices.key.stays", "devices.verified.no"
	switch {
	case d.BackedUp:
		kept = "devices.key.copied"
	case d.BackupEligible:
		kept = "devices.key.may"
	}
	if d.UserVerified {
		asked = "devices.verified.yes"
	}
	pairs := []pages.Pair{
		{Label: say("devices.id"), Cell: pages.Cell{Text: d.Id, Code: true, Copy: "device-id"}},
		{Label: say("devices.person"), Cell: personCell(d.UserKey, d.UserName, d.UserEmail)},
		{Label: say("devices.type"), Cell: pages.Cell{Text: typeWord(d.Type)}},
		{Label: say("devices.model"), Cell: pages.Cell{Text: orWord(modelOf(d), "devices.model.unknown"), Sub: out.Aaguid}},
		{Label: say("devices.origin"), Cell: pages.Cell{Text: say(vouched), Sub: out.Format}},
		{Label: say("devices.key"), Cell: pages.Cell{Text: say(kept)}},
		{Label: say("devices.verified"), Cell: pages.Cell{Text: say(asked)}},
		{Label: say("devices.attachment"), Cell: pages.Cell{Text: orWord(out.Attachment, "devices.untold"), Sub: strings.Join(out.Transports, ", ")}},
		{Label: say("devices.sign"), Cell: pages.Cell{Text: counted}},
		{Label: say("devices.enrolled"), Cell: exactCell(d.EnrolledAt)},
		{Label: say("devices.from"), Cell: pages.Cell{Text: orWord(out.EnrolledFrom, "devices.untold")}},
		{Label: say("devices.agent"), Cell: pages.Cell{Text: orWord(out.UserAgent, "devices.untold")}},
		{Label: say("devices.link"), Cell: linkCell(out)},
		{Label: say("devices.used"), Cell: exactCell(d.LastUsedAt)},
	}
	if d.CounterWentBackAt != nil {
		pairs = append(pairs, pages.Pair{Label: say("devices.suspicious"), Cell: exactCell(d.CounterWentBackAt)})
	}
	return pairs
}

// linkCell says by which link a device came.
func linkCell(out *consolepb.GetDeviceResponse) pages.Cell {
	id := out.Device.LinkId
	if id == "" {
		return pages.Cell{Text: say("devices.link.none")}
	}
	c := pages.Cell{Text: id, Code: true}
	if out.Link != nil {
		c.Link, c.Sub = withQuery("/devices/links", "q", id), out.Link.CreatedBy
	}
	return c
}

// orWord is text, or words of ours where it says nothing.
func orWord(text, word string) string {
	if strings.TrimSpace(text) == "" {
		return say(word)
	}
	return text
}

func historyPart(history []*consolepb.DeviceEvent) pages.Part {
	table := &pages.Table{Caption: say("devices.history"), Empty: say("devices.history.empty"), Columns: []pages.Column{
		{Label: say("devices.history.at")}, {Label: say("devices.history.what")}, {Label: say("devices.history.by")}, {Label: say("devices.history.from")},
	}}
	for _, e := range history {
		what := e.What
		if text, known := words["devices.event."+e.What]; known {
			what = text
		}
		table.Rows = append(table.Rows, pages.Row{Cells: []pages.Cell{
			exactCell(e.At), {Text: what}, {Text: orWord(e.By, "devices.history.owner")}, {Text: e.From},
		}})
	}
	return pages.Part{ID: "history", Title: say("devices.history"), Table: table}
}
