package console

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// decisionFilters are the parameters of a decision page's address besides q.
var decisionFilters = []string{"outcome", "person", "route", "id", "since", "until"}

// localTime is how browsers write a time in a form (HTML, section 4.10.5.1.11).
// Ours are in UTC, as their label says.
const localTime = "2006-01-02T15:04"

func (s *Server) decisionsPage(v visit) error {
	t := v.table("/decisions", decisionFilters...)
	page := pages.ConsoleList{
		Console: s.frame(v, "/decisions"), Title: say("decisions.title"), Lead: say("decisions.lead"), Count: "",
		Table: pages.Table{Caption: say("decisions.caption"), Empty: say("decisions.empty"), Columns: decisionColumns()},
	}
	if !s.o.Service.recorded() {
		page.Table.Empty = say("decisions.off")
		s.o.Pages.ConsoleList(page).Send(v.w)
		return nil
	}
	filter, err := t.decisionFilter()
	if err != nil {
		return err
	}
	out, err := s.o.Service.ListDecisions(v.r.Context(), v.actor, &consolepb.ListDecisionsRequest{Filter: filter, Cursor: t.get("cursor")})
	if err != nil {
		return err
	}
	page.Search = t.decisionSearch()
	page.Count = countOf("decisions", int32(len(out.Decisions)))
	if out.SearchedTo != nil {
		page.Count += " " + say("decisions.searched", out.SearchedTo.AsTime().Local().Format("15:04:05 on 2 January"))
	}
	if out.Damaged {
		page.Notice = pages.Notice{Text: say("decisions.damaged"), Tone: pages.ToneWait}
	}
	for _, d := range out.Decisions {
		page.Table.Rows = append(page.Table.Rows, v.decisionRow(d))
	}
	page.First, page.Next = t.pager(&consolepb.PageResponse{Next: out.Next})
	if t.get("cursor") == "" && v.actor.May("FollowDecisions") {
		page.Table.Open = true
		page.Live = pages.Live{
			URL: t.at("/decisions/live"), Start: say("decisions.follow"), Stop: say("decisions.unfollow"),
			Ended: say("decisions.ended"), Missed: say("decisions.missed"),
		}
	}
	s.o.Pages.ConsoleList(page).Send(v.w)
	return nil
}

func decisionColumns() []pages.Column {
	return []pages.Column{
		{Label: say("decisions.time")}, {Label: say("decisions.outcome")}, {Label: say("decisions.person")},
		{Label: say("decisions.request")}, {Label: say("decisions.why")},
	}
}

// decisionRow is one line, in those columns.
func (v visit) decisionRow(d *consolepb.Decision) pages.Row {
	row := pages.Row{Cells: []pages.Cell{
		timeCell(d.Time), outcomeCell(d.Outcome), whoCell(d),
		{Text: d.Method + " " + d.Host + d.Path, Sub: d.Route},
		{Text: called(d.Error, strings.Join(d.Reasons, ", "), " ")},
	}}
	if v.actor.May("ExplainDecision") && d.RequestId != "" {
		row.Actions = []pages.Action{{Label: say("decisions.explain"), URL: withQuery("/explain", "request", d.RequestId)}}
	}
	return row
}

// whoCell is whom it was decided about, and in truth.
func whoCell(d *consolepb.Decision) pages.Cell {
	who := pages.Cell{Text: called(d.Email, d.UserId), Sub: d.Address}
	if d.Email == "" && d.UserId == "" {
		who.Text = say("decisions.nobody")
	}
	if d.ImpersonatedBy != "" {
		who.Sub = strings.TrimSpace(say("decisions.by") + " " + d.ImpersonatedBy + " " + d.Address)
	}
	return who
}

// outcomeTones are the colours of outcomes.
var outcomeTones = map[string]pages.Tone{
	"allow": pages.ToneAllow, "sign-in": pages.ToneWait, "sign-in-again": pages.ToneWait, "device": pages.ToneWait, "client-certificate": pages.ToneWait,
}

func outcomeCell(outcome string) pages.Cell {
	c := pages.Cell{Text: outcome, Tone: pages.ToneDeny}
	if tone, ok := outcomeTones[outcome]; ok {
		c.Tone = tone
	}
	if text, ok := words["outcome."+outcome]; ok {
		c.Text = text
	}
	return c
}

// decisionFilter reads the filters of the address.
func (t tableQuery) decisionFilter() (*consolepb.DecisionFilter, error) {
	f := &consolepb.DecisionFilter{
		Search: t.get("q"), Outcome: t.get("outcome"), Person: t.get("person"), Route: t.get("route"), RequestId: strings.TrimSpace(t.get("id")),
	}
	for name, into := range map[string]**timestamppb.Timestamp{"since": &f.Since, "until": &f.Until} {
		if t.get(name) == "" {
			continue
		}
		at, err := time.Parse(localTime, t.get(name))
		if err != nil {
			return nil, &Invalid{name, "a time such as 2026-06-03T10:00"}
		}
		*into = timestamppb.New(at)
	}
	return f, nil
}

// decisionSearch is the form above the table.
func (t tableQuery) decisionSearch() pages.Search {
	options := []string{refused, say("outcome.refused")}
	for _, one := range outcomes {
		options = append(options, one, say("outcome."+one))
	}
	s := t.search("decisions.search", t.filter("outcome", "decisions.outcome", options...))
	s.More = []pages.Filter{
		t.input("person", "decisions.person", "text"), t.input("route", "decisions.route", "text"), t.input("id", "pair.request", "text"),
		t.input("since", "decisions.since", "datetime-local"), t.input("until", "decisions.until", "datetime-local"),
	}
	return s
}

// input asks for a text to narrow by.
func (t tableQuery) input(name, word, kind string) pages.Filter {
	return pages.Filter{Name: name, Label: say(word), Kind: kind, Value: t.get(name)}
}

// at is the address with the same filters for another path.
func (t tableQuery) at(path string) string {
	t.path = path
	return t.with()
}
