package authenticate

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
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

func TestADisabledPersonStaysOutside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	c := b.signIn()
	u, err := w.client.User(t.Context(), databroker.UserKey(w.providerID(), "1"))
	if err != nil {
		t.Fatal(err)
	}
	u.Disabled = true
	if err := w.client.PutUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	link := b.atProvider(b.get(w.asks())) // the session at hand does not count any more
	wantPage(t, b.get(link), http.StatusForbidden, "Your account is switched off")
	if all := w.sessions(); len(all) != 1 || all[c.SessionID] == nil {
		t.Errorf("sessions %v", all)
	}
}

func TestAPlantedTicketIsNobodys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	attacker := w.browser()
	id := attacker.signIn().SessionID
	stolen := attacker.cookie(ticketCookie)
	handle := w.first.o.Tickets.Issue(ticket.Ticket{SessionID: id, Version: 1, Host: signInHost, IssuedAt: w.clock.now()})
	elsewhere := w.first.o.Tickets.Issue(ticket.Ticket{
		SessionID: id, Version: 1, Host: "app.example", Binder: ticket.BinderHash(attacker.cookie(binderCookie)), IssuedAt: w.clock.now(),
	})
	for name, value := range map[string]string{
		"the attacker's ticket":        stolen,
		"a handle for programs":        handle,
		"a ticket of another host":     elsewhere,
		"a ticket with a letter more":  stolen + "A",
		"a ticket with a letter less":  stolen[:len(stolen)-1],
		"a ticket with one bit turned": flipped(stolen),
		"nothing":                      "",
		"a very long text":             strings.Repeat("A", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			victim := w.browser()
			victim.get(w.asks()) // has a binder of its own
			victim.plant(ticketCookie, value)
			victim.atProvider(victim.get(w.asks())) // must sign in by itself
			naked := w.browser()
			naked.plant(ticketCookie, value)
			naked.atProvider(naked.get(w.asks()))
		})
	}
}

func TestTabsThatSignInAtOnceEndInOneSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	b.get(w.asks())
	const tabs = 20
	links := make([]string, tabs)
	for i := range links {
		links[i] = b.atProvider(b.get(w.asks()))
	}
	handed := make([]handoff.Callback, tabs)
	var all sync.WaitGroup
	for i := range links {
		all.Go(func() { handed[i] = w.handed(b.get(links[i])) })
	}
	all.Wait()
	for i, c := range handed {
		if w.session(c.SessionID) == nil {
			t.Errorf("tab %d was handed a session that another tab has ended", i)
		}
	}
	if c := w.handed(b.get(b.atProvider(w.browserWithSameBinder(b).get(w.asks())))); w.session(c.SessionID) == nil {
		t.Error("a late tab ended its own session")
	}
}

func TestALateTabTakesTheSessionOfTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	b.get(w.asks())
	first, second := b.atProvider(b.get(w.asks())), b.atProvider(b.get(w.asks()))
	a, c := w.handed(b.get(first)), w.handed(b.get(second))
	if w.session(a.SessionID) == nil {
		t.Error("the second tab ended the session that the first was being handed")
	}
	if a.SessionID != c.SessionID {
		t.Error("two tabs of one browser have two sessions")
	}
}

func TestFurtherHostsAreVisitedUnlessTheAddressIsTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	b.signIn()
	in := w.signIn()
	in.AdditionalHosts = []string{"wiki.example", "board.example"}
	p := b.get(w.signer.SignInURL(base, in))
	if p.location == nil || p.location.Host != "wiki.example" {
		t.Fatalf("got %d %v, want the first further host", p.status, p.location)
	}
	next, err := w.signer.ParseStart(p.location)
	if err != nil {
		t.Fatal(err)
	}
	if p = b.get(next); p.location == nil || p.location.Host != "board.example" {
		t.Fatalf("got %d %v, want the second further host", p.status, p.location)
	}
	if next, err = w.signer.ParseStart(p.location); err != nil {
		t.Fatal(err)
	}
	if c := w.handed(b.get(next)); c.RedirectURI != appPage || c.Binder != in.Binder {
		t.Errorf("handoff %+v", c)
	}
	in.RedirectURI = "https://app.example/?q=" + strings.Repeat("%25", 1100)
	if c := w.handed(b.get(w.signer.SignInURL(base, in))); c.RedirectURI != in.RedirectURI {
		t.Errorf("handoff %+v", c)
	}
}

