package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// explainPage explains a recorded decision, answers its own form, or shows it.
func (s *Server) explainPage(v visit) error {
	q := v.r.URL.Query()
	page := pages.ConsoleExplain{Console: s.frame(v, "/explain"), Title: say("explain.title"), Lead: say("explain.lead")}
	switch {
	case q.Get("request") != "":
		if err := s.explainRecorded(v, q.Get("request"), &page); err != nil {
			return err
		}
	default:
		f, err := s.askedOf(v)
		if err != nil {
			return err
		}
		if f.given() {
			s.explainAsked(v, f, &page)
		}
		page.Ask = f.form()
	}
	s.o.Pages.ConsoleExplain(page).Send(v.w)
	return nil
}

func (s *Server) explainRecorded(v visit, id string, page *pages.ConsoleExplain) error {
	out, err := s.o.Service.ExplainDecision(v.r.Context(), v.actor, &consolepb.ExplainDecisionRequest{RequestId: id})
	if errors.Is(err, ErrNotFound) {
		page.Notice = pages.Notice{Text: say("explain.gone"), Tone: pages.ToneWait}
		page.Ask = (&askedForm{}).form()
		return nil
	}
	if err != nil {
		return err
	}
	d := out.Decision
	page.Title, page.Lead = say("explain.title.request"), ""
	page.Back = pages.Action{Label: say("explain.back"), URL: "/decisions"}
	page.Pairs = []pages.Pair{
		{Label: say("explain.then"), Cell: outcomeCell(d.Outcome)},
		{Label: say("decisions.why"), Cell: pages.Cell{Text: called(d.Error, strings.Join(d.Reasons, ", "), " ")}},
		{Label: say("decisions.person"), Cell: whoCell(d)},
		{Label: say("decisions.request"), Cell: pages.Cell{Text: d.Method + " " + d.Host + d.Path}},
		{Label: say("decisions.route"), Cell: pages.Cell{Text: called(d.Route, " ")}},
		{Label: say("decisions.time"), Cell: exactCell(d.Time)},
		{Label: say("pair.request"), Cell: pages.Cell{Text: d.RequestId, Code: true, Copy: "request-id"}},
	}
	page.Remarks = out.Remarks
	page.Verdict = verdictOf(out.Explanation)
	if d.RouteId != "" && v.actor.May("GetRoute") {
		page.Pairs[4].Link = withQuery("/routes/show", "id", d.RouteId)
	}
	return nil
}

// An askedForm is the form of a request that is described, and what was typed.
type askedForm struct {
	url, method, person, key, groups, address, device, at string
	approved                                              bool
	when                                                  *timestamppb.Timestamp
	candidates                                            []*consolepb.User // people whom person may mean
	wrong                                                 map[string]string // field -> sentence
}

func (f *askedForm) given() bool { return f.url != "" || f.person != "" || len(f.wrong) > 0 }

// maxCandidates bounds the people that are offered.
const maxCandidates = 20

// askedOf reads the form. Who is meant is looked for among the people: one whose
// address or key it is, exactly, else those who match are offered.
func (s *Server) askedOf(v visit) (*askedForm, error) {
	q := v.r.URL.Query()
	f := &askedForm{
		url: q.Get("url"), method: q.Get("method"), person: strings.TrimSpace(q.Get("person")), key: q.Get("key"), groups: q.Get("groups"),
		address: q.Get("address"), device: q.Get("device"), at: q.Get("at"), approved: q.Get("approved") != "", wrong: map[string]string{},
	}
	if f.at != "" {
		at, err := time.Parse(localTime, f.at)
		if err != nil {
			f.wrong["at"] = say("explain.wrong.at")
		}
		f.when = timestamppb.New(at)
	}
	if f.person == "" || f.key != "" {
		return f, nil
	}
	out, err := s.o.Service.ListUsers(v.r.Context(), v.actor, &consolepb.ListUsersRequest{Search: f.person, NotGroups: true, Page: &consolepb.PageRequest{Size: maxCandidates}})
	if err != nil {
		return nil, err
	}
	var exact []*consolepb.User
	for _, u := range out.Users {
		if strings.EqualFold(u.Email, f.person) || u.Key == f.person {
			exact = append(exact, u)
		}
	}
	switch {
	case len(exact) == 1:
		f.key = exact[0].Key
	case len(exact) > 1:
		f.candidates = exact
	case !strings.Contains(f.person, "@"):
		f.candidates = out.Users
		if len(out.Users) == 0 {
			f.wrong["person"] = say("explain.wrong.person")
		}
	}
	return f, nil
}

