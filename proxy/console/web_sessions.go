package console

import (
	"fmt"
	"slices"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// sessionStates are the states as addresses and people name them.
var sessionStates = []struct {
	value string
	state consolepb.SessionState
	tone  pages.Tone
}{
	{"active", consolepb.SessionState_SESSION_STATE_ACTIVE, pages.ToneAllow},
	{"disabled", consolepb.SessionState_SESSION_STATE_DISABLED, pages.ToneDeny},
	{"orphaned", consolepb.SessionState_SESSION_STATE_ORPHANED, pages.ToneWait},
}

func (s *Server) sessionsPage(v visit) error {
	t := v.table("/sessions", "state", "provider", "user")
	req := &consolepb.ListSessionsRequest{Page: t.page(), Search: t.get("q"), Provider: t.get("provider"), UserKey: t.get("user")}
	var states []string
	for _, one := range sessionStates {
		states = append(states, one.value, say("sessions."+one.value))
		if t.get("state") == one.value {
			req.State = one.state
		}
	}
	out, err := s.o.Service.ListSessions(v.r.Context(), v.actor, req)
	if err != nil {
		return err
	}
	filters := []pages.Filter{t.filter("state", "sessions.state", states...)}
	if known := v.providers(); len(known) > 2 { // there is more than one
		filters = append(filters, t.filter("provider", "sessions.provider", known...))
	} else if id := t.get("provider"); id != "" {
		filters = append(filters, t.filter("provider", "sessions.provider", id, id))
	}
	page := pages.ConsoleList{
		Console: s.frame(v, "/sessions"), Title: say("sessions.title"), Lead: say("sessions.lead"),
		Search: t.search("sessions.search", filters...),
		Count:  countOf("sessions", out.Page.GetTotal()),
		Table: pages.Table{Caption: say("sessions.caption"), Empty: say("sessions.empty"), Columns: []pages.Column{
			t.column("sessions.person", "person", false, false), {Label: say("sessions.state")},
			t.column("sessions.issued", "issued", true, true), {Label: say("sessions.used")},
			t.column("sessions.expires", "expires", false, false),
		}},
	}
	if key := t.get("user"); key != "" {
		page.Search.Hidden = append(page.Search.Hidden, pages.Field{Name: "user", Value: key})
	}
	for _, one := range out.Sessions {
		page.Table.Rows = append(page.Table.Rows, v.sessionRow(one))
	}
	page.First, page.Next = t.pager(out.Page)
	if v.actor.May("RevokeAllSessions") {
		page.Actions = []pages.Action{{Label: say("sessions.revoke.all"), URL: "/sessions/revoke-all"}}
	}
	s.o.Pages.ConsoleList(page).Send(v.w)
	return nil
}

// providers are the identity providers of the configuration: the id of each and
// how people know it, in pairs.
func (v visit) providers() []string {
	name := string(v.Config.IDPProvider)
	known := []string{config.ProviderID(v.Config, nil), name}
	for _, r := range v.Config.Routes {
		id := config.ProviderID(v.Config, r)
		if slices.Contains(known, id) {
			continue
		}
		known = append(known, id, fmt.Sprintf("%s (%s)", name, r.IDPClientID))
	}
	return known
}

// providerName is how people know a provider; one of another configuration is
// known by its id.
func (v visit) providerName(id string) string {
	known := v.providers()
	for i := 0; i+1 < len(known); i += 2 {
		if known[i] == id && known[i+1] != "" {
			return known[i+1]
		}
	}
	return id
}

// sessionRow is one line of a table of sessions, in the columns of sessionsPage.
func (v visit) sessionRow(one *consolepb.Session) pages.Row {
	row := pages.Row{Cells: []pages.Cell{
		personCell(one.UserKey, one.Name, one.Email),
		sessionState(one.State), signedIn(one), timeCell(one.LastUsedAt), timeCell(one.ExpiresAt),
	}}
	if v.actor.May("RevokeSession") {
		row.Actions = []pages.Action{{Label: say("sessions.revoke"), URL: withQuery("/sessions/revoke", "id", one.Id)}}
	}
	row.Actions = append(row.Actions, v.actAction(one)...)
	return row
}

// signedIn says when and from where.
func signedIn(one *consolepb.Session) pages.Cell {
	c := timeCell(one.IssuedAt)
	c.Sub = one.From
	return c
}

func sessionState(state consolepb.SessionState) pages.Cell {
	for _, one := range sessionStates {
		if one.state == state {
			return pages.Cell{Text: say("sessions." + one.value), Tone: one.tone}
		}
	}
	return pages.Cell{}
}

// called is the first of texts that says something.
func called(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return say("unknown")
}

// timeCell shows a time, and a word where there is none.
func timeCell(t *timestamppb.Timestamp) pages.Cell {
	if t == nil {
		return pages.Cell{Text: say("sessions.never")}
	}
	return pages.Cell{Time: t.AsTime().Local().Truncate(time.Second)}
}

// exactCell shows a time written out.
func exactCell(t *timestamppb.Timestamp) pages.Cell {
	c := timeCell(t)
	c.Exact = true
	return c
}
