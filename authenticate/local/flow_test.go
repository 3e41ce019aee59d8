package local

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"github.com/cardea-proxy/cardea/config"
)

func TestAPersonSignsInByTheCodeFlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.attempt(), w.browser()
	token, id := a.exchange(t, a.code(t, b.signIn(a, " ANN@example.com ", annPassword)))

	var claims struct {
		Email    string   `json:"email"`
		Verified bool     `json:"email_verified"`
		Name     string   `json:"name"`
		Groups   []string `json:"groups"`
		Nonce    string   `json:"nonce"`
		AuthTime int64    `json:"auth_time"`
		Sid      string   `json:"sid"`
		Azp      string   `json:"azp"`
	}
	if err := id.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if id.Subject == "" || strings.Contains(id.Subject, "ann") || claims.Sid == "" || time.Since(time.Unix(claims.AuthTime, 0)) > time.Minute {
		t.Errorf("sub %q, sid %q, auth_time %d", id.Subject, claims.Sid, claims.AuthTime)
	}
	if claims.Email != "ann@example.com" || !claims.Verified || claims.Name != "Ann Archer" || claims.Nonce != a.nonce || claims.Azp != "cardea" {
		t.Errorf("claims %+v", claims)
	}
	if diff := cmp.Diff([]string{"eng", "admins"}, claims.Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if until := time.Until(id.Expiry); until > tokenLifetime || until < tokenLifetime-time.Minute {
		t.Errorf("the ID token holds for %v", until)
	}
	info, err := a.provider.UserInfo(a.ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		t.Fatal(err)
	}
	if info.Subject != id.Subject || info.Email != "ann@example.com" || !info.EmailVerified {
		t.Errorf("userinfo %+v, want that of the ID token", info)
	}
}

func TestTheSubjectIsTheSameAfterARestartAndDiffersBetweenPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.p.people.Load()
	again := w.start()
	if err := again.Apply(t.Context(), []config.User{ann(t)}); err != nil {
		t.Fatal(err)
	}
	if first.byEmail["ann@example.com"].Sub != again.people.Load().byEmail["ann@example.com"].Sub {
		t.Error("a restart gives another sub")
	}
	if first.byEmail["ann@example.com"].Sub == first.byEmail["bob@example.com"].Sub {
		t.Error("two people have one sub")
	}
}

func TestASignInOutlivesARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.attempt(), w.browser()
	login := b.open(a)
	page := b.get(login)

	w.p = w.start()
	w.apply(ann(t))
	fields := form(t, page.body)
	fields.Set("email", "ann@example.com")
	fields.Set("password", annPassword)
	code := a.code(t, b.post(Path+"/login", fields))

	w.p = w.start()
	w.apply(ann(t))
	a2 := w.attempt()
	a2.verifier = a.verifier
	token, _ := a2.exchange(t, code)

	w.p = w.start()
	w.apply(ann(t))
	if _, err := w.attempt().refresh(token.RefreshToken); err != nil {
		t.Errorf("refresh after a restart: %v", err)
	}
}

func TestOnePasswordIsEnoughForTwentyTabs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	first := w.attempt()
	first.code(t, b.signIn(first, "ann@example.com", annPassword))
	for range 20 {
		a := w.attempt()
		a.exchange(t, a.code(t, b.get(b.open(a))))
	}
}

func TestTwentyTabsOpenedBeforeThePasswordCanEachSendTheirForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	var attempts []*attempt
	var logins []string
	var bodies []string
	for range 20 {
		a := w.attempt()
		login := b.open(a)
		attempts, logins, bodies = append(attempts, a), append(logins, login), append(bodies, b.get(login).body)
	}
	for i, a := range attempts {
		if i%2 == 1 { // reloaded instead
			a.code(t, b.get(logins[i]))
			continue
		}
		fields := form(t, bodies[i])
		fields.Set("email", "ann@example.com")
		fields.Set("password", annPassword)
		a.code(t, b.post(Path+"/login", fields))
	}
}

func TestASittingIsNotAlwaysEnough(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		more   []oauth2.AuthCodeOption
		after  time.Duration
		enough bool
	}{
		{"nothing special", nil, time.Hour, true},
		{"the sitting is over", nil, 14*time.Hour + time.Second, false},
		{"prompt=login", []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("prompt", "login")}, 0, false},
		{"prompt=select_account", []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("prompt", "select_account")}, 0, false},
		{"prompt=none", []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("prompt", "none")}, 0, true},
		{"a young enough password", []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("max_age", "600")}, 5 * time.Minute, true},
		{"too old a password", []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("max_age", "600")}, 11 * time.Minute, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, b := w.attempt(), w.browser()
			a.code(t, b.signIn(a, "ann@example.com", annPassword))
			w.pass(tc.after)
			a = w.attempt()
			got := b.get(b.open(a, tc.more...))
			if tc.enough {
				a.code(t, got)
			} else if got.status != http.StatusOK || !strings.Contains(got.body, `type="password"`) {
				t.Errorf("answer %d, want the form", got.status)
			}
		})
	}
}

func TestPromptNoneWithoutASittingSaysSoToTheClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.attempt(), w.browser()
	got := b.get(b.open(a, oauth2.SetAuthURLParam("prompt", "none")))
	q := got.location().Query()
	if got.status != http.StatusSeeOther || q.Get("error") != "login_required" || q.Get("state") != a.state || q.Get("iss") != testIssuer {
		t.Errorf("answer %d with %v", got.status, q)
	}
}

func TestRefreshBringsTodaysClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.attempt(), w.browser()
	token, before := a.exchange(t, a.code(t, b.signIn(a, "ann@example.com", annPassword)))
	changed := ann(t)
	changed.Groups, changed.PasswordHash = nil, config.Secret(w.p.people.Load().byEmail["ann@example.com"].hash.String())
	w.apply(changed)
	next, err := a.refresh(token.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if next.RefreshToken == "" || next.RefreshToken == token.RefreshToken {
		t.Error("the refresh token was not replaced")
	}
	id := a.verify(t, next)
	var claims struct {
		Groups   []string `json:"groups"`
		AuthTime int64    `json:"auth_time"`
	}
	if err := id.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if id.Subject != before.Subject || len(claims.Groups) != 0 || claims.Groups == nil {
		t.Errorf("sub %q groups %v, want the same person without groups", id.Subject, claims.Groups)
	}
}

func TestDiscoveryNamesOnlyWhatIsOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var doc struct {
		Types  []string `json:"response_types_supported"`
		Grants []string `json:"grant_types_supported"`
		PKCE   []string `json:"code_challenge_methods_supported"`
		Iss    bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := w.attempt().provider.Claims(&doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Types) != 1 || doc.Types[0] != "code" || len(doc.Grants) != 2 || len(doc.PKCE) != 1 || doc.PKCE[0] != "S256" || !doc.Iss {
		t.Errorf("discovery says %+v", doc)
	}
}
