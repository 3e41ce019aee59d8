package console

import (
	"errors"
	"net/http"
	"time"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// validities are how long a link may hold, as forms name it; the default first.
var validities = []string{"24h", "1h", "168h"}

// enrollPage makes a new enrollment: first the person, then the rest.
func (s *Server) enrollPage(v visit) error {
	if v.r.URL.Query().Get("key") == "" {
		return s.choosePerson(v)
	}
	return s.askEnroll(v, v.r.URL.Query().Get("key"), &consolepb.CreateEnrollmentLinkRequest{Type: typeAny}, validities[0], nil)
}

func (s *Server) choosePerson(v visit) error {
	t := v.table("/devices/enroll")
	out, err := s.o.Service.ListUsers(v.r.Context(), v.actor, &consolepb.ListUsersRequest{
		Page: t.page(), Search: t.get("q"), State: consolepb.UserState_USER_STATE_ENABLED, NotGroups: true,
	})
	if err != nil {
		return err
	}
	frame, err := s.overDevices(v, say("enroll.title"), true)
	if err != nil {
		return err
	}
	page := pages.ConsoleList{
		Console: frame, Title: say("enroll.choose.title"), Lead: say("enroll.choose.lead"), Search: t.search("users.search"),
		Count: countOf("users", out.Page.GetTotal()),
		Table: pages.Table{Caption: say("users.caption"), Empty: say("users.empty"), Columns: []pages.Column{
			t.column("users.person", "name", true, false), {Label: say("users.groups")}, {Label: say("users.devices")},
		}},
	}
	for _, u := range out.Users {
		page.Table.Rows = append(page.Table.Rows, pages.Row{
			Cells: []pages.Cell{
				personCell(u.Key, u.Name, u.Email), {Text: someOf(u.Groups, shownGroups)}, {Text: countOf("devices", u.Devices)},
			},
			Actions: []pages.Action{{Label: say("enroll.choose"), URL: withQuery("/devices/enroll", "key", u.Key)}},
		})
	}
	page.First, page.Next = t.pager(out.Page)
	s.o.Pages.ConsoleList(page).Send(v.w)
	return nil
}

// askEnroll shows the form; wrong is what was wrong with it before, if anything.
func (s *Server) askEnroll(v visit, key string, r *consolepb.CreateEnrollmentLinkRequest, valid string, wrong *Invalid) error {
	out, err := s.o.Service.GetUser(v.r.Context(), v.actor, &consolepb.GetUserRequest{Key: key})
	if err != nil {
		return err
	}
	frame, err := s.overDevices(v, say("enroll.title"), true)
	if err != nil {
		return err
	}
	who := called(out.User.Name, out.User.Email, key)
	rows := []pages.FormRow{
		{Name: "redirect_url", Label: say("enroll.redirect"), Kind: "url", Value: r.RedirectUrl, Hint: say("enroll.redirect.hint")},
		{Name: "type", Label: say("enroll.type"), Kind: "select", Hint: say("enroll.type.hint")},
		{Name: "valid_for", Label: say("enroll.valid"), Kind: "select"},
	}
	for _, t := range []string{typeAny, typeEnclave} {
		rows[1].Options = append(rows[1].Options, pages.Option{Value: t, Label: typeWord(t), Chosen: r.Type == t})
	}
	for _, d := range validities {
		rows[2].Options = append(rows[2].Options, pages.Option{Value: d, Label: say("enroll.valid." + d), Chosen: valid == d})
	}
	form := pages.ConsoleForm{
		Console: frame, Title: say("enroll.title"), Lead: say("enroll.lead", who),
		Pairs:  []pages.Pair{{Label: say("users.person"), Cell: pages.Cell{Text: who, Sub: out.User.Email}}},
		Action: "/devices/enroll", Hidden: []pages.Field{{Name: "key", Value: key}, onceField()}, Rows: rows, Button: say("enroll.button"),
		Back: pages.Action{Label: say("enroll.again"), URL: "/devices/enroll"},
	}
	if wrong != nil {
		form.Status = http.StatusBadRequest
		for i, want := range []string{"enroll.redirect.want", "enroll.type.want", "enroll.valid.want"} {
			if rows[i].Name == wrong.Field {
				rows[i].Error = say(want)
			}
		}
	}
	s.o.Pages.ConsoleForm(form).Send(v.w)
	return nil
}

func (s *Server) enroll(v visit) error {
	key, valid := v.r.PostFormValue("key"), v.r.PostFormValue("valid_for")
	req := &consolepb.CreateEnrollmentLinkRequest{UserKey: key, RedirectUrl: v.r.PostFormValue("redirect_url"), Type: v.r.PostFormValue("type")}
	if valid != "" {
		d, err := time.ParseDuration(valid)
		if err != nil {
			return s.askEnroll(v, key, req, valid, &Invalid{Field: "valid_for"})
		}
		req.ValidFor = durationpb.New(d)
	}
	undo, err := s.once.take(v)
	if err != nil {
		return err
	}
	out, err := s.o.Service.CreateEnrollmentLink(v.r.Context(), v.actor, req)
	if err != nil {
		undo()
	}
	var wrong *Invalid
	if errors.As(err, &wrong) && wrong.Field != "user_key" {
		return s.askEnroll(v, key, req, valid, wrong)
	}
	if err != nil {
		return err
	}
	return s.showLink(v, out)
}

// showLink shows a new link, this once: no address leads back to it.
func (s *Server) showLink(v visit, out *consolepb.CreateEnrollmentLinkResponse) error {
	l := out.Link
	frame, err := s.overDevices(v, say("enroll.done.title"), false) // a key pressed too often would lose it
	if err != nil {
		frame = s.frame(v, "/devices") // the link is made, and must be shown
	}
	frame.Notice = pages.Notice{Text: say("enroll.done"), Tone: pages.ToneAllow}
	s.o.Pages.ConsoleDetail(pages.ConsoleDetail{
		Console: frame, Title: say("enroll.done.title"),
		Back: pages.Action{Label: say("devices.links"), URL: "/devices/links"},
		Pairs: []pages.Pair{
			{Label: say("enroll.address"), Cell: pages.Cell{Text: out.Url, Code: true, Copy: "enrollment-link"}},
			{Label: say("devices.person"), Cell: personCell(l.UserKey, l.UserName, l.UserEmail)},
			{Label: say("enroll.type"), Cell: pages.Cell{Text: typeWord(l.Type)}},
			{Label: say("links.redirect"), Cell: pages.Cell{Text: orWord(l.RedirectUrl, "links.redirect.own")}},
			{Label: say("links.expires"), Cell: exactCell(l.ExpiresAt)},
		},
		Actions: []pages.Action{{Label: say("enroll"), URL: "/devices/enroll"}},
	}).Send(v.w)
	return nil
}
