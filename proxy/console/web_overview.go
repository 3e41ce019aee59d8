package console

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

func (s *Server) overviewPage(v visit) error {
	st, err := s.o.Service.GetStatus(v.r.Context(), v.actor, &consolepb.GetStatusRequest{})
	if err != nil {
		return err
	}
	act, err := s.o.Service.GetActivity(v.r.Context(), v.actor, &consolepb.GetActivityRequest{})
	if err != nil {
		return err
	}
	page := pages.ConsoleOverview{
		Console: s.frame(v, "/"), Title: say("overview.title"), State: pages.Cell{Text: say("overview.well"), Tone: pages.ToneAllow},
		Problems: s.problemsOf(st), Pairs: statusPairs(st), Charts: chartsOf(st, act), Parts: []pages.Part{s.certificatesPart(st)},
		Ranking: pages.Ranking{Title: say("overview.refusals"), Name: say("overview.reason"), Count: say("routes.requests"), Empty: say("overview.refusals.empty")},
	}
	if len(page.Problems) > 0 {
		page.State = pages.Cell{Text: say("overview.unwell"), Tone: pages.ToneDeny}
	}
	for _, one := range act.Refusals {
		page.Ranking.Rows = append(page.Ranking.Rows, pages.Ranked{Name: one.Reason, Count: one.Count})
	}
	if !st.GetRecording().GetOn() {
		page.Ranking.Empty = say("decisions.off")
	}
	s.o.Pages.ConsoleOverview(page).Send(v.w)
	return nil
}

// soon is how long before its end a certificate that nobody renews is a problem.
const soon = 21 * 24 * time.Hour

// problemsOf are sentences about what is not well.
func (s *Server) problemsOf(st *consolepb.GetStatusResponse) []string {
	var out []string
	if r := st.GetLastReload(); r != nil && !r.Taken {
		out = append(out, fmt.Sprintf(say("overview.reload.refused"), r.At.AsTime().UTC().Format(time.DateTime)))
		out = append(out, r.Errors[:min(len(r.Errors), shownErrors)]...)
	}
	e := st.GetEnvoy()
	if !e.GetAnswers() {
		out = append(out, say("overview.envoy.away"))
	}
	if e.GetRefusal() != "" {
		out = append(out, fmt.Sprintf(say("overview.envoy.refuses"), e.GetRefusal()))
	}
	if !st.StoreAnswers {
		out = append(out, say("overview.store.away"))
	}
	for _, c := range st.Certificates {
		if left := c.ExpiresAt.AsTime().Sub(s.o.Now()); left < soon && (!c.Renewed || left < 0) {
			out = append(out, fmt.Sprintf(say("overview.certificate"), someOf(c.Names, shownPolicies), c.ExpiresAt.AsTime().UTC().Format(time.DateTime)))
		}
	}
	return out
}

// shownErrors bounds the errors of a configuration that are shown.
const shownErrors = 10

func statusPairs(st *consolepb.GetStatusResponse) []pages.Pair {
	reload := pages.Cell{Text: say("sessions.never")}
	if r := st.GetLastReload(); r != nil {
		reload = exactCell(r.At)
	}
	recorded := pages.Cell{Text: say("overview.recording.off")}
	if r := st.GetRecording(); r.GetOn() {
		recorded.Text = fmt.Sprintf(say("overview.recording"), r.Entries, float64(r.Bytes)/(1<<20))
		if r.Dropped > 0 {
			recorded.Sub = fmt.Sprintf(say("overview.recording.dropped"), r.Dropped)
		}
	}
	envoy := pages.Cell{Text: say("overview.envoy.well"), Tone: pages.ToneAllow}
	if !st.GetEnvoy().GetAnswers() {
		envoy = pages.Cell{Text: say("overview.envoy.away"), Tone: pages.ToneDeny}
	}
	if n := st.GetEnvoy().GetRestarts(); n > 0 {
		envoy.Sub = fmt.Sprintf(say("overview.envoy.restarts"), n)
	}
	return []pages.Pair{
		{Label: say("overview.instance"), Cell: pages.Cell{Text: called(st.Instance, " ")}},
		{Label: say("overview.version"), Cell: pages.Cell{Text: st.Version}},
		{Label: say("overview.started"), Cell: exactCell(st.StartedAt)},
		{Label: say("overview.generation"), Cell: pages.Cell{Text: fmt.Sprint(st.Generation), Sub: strings.Join(st.Files[:min(len(st.Files), shownPolicies)], ", ")}},
		{Label: say("overview.reload"), Cell: reload},
		{Label: say("routes.title"), Cell: pages.Cell{Text: fmt.Sprint(st.Routes), Link: "/routes"}},
		{Label: say("sessions.title"), Cell: countCell(st.Sessions, "/sessions")},
		{Label: say("users.title"), Cell: countCell(st.People, "/users")},
		{Label: say("overview.envoy"), Cell: envoy},
		{Label: say("overview.streams"), Cell: streamsCell(st.GetStreams())},
		{Label: say("nav.decisions"), Cell: recorded},
	}
}

