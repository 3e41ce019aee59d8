package console

import (
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// askRevoke asks before one session is ended.
func (s *Server) askRevoke(v visit) error {
	id := v.r.URL.Query().Get("id")
	one, err := s.o.Service.session(v.r.Context(), id)
	if err != nil {
		return err
	}
	who := called(one.Name, one.Email, one.UserKey)
	f := pages.ConsoleForm{
		Console: s.frame(v, "/sessions"), Title: say("sessions.ask"), Lead: say("sessions.ask.lead", who),
		Pairs: []pages.Pair{
			{Label: say("sessions.person"), Cell: pages.Cell{Text: who, Sub: one.Email}},
			{Label: say("sessions.issued"), Cell: exactCell(one.IssuedAt)},
			{Label: say("sessions.used"), Cell: exactCell(one.LastUsedAt)},
			{Label: say("sessions.from"), Cell: pages.Cell{Text: called(one.From)}},
			{Label: say("sessions.agent"), Cell: pages.Cell{Text: called(one.UserAgent)}},
			{Label: say("sessions.id"), Cell: pages.Cell{Text: one.Id, Code: true}},
		},
		Action: "/sessions/revoke", Hidden: []pages.Field{{Name: "id", Value: id}},
		Button: say("sessions.ask.button"), Danger: true, Back: pages.Action{Label: say("cancel"), URL: "/sessions"},
	}
	if id == v.actor.SessionID {
		f.Lead = say("sessions.ask.own")
	}
	s.o.Pages.ConsoleForm(f).Send(v.w)
	return nil
}

func (s *Server) revoke(v visit) error {
	_, err := s.o.Service.RevokeSession(v.r.Context(), v.actor, &consolepb.RevokeSessionRequest{Id: v.r.PostFormValue("id")})
	if err != nil {
		return err
	}
	return v.done("/sessions", "revoked")
}

// askRevokePerson asks before all sessions of a person are ended.
func (s *Server) askRevokePerson(v visit) error {
	key := v.r.URL.Query().Get("key")
	out, err := s.o.Service.GetUser(v.r.Context(), v.actor, &consolepb.GetUserRequest{Key: key})
	if err != nil {
		return err
	}
	who := called(out.User.Name, out.User.Email, key)
	s.o.Pages.ConsoleForm(pages.ConsoleForm{
		Console: s.frame(v, "/sessions"), Title: say("sessions.ask.person"), Lead: say("sessions.ask.person.lead", who),
		Pairs: []pages.Pair{
			{Label: say("sessions.person"), Cell: pages.Cell{Text: who, Sub: out.User.Email}},
			{Label: say("sessions.title"), Cell: pages.Cell{Text: countOf("sessions", out.User.Sessions)}},
		},
		Action: "/sessions/revoke-person", Hidden: []pages.Field{{Name: "key", Value: key}},
		Button: say("sessions.ask.button.all"), Danger: true,
		Back: pages.Action{Label: say("cancel"), URL: withQuery("/users/show", "key", key)},
	}).Send(v.w)
	return nil
}

func (s *Server) revokePerson(v visit) error {
	key := v.r.PostFormValue("key")
	if _, err := s.o.Service.RevokeUserSessions(v.r.Context(), v.actor, &consolepb.RevokeUserSessionsRequest{UserKey: key}); err != nil {
		return err
	}
	return v.done(withQuery("/users/show", "key", key), "revoked-person")
}

// askRevokeAll asks before everybody is signed out.
func (s *Server) askRevokeAll(v visit) error {
	out, err := s.o.Service.ListSessions(v.r.Context(), v.actor, &consolepb.ListSessionsRequest{Page: &consolepb.PageRequest{Size: 1}})
	if err != nil {
		return err
	}
	s.o.Pages.ConsoleForm(pages.ConsoleForm{
		Console: s.frame(v, "/sessions"), Title: say("sessions.ask.all"),
		Lead:   say("sessions.ask.all.lead", countOf("sessions", out.Page.GetTotal())),
		Action: "/sessions/revoke-all", Button: say("sessions.ask.button.all"), Danger: true, Sure: say("sessions.ask.all.sure"),
		Back: pages.Action{Label: say("cancel"), URL: "/sessions"},
	}).Send(v.w)
	return nil
}

func (s *Server) revokeAll(v visit) error {
	if v.r.PostFormValue("sure") != "yes" {
		return &Invalid{"sure", "a tick at what you are asked"}
	}
	if _, err := s.o.Service.RevokeAllSessions(v.r.Context(), v.actor, &consolepb.RevokeAllSessionsRequest{}); err != nil {
		return err
	}
	return v.done("/sessions", "revoked-all")
}
