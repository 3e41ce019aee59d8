package console

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// requestStates are the states as addresses and people name them.
var requestStates = []struct {
	value string
	state consolepb.AccessRequestState
	tone  pages.Tone
}{
	{"waiting", consolepb.AccessRequestState_ACCESS_REQUEST_STATE_WAITING, pages.ToneWait},
	{"granted", consolepb.AccessRequestState_ACCESS_REQUEST_STATE_GRANTED, pages.ToneAllow},
	{"refused", consolepb.AccessRequestState_ACCESS_REQUEST_STATE_REFUSED, pages.ToneDeny},
	{"withdrawn", consolepb.AccessRequestState_ACCESS_REQUEST_STATE_WITHDRAWN, pages.TonePlain},
	{"over", consolepb.AccessRequestState_ACCESS_REQUEST_STATE_OVER, pages.TonePlain},
}

func (s *Server) requestsPage(v visit) error {
	t := v.table("/requests", "state")
	req := &consolepb.ListAccessRequestsRequest{Page: t.page(), Search: t.get("q")}
	var states []string
	for _, one := range requestStates {
		states = append(states, one.value, say("requests."+one.value))
		if t.get("state") == one.value {
			req.State = one.state
		}
	}
	out, err := s.o.Service.ListAccessRequests(v.r.Context(), v.actor, req)
	if err != nil {
		return err
	}
	page := pages.ConsoleList{
		Console: s.frame(v, "/requests"), Title: say("requests.title"), Lead: say("requests.lead"),
		Search: t.search("requests.search", t.filter("state", "requests.state", states...)),
		Count:  countOf("requests", out.Page.GetTotal()),
		Table: pages.Table{Caption: say("requests.caption"), Empty: say("requests.empty"), Columns: []pages.Column{
			{Label: say("requests.person")}, {Label: say("requests.app")}, {Label: say("requests.reason")},
			t.column("requests.state", "state", true, false), t.column("requests.asked", "created", false, true),
		}},
	}
	for _, one := range out.Requests {
		page.Table.Rows = append(page.Table.Rows, v.requestRow(one))
	}
	page.First, page.Next = t.pager(out.Page)
	s.o.Pages.ConsoleList(page).Send(v.w)
	return nil
}

func (v visit) requestRow(one *consolepb.AccessRequest) pages.Row {
	state := pages.Cell{}
	for _, known := range requestStates {
		if known.state == one.State {
			state = pages.Cell{Text: say("requests." + known.value), Tone: known.tone}
		}
	}
	row := pages.Row{Cells: []pages.Cell{
		personCell(one.UserKey, one.Name, one.Email), {Text: one.Route, Sub: one.Grant}, {Text: one.Reason, Sub: one.Note}, state,
		timeCell(one.CreatedAt),
	}}
	switch {
	case one.State == consolepb.AccessRequestState_ACCESS_REQUEST_STATE_WAITING:
		if v.actor.May("ApproveAccessRequest") && one.UserKey != v.actor.UserKey {
			row.Actions = append(row.Actions, pages.Action{Label: say("requests.approve"), URL: withQuery("/requests/approve", "id", one.Id)})
		}
		if v.actor.May("RefuseAccessRequest") {
			row.Actions = append(row.Actions, pages.Action{Label: say("requests.refuse"), URL: withQuery("/requests/refuse", "id", one.Id)})
		}
	case one.State == consolepb.AccessRequestState_ACCESS_REQUEST_STATE_GRANTED && v.actor.May("EndGrant"):
		row.Actions = []pages.Action{{Label: say("grants.end"), URL: withQuery("/grants/end", "id", one.GrantId)}}
	}
	return row
}

