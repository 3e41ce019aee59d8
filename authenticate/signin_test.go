package authenticate

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/testidp"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

func TestAPersonSignsInAndIsHandedBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	c := b.signIn()

	want := handoff.Callback{
		ID: c.ID, SessionID: c.SessionID, SessionVersion: 1, ProviderID: w.providerID(),
		Binder: ticket.BinderHash("binder of the route host"), RedirectURI: appPage, Expires: c.Expires,
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("handoff (-want +got):\n%s", diff)
	}
	s := w.session(c.SessionID)
	if s == nil || s.UserID != "1" || !s.ExpiresAt.Equal(s.IssuedAt.Add(14*time.Hour)) || s.RefreshToken.IsZero() || s.Claims["email"] != "ann@example.com" {
		t.Fatalf("session %+v", s)
	}
	u, err := w.client.User(t.Context(), s.UserKey())
	if err != nil {
		t.Fatal(err)
	}
	if u.Email != "ann@example.com" || u.Name != "Ann" || cmp.Diff([]string{"eng"}, u.Groups) != "" {
		t.Errorf("user %+v", u)
	}
	if again := w.handed(b.get(w.asks())); again.SessionID != c.SessionID || again.ID == c.ID {
		t.Errorf("a second time: session %q, handoff %q; want the same session in another handoff", again.SessionID, again.ID)
	}
	if n := w.far.Count(testidp.Authorize); n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
}

func TestTheCookiesOfTheSignInHostAreShut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	away := b.get(w.asks())
	back := b.get(b.atProvider(away))
	for name, p := range map[string]page{binderCookie: away, ticketCookie: back} {
		line := ""
		for _, l := range p.header.Values("Set-Cookie") {
			if strings.HasPrefix(l, name+"=") {
				line = l
			}
		}
		for _, attribute := range []string{"; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax", "; Max-Age="} {
			if !strings.Contains(line, attribute) {
				t.Errorf("%s: %q lacks %q", name, line, attribute)
			}
		}
		if strings.Contains(line, "Domain") {
			t.Errorf("%s goes to other hosts: %q", name, line)
		}
	}
	for _, p := range []page{away, back} {
		if p.header.Get("Cache-Control") != "no-store" || p.header.Get("Referrer-Policy") != "no-referrer" || p.body != "" {
			t.Errorf("a redirect with a handoff may be kept or told on: %v %q", p.header, p.body)
		}
	}
}

func TestALinkThatNoRouteHostMadeIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	good := w.asks()
	foreign := handoff.New([32]byte{9}, [32]byte{2}, w.clock.now)
	later := handoff.New([32]byte{1}, [32]byte{2}, func() time.Time { return w.clock.now().Add(2 * time.Hour) })
	earlier := handoff.New([32]byte{1}, [32]byte{2}, func() time.Time { return w.clock.now().Add(-10 * time.Minute) })
	edit := func(change func(url.Values)) string {
		u, _ := url.Parse(good)
		q := u.Query()
		change(q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	for _, tc := range []struct{ name, address, sentence string }{
		{"unsigned", edit(func(q url.Values) { q.Del("pomerium_signature") }), "This link is not complete"},
		{"nothing at all", base.String() + handoff.SignInPath, "This link is not complete"},
		{"signed with another key", foreign.SignInURL(base, w.signIn()), "This link is not complete"},
		{"another address to return to", edit(func(q url.Values) { q.Set("pomerium_redirect_uri", "https://evil.example/") }), "This link is not complete"},
		{"another callback", edit(func(q url.Values) { q.Set("pomerium_callback_uri", "https://evil.example"+handoff.CallbackPath) }), "This link is not complete"},
		{"a longer life", edit(func(q url.Values) { q.Set("pomerium_expiry", "9999999999") }), "This link is not complete"},
		{"a parameter more", edit(func(q url.Values) { q.Set("pomerium_programmatic", "true") }), "This link is not complete"},
		{"a parameter twice", good + "&pomerium_idp_id=x", "This link is not complete"},
		{"a parameter less", edit(func(q url.Values) { q.Del("pomerium_idp_id") }), "This link is not complete"},
		{"expired", earlier.SignInURL(base, w.signIn()), "This sign-in took too long"},
		{"from the future", later.SignInURL(base, w.signIn()), "The clocks do not agree"},
		{"without a browser to come back to", w.signer.SignInURL(base, func() handoff.SignIn { in := w.signIn(); in.Binder = ""; return in }()), "This link is not complete"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := w.browser()
			p := b.get(tc.address)
			wantPage(t, p, http.StatusBadRequest, tc.sentence)
			if len(p.header.Values("Set-Cookie")) > 0 {
				t.Errorf("a stranger got %v", p.header.Values("Set-Cookie"))
			}
		})
	}
}

func TestAScriptIsToldThatItCannotSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	p := w.browser().get(w.asks(), "X-Requested-With", "XMLHttpRequest", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "*/*")
	if p.status != http.StatusUnauthorized || p.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s", p.status, p.header.Get("Content-Type"))
	}
}

func TestAProviderThatIsDownIsAClearPageAndSessionsGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signedIn := w.browser()
	first := signedIn.signIn()
	for _, lie := range []testidp.Lie{testidp.Down, testidp.Broken} {
		w.far.Lie(lie)
		fresh := w.replica() // knows no metadata yet
		b := w.browser()
		b.at = fresh
		p := b.get(w.asks())
		wantPage(t, p, http.StatusServiceUnavailable, "Sign-in is not available right now")
		if c := w.handed(signedIn.get(w.asks())); c.SessionID != first.SessionID {
			t.Errorf("whoever was signed in got session %q", c.SessionID)
		}
	}
}

func TestLogsNameNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	away := b.get(w.asks())
	link := b.atProvider(away)
	b.get(link)
	b.get(link + "&error=access_denied")
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	s := w.session(w.handed(b.get(w.asks())).SessionID)
	for name, secret := range map[string]string{
		"state": u.Query().Get("state"), "code": u.Query().Get("code"), "binder": b.cookie(binderCookie), "ticket": b.cookie(ticketCookie),
		"id token": s.IDToken.Reveal(), "access token": s.AccessToken.Reveal(), "refresh token": s.RefreshToken.Reveal(),
	} {
		if secret == "" || strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds the %s (%q)", name, secret)
		}
	}
	if !strings.Contains(w.log.String(), `"message":"signed in"`) {
		t.Errorf("no line about the sign-in in %s", w.log)
	}
}

func TestASignInThatMustBeLaterGoesToTheProviderAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	first := b.signIn()
	w.clock.advance(time.Hour)
	in := w.signIn()
	in.After = w.clock.now()
	away := b.get(w.signer.SignInURL(base, in))
	if away.location == nil || away.location.Query().Get("prompt") != "login" {
		t.Fatalf("answered %d %v, want the provider with prompt=login", away.status, away.location)
	}
	again := w.handed(b.get(b.atProvider(away)))
	s := w.session(again.SessionID)
	if again.SessionID == first.SessionID || s == nil || s.IssuedAt.Before(in.After.Truncate(time.Second)) {
		t.Errorf("handed back session %q %+v, want one issued from %v on", again.SessionID, s, in.After)
	}
	// Young enough now: nobody is asked a second time.
	if once := w.handed(b.get(w.signer.SignInURL(base, in))); once.SessionID != again.SessionID {
		t.Errorf("handed back %q, want %q", once.SessionID, again.SessionID)
	}
}
