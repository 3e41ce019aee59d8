package console

import (
	"fmt"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// auditOutcomes are what becomes of a change, and how that looks.
var auditOutcomes = map[string]pages.Tone{
	"done": pages.ToneAllow, "failed": pages.ToneWait, "begun": pages.ToneWait, "refused": pages.ToneDeny,
}

func (s *Server) auditPage(v visit) error {
	t := v.table("/audit", "action", "object", "subject")
	out, err := s.o.Service.ListAudit(v.r.Context(), v.actor, &consolepb.ListAuditRequest{
		Page: &consolepb.PageRequest{Cursor: t.get("cursor")}, Actor: t.get("q"),
		Action: t.get("action"), Object: t.get("object"), Subject: t.get("subject"),
	})
	if err != nil {
		return err
	}
	var kinds []string
	for _, kind := range []string{"session.", "impersonation.", "user.", "device.", "enrollment_link.", "grant.", "access_request.", "service_account."} {
		kinds = append(kinds, kind, say("audit.kind."+kind[:len(kind)-1]))
	}
	page := pages.ConsoleList{
		Console: s.frame(v, "/audit"), Title: say("audit.title"), Lead: say("audit.lead"),
		Search: t.search("audit.search", t.filter("action", "audit.action", kinds...)),
		Count:  countOf("audit", out.Page.GetTotal()),
		Table: pages.Table{Caption: say("audit.caption"), Empty: say("audit.empty"), Columns: []pages.Column{
			{Label: say("audit.number")}, {Label: say("audit.time")}, {Label: say("audit.actor")}, {Label: say("audit.action")}, {Label: say("audit.outcome")},
		}},
	}
	for _, name := range []string{"object", "subject"} {
		if t.get(name) != "" {
			page.Search.Hidden = append(page.Search.Hidden, pages.Field{Name: name, Value: t.get(name)})
		}
	}
	for _, e := range out.Entries {
		page.Table.Rows = append(page.Table.Rows, auditRow(e))
	}
	page.First, page.Next = t.pager(out.Page)
	if v.actor.May("VerifyAudit") {
		page.Actions = []pages.Action{{Label: say("audit.verify"), URL: "/audit/verify"}}
	}
	s.o.Pages.ConsoleList(page).Send(v.w)
	return nil
}

// auditRow is one line of the table, in the columns of auditPage.
func auditRow(e *consolepb.AuditEntry) pages.Row {
	number := pages.Cell{Text: fmt.Sprint(e.Sequence)}
	if e.Damaged != "" {
		return pages.Row{Cells: []pages.Cell{number, {}, {}, {Text: e.Damaged}, {Text: say("audit.damaged"), Tone: pages.ToneDeny}}}
	}
	outcome := pages.Cell{Text: e.Outcome, Tone: auditOutcomes[e.Outcome], Sub: e.Problem}
	if _, known := auditOutcomes[e.Outcome]; known {
		outcome.Text = say("audit.outcome." + e.Outcome)
	}
	object := e.ObjectType
	if e.ObjectId != "" {
		object += "/" + e.ObjectId
	}
	return pages.Row{Cells: []pages.Cell{
		number, exactCell(e.Time), actorCell(e),
		{Text: e.Action, Sub: object}, outcome,
	}}
}

// actorCell says who acted. At many providers people choose their names
// themselves, also that of somebody else: the address stands beside it, behind
// what is ours to say, and the person's page is a step away. The operator has
// neither.
func actorCell(e *consolepb.AuditEntry) pages.Cell {
	c := pages.Cell{Text: called(e.ActorName, e.ActorEmail)}
	if e.ActorKey != "" {
		c = personCell(e.ActorKey, e.ActorName, e.ActorEmail)
	}
	by := e.Role + ", " + e.Via
	if c.Sub != "" {
		by += ", " + c.Sub
	}
	c.Sub = by
	return c
}

func (s *Server) verifyAudit(v visit) error {
	out, err := s.o.Service.VerifyAudit(v.r.Context(), v.actor, &consolepb.VerifyAuditRequest{})
	if err != nil {
		return err
	}
	page := pages.ConsoleDetail{
		Console: s.frame(v, "/audit"), Title: say("audit.verified.title"), State: pages.Notice{Text: say("audit.intact"), Tone: pages.ToneAllow},
		Pairs: []pages.Pair{
			{Label: say("audit.entries"), Cell: pages.Cell{Text: fmt.Sprint(out.Entries)}},
			{Label: say("audit.head"), Cell: pages.Cell{Text: fmt.Sprintf("%d %s", out.HeadSequence, out.HeadHash), Code: true, Copy: "head"}},
		},
		Back: pages.Action{Label: say("audit.title"), URL: "/audit"},
	}
	if !out.Intact {
		page.State = pages.Notice{Text: say("audit.broken"), Tone: pages.ToneDeny}
		part := pages.Part{ID: "findings", Title: say("audit.findings"), Table: &pages.Table{
			Caption: say("audit.findings"), Columns: []pages.Column{{Label: say("audit.finding")}},
		}}
		for _, text := range out.Findings {
			part.Table.Rows = append(part.Table.Rows, pages.Row{Cells: []pages.Cell{{Text: text}}})
		}
		page.Parts = append(page.Parts, part)
	}
	page.Parts = append(page.Parts, pages.Part{ID: "kept", Title: say("audit.kept"), Empty: say("audit.kept.lead")})
	s.o.Pages.ConsoleDetail(page).Send(v.w)
	return nil
}
