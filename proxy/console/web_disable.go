package console

import (
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// askDisable asks before a person is shut out, askEnable before they are let in
// again.
func (s *Server) askDisable(v visit) error { return s.askShut(v, "disable", true) }
func (s *Server) askEnable(v visit) error  { return s.askShut(v, "enable", false) }

func (s *Server) askShut(v visit, word string, danger bool) error {
	key := v.r.URL.Query().Get("key")
	out, err := s.o.Service.GetUser(v.r.Context(), v.actor, &consolepb.GetUserRequest{Key: key})
	if err != nil {
		return err
	}
	who := called(out.User.Name, out.User.Email, key)
	s.o.Pages.ConsoleForm(pages.ConsoleForm{
		Console: s.frame(v, "/users"), Title: say("users.ask." + word), Lead: say("users.ask."+word+".lead", who),
		Pairs: []pages.Pair{
			{Label: say("users.person"), Cell: pages.Cell{Text: who, Sub: out.User.Email}},
			{Label: say("users.sessions"), Cell: pages.Cell{Text: countOf("sessions", out.User.Sessions)}},
		},
		Action: "/users/" + word, Hidden: []pages.Field{{Name: "key", Value: key}}, Button: say("users." + word), Danger: danger,
		Back: pages.Action{Label: say("cancel"), URL: withQuery("/users/show", "key", key)},
	}).Send(v.w)
	return nil
}

func (s *Server) disable(v visit) error {
	key := v.r.PostFormValue("key")
	if _, err := s.o.Service.DisableUser(v.r.Context(), v.actor, &consolepb.DisableUserRequest{Key: key}); err != nil {
		return err
	}
	return v.done(withQuery("/users/show", "key", key), "disabled")
}

func (s *Server) enable(v visit) error {
	key := v.r.PostFormValue("key")
	if _, err := s.o.Service.EnableUser(v.r.Context(), v.actor, &consolepb.EnableUserRequest{Key: key}); err != nil {
		return err
	}
	return v.done(withQuery("/users/show", "key", key), "enabled")
}