// requestForm begins a form about one request.
func (s *Server) requestForm(v visit) (pages.ConsoleForm, *consolepb.GetAccessRequestResponse, error) {
	id := v.r.URL.Query().Get("id")
	out, err := s.o.Service.GetAccessRequest(v.r.Context(), v.actor, &consolepb.GetAccessRequestRequest{Id: id})
	if err != nil {
		return pages.ConsoleForm{}, nil, err
	}
	one := out.Request
	return pages.ConsoleForm{
		Console: s.frame(v, "/requests"), Hidden: []pages.Field{{Name: "id", Value: id}},
		Pairs: []pages.Pair{
			{Label: say("requests.person"), Cell: pages.Cell{Text: called(one.Name, one.Email, one.UserKey), Sub: one.Email}},
			{Label: say("requests.app"), Cell: pages.Cell{Text: one.Route}},
			{Label: say("requests.grant"), Cell: pages.Cell{Text: one.Grant, Code: true}},
			{Label: say("requests.reason"), Cell: pages.Cell{Text: one.Reason}},
			{Label: say("requests.asked"), Cell: exactCell(one.CreatedAt)},
		},
		Back: pages.Action{Label: say("cancel"), URL: "/requests"},
	}, out, nil
}

// askApproveRequest asks for how long.
func (s *Server) askApproveRequest(v visit) error {
	f, out, err := s.requestForm(v)
	if err != nil {
		return err
	}
	one := out.Request
	f.Title, f.Lead = say("requests.ask.approve"), say("requests.ask.lead", called(one.Name, one.Email, one.UserKey))
	f.Action, f.Button = "/requests/approve", say("requests.approve")
	f.Rows = []pages.FormRow{{
		Name: "for", Label: say("requests.for"), Kind: "select", Hint: say("requests.for.hint"),
		Options: lengths(time.Hour, out.Longest.AsDuration(), 15*time.Minute, time.Hour, 8*time.Hour, 24*time.Hour),
	}}
	s.o.Pages.ConsoleForm(f).Send(v.w)
	return nil
}

// lengths offers those of some times that do not pass the longest, and that one.
func lengths(chosen, longest time.Duration, some ...time.Duration) []pages.Option {
	some = slices.DeleteFunc(some, func(d time.Duration) bool { return d >= longest })
	some = append(some, longest)
	var out []pages.Option
	for _, d := range some {
		out = append(out, pages.Option{
			Value: strconv.FormatInt(int64(d/time.Second), 10), Label: lengthWords(d), Chosen: d == chosen || len(some) == 1,
		})
	}
	return out
}

func lengthWords(d time.Duration) string {
	switch {
	case d == time.Hour:
		return say("time.hour")
	case d == 24*time.Hour:
		return say("time.day")
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf(say("time.days"), d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf(say("time.hours"), d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf(say("time.minutes"), d/time.Minute)
	}
	return d.String()
}

// length reads what lengths has offered; what is none is a length that nothing
// allows.
func (v visit) length(field string) *durationpb.Duration {
	seconds, err := strconv.ParseInt(v.r.PostFormValue(field), 10, 32)
	if err != nil {
		return nil
	}
	return durationpb.New(time.Duration(seconds) * time.Second)
}

func (s *Server) approveRequest(v visit) error {
	_, err := s.o.Service.ApproveAccessRequest(v.r.Context(), v.actor, &consolepb.ApproveAccessRequestRequest{
		Id: v.r.PostFormValue("id"), Duration: v.length("for"),
	})
	if err != nil {
		return err
	}
	return v.done("/requests", "request-approved")
}

// askRefuse asks for a note.
func (s *Server) askRefuse(v visit) error {
	f, out, err := s.requestForm(v)
	if err != nil {
		return err
	}
	one := out.Request
	f.Title, f.Lead = say("requests.ask.refuse"), say("requests.ask.refuse.to", called(one.Name, one.Email, one.UserKey))
	f.Action, f.Button, f.Danger = "/requests/refuse", say("requests.refuse"), true
	f.Rows = []pages.FormRow{{Name: "note", Label: say("requests.note"), Kind: "textarea", Hint: say("requests.note.hint")}}
	s.o.Pages.ConsoleForm(f).Send(v.w)
	return nil
}

func (s *Server) refuseRequest(v visit) error {
	_, err := s.o.Service.RefuseAccessRequest(v.r.Context(), v.actor, &consolepb.RefuseAccessRequestRequest{
		Id: v.r.PostFormValue("id"), Note: v.r.PostFormValue("note"),
	})
	if err != nil {
		return err
	}
	return v.done("/requests", "request-refused")
}
