package authenticate

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/testidp"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

func TestAnAnswerThatThisBrowserDidNotAskForIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	victim := w.browser()
	victim.get(w.asks()) // has a binder
	fresh := func(b *browser) string { return b.atProvider(b.get(w.asks())) }
	edit := func(address string, change func(url.Values)) string {
		u, _ := url.Parse(address)
		q := u.Query()
		change(q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	other := newStateBox([32]byte{9}, w.clock.now)
	forged, err := other.seal(&state{ProviderID: w.providerID(), Binder: ticket.BinderHash(victim.cookie(binderCookie)), SignIn: w.signIn()})
	if err != nil {
		t.Fatal(err)
	}
	returned := w.first.state.sealReturn("https://evil.example/")
	own := fresh(victim)
	for _, tc := range []struct{ name, address string }{
		{"no state", edit(own, func(q url.Values) { q.Del("state") })},
		{"a state that is none", edit(own, func(q url.Values) { q.Set("state", "x") })},
		{"a state twice", own + "&state=x"},
		{"a state with one letter changed", edit(own, func(q url.Values) { q.Set("state", flipped(q.Get("state"))) })},
		{"a state cut short", edit(own, func(q url.Values) { q.Set("state", q.Get("state")[:40]) })},
		{"a state with something behind it", edit(own, func(q url.Values) { q.Set("state", q.Get("state")+"AAAA") })},
		{"a state of another installation", edit(own, func(q url.Values) { q.Set("state", forged) })},
		{"what is sealed for a sign-out", edit(own, func(q url.Values) { q.Set("state", returned) })},
		{"a very long state", edit(own, func(q url.Values) { q.Set("state", strings.Repeat("A", 100_000)) })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantPage(t, victim.get(tc.address), http.StatusBadRequest, "This link is not complete")
		})
	}
	if n := w.far.Count(testidp.Token); n != 0 || len(w.sessions()) != 0 {
		t.Errorf("%d codes went to the provider, %d sessions were made", n, len(w.sessions()))
	}
}

// flipped changes one letter in the middle.
func flipped(s string) string {
	b := []byte(s)
	if b[len(b)/2]++; b[len(b)/2] == 'z'+1 || b[len(b)/2] == 'Z'+1 || b[len(b)/2] == '9'+1 {
		b[len(b)/2] = 'a'
	}
	return string(b)
}

func TestACallbackInAnotherBrowserSignsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	attacker, victim, fresh := w.browser(), w.browser(), w.browser()
	link := attacker.atProvider(attacker.get(w.asks()))
	victim.get(w.asks())
	p := victim.get(link)
	if p.status != http.StatusFound || p.location.Path != handoff.SignInPath {
		t.Fatalf("got %d %v, want the sign-in to begin again", p.status, p.location)
	}
	if victim.cookie(ticketCookie) != "" || len(w.sessions()) != 0 || w.far.Count(testidp.Token) != 0 {
		t.Error("something of the attacker's answer was used")
	}
	// What begins again is this browser's own.
	c := w.handed(victim.get(victim.atProvider(victim.get(p.location.String()))))
	if w.session(c.SessionID) == nil || c.Binder != ticket.BinderHash("binder of the route host") {
		t.Errorf("handoff %+v", c)
	}
	wantPage(t, fresh.get(link), http.StatusBadRequest, "cookie")
	if w.handed(attacker.get(link)).SessionID == c.SessionID {
		t.Error("two browsers share a session")
	}
}

func TestAStateIsGoodOnceAndForHalfAnHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.far.Lie(testidp.ReplayCodes, testidp.IgnorePKCE)
	b := w.browser()
	link := b.atProvider(b.get(w.asks()))
	first := w.handed(b.get(link))
	if again := w.handed(b.get(link)); again.SessionID != first.SessionID {
		t.Errorf("a reload made session %q beside %q", again.SessionID, first.SessionID)
	}
	if n := w.far.Count(testidp.Token); n != 1 {
		t.Errorf("the code was used %d times", n)
	}
	// The same link, after the session ended: neither a session nor a loop.
	if err := w.client.DeleteSession(t.Context(), first.SessionID); err != nil {
		t.Fatal(err)
	}
	p := b.get(link)
	wantPage(t, p, http.StatusBadRequest, "This link was already used")
	if !strings.Contains(p.body, `href="https://app.example/page?q=1"`) {
		t.Error("the page leads nowhere")
	}
	late := b.atProvider(b.get(w.asks()))
	w.clock.advance(stateLifetime)
	wantPage(t, b.get(late), http.StatusBadRequest, "This sign-in took too long")
	if len(w.sessions()) != 0 {
		t.Error("a session came out of it")
	}
}

