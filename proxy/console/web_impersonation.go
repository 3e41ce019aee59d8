package console

import (
	"time"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// impersonationTimes are those that the form offers; the first is chosen.
var impersonationTimes = []struct {
	value string
	d     time.Duration
}{{"15m", 15 * time.Minute}, {"1h", time.Hour}}

// actAction leads to acting as the owner of a session; nothing where that cannot
// be.
func (v visit) actAction(one *consolepb.Session) []pages.Action {
	if !v.Config.Console.Impersonation || !v.actor.May("StartImpersonation") || one.UserKey == v.actor.UserKey || isAccountKey(one.UserKey) ||
		one.State != consolepb.SessionState_SESSION_STATE_ACTIVE {
		return nil
	}
	return []pages.Action{{Label: say("impersonation.start"), URL: withQuery("/impersonation/start", "id", one.Id)}}
}

// askAct asks how long and why before an administrator acts as a person.
func (s *Server) askAct(v visit) error {
	return s.showActForm(v, v.r.URL.Query().Get("id"), "", impersonationTimes[0].value, nil)
}

func (s *Server) showActForm(v visit, id, reason, duration string, wrong error) error {
	one, err := s.o.Service.session(v.r.Context(), id)
	if err != nil {
		return err
	}
	who := called(one.Name, one.Email, one.UserKey)
	times := pages.FormRow{Name: "duration", Label: say("impersonation.duration"), Kind: "select"}
	for _, t := range impersonationTimes {
		times.Options = append(times.Options, pages.Option{Value: t.value, Label: say("impersonation." + t.value), Chosen: t.value == duration})
	}
	form := pages.ConsoleForm{
		Console: s.frame(v, "/sessions"), Title: say("impersonation.ask"), Lead: say("impersonation.ask.lead", who),
		Pairs: []pages.Pair{
			{Label: say("sessions.person"), Cell: pages.Cell{Text: who, Sub: one.Email}},
			{Label: say("sessions.issued"), Cell: exactCell(one.IssuedAt)},
			{Label: say("sessions.id"), Cell: pages.Cell{Text: one.Id, Code: true}},
		},
		Action: "/impersonation/start", Hidden: []pages.Field{{Name: "id", Value: id}},
		Rows:   []pages.FormRow{times, {Name: "reason", Label: say("impersonation.reason"), Hint: say("impersonation.reason.hint"), Required: true, Value: reason}},
		Button: say("impersonation.start"), Danger: true, Back: pages.Action{Label: say("cancel"), URL: "/sessions"},
	}
	markWrong(&form, wrong)
	s.o.Pages.ConsoleForm(form).Send(v.w)
	return nil
}

func (s *Server) act(v visit) error {
	req := &consolepb.StartImpersonationRequest{SessionId: v.r.PostFormValue("id"), Reason: v.r.PostFormValue("reason")}
	for _, t := range impersonationTimes {
		if v.r.PostFormValue("duration") == t.value {
			req.Duration = durationpb.New(t.d)
		}
	}
	if _, err := s.o.Service.StartImpersonation(v.r.Context(), v.actor, req); err != nil {
		if !ofTheForm(err) {
			return err
		}
		return s.showActForm(v, req.SessionId, req.Reason, v.r.PostFormValue("duration"), err)
	}
	return v.done("/sessions", "impersonation-started")
}

// askStop is where the notice leads, here and on the pages of other hosts.
func (s *Server) askStop(v visit) error {
	f := pages.ConsoleForm{
		Console: s.frame(v, "/sessions"), Title: say("impersonation.stop.ask"), Lead: say("impersonation.none"),
		Action: "/impersonation/stop", Button: say("impersonation.stop"), Back: pages.Action{Label: say("cancel"), URL: "/sessions"},
	}
	if v.actor.ActsAs != "" {
		f.Lead = say("impersonation.stop.lead", v.actor.ActsAs)
	}
	s.o.Pages.ConsoleForm(f).Send(v.w)
	return nil
}

func (s *Server) stop(v visit) error {
	if _, err := s.o.Service.StopImpersonation(v.r.Context(), v.actor, &consolepb.StopImpersonationRequest{}); err != nil {
		return err
	}
	return v.done("/sessions", "impersonation-stopped")
}

// actingNotice stands on every page while somebody acts as another.
func (v visit) actingNotice() pages.Acting {
	if v.actor.ActsAs == "" {
		return pages.Acting{}
	}
	return pages.Acting{
		Text: say("impersonation.notice", v.actor.ActsAs), Until: v.actor.ActsUntil,
		Stop: pages.Action{Label: say("impersonation.stop"), URL: "/impersonation/stop"},
	}
}

// impersonatedPart shows when administrators acted as a person.
func impersonatedPart(out *consolepb.GetUserResponse) pages.Part {
	table := &pages.Table{Caption: say("impersonation.past"), Empty: say("impersonation.past.empty"), Columns: []pages.Column{
		{Label: say("impersonation.by")}, {Label: say("impersonation.at")}, {Label: say("impersonation.until")},
	}}
	for _, one := range out.Impersonated {
		table.Rows = append(table.Rows, pages.Row{Cells: []pages.Cell{{Text: one.By}, exactCell(one.At), exactCell(one.Until)}})
	}
	return pages.Part{ID: "impersonated", Title: say("impersonation.past"), Table: table}
}
