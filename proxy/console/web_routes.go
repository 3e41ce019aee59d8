package console

import (
	"fmt"
	"strings"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

func (s *Server) routesPage(v visit) error {
	t := v.table("/routes", "policy")
	out, err := s.o.Service.ListRoutes(v.r.Context(), v.actor, &consolepb.ListRoutesRequest{Page: t.page(), Search: t.get("q"), Policy: t.get("policy")})
	if err != nil {
		return err
	}
	page := pages.ConsoleList{
		Console: s.frame(v, "/routes"), Title: say("routes.title"), Lead: say("routes.lead"), Search: t.search("routes.search"),
		Count: countOf("routes", out.Page.GetTotal()),
		Table: pages.Table{Caption: say("routes.caption"), Empty: say("routes.empty"), Columns: []pages.Column{
			t.column("routes.position", "position", true, false), t.column("routes.from", "from", false, false), {Label: say("routes.to")},
			{Label: say("routes.place")}, t.column("routes.rules", "rules", false, true), t.column("routes.shadow", "shadow", false, true),
		}},
	}
	if name := t.get("policy"); name != "" {
		page.Lead = say("routes.lead.policy", name)
		page.Search.Hidden = append(page.Search.Hidden, pages.Field{Name: "policy", Value: name})
	}
	if v.actor.May("ListPolicyTests") {
		page.Actions = append(page.Actions, pages.Action{Label: say("tests.title"), URL: "/routes/tests"})
	}
	if v.actor.May("ReplayConfig") {
		page.Actions = append(page.Actions, pages.Action{Label: say("replay.title"), URL: "/replay"})
	}
	for _, r := range out.Routes {
		rules := pages.Cell{Text: fmt.Sprint(r.Rules), Sub: someOf(r.Policies, shownPolicies)}
		if r.Public {
			rules.Sub = say("routes.public")
		}
		page.Table.Rows = append(page.Table.Rows, pages.Row{Cells: []pages.Cell{
			{Text: fmt.Sprint(r.Position)},
			{Text: strings.TrimSpace(r.From + " " + r.Matches), Sub: called(r.Name, " "), Link: withQuery("/routes/show", "id", r.Id)},
			{Text: someOf(r.To, shownPolicies)}, {Text: placeOf(r.File, r.Line)}, rules, {Text: fmt.Sprint(r.ShadowDisagreements)},
		}})
	}
	page.First, page.Next = t.pager(out.Page)
	s.o.Pages.ConsoleList(page).Send(v.w)
	return nil
}

// shownPolicies is how many policies a line of the table names.
const shownPolicies = 3

// placeOf is a file with its line.
func placeOf(file string, line int32) string {
	if line == 0 {
		return called(file, " ")
	}
	return strings.TrimPrefix(fmt.Sprintf("%s:%d", file, line), ":")
}

func (s *Server) routePage(v visit) error {
	out, err := s.o.Service.GetRoute(v.r.Context(), v.actor, &consolepb.GetRouteRequest{Id: v.r.URL.Query().Get("id")})
	if err != nil {
		return err
	}
	r := out.Route
	page := pages.ConsoleDetail{
		Console: s.frame(v, "/routes"), Title: called(r.Name, r.From), Sub: r.Description, Back: pages.Action{Label: say("routes.back"), URL: "/routes"},
		Pairs: []pages.Pair{
			{Label: say("routes.from"), Cell: pages.Cell{Text: strings.TrimSpace(r.From + " " + r.Matches)}},
			{Label: say("routes.to"), Cell: pages.Cell{Text: called(strings.Join(r.To, ", "), " ")}},
			{Label: say("routes.place"), Cell: pages.Cell{Text: placeOf(r.File, r.Line), Code: true}},
			{Label: say("routes.position"), Cell: pages.Cell{Text: fmt.Sprint(r.Position)}},
			{Label: say("routes.id"), Cell: pages.Cell{Text: r.Id, Code: true, Copy: "route-id"}},
		},
		Parts: []pages.Part{
			{ID: "allow", Title: say("explain.allow"), Rules: halfOf(out.Allow), Empty: say("routes.allow.empty")},
			{ID: "deny", Title: say("explain.deny"), Rules: halfOf(out.Deny), Empty: say("routes.deny.empty")},
			policiesPart(out), shadowPart(out), coveragePart(out.Coverage),
			{ID: "rego", Title: say("routes.rego"), Code: shortened(out.Rego), Empty: " "},
		},
	}
	if v.actor.May("ExplainRequest") {
		page.Actions = append(page.Actions, pages.Action{Label: say("routes.explain"), URL: withQuery("/explain", "url", r.From)})
	}
	if v.actor.May("ListDecisions") {
		page.Actions = append(page.Actions, pages.Action{Label: say("routes.decisions"), URL: withQuery("/decisions", "route", r.Id)})
	}
	s.o.Pages.ConsoleDetail(page).Send(v.w)
	return nil
}

func halfOf(n *consolepb.Rule) []pages.Rule {
	if n == nil {
		return nil
	}
	return rulesOf(n.Children, true)
}

func policiesPart(out *consolepb.GetRouteResponse) pages.Part {
	table := &pages.Table{Caption: say("routes.policies"), Empty: say("routes.policies.empty"), Columns: []pages.Column{
		{Label: say("routes.policy")}, {Label: say("routes.place")}, {Label: say("routes.use")}, {Label: say("routes.words")},
	}}
	for _, p := range out.Policies {
		use := say("routes.use.named")
		switch {
		case p.Shadow:
			use = say("routes.use.shadow")
		case p.Enforced:
			use = say("explain.enforced")
		}
		table.Rows = append(table.Rows, pages.Row{Cells: []pages.Cell{
			{Text: p.Name, Link: withQuery("/routes", "policy", p.Name)}, {Text: placeOf(p.File, p.Line)}, {Text: use},
			{Text: called(p.Explanation, " "), Sub: p.Remediation},
		}})
	}
	return pages.Part{ID: "policies", Title: say("routes.policies"), Table: table}
}

func shadowPart(out *consolepb.GetRouteResponse) pages.Part {
	table := &pages.Table{Caption: say("routes.shadows"), Empty: say("routes.shadows.empty"), Columns: []pages.Column{
		{Label: say("routes.policy")}, {Label: say("routes.decided")}, {Label: say("routes.would")}, {Label: say("routes.requests")},
	}}
	for _, c := range out.Shadows {
		table.Rows = append(table.Rows, pages.Row{Cells: []pages.Cell{
			{Text: c.Policy}, outcomeCell(c.Outcome), outcomeCell(c.Would), {Text: fmt.Sprint(c.Count)},
		}})
	}
	return pages.Part{ID: "shadows", Title: say("routes.shadows"), Table: table}
}

// maxShownRego bounds the Rego of a page, in bytes.
const maxShownRego = 64 << 10

func shortened(text string) string {
	if len(text) > maxShownRego {
		return text[:maxShownRego] + "\n# … cardea policy rego prints all of it"
	}
	return text
}