// browserWithSameBinder is b before it had a ticket.
func (w *world) browserWithSameBinder(b *browser) *browser {
	other := w.browser()
	other.plant(binderCookie, b.cookie(binderCookie))
	return other
}

func TestWhoeverSignsInAfterSomebodyElseEndsTheirSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	late := w.browserWithSameBinder(b)
	b.get(w.asks())
	late.plant(binderCookie, b.cookie(binderCookie))
	away := late.get(w.asks())
	ann := b.signIn()
	w.far.SetUser(testidp.User{Sub: "2", Email: "bob@example.com"})
	bob := w.handed(b.get(late.atProvider(away)))
	if s := w.session(bob.SessionID); s == nil || s.UserID != "2" {
		t.Errorf("session of the second person: %+v", s)
	}
	if w.session(ann.SessionID) != nil {
		t.Error("the first person's session lives on in a browser that is another's now")
	}
}

func TestRoutesWithClientsOfTheirOwnHaveSessionsOfTheirOwn(t *testing.T) {
	t.Parallel()
	route := &config.Route{ID: "r", From: config.From{Scheme: "https", Host: "app.example"}, IDPClientID: "cardea", IDPClientSecret: "client secret"}
	w := newWorld(t, func(c *config.Config) {
		c.IDPClientID, c.Routes = "of-most-routes", []*config.Route{route}
	})
	b := w.browser()
	b.get(w.asks())
	old := w.put(&databroker.Session{ID: "old", UserID: "1", IDPID: w.providerID()})
	b.plant(ticketCookie, w.first.o.Tickets.Issue(ticket.Ticket{
		SessionID: old.ID, Version: old.Version, Host: signInHost, Binder: ticket.BinderHash(b.cookie(binderCookie)), IssuedAt: w.clock.now(),
	}))
	in := w.signIn()
	in.ProviderID = config.ProviderID(w.config, route)
	second := w.signer.SignInURL(base, in)
	c := w.handed(b.get(b.atProvider(b.get(second))))
	if c.SessionID == old.ID || w.session(old.ID) == nil {
		t.Fatalf("the second provider's session is %q, and the first one's lives: %v", c.SessionID, w.session(old.ID) != nil)
	}
	if again := w.handed(b.get(w.asks())); again.SessionID != old.ID {
		t.Errorf("the other routes got session %q", again.SessionID)
	}
	if again := w.handed(b.get(second)); again.SessionID != c.SessionID {
		t.Errorf("the route got session %q", again.SessionID)
	}
	// A ticket of one provider counts for that provider alone, under whichever name.
	b.plant(ticketCookie, b.cookie(ticketCookie+"_"+in.ProviderID[:8]))
	if p := b.get(w.asks()); p.location == nil || !strings.HasPrefix(p.location.String(), w.far.Issuer()) {
		t.Errorf("a session of another provider was taken: %d %v", p.status, p.location)
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

func TestSessionsEndByAgeAndByRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *config.Config) { c.CookieExpire, c.SessionIdleTimeout = 8*time.Hour, time.Hour })
	b := w.browser()
	first := b.signIn()
	for range 7 {
		w.clock.advance(59 * time.Minute)
		if _, err := w.first.view.Session(t.Context(), first.SessionID, 1); err != nil { // as authorize does with each request
			t.Fatal(err)
		}
		if c := w.handed(b.get(w.asks())); c.SessionID != first.SessionID {
			t.Fatal("a session in use was not taken")
		}
	}
	w.clock.advance(time.Hour)
	b.atProvider(b.get(w.asks())) // rested for an hour
	second := b.signIn()
	w.clock.advance(8*time.Hour - time.Second)
	w.config.SessionIdleTimeout = 0
	w.apply(w.first)
	if c := w.handed(b.get(w.asks())); c.SessionID != second.SessionID {
		t.Error("a session was void before its time")
	}
	w.clock.advance(time.Second)
	b.atProvider(b.get(w.asks()))
}

func TestATokenThatCannotBeRefreshedBoundsTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.far.Lie(testidp.NoRefreshToken)
	b := w.browser()
	s := w.session(b.signIn().SessionID)
	if want := s.IssuedAt.Add(5 * time.Minute); !s.ExpiresAt.Equal(want) {
		t.Errorf("the session ends at %v, want %v with its token", s.ExpiresAt, want)
	}
	w.clock.advance(5 * time.Minute)
	b.atProvider(b.get(w.asks()))
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
