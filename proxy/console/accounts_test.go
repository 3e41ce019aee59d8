package console

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/protobuf/types/known/durationpb"
)

func newRobot(change func(*consolepb.CreateServiceAccountRequest)) *consolepb.CreateServiceAccountRequest {
	r := &consolepb.CreateServiceAccountRequest{Name: "backup", Owner: "idp/ann", Groups: []string{"robots", "ops", "ops"}, Lifetime: durationpb.New(24 * time.Hour)}
	if change != nil {
		change(r)
	}
	return r
}

func TestAServiceAccountIsMadeAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shown(w.signIn("ann", nil))
	w.settle("ann", func(m *summaries) bool { return m.users["idp/ann"] != nil })
	out, err := w.CreateServiceAccount(t.Context(), as(RoleAdmin), newRobot(nil))
	if err != nil {
		t.Fatal(err)
	}
	one, err := w.client.ServiceAccount(t.Context(), out.Account.Id)
	if err != nil || one.Name != "backup" || len(one.Groups) != 2 || !one.ExpiresAt.Equal(w.clock.now().Add(24*time.Hour)) || one.CreatedBy != "admin@example.com" {
		t.Fatalf("%+v, %v", one, err)
	}
	session, err := w.client.Session(t.Context(), one.SessionID)
	if err != nil || !session.RefreshDisabled || session.IDPID != databroker.AccountProvider || session.UserID != one.ID || !session.ExpiresAt.Equal(one.ExpiresAt) {
		t.Errorf("the session: %+v, %v", session, err)
	}
	key := session.UserKey()
	if user, err := w.client.User(t.Context(), key); err != nil || user.ID != one.ID || strings.Join(user.Groups, " ") != "ops robots" || user.Email != "" {
		t.Errorf("the user: %+v, %v", user, err)
	}
	if out.Token != "token of "+session.ID || out.Account.OwnerEmail != "ann@example.com" {
		t.Errorf("%+v", out)
	}
	for _, e := range w.audit.take() {
		if strings.Contains(e.Detail["name"]+e.Detail["groups"]+e.Target, out.Token) || e.Detail["groups"] != "ops, robots" {
			t.Errorf("the audit: %+v", e)
		}
	}
	w.settle("the account's record", func(m *summaries) bool { return m.users[key] != nil })
	if people, err := w.ListUsers(t.Context(), as(RoleViewer), &consolepb.ListUsersRequest{}); err != nil || len(people.Users) != 1 {
		t.Errorf("a service account is among the people: %v, %v", people, err)
	}
	if _, err := w.DeleteServiceAccount(t.Context(), as(RoleManager), &consolepb.DeleteServiceAccountRequest{Id: one.ID}); err != nil {
		t.Fatal(err)
	}
	_, err1 := w.client.User(t.Context(), key)
	_, err2 := w.client.ServiceAccount(t.Context(), one.ID)
	if w.lives(session.ID) || !errors.Is(err1, databroker.ErrNotFound) || !errors.Is(err2, databroker.ErrNotFound) {
		t.Errorf("something is left: %v, %v", err1, err2)
	}
}

func TestServiceAccountsThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn("ann", nil)
	w.signIn("shut", func(u *databroker.User) { u.Disabled = true })
	for name, change := range map[string]func(*consolepb.CreateServiceAccountRequest){
		"without a name": func(r *consolepb.CreateServiceAccountRequest) { r.Name = " " }, "with a name that acts": func(r *consolepb.CreateServiceAccountRequest) { r.Name = "a\x1b" },
		"for ever":        func(r *consolepb.CreateServiceAccountRequest) { r.Lifetime = nil },
		"for too long":    func(r *consolepb.CreateServiceAccountRequest) { r.Lifetime = durationpb.New(8761 * time.Hour) },
		"of nobody known": func(r *consolepb.CreateServiceAccountRequest) { r.Owner = "idp/nobody" },
		"of whom is shut": func(r *consolepb.CreateServiceAccountRequest) { r.Owner = "idp/shut" },
		"of another":      func(r *consolepb.CreateServiceAccountRequest) { r.Owner = "service-account/sa-1" },
		"with many": func(r *consolepb.CreateServiceAccountRequest) {
			r.Groups = strings.Split(strings.Repeat("g,", 40), ",")
		},
		"with an empty": func(r *consolepb.CreateServiceAccountRequest) { r.Groups = []string{"ops", ""} },
	} {
		out, err := w.CreateServiceAccount(t.Context(), as(RoleAdmin), newRobot(change))
		var invalid *Invalid
		if !errors.As(err, &invalid) && !errors.Is(err, ErrConflict) || out != nil {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
	robot := Actor{Role: RoleAdmin, Via: ViaGRPC, UserKey: "service-account/sa-1"}
	if _, err := w.CreateServiceAccount(t.Context(), robot, newRobot(nil)); !errors.Is(err, ErrConflict) {
		t.Errorf("by a service account: %v", err)
	}
	if all, err := w.accounts(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%d are there, %v", len(all), err)
	}
}

func TestTheAccountsOfWhoLeavesEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn("ann", nil)
	hers, err := w.CreateServiceAccount(t.Context(), as(RoleAdmin), newRobot(nil))
	if err != nil {
		t.Fatal(err)
	}
	nobodys, err := w.CreateServiceAccount(t.Context(), as(RoleAdmin), newRobot(func(r *consolepb.CreateServiceAccountRequest) { r.Owner = "" }))
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.DisableUser(t.Context(), as(RoleAdmin), &consolepb.DisableUserRequest{Key: "idp/ann"})
	if err != nil || out.Revoked != 2 { // her own, and her account's
		t.Errorf("%v, %v", out, err)
	}
	for id, want := range map[string]consolepb.ServiceAccountState{
		hers.Account.Id:    consolepb.ServiceAccountState_SERVICE_ACCOUNT_STATE_ENDED,
		nobodys.Account.Id: consolepb.ServiceAccountState_SERVICE_ACCOUNT_STATE_ACTIVE,
	} {
		if got, err := w.GetServiceAccount(t.Context(), as(RoleViewer), &consolepb.GetServiceAccountRequest{Id: id}); err != nil || got.Account.State != want {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
}

func TestAServiceAccountOpensNoPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.roles("groups: {has: ops}", "groups: {has: ops}", "groups: {has: ops}")
	out, err := w.CreateServiceAccount(t.Context(), as(RoleAdmin), newRobot(func(r *consolepb.CreateServiceAccountRequest) { r.Owner = "" }))
	if err != nil {
		t.Fatal(err)
	}
	session := strings.TrimPrefix(out.Token, "token of ")
	victim := w.signIn("victim", nil)
	for path, got := range map[string]int{
		"GET /sessions":         w.get(session, "/sessions").Code,
		"POST /sessions/revoke": w.post(session, "/sessions/revoke", url.Values{"id": {victim}}).Code,
		"GET /nothing":          w.get(session, "/nothing").Code,
	} {
		if got != http.StatusForbidden {
			t.Errorf("%s: %d", path, got)
		}
	}
	if !w.lives(victim) {
		t.Error("a session was ended")
	}
}

// TestASecretIsMadeOnce: a page that shows one and is loaded again makes no other.
func TestASecretIsMadeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.signIn("admin", nil)
	w.shown(admin)
	w.shown(w.signIn("ada", nil))
	for path, form := range map[string]url.Values{
		"/accounts/new":   {"name": {"ci"}, "owner": {"idp/admin"}, "life": {"86400"}},
		"/devices/enroll": {"key": {"idp/ada"}, "type": {typeAny}, "valid_for": {"1h"}},
	} {
		form.Set(fieldOnce, "")
		wrong := maps.Clone(form)
		wrong.Set("owner", "nobody@example.com")
		wrong.Set("valid_for", "soon")
		for _, step := range []struct {
			once string
			form url.Values
			want int
		}{
			{"A", wrong, 0}, {"A", form, http.StatusOK}, {"A", form, http.StatusConflict}, {"B", form, http.StatusOK}, {"", form, http.StatusOK}, {"", form, http.StatusOK},
		} {
			if step.once != "" {
				step.form.Set(fieldOnce, step.once+path)
			} else {
				step.form.Del(fieldOnce)
			}
			out := w.post(admin, path, step.form)
			if step.want == 0 { // the form again, as it was filled in
				if out.Code < 400 || !strings.Contains(out.Body.String(), `name="once"`) {
					t.Errorf("%s, wrongly filled in: %d", path, out.Code)
				}
				continue
			}
			if out.Code != step.want {
				t.Errorf("%s, form %q: %d, want %d", path, step.once, out.Code, step.want)
			}
		}
	}
	if all, err := w.accounts(t.Context()); err != nil || len(all) != 4 {
		t.Errorf("%d accounts, %v", len(all), err)
	}
	if !regexp.MustCompile(`name="once" value="\w{26}"`).MatchString(w.get(admin, "/accounts/new").Body.String()) {
		t.Error("the form has no mark of its own")
	}
}

func TestTheFormOfAnAccountSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.signIn("admin", nil)
	w.shown(admin)
	out := w.post(admin, "/accounts/new", url.Values{"name": {"back<b>up"}, "owner": {"ada@example.com"}, "groups": {"ops"}, "life": {"86400"}})
	body := out.Body.String()
	for _, want := range []string{"the owner is nobody who may come in", `value="back&lt;b&gt;up"`, `value="ada@example.com"`, ">ops</textarea>", `value="86400" selected`} {
		if out.Code != http.StatusConflict || !strings.Contains(body, want) {
			t.Errorf("%d, no %s:\n%s", out.Code, want, body)
		}
	}
	if out := w.post(admin, "/accounts/new", url.Values{"name": {" "}, "owner": {"idp/admin"}, "life": {"86400"}}); out.Code != http.StatusBadRequest || !strings.Contains(out.Body.String(), `id="e-name"`) {
		t.Errorf("without a name: %d", out.Code)
	}
}

func TestThePagesOfServiceAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.signIn("admin", nil)
	w.shown(admin)
	if body := w.get(admin, "/accounts/new").Body.String(); !strings.Contains(body, `value="idp/admin"`) || !strings.Contains(body, "365 days") {
		t.Errorf("the form:\n%s", body)
	}
	made := w.post(admin, "/accounts/new", url.Values{"name": {"back<b>up"}, "owner": {"idp/admin"}, "groups": {"ops\r\n\r\n robots \n"}, "life": {"86400"}})
	body := made.Body.String()
	if made.Code != http.StatusOK || !strings.Contains(body, "token of ") || !strings.Contains(body, "back&lt;b&gt;up") || made.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d:\n%s", made.Code, body)
	}
	list := w.get(admin, "/accounts").Body.String()
	if strings.Contains(list, "token of ") || !strings.Contains(list, "ops, robots") || !strings.Contains(list, "back&lt;b&gt;up") {
		t.Errorf("the list:\n%s", list)
	}
	all, err := w.accounts(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	w.get(admin, "/accounts/delete?id="+all[0].ID)
	if out := w.post(admin, "/accounts/delete", url.Values{"id": {all[0].ID}}); out.Code != http.StatusSeeOther || w.lives(all[0].SessionID) {
		t.Errorf("%d", out.Code)
	}
}
