package console

import (
	"fmt"
	"strings"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// userStates are the states as addresses and people name them.
var userStates = []struct {
	value string
	state consolepb.UserState
}{
	{"enabled", consolepb.UserState_USER_STATE_ENABLED},
	{"disabled", consolepb.UserState_USER_STATE_DISABLED},
}

func (s *Server) usersPage(v visit) error {
	t := v.table("/users", "state", "group")
	req := &consolepb.ListUsersRequest{Page: t.page(), Search: t.get("q"), Group: t.get("group")}
	var states []string
	for _, one := range userStates {
		states = append(states, one.value, say("users."+one.value))
		if t.get("state") == one.value {
			req.State = one.state
		}
	}
	out, err := s.o.Service.ListUsers(v.r.Context(), v.actor, req)
	if err != nil {
		return err
	}
	page := pages.ConsoleList{
		Console: s.frame(v, "/users"), Title: say("users.title"), Lead: say("users.lead"),
		Search: t.search("users.search", t.filter("state", "users.state", states...)),
		Count:  countOf("users", out.Page.GetTotal()),
		Table: pages.Table{Caption: say("users.caption"), Empty: say("users.empty"), Columns: []pages.Column{
			t.column("users.person", "name", true, false), {Label: say("users.state")}, {Label: say("users.groups")},
			t.column("users.sessions", "sessions", false, true), t.column("users.devices", "devices", false, true),
		}},
	}
	if group := t.get("group"); group != "" {
		page.Lead = say("users.lead.group", group)
		page.Search.Hidden = append(page.Search.Hidden, pages.Field{Name: "group", Value: group})
	}
	for _, u := range out.Users {
		page.Table.Rows = append(page.Table.Rows, pages.Row{Cells: []pages.Cell{
			personCell(u.Key, u.Name, u.Email), userState(u), {Text: someOf(u.Groups, shownGroups)},
			{Text: fmt.Sprint(u.Sessions)}, {Text: fmt.Sprint(u.Devices)},
		}})
	}
	page.First, page.Next = t.pager(out.Page)
	s.o.Pages.ConsoleList(page).Send(v.w)
	return nil
}

// shownGroups is how many groups a line of the table names.
const shownGroups = 3

// someOf names the first of texts and says how many more there are.
func someOf(texts []string, n int) string {
	if len(texts) <= n {
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf(say("users.more"), strings.Join(texts[:n], ", "), len(texts)-n)
}

// personCell names a person and leads to their page.
func personCell(key, name, email string) pages.Cell {
	c := pages.Cell{Text: called(name, email, key), Sub: email, Link: withQuery("/users/show", "key", key)}
	if c.Text == email {
		c.Sub = ""
	}
	return c
}

func userState(u *consolepb.User) pages.Cell {
	if u.Disabled {
		return pages.Cell{Text: say("users.disabled"), Tone: pages.ToneDeny}
	}
	return pages.Cell{Text: say("users.enabled"), Tone: pages.ToneAllow}
}

func (s *Server) userPage(v visit) error {
	key := v.r.URL.Query().Get("key")
	out, err := s.o.Service.GetUser(v.r.Context(), v.actor, &consolepb.GetUserRequest{Key: key})
	if err != nil {
		return err
	}
	u, state := out.User, userState(out.User)
	page := pages.ConsoleDetail{
		Console: s.frame(v, "/users"), State: pages.Notice{Text: state.Text, Tone: state.Tone},
		Title: called(u.Name, u.Email, u.Id), Sub: u.Email, Back: pages.Action{Label: say("users.back"), URL: "/users"},
		Pairs: []pages.Pair{
			{Label: say("users.id"), Cell: pages.Cell{Text: u.Id, Code: true, Copy: "user-id"}},
			{Label: say("users.provider"), Cell: pages.Cell{Text: v.providerName(u.Provider)}},
			{Label: say("users.key"), Cell: pages.Cell{Text: u.Key, Code: true, Copy: "user-key"}},
		},
		Parts: []pages.Part{groupsPart(u), v.sessionsPart(out), v.devicesPart(out)},
	}
	if len(out.Impersonated) > 0 {
		page.Parts = append(page.Parts, impersonatedPart(out))
	}
	switch {
	case u.Disabled && v.actor.May("EnableUser"):
		page.Actions = []pages.Action{{Label: say("users.enable"), URL: withQuery("/users/enable", "key", key)}}
	case !u.Disabled && v.actor.May("DisableUser") && key != v.actor.UserKey:
		page.Actions = []pages.Action{{Label: say("users.disable"), URL: withQuery("/users/disable", "key", key)}}
	}
	s.o.Pages.ConsoleDetail(page).Send(v.w)
	return nil
}

func groupsPart(u *consolepb.User) pages.Part {
	part := pages.Part{ID: "groups", Title: say("users.groups"), Empty: say("users.groups.empty")}
	for i, name := range u.Groups {
		if i == maxTags {
			part.More = fmt.Sprintf(say("users.groups.more"), len(u.Groups)-i)
			break
		}
		part.Tags = append(part.Tags, pages.Action{Label: name, URL: withQuery("/users", "group", name)})
	}
	return part
}

// maxTags bounds the groups of a person's page.
const maxTags = 100

func (v visit) sessionsPart(out *consolepb.GetUserResponse) pages.Part {
	key := out.User.Key
	table := &pages.Table{Caption: say("sessions.caption"), Empty: say("users.sessions.empty"), Columns: []pages.Column{
		{Label: say("sessions.id")}, {Label: say("sessions.issued")}, {Label: say("sessions.used")}, {Label: say("sessions.expires")},
	}}
	for _, one := range out.Sessions {
		row := pages.Row{Cells: []pages.Cell{
			{Text: one.Id, Code: true, Sub: one.UserAgent}, signedIn(one), timeCell(one.LastUsedAt), timeCell(one.ExpiresAt),
		}}
		if v.actor.May("RevokeSession") {
			row.Actions = []pages.Action{{Label: say("sessions.revoke"), URL: withQuery("/sessions/revoke", "id", one.Id)}}
		}
		row.Actions = append(row.Actions, v.actAction(one)...)
		table.Rows = append(table.Rows, row)
	}
	part := pages.Part{ID: "sessions", Title: say("sessions.title"), Table: table}
	if len(out.Sessions) < int(out.User.Sessions) {
		part.Actions = append(part.Actions, pages.Action{Label: say("users.sessions.all"), URL: withQuery("/sessions", "user", key)})
	}
	if len(out.Sessions) > 0 && v.actor.May("RevokeUserSessions") {
		part.Actions = append(part.Actions, pages.Action{Label: say("users.sessions.revoke"), URL: withQuery("/sessions/revoke-person", "key", key)})
	}
	return part
}

func (v visit) devicesPart(out *consolepb.GetUserResponse) pages.Part {
	table := &pages.Table{Caption: say("users.devices"), Empty: say("users.devices.empty"), Columns: []pages.Column{
		{Label: say("users.device.name")}, {Label: say("users.device.state")}, {Label: say("users.device.type")},
		{Label: say("users.device.enrolled")}, {Label: say("users.device.used")},
	}}
	for _, d := range out.Devices {
		table.Rows = append(table.Rows, pages.Row{Cells: []pages.Cell{
			{Text: called(d.Name, d.Id), Sub: modelOf(d), Link: withQuery("/devices/show", "id", d.Id)}, deviceState(d.Approved),
			{Text: typeWord(d.Type)}, timeCell(d.EnrolledAt), timeCell(d.LastUsedAt),
		}})
	}
	part := pages.Part{ID: "devices", Title: say("users.devices"), Table: table}
	if v.actor.May("CreateEnrollmentLink") && !isAccountKey(out.User.Key) {
		part.Actions = []pages.Action{{Label: say("enroll"), URL: withQuery("/devices/enroll", "key", out.User.Key)}}
	}
	return part
}

func (s *Server) groupsPage(v visit) error {
	t := v.table("/groups")
	out, err := s.o.Service.ListGroups(v.r.Context(), v.actor, &consolepb.ListGroupsRequest{Page: t.page(), Search: t.get("q")})
	if err != nil {
		return err
	}
	page := pages.ConsoleList{
		Console: s.frame(v, "/groups"), Title: say("groups.title"), Lead: say("groups.lead"), Search: t.search("groups.search"),
		Count: countOf("groups", out.Page.GetTotal()),
		Table: pages.Table{Caption: say("groups.caption"), Empty: say("groups.empty"), Columns: []pages.Column{
			t.column("groups.name", "name", true, false), t.column("groups.members", "members", false, true),
		}},
	}
	for _, g := range out.Groups {
		page.Table.Rows = append(page.Table.Rows, pages.Row{Cells: []pages.Cell{
			{Text: called(g.Name), Link: withQuery("/users", "group", g.Name)}, {Text: fmt.Sprint(g.Members)},
		}})
	}
	page.First, page.Next = t.pager(out.Page)
	s.o.Pages.ConsoleList(page).Send(v.w)
	return nil
}
