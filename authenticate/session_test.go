package authenticate

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/testidp"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

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

func TestASessionSaysWhereItComesFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	link := b.atProvider(b.get(w.asks()))
	agent := strings.Repeat("ä", maxUserAgent)
	c := w.handed(b.get(link, "X-Cardea-Client-Address", "192.0.2.7", "User-Agent", agent+"\xff"))
	s := w.sessions()[c.SessionID]
	if s == nil || s.From != "192.0.2.7" || s.UserAgent != agent[:maxUserAgent] {
		t.Errorf("%+v", s)
	}
	for in, want := range map[string]string{"": "", "a\xffb": "ab", "ä": "ä", strings.Repeat("a", maxUserAgent-1) + "ä": strings.Repeat("a", maxUserAgent-1)} {
		if got := bounded(in); got != want {
			t.Errorf("bounded(%q) = %q", in, got)
		}
	}
}
