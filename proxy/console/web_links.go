package console

import (
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// linkStates are the states as addresses and people name them.
var linkStates = []struct {
	value string
	state consolepb.EnrollmentLinkState
	tone  pages.Tone
}{
	{"waiting", consolepb.EnrollmentLinkState_ENROLLMENT_LINK_STATE_WAITING, pages.ToneWait},
	{"used", consolepb.EnrollmentLinkState_ENROLLMENT_LINK_STATE_USED, pages.ToneAllow},
	{"expired", consolepb.EnrollmentLinkState_ENROLLMENT_LINK_STATE_EXPIRED, pages.ToneDeny},
}

func (s *Server) linksPage(v visit) error {
	t := v.table("/devices/links", "state")
	req := &consolepb.ListEnrollmentLinksRequest{Page: t.page(), Search: t.get("q")}
	var states []string
	for _, one := range linkStates {
		states = append(states, one.value, say("links."+one.value))
		if t.get("state") == one.value {
			req.State = one.state
		}
	}
	out, err := s.o.Service.ListEnrollmentLinks(v.r.Context(), v.actor, req)
	if err != nil {
		return err
	}
	page := pages.ConsoleList{
		Console: s.frame(v, "/devices"), Title: say("links.title"), Lead: say("links.lead"),
		Search: t.search("links.search", t.filter("state", "links.state", states...)),
		Count:  countOf("links", out.Page.GetTotal()),
		Table: pages.Table{Caption: say("links.caption"), Empty: say("links.empty"), Columns: []pages.Column{
			t.column("devices.person", "person", false, false), {Label: say("links.state")}, {Label: say("devices.type")}, {Label: say("links.device")},
			{Label: say("links.by")}, t.column("links.created", "created", true, true), t.column("links.expires", "expires", false, false),
		}},
		Actions: []pages.Action{{Label: say("nav.devices"), URL: "/devices"}},
	}
	for _, l := range out.Links {
		page.Table.Rows = append(page.Table.Rows, v.linkRow(l))
	}
	page.First, page.Next = t.pager(out.Page)
	if v.actor.May("CreateEnrollmentLink") {
		page.Actions = append(page.Actions, pages.Action{Label: say("enroll"), URL: "/devices/enroll"})
	}
	s.o.Pages.ConsoleList(page).Send(v.w)
	return nil
}

// linkRow is one line of the table of links.
func (v visit) linkRow(l *consolepb.EnrollmentLink) pages.Row {
	device := pages.Cell{Text: say("links.device.none")}
	if l.DeviceId != "" {
		device = pages.Cell{Text: l.DeviceId, Link: withQuery("/devices/show", "id", l.DeviceId)}
	}
	row := pages.Row{Cells: []pages.Cell{
		personCell(l.UserKey, l.UserName, l.UserEmail), linkStateCell(l.State), {Text: typeWord(l.Type)}, device,
		{Text: l.CreatedBy}, timeCell(l.CreatedAt), timeCell(l.ExpiresAt),
	}}
	if l.State == consolepb.EnrollmentLinkState_ENROLLMENT_LINK_STATE_WAITING && v.actor.May("RevokeEnrollmentLink") {
		row.Actions = []pages.Action{{Label: say("links.revoke"), URL: withQuery("/devices/links/revoke", "id", l.Id)}}
	}
	return row
}

func linkStateCell(state consolepb.EnrollmentLinkState) pages.Cell {
	for _, one := range linkStates {
		if one.state == state {
			return pages.Cell{Text: say("links." + one.value), Tone: one.tone}
		}
	}
	return pages.Cell{}
}

// askRevokeLink asks before a link is taken back.
func (s *Server) askRevokeLink(v visit) error {
	l, err := s.o.Service.link(v.r.Context(), v.r.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	who := called(l.UserName, l.UserEmail, l.UserKey)
	s.o.Pages.ConsoleForm(pages.ConsoleForm{
		Console: s.frame(v, "/devices"), Title: say("links.ask"), Lead: say("links.ask.lead", who),
		Pairs: []pages.Pair{
			{Label: say("devices.person"), Cell: pages.Cell{Text: who, Sub: l.UserEmail}},
			{Label: say("links.state"), Cell: linkStateCell(l.State)},
			{Label: say("links.by"), Cell: pages.Cell{Text: l.CreatedBy}},
			{Label: say("links.created"), Cell: exactCell(l.CreatedAt)},
			{Label: say("links.expires"), Cell: exactCell(l.ExpiresAt)},
			{Label: say("links.redirect"), Cell: pages.Cell{Text: orWord(l.RedirectUrl, "links.redirect.own")}},
			{Label: say("links.id"), Cell: pages.Cell{Text: l.Id, Code: true}},
		},
		Action: "/devices/links/revoke", Hidden: []pages.Field{{Name: "id", Value: l.Id}}, Button: say("links.revoke"), Danger: true,
		Back: pages.Action{Label: say("cancel"), URL: "/devices/links"},
	}).Send(v.w)
	return nil
}

func (s *Server) revokeLink(v visit) error {
	_, err := s.o.Service.RevokeEnrollmentLink(v.r.Context(), v.actor, &consolepb.RevokeEnrollmentLinkRequest{Id: v.r.PostFormValue("id")})
	if err != nil {
		return err
	}
	return v.done("/devices/links", "link-revoked")
}
