package console

import (
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

func (s *Server) grantsPage(v visit) error {
	t := v.table("/grants")
	out, err := s.o.Service.ListGrants(v.r.Context(), v.actor, &consolepb.ListGrantsRequest{Page: t.page(), Search: t.get("q")})
	if err != nil {
		return err
	}
	page := pages.ConsoleList{
		Console: s.frame(v, "/grants"), Title: say("grants.title"), Lead: say("grants.lead"), Search: t.search("grants.search"),
		Count: countOf("grants", out.Page.GetTotal()),
		Table: pages.Table{Caption: say("grants.caption"), Empty: say("grants.empty"), Columns: []pages.Column{
			{Label: say("grants.person")}, t.column("grants.name", "name", false, false), {Label: say("grants.by")},
			t.column("grants.since", "granted", false, true), t.column("grants.until", "expires", true, false),
		}},
	}
	for _, g := range out.Grants {
		row := pages.Row{Cells: []pages.Cell{
			personCell(g.UserKey, g.Person, g.Email), {Text: g.Name, Sub: g.Reason}, {Text: g.GrantedBy}, timeCell(g.GrantedAt), timeCell(g.ExpiresAt),
		}}
		if v.actor.May("EndGrant") {
			row.Actions = []pages.Action{{Label: say("grants.end"), URL: withQuery("/grants/end", "id", g.Id)}}
		}
		page.Table.Rows = append(page.Table.Rows, row)
	}
	page.First, page.Next = t.pager(out.Page)
	s.o.Pages.ConsoleList(page).Send(v.w)
	return nil
}

// askEnd asks before a grant is ended.
func (s *Server) askEnd(v visit) error {
	id := v.r.URL.Query().Get("id")
	g, err := s.o.Service.grant(v.r.Context(), id)
	if err != nil {
		return err
	}
	who := called(g.Person, g.Email, g.UserKey)
	s.o.Pages.ConsoleForm(pages.ConsoleForm{
		Console: s.frame(v, "/grants"), Title: say("grants.ask"), Lead: say("grants.ask.lead", who),
		Pairs: []pages.Pair{
			{Label: say("grants.person"), Cell: pages.Cell{Text: who, Sub: g.Email}},
			{Label: say("grants.name"), Cell: pages.Cell{Text: g.Name, Code: true}},
			{Label: say("grants.reason"), Cell: pages.Cell{Text: g.Reason}},
			{Label: say("grants.by"), Cell: pages.Cell{Text: g.GrantedBy}},
			{Label: say("grants.until"), Cell: exactCell(g.ExpiresAt)},
		},
		Action: "/grants/end", Hidden: []pages.Field{{Name: "id", Value: id}}, Button: say("grants.end"), Danger: true,
		Back: pages.Action{Label: say("cancel"), URL: "/grants"},
	}).Send(v.w)
	return nil
}

func (s *Server) endGrant(v visit) error {
	if _, err := s.o.Service.EndGrant(v.r.Context(), v.actor, &consolepb.EndGrantRequest{Id: v.r.PostFormValue("id")}); err != nil {
		return err
	}
	return v.done("/grants", "ended")
}
