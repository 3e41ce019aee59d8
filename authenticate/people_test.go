package authenticate

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/authenticate/local"
	"github.com/cardea-proxy/cardea/config"
)

// A session must not be brought to a port that nobody configured: whoever
// listens there would have it.
func TestACallbackOnAPortThatNoRouteHasIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.Routes[0].From.Port = "8443" })
	b := w.browser()
	for callback, want := range map[string]int{
		"https://app.example:8443/.pomerium/callback/":  http.StatusFound,
		"https://app.example/.pomerium/callback/":       http.StatusBadRequest,
		"https://app.example:9999/.pomerium/callback/":  http.StatusBadRequest,
		"https://evil.example:8443/.pomerium/callback/": http.StatusBadRequest,
	} {
		in := w.signIn()
		in.CallbackURI = callback
		if p := b.get(w.signer.SignInURL(base, in)); p.status != want {
			t.Errorf("callback %s: got %d %v, want %d", callback, p.status, p.location, want)
		}
	}
}

func TestASessionFollowsWhatTheConfigurationSaysOfItsPerson(t *testing.T) {
	t.Parallel()
	hash, err := local.Hash("a fine password")
	if err != nil {
		t.Fatal(err)
	}
	other, err := local.Hash("another password")
	if err != nil {
		t.Fatal(err)
	}
	erin := config.User{Email: "erin@corp.example", Name: "Erin", Groups: []string{"engineering"}, PasswordHash: config.Secret(hash)}
	for name, tc := range map[string]struct {
		change func(*config.User) bool // false removes the person
		lives  bool
		groups string
	}{
		"nothing changed":  {func(*config.User) bool { return true }, true, "engineering"},
		"removed":          {func(*config.User) bool { return false }, false, ""},
		"another password": {func(u *config.User) bool { u.PasswordHash = config.Secret(other); return true }, false, ""},
		"other groups":     {func(u *config.User) bool { u.Groups = []string{"sales"}; return true }, true, "sales"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *config.Config) {
				c.IDPProvider, c.IDPProviderURL, c.Users = "local", config.URL{}, []config.User{erin}
			})
			c := w.browser().signInLocally("erin@corp.example", "a fine password")
			next, changed := *w.config, erin
			next.Users = nil
			if tc.change(&changed) {
				next.Users = []config.User{changed}
			}
			w.config = &next
			w.apply(w.first)
			if err := w.first.judgePeople(t.Context()); err != nil {
				t.Fatal(err)
			}
			session := w.session(c.SessionID)
			if lives := session != nil; lives != tc.lives {
				t.Fatalf("the session lives: %v, want %v", lives, tc.lives)
			}
			if !tc.lives {
				return
			}
			user, err := w.client.User(t.Context(), session.UserKey())
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(user.Groups, ","); got != tc.groups {
				t.Errorf("groups = %q, want %q", got, tc.groups)
			}
		})
	}
}

var hiddenField = regexp.MustCompile(`name="(request|csrf)" value="([^"]*)"`)

// signInLocally fills in the form of the built-in provider.
func (b *browser) signInLocally(email, password string) (c struct{ SessionID string }) {
	b.w.t.Helper()
	p := b.get(b.w.asks())
	for p.status == http.StatusFound || p.status == http.StatusSeeOther {
		p = b.get(p.location.String())
	}
	form := url.Values{"email": {email}, "password": {password}}
	for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	p = b.post(base.String()+local.Path+"/login", form)
	for p.location != nil && p.location.Host == signInHost {
		p = b.get(p.location.String())
	}
	c.SessionID = b.w.handed(p).SessionID
	return c
}