func TestWhatTheProviderSaysInPlaceOfACode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, tc := range []struct {
		name     string
		query    string // in place of the answer; "" lies instead
		lie      testidp.Lie
		status   int
		sentence string
	}{
		{"the person said no", "", testidp.AccessDenied, 401, "You were not signed in"},
		{"we may not ask", "error=unauthorized_client", "", 401, "You were not signed in"},
		{"a fault of the provider's", "", testidp.ServerError, 400, "We could not complete your sign-in"},
		{"a login is required", "", testidp.LoginRequired, 400, "We could not complete your sign-in"},
		{"an error that is markup", "error=" + url.QueryEscape("<script>alert(1)</script>"), "", 400, "We could not complete your sign-in"},
		{"neither code nor error", "x=y", "", 400, "We could not complete your sign-in"},
		{"a code that is none", "code=guessed", "", 400, "We could not complete your sign-in"},
		{"two codes", "code=a&code=b", "", 400, "We could not complete your sign-in"},
		{"another issuer", "", testidp.WrongIss, 400, "We could not complete your sign-in"},
		{"a token with another nonce", "", testidp.WrongNonce, 400, "We could not complete your sign-in"},
		{"a token without a signature", "", testidp.AlgNone, 400, "We could not complete your sign-in"},
		{"userinfo of somebody else", "", testidp.UserinfoOtherSubject, 400, "We could not complete your sign-in"},
		{"an address of two hosts", "", testidp.EmailOfTwoHosts, 400, "We could not complete your sign-in"},
		{"an unverified address", "", testidp.UnverifiedEmail, 403, "Your e-mail address is not confirmed"},
		{"a token of yesterday", "", testidp.OldToken, 400, "The clocks do not agree"},
		{"a token of tomorrow", "", testidp.FutureToken, 400, "The clocks do not agree"},
		{"a broken token endpoint", "", testidp.BrokenToken, 503, "Sign-in is not available right now"},
		{"keys that cannot be read", "", testidp.BrokenKeys, 503, "Sign-in is not available right now"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.far.Lie()
			b := w.browser()
			away := b.get(w.asks())
			if tc.lie != "" {
				w.far.Lie(tc.lie, testidp.RotateBeforeSigning) // the key that is known does not do
			}
			link := b.atProvider(away)
			if tc.query != "" {
				link = base.String() + callbackPath + "?" + tc.query + "&iss=" + url.QueryEscape(w.far.Issuer()) +
					"&state=" + url.QueryEscape(away.location.Query().Get("state"))
			}
			p := b.get(link)
			wantPage(t, p, tc.status, tc.sentence)
			if !strings.Contains(p.body, `href="https://app.example/page?q=1"`) {
				t.Error("no way to begin again from this page")
			}
			if strings.Contains(p.body, "<script>alert") || strings.Contains(p.body, "said no.") {
				t.Error("the provider's words are in the page")
			}
			if len(w.sessions()) != 0 || b.cookie(ticketCookie) != "" {
				t.Error("a session came out of it")
			}
		})
	}
	if strings.Contains(w.log.String(), "alert(1)") {
		t.Error("the provider's words are in the log")
	}
}

func TestAProviderThatPostsItsAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) {
		c.IDPProvider, c.IDPScopes = "apple", []string{"openid", "email", "offline_access"}
	})
	b := w.browser()
	b.plant(binderCookie, "LAXBINDERLAXBINDERLAXBINDE") // of a time with another provider
	away := b.get(w.asks())
	if line := away.header.Get("Set-Cookie"); !strings.Contains(line, binderCookie+"=LAXBINDERLAXBINDERLAXBINDE") || !strings.Contains(line, "SameSite=None") {
		t.Errorf("the binder would not come along with a POST: %q", line)
	}
	q := away.location.Query()
	q.Set("response_mode", "query") // the driver is no browser: it posts what it got by the query
	away.location.RawQuery = q.Encode()
	back, err := url.Parse(b.atProvider(away))
	if err != nil {
		t.Fatal(err)
	}
	p := b.post(base.String()+callbackPath, back.Query(), "Sec-Fetch-Site", "cross-site", "Origin", "https://appleid.apple.com")
	if c := w.handed(p); w.session(c.SessionID) == nil {
		t.Error("no session")
	}
	plain := newWorld(t, nil)
	p = plain.browser().post(base.String()+callbackPath, back.Query())
	if p.status != http.StatusMethodNotAllowed || p.header.Get("Allow") != http.MethodGet {
		t.Errorf("a POST that no provider makes: %d, Allow %q", p.status, p.header.Get("Allow"))
	}
}

func FuzzState(f *testing.F) {
	now := time.Now()
	var key [32]byte // of this process: what another one has sealed must not open either
	_, _ = rand.Read(key[:])
	box := newStateBox(key, func() time.Time { return now })
	good, err := box.seal(&state{ProviderID: "p", Binder: "b", SignIn: handoff.SignIn{RedirectURI: appPage}})
	if err != nil {
		f.Fatal(err)
	}
	back := box.sealReturn(appPage)
	for _, seed := range []string{good, back, flipped(good), good + "A", good[1:], ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := box.open(text); err == nil && text != good {
			t.Errorf("%q opens", text)
		}
		if _, err := box.openReturn(text); err == nil && text != back {
			t.Errorf("%q opens", text)
		}
	})
}
