package authenticate

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/testidp"
)

const confirmQuestion = "Sign out?"

func (w *world) signOutLink(sessionID, redirect string) string {
	return w.signer.SignOutURL(base, handoff.SignOut{SessionID: sessionID, RedirectURI: redirect})
}

// ended follows a sign-out through the provider to where it ends.
func (b *browser) ended(p page) page {
	b.w.t.Helper()
	return b.get(b.atProvider(p))
}

func TestASignOutThatTheRouteHostAskedForEndsAtTheProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	c := b.signIn()
	idToken := w.session(c.SessionID).IDToken.Reveal()
	p := b.ended(b.get(w.signOutLink(c.SessionID, "")))
	wantPage(t, p, http.StatusOK, "You are signed out")
	if w.session(c.SessionID) != nil || b.cookie(ticketCookie) != "" {
		t.Error("the session or its cookie is still there")
	}
	want := testidp.SignOut{IDTokenHint: idToken, ClientID: "cardea", PostLogoutRedirectURI: base.String() + signedOutPath}
	if all := w.far.SignOuts(); len(all) != 1 || all[0] != want {
		t.Errorf("the provider was asked %+v", all)
	}
	b.atProvider(b.get(w.asks())) // signed out indeed
}

func TestASignOutEndsWhereItShould(t *testing.T) {
	t.Parallel()
	const after = "https://app.example/bye"
	for _, tc := range []struct {
		name     string
		lie      testidp.Lie
		redirect string // asked for
		fallback string // signout_redirect_url
		want     string
	}{
		{"our page", "", "", "", base.String() + signedOutPath},
		{"the configured address", "", "", "https://corp.example/", "https://corp.example/"},
		{"the address that was asked for", "", after, "https://corp.example/", after},
		{"our page without an end-session address", testidp.NoEndSession, "", "", base.String() + signedOutPath},
		{"the asked address without an end-session address", testidp.NoEndSession, after, "", after},
		{"the configured address without an end-session address", testidp.NoEndSession, "", "https://corp.example/", "https://corp.example/"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *config.Config) {
				if u, err := url.Parse(tc.fallback); err == nil && tc.fallback != "" {
					c.SignoutRedirectURL = config.URL{URL: u}
				}
			})
			w.far.Lie(tc.lie)
			b := w.browser()
			p := b.get(w.signOutLink(b.signIn().SessionID, tc.redirect))
			if tc.lie == "" {
				back := b.atProvider(p)
				if p = b.get(back); p.location == nil {
					p.location, _ = url.Parse(strings.TrimSuffix(back, "?"))
				}
			}
			if p.location == nil || p.location.String() != tc.want {
				t.Errorf("ends at %v, want %s", p.location, tc.want)
			}
		})
	}
}

func TestWhatComesBackFromTheProviderIsNoOpenRedirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	old := w.first.state.sealReturn("https://app.example/bye")
	other := newStateBox([32]byte{9}, w.clock.now)
	away := b.get(w.asks())
	for name, state := range map[string]string{
		"an address":                     "https://evil.example/",
		"sealed by somebody else":        other.sealReturn("https://evil.example/"),
		"the state of a sign-in":         away.location.Query().Get("state"),
		"one letter changed":             flipped(old),
		"nothing":                        "",
		"more than an address can carry": strings.Repeat("A", 20_000),
	} {
		p := b.get(base.String() + signedOutPath + "?state=" + url.QueryEscape(state))
		wantPage(t, p, http.StatusOK, "You are signed out")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	w.clock.advance(stateLifetime)
	wantPage(t, b.get(base.String()+signedOutPath+"?state="+old), http.StatusOK, "You are signed out")
}

func TestALinkAloneSignsNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b, attacker := w.browser(), w.browser()
	c := b.signIn()
	w.far.SetUser(testidp.User{Sub: "2", Email: "mallory@example.com"})
	theirs := attacker.signIn()
	expired := w.signOutLink(c.SessionID, "")
	w.clock.advance(10 * time.Minute)
	for name, address := range map[string]string{
		"unsigned":                          base.String() + handoff.SignOutPath,
		"made for the attacker's session":   w.signOutLink(theirs.SessionID, "https://evil.example/"),
		"made for a session that has ended": w.signOutLink("gone", ""),
		"made for no session":               w.signOutLink("", ""),
		"of ten minutes ago":                expired,
	} {
		p := b.get(address)
		wantPage(t, p, http.StatusOK, confirmQuestion)
		if len(p.header.Values("Set-Cookie")) > 0 || w.session(c.SessionID) == nil {
			t.Errorf("%s: the session or its cookie is gone", name)
		}
	}
	u, err := url.Parse(w.signOutLink(c.SessionID, ""))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("pomerium_redirect_uri", "https://evil.example/")
	u.RawQuery = q.Encode()
	wantPage(t, b.get(u.String()), http.StatusBadRequest, "This link is not complete")
	if w.session(c.SessionID) == nil {
		t.Error("a changed link ended the session")
	}
}

func TestASignOutWithoutASessionHereEndsTheOneOfTheRouteHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.browser().signIn()
	other := w.browser() // lost its cookies of the sign-in host
	other.ended(other.get(w.signOutLink(c.SessionID, "")))
	if w.session(c.SessionID) != nil {
		t.Error("the session is still there")
	}
	p := other.get(w.signOutLink(c.SessionID, ""))
	if p.location == nil || p.location.Path != signedOutPath {
		t.Errorf("a second time: %d %v", p.status, p.location)
	}
}