func (s *Server) explainAsked(v visit, f *askedForm, page *pages.ConsoleExplain) {
	if len(f.candidates) > 0 || len(f.wrong) > 0 {
		return
	}
	req := &consolepb.ExplainRequestRequest{
		Url: f.url, Method: f.method, UserKey: f.key, Groups: listOf(f.groups), Address: f.address, Device: f.device, DeviceApproved: f.approved, At: f.when,
	}
	if f.key == "" {
		req.Email = f.person
	}
	out, err := s.o.Service.ExplainRequest(v.r.Context(), v.actor, req)
	if err != nil {
		f.refuse(err)
		page.Notice = pages.Notice{Text: say("explain.not"), Tone: pages.ToneWait}
		if failureOf(err).status >= http.StatusInternalServerError && !errors.Is(err, context.DeadlineExceeded) {
			s.o.Log.Error().Err(err).Str("request_id", v.actor.RequestID).Msg("console explanation fails")
		}
		return
	}
	page.Pairs = []pages.Pair{
		{Label: say("decisions.request"), Cell: pages.Cell{Text: strings.TrimSpace(called(f.method, http.MethodGet) + " " + f.url)}},
		{Label: say("decisions.route"), Cell: pages.Cell{Text: out.Route, Sub: fmt.Sprintf(say("explain.line"), out.Line)}},
		{Label: say("decisions.person"), Cell: pages.Cell{Text: called(out.Person, f.person, say("decisions.nobody"))}},
	}
	page.Verdict = verdictOf(out.Explanation)
}

// refuse puts an error at the field that it is about.
func (f *askedForm) refuse(err error) {
	var invalid *Invalid
	var conflict *Conflict
	switch {
	case errors.As(err, &invalid):
		field := map[string]string{"email": "person", "user_key": "person"}[invalid.Field]
		f.wrong[called(field, invalid.Field)] = say("explain.wrong.want", invalid.Want)
	case errors.As(err, &conflict):
		f.wrong["url"] = say("explain.wrong.conflict", conflict.Why)
	case errors.Is(err, ErrNotFound):
		f.wrong["person"] = say("explain.wrong.person")
	default:
		f.wrong["url"] = say("explain.wrong.broken")
	}
}

// listOf splits what was typed with commas.
func listOf(text string) []string {
	var out []string
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, one)
		}
	}
	return out
}

func (f *askedForm) form() pages.Ask {
	rows := []pages.FormRow{
		{Name: "url", Label: say("explain.url"), Value: f.url, Required: true, Hint: say("explain.url.hint"), Error: f.wrong["url"]},
		{Name: "person", Label: say("explain.person"), Value: f.person, Hint: say("explain.person.hint"), Error: f.wrong["person"]},
	}
	if len(f.candidates) > 0 {
		row := pages.FormRow{Name: "key", Label: say("explain.which"), Kind: "select", Hint: say("explain.which.hint")}
		for _, u := range f.candidates {
			row.Options = append(row.Options, pages.Option{Value: u.Key, Label: called(u.Name, u.Email) + " · " + called(u.Email, u.Key) + " · " + u.Key})
		}
		rows = append(rows, row)
	}
	rows = append(rows,
		pages.FormRow{Name: "groups", Label: say("explain.groups"), Value: f.groups, Hint: say("explain.groups.hint"), Error: f.wrong["groups"]},
		pages.FormRow{Name: "method", Label: say("explain.method"), Value: called(f.method, http.MethodGet), Error: f.wrong["method"]},
		pages.FormRow{Name: "address", Label: say("explain.address"), Value: f.address, Error: f.wrong["address"]},
		pages.FormRow{Name: "device", Label: say("explain.device"), Kind: "select", Error: f.wrong["device"], Options: []pages.Option{
			{Value: "", Label: say("explain.device.none"), Chosen: f.device == ""},
			{Value: policy.DeviceAny, Label: say("explain.device.any"), Chosen: f.device == policy.DeviceAny},
			{Value: policy.DeviceEnclave, Label: say("explain.device.enclave"), Chosen: f.device == policy.DeviceEnclave},
		}},
		pages.FormRow{Name: "approved", Label: say("explain.approved"), Kind: "checkbox", Value: map[bool]string{true: "yes"}[f.approved]},
		pages.FormRow{Name: "at", Label: say("explain.at"), Kind: "datetime-local", Value: f.at, Hint: say("explain.at.hint"), Error: f.wrong["at"]},
	)
	return pages.Ask{Title: say("explain.ask"), Action: "/explain", Rows: rows, Button: say("explain.button")}
}
