package console

import (
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// accountStates are the states as people name them.
var accountStates = map[consolepb.ServiceAccountState]pages.Cell{
	consolepb.ServiceAccountState_SERVICE_ACCOUNT_STATE_ACTIVE:  {Text: say("accounts.active"), Tone: pages.ToneAllow},
	consolepb.ServiceAccountState_SERVICE_ACCOUNT_STATE_EXPIRED: {Text: say("accounts.expired"), Tone: pages.TonePlain},
	consolepb.ServiceAccountState_SERVICE_ACCOUNT_STATE_ENDED:   {Text: say("accounts.ended"), Tone: pages.ToneDeny},
}

func (s *Server) accountsPage(v visit) error {
	t := v.table("/accounts")
	out, err := s.o.Service.ListServiceAccounts(v.r.Context(), v.actor, &consolepb.ListServiceAccountsRequest{Page: t.page(), Search: t.get("q")})
	if err != nil {
		return err
	}
	page := pages.ConsoleList{
		Console: s.frame(v, "/accounts"), Title: say("accounts.title"), Lead: say("accounts.lead"), Search: t.search("accounts.search"),
		Count: countOf("accounts", out.Page.GetTotal()),
		Table: pages.Table{Caption: say("accounts.caption"), Empty: say("accounts.empty"), Columns: []pages.Column{
			t.column("accounts.name", "name", true, false), {Label: say("accounts.owner")}, {Label: say("accounts.groups")},
			{Label: say("accounts.state")}, {Label: say("accounts.used")}, t.column("accounts.until", "expires", false, false),
		}},
	}
	for _, one := range out.Accounts {
		row := pages.Row{Cells: []pages.Cell{
			{Text: one.Name, Sub: one.Id}, {Text: called(one.OwnerEmail, one.Owner)}, {Text: someOf(one.Groups, shownGroups)},
			accountStates[one.State], timeCell(one.LastUsedAt), timeCell(one.ExpiresAt),
		}}
		if v.actor.May("DeleteServiceAccount") {
			row.Actions = []pages.Action{{Label: say("accounts.delete"), URL: withQuery("/accounts/delete", "id", one.Id)}}
		}
		page.Table.Rows = append(page.Table.Rows, row)
	}
	page.First, page.Next = t.pager(out.Page)
	if v.actor.May("CreateServiceAccount") {
		page.Actions = []pages.Action{{Label: say("accounts.new"), URL: "/accounts/new"}}
	}
	s.o.Pages.ConsoleList(page).Send(v.w)
	return nil
}

// askAccount asks what the account is to be.
func (s *Server) askAccount(v visit) error {
	s.showAccountForm(v, &consolepb.CreateServiceAccountRequest{Owner: v.actor.UserKey}, nil)
	return nil
}

// showAccountForm shows the form as it was filled in; wrong is what is wrong with
// that, if anything.
func (s *Server) showAccountForm(v visit, r *consolepb.CreateServiceAccountRequest, wrong error) {
	life := 90 * 24 * time.Hour
	if r.Lifetime != nil {
		life = r.Lifetime.AsDuration()
	}
	longest := v.Config.Console.MaxServiceAccount
	const month = 30 * 24 * time.Hour
	form := pages.ConsoleForm{
		Console: s.frame(v, "/accounts"), Title: say("accounts.new"), Lead: say("accounts.new.lead"),
		Rows: []pages.FormRow{
			{Name: "name", Label: say("accounts.name"), Hint: say("accounts.name.hint"), Required: true, Value: r.Name},
			{Name: "owner", Label: say("accounts.owner"), Hint: say("accounts.owner.hint"), Value: r.Owner},
			{Name: "groups", Label: say("accounts.groups"), Kind: "textarea", Hint: say("accounts.groups.hint"), Value: strings.Join(r.Groups, "\n")},
			{Name: "life", Label: say("accounts.life"), Kind: "select", Options: lengths(life, longest, 24*time.Hour, 7*24*time.Hour, month, 3*month)},
		},
		Action: "/accounts/new", Hidden: []pages.Field{onceField()}, Button: say("accounts.new.button"), Back: pages.Action{Label: say("cancel"), URL: "/accounts"},
	}
	markWrong(&form, wrong)
	s.o.Pages.ConsoleForm(form).Send(v.w)
}

// createAccount answers the form with the token: it is the one page that shows
// one, and it is shown once.
func (s *Server) createAccount(v visit) error {
	var groups []string
	for line := range strings.Lines(v.r.PostFormValue("groups")) {
		if line = strings.TrimSpace(line); line != "" {
			groups = append(groups, line)
		}
	}
	req := &consolepb.CreateServiceAccountRequest{
		Name: v.r.PostFormValue("name"), Owner: strings.TrimSpace(v.r.PostFormValue("owner")), Groups: groups, Lifetime: v.length("life"),
	}
	undo, err := s.once.take(v)
	if err != nil {
		return err
	}
	out, err := s.o.Service.CreateServiceAccount(v.r.Context(), v.actor, req)
	if err != nil {
		undo()
		if !ofTheForm(err) {
			return err
		}
		s.showAccountForm(v, req, err)
		return nil
	}
	frame := s.frame(v, "/accounts")
	frame.Notice = pages.Notice{Text: say("accounts.made.lead"), Tone: pages.ToneAllow}
	s.o.Pages.ConsoleDetail(pages.ConsoleDetail{
		Console: frame, Title: say("accounts.made"), Back: pages.Action{Label: say("accounts.back"), URL: "/accounts"},
		Pairs: []pages.Pair{
			{Label: say("accounts.token"), Cell: pages.Cell{Text: out.Token, Code: true, Copy: "token"}},
			{Label: say("accounts.id"), Cell: pages.Cell{Text: out.Account.Id, Code: true, Copy: "account-id"}},
			{Label: say("accounts.name"), Cell: pages.Cell{Text: out.Account.Name}},
			{Label: say("accounts.until"), Cell: exactCell(out.Account.ExpiresAt)},
		},
	}).Send(v.w)
	return nil
}

// askDeleteAccount asks before an account is deleted.
func (s *Server) askDeleteAccount(v visit) error {
	id := v.r.URL.Query().Get("id")
	out, err := s.o.Service.GetServiceAccount(v.r.Context(), v.actor, &consolepb.GetServiceAccountRequest{Id: id})
	if err != nil {
		return err
	}
	one := out.Account
	s.o.Pages.ConsoleForm(pages.ConsoleForm{
		Console: s.frame(v, "/accounts"), Title: say("accounts.ask.delete"), Lead: say("accounts.ask.delete.lead", one.Name),
		Pairs: []pages.Pair{
			{Label: say("accounts.name"), Cell: pages.Cell{Text: one.Name}},
			{Label: say("accounts.id"), Cell: pages.Cell{Text: one.Id, Code: true}},
			{Label: say("accounts.used"), Cell: exactCell(one.LastUsedAt)},
		},
		Action: "/accounts/delete", Hidden: []pages.Field{{Name: "id", Value: id}}, Button: say("accounts.delete"), Danger: true,
		Back: pages.Action{Label: say("cancel"), URL: "/accounts"},
	}).Send(v.w)
	return nil
}

func (s *Server) deleteAccount(v visit) error {
	_, err := s.o.Service.DeleteServiceAccount(v.r.Context(), v.actor, &consolepb.DeleteServiceAccountRequest{Id: v.r.PostFormValue("id")})
	if err != nil {
		return err
	}
	return v.done("/accounts", "account-deleted")
}
