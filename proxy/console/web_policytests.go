package console

import (
	"fmt"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

func (s *Server) policyTestsPage(v visit) error {
	t := v.table("/routes/tests", "failed")
	out, err := s.o.Service.ListPolicyTests(v.r.Context(), v.actor, &consolepb.ListPolicyTestsRequest{
		Page: t.page(), Search: t.get("q"), Failed: t.get("failed") != "",
	})
	if err != nil {
		return err
	}
	page := pages.ConsoleList{
		Console: s.frame(v, "/routes"), Title: say("tests.title"), Lead: coverageLine(out.Coverage, "tests.lead", "tests.none"),
		Search: t.search("tests.search", t.filter("failed", "tests.result", "1", say("tests.failed"))),
		Count:  countOf("tests", out.Page.GetTotal()),
		Table: pages.Table{Caption: say("tests.caption"), Empty: say("tests.empty"), Columns: []pages.Column{
			t.column("tests.result", "result", true, false), {Label: say("tests.name")}, t.column("tests.subject", "subject", false, false),
			{Label: say("tests.want")}, {Label: say("routes.place")},
		}},
	}
	if len(out.Faults) > 0 || !out.Whole {
		page.Notice = pages.Notice{Text: say("tests.part"), Tone: pages.ToneDeny}
		if len(out.Faults) > 0 {
			page.Notice.Text = say("tests.faults", someOf(out.Faults, shownPolicies))
		}
	}
	for _, one := range out.Tests {
		result := pages.Cell{Text: say("tests.passed"), Tone: pages.ToneAllow}
		if one.Problem != "" {
			result = pages.Cell{Text: say("tests.failed"), Tone: pages.ToneDeny}
		}
		page.Table.Rows = append(page.Table.Rows, pages.Row{Cells: []pages.Cell{
			result, {Text: one.Name, Sub: one.Problem}, {Text: one.Subject}, outcomeCell(one.Want), {Text: placeOf(one.File, one.Line)},
		}})
	}
	page.First, page.Next = t.pager(out.Page)
	s.o.Pages.ConsoleList(page).Send(v.w)
	return nil
}

// coverageLine counts tests and what they touched; without tests it is none.
func coverageLine(c *consolepb.Coverage, word, none string) string {
	if c.GetTests() == 0 {
		return say(none)
	}
	return fmt.Sprintf(say(word), c.GetTests(), c.GetFailed(), c.GetTouched(), c.GetBranches())
}

// coveragePart says how far tests have gone through the rules of a route.
func coveragePart(c *consolepb.Coverage) pages.Part {
	table := &pages.Table{Caption: say("routes.coverage"), Empty: coverageLine(c, "routes.coverage.all", "routes.coverage.none"), Columns: []pages.Column{
		{Label: say("tests.rule")}, {Label: say("tests.never")}, {Label: say("routes.policy")}, {Label: say("routes.place")},
	}}
	part := pages.Part{ID: "coverage", Title: say("routes.coverage"), Table: table, Actions: []pages.Action{{Label: say("tests.title"), URL: "/routes/tests"}}}
	if c.GetTests() == 0 {
		return part
	}
	for _, u := range c.GetUntouched() {
		table.Rows = append(table.Rows, pages.Row{Cells: []pages.Cell{
			{Text: u.Rule}, {Text: u.Never}, {Text: called(u.Policy, " ")}, {Text: placeOf(u.File, u.Line)},
		}})
	}
	if len(table.Rows) > 0 {
		part.More = coverageLine(c, "routes.coverage.more", "routes.coverage.none")
	}
	return part
}