func TestASignOutOfOneTabEndsWhatTheOtherTabLeftBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	c := b.signIn()
	twin := w.put(&databroker.Session{ID: "twin", UserID: "1", IDPID: w.providerID()})
	b.ended(b.get(w.signOutLink(twin.ID, "")))
	if w.session(twin.ID) != nil || w.session(c.SessionID) != nil {
		t.Error("one of the two sessions of this browser lives on")
	}
}

func TestOnlyOurOwnPageCanSignOut(t *testing.T) {
	t.Parallel()
	for _, path := range []string{handoff.SignOutPath, everywhere} {
		for name, headers := range map[string][]string{
			"another site":             {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
			"a sibling host":           {"Sec-Fetch-Site", "same-site", "Origin", "https://app.example"},
			"another site, old":        {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
			"a page without an origin": {"Sec-Fetch-Site", "", "Origin", "null"},
			"nobody knows who":         {"Sec-Fetch-Site", "", "Origin", ""},
			"our host in plain http":   {"Sec-Fetch-Site", "", "Origin", "http://" + signInHost},
			"our host at another port": {"Sec-Fetch-Site", "", "Origin", base.String() + ":8443"},
			"a name that begins alike": {"Sec-Fetch-Site", "", "Origin", base.String() + ".evil.example"},
			"words that do not agree":  {"Sec-Fetch-Site", "cross-site"},
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, nil)
				b := w.browser()
				c := b.signIn()
				wantPage(t, b.post(base.String()+path, url.Values{}, headers...), http.StatusForbidden, "This did not come from our page")
				if w.session(c.SessionID) == nil {
					t.Error("the session is gone")
				}
			})
		}
	}
}

func TestTheAnswerToTheQuestionSignsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	c := b.signIn()
	p := b.get(base.String() + handoff.SignOutPath)
	if !strings.Contains(p.body, `action="`+handoff.SignOutPath+`"`) {
		t.Fatalf("the question has no form:\n%s", p.body)
	}
	wantPage(t, b.ended(b.post(base.String()+handoff.SignOutPath, url.Values{})), http.StatusOK, "You are signed out")
	if w.session(c.SessionID) != nil {
		t.Error("the session is still there")
	}
	p = b.post(base.String()+handoff.SignOutPath, url.Values{})
	if p.location == nil || p.location.Path != signedOutPath {
		t.Errorf("a second time: %d %v", p.status, p.location)
	}
}

func TestSignOutEverywhereEndsThePersonsSessionsAndNoOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	here, there := w.browser(), w.browser()
	a, b := here.signIn(), there.signIn()
	twin := w.put(&databroker.Session{ID: "twin", UserID: "1", IDPID: "another provider"})
	w.far.SetUser(testidp.User{Sub: "2", Email: "bob@example.com"})
	c := w.browser().signIn()
	if question := here.get(base.String() + handoff.SignOutPath); !strings.Contains(question.body, `formaction="`+everywhere+`"`) {
		t.Error("the question before a sign-out does not offer it")
	}
	p := here.post(base.String()+everywhere, url.Values{})
	if p.location == nil || p.location.Path != signedOutPath {
		t.Errorf("got %d %v", p.status, p.location)
	}
	if w.session(a.SessionID) != nil || w.session(b.SessionID) != nil {
		t.Error("a session of the person is still there")
	}
	if w.session(c.SessionID) == nil || w.session(twin.ID) == nil {
		t.Error("somebody else's session is gone")
	}
	if here.cookie(ticketCookie) != "" {
		t.Error("the cookie is still there")
	}
}

func TestASignOutWorksWhileTheProviderIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	c := b.signIn()
	w.far.Lie(testidp.Down)
	w.apply(w.first) // forgets what discovery told
	p := b.get(w.signOutLink(c.SessionID, ""))
	if p.location == nil || p.location.Path != signedOutPath || w.session(c.SessionID) != nil {
		t.Errorf("got %d %v", p.status, p.location)
	}
}

func TestTheHomePageShowsOnesOwnSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	if p := b.get(base.String() + "/"); p.location == nil || p.location.Path != homePath {
		t.Errorf("/ leads to %v", p.location)
	}
	if p := b.get(base.String() + homePath); p.status != http.StatusOK || strings.Contains(p.body, "ann@example.com") {
		t.Errorf("a stranger's page: %d", p.status)
	}
	c := b.signIn()
	s := w.session(c.SessionID)
	p := b.get(base.String() + homePath)
	wantPage(t, p, http.StatusOK, "ann@example.com")
	for _, secret := range []string{s.IDToken.Reveal(), s.AccessToken.Reveal(), s.RefreshToken.Reveal(), b.cookie(ticketCookie), b.cookie(binderCookie)} {
		if strings.Contains(p.body, secret) {
			t.Error("the page shows a secret")
		}
	}
	if p := b.get(base.String() + "/.pomerium/nothing"); p.status != http.StatusNotFound {
		t.Errorf("an unknown path: %d", p.status)
	}
	if p := b.get(base.String() + "/robots.txt"); p.status != http.StatusOK || !strings.Contains(p.body, "Disallow: /") {
		t.Errorf("robots.txt: %d %q", p.status, p.body)
	}
}

func TestAServerWithoutAConfigurationOrAProviderSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.IDPProvider = "" })
	b := w.browser()
	wantPage(t, b.get(w.asks()), http.StatusNotImplemented, "not supported")
	empty, err := New(w.first.o)
	if err != nil {
		t.Fatal(err)
	}
	b.at = &replica{handler: empty.Handler()}
	if p := b.get(base.String() + homePath); p.status != http.StatusServiceUnavailable {
		t.Errorf("before the first configuration: %d", p.status)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a server was made of nothing")
	}
	if _, err := empty.Prepare(&config.Config{}); err == nil || !strings.Contains(err.Error(), "authenticate_service_url") {
		t.Errorf("without a sign-in host: %v", err)
	}
}
