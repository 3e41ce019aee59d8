package console

import (
	"strconv"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// Each of these asks before a device is changed.
func (s *Server) askApprove(v visit) error    { return s.askDevice(v, "approve", false) }
func (s *Server) askDisapprove(v visit) error { return s.askDevice(v, "disapprove", true) }
func (s *Server) askDelete(v visit) error     { return s.askDevice(v, "delete", true) }

func (s *Server) askDevice(v visit, word string, danger bool) error {
	out, err := s.o.Service.GetDevice(v.r.Context(), v.actor, &consolepb.GetDeviceRequest{Id: v.r.URL.Query().Get("id")})
	if err != nil {
		return err
	}
	d := out.Device
	who := called(d.UserName, d.UserEmail, d.UserKey)
	form := pages.ConsoleForm{
		Console: s.frame(v, "/devices"), Title: say("devices.ask." + word), Lead: say("devices.ask."+word+".lead", who),
		Pairs:  askedPairs(out),
		Action: "/devices/" + word, Hidden: []pages.Field{{Name: "id", Value: d.Id}}, Button: say("devices." + word), Danger: danger,
		Back: pages.Action{Label: say("cancel"), URL: withQuery("/devices/show", "id", d.Id)},
	}
	if word == "approve" { // what is approved is the device as it is shown here
		form.Hidden = append(form.Hidden, pages.Field{Name: "version", Value: strconv.FormatUint(out.Version, 10)})
	}
	s.o.Pages.ConsoleForm(form).Send(v.w)
	return nil
}

// askedPairs are the facts that a decision about a device is made by.
func askedPairs(out *consolepb.GetDeviceResponse) []pages.Pair {
	d := out.Device
	pairs := []pages.Pair{{Label: say("devices.name"), Cell: pages.Cell{Text: called(d.Name, d.Id), Sub: modelOf(d)}}}
	for _, p := range devicePairs(out) {
		switch p.Label {
		case say("devices.id"):
			p.Copy = ""
			pairs = append(pairs, p)
		case say("devices.person"), say("devices.origin"), say("devices.key"), say("devices.enrolled"), say("devices.suspicious"):
			pairs = append(pairs, p)
		}
	}
	return pairs
}

func (s *Server) approve(v visit) error {
	version, err := strconv.ParseUint(orZero(v.r.PostFormValue("version")), 10, 64)
	if err != nil {
		return &Invalid{"version", "a number"}
	}
	id := v.r.PostFormValue("id")
	if _, err := s.o.Service.ApproveDevice(v.r.Context(), v.actor, &consolepb.ApproveDeviceRequest{Id: id, Version: version}); err != nil {
		return err
	}
	return v.done(withQuery("/devices/show", "id", id), "device-approved")
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

func (s *Server) disapprove(v visit) error {
	id := v.r.PostFormValue("id")
	if _, err := s.o.Service.DisapproveDevice(v.r.Context(), v.actor, &consolepb.DisapproveDeviceRequest{Id: id}); err != nil {
		return err
	}
	return v.done(withQuery("/devices/show", "id", id), "device-disapproved")
}

func (s *Server) deleteDevice(v visit) error {
	_, err := s.o.Service.DeleteDevice(v.r.Context(), v.actor, &consolepb.DeleteDeviceRequest{Id: v.r.PostFormValue("id")})
	if err != nil {
		return err
	}
	return v.done("/devices", "device-deleted")
}