// streamsCell says how many streams are open, and why others came to an end.
func streamsCell(s *consolepb.Streams) pages.Cell {
	var ended []string
	for _, reason := range slices.Sorted(maps.Keys(s.GetEnded())) {
		ended = append(ended, fmt.Sprintf("%d %s", s.GetEnded()[reason], reason))
	}
	c := pages.Cell{Text: fmt.Sprintf(say("overview.streams.open"), s.GetOpen(), s.GetBegun())}
	if len(ended) > 0 {
		c.Sub = fmt.Sprintf(say("overview.streams.ended"), strings.Join(ended, ", "))
	}
	return c
}

// countCell leads from how many there are to them.
func countCell(n int32, to string) pages.Cell {
	if n < 0 {
		return pages.Cell{Text: say("overview.unknown"), Tone: pages.ToneWait}
	}
	return pages.Cell{Text: fmt.Sprint(n), Link: to}
}

func chartsOf(st *consolepb.GetStatusResponse, act *consolepb.GetActivityResponse) []pages.Chart {
	requests := pages.Chart{ID: "requests", Title: say("overview.requests"), Series: []pages.Series{
		{Label: say("outcome.allow"), Tone: pages.ToneAllow}, {Label: say("outcome.sign-in"), Tone: pages.ToneWait}, {Label: say("overview.refused"), Tone: pages.ToneDeny},
	}}
	signIns := pages.Chart{ID: "sign-ins", Title: say("overview.signins"), Note: say("overview.signins.note"), Line: true, Series: []pages.Series{{Label: say("overview.signins")}}}
	for _, h := range act.Hours {
		at := h.Start.AsTime().Local()
		requests.Times, signIns.Times = append(requests.Times, at), append(signIns.Times, at)
		for i, n := range []uint64{h.Allowed, h.Asked, h.Refused} {
			requests.Series[i].Values = append(requests.Series[i].Values, n)
		}
		signIns.Series[0].Values = append(signIns.Series[0].Values, h.SignIns)
	}
	if !act.Whole {
		requests.Note = fmt.Sprintf(say("overview.partly"), act.Since.AsTime().UTC().Format(time.DateTime))
	}
	if !st.GetRecording().GetOn() {
		return []pages.Chart{signIns}
	}
	return []pages.Chart{requests, signIns}
}

func (s *Server) certificatesPart(st *consolepb.GetStatusResponse) pages.Part {
	table := &pages.Table{Caption: say("overview.certificates"), Empty: say("overview.certificates.empty"), Columns: []pages.Column{
		{Label: say("overview.names")}, {Label: say("sessions.expires")}, {Label: say("overview.renewal")},
	}}
	for _, c := range st.Certificates[:min(len(st.Certificates), shownSessions)] {
		renewal := pages.Cell{Text: say("overview.renewal.own")}
		if c.Renewed {
			renewal.Text = say("overview.renewal.made")
		}
		table.Rows = append(table.Rows, pages.Row{Cells: []pages.Cell{{Text: someOf(c.Names, shownPolicies)}, exactCell(c.ExpiresAt), renewal}})
	}
	return pages.Part{ID: "certificates", Title: say("overview.certificates"), Table: table}
}
