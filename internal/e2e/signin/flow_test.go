package signin

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/testidp"
)

const appPage = "https://app.corp.example/page?q=1&q=2"

// wantApp checks that a navigation ended at the application.
func wantApp(t *testing.T, v view, address string) {
	t.Helper()
	u := mustURL(t, address)
	if v.status != http.StatusOK || v.url.String() != address || v.body != u.Host+u.RequestURI()+" for somebody" {
		t.Errorf("ended with %d at %s, want %s; by way of\n%s", v.status, v.url, address, strings.Join(v.hops, "\n"))
	}
}

func wantPage(t *testing.T, v view, status int, sentence string) {
	t.Helper()
	if v.status != status || !strings.Contains(v.body, sentence) {
		_, heading, _ := strings.Cut(v.body, "<h1")
		heading, _, _ = strings.Cut(heading, "</h1>")
		t.Errorf("ended with %d %q at %s, want %d with %q", v.status, heading, v.url, status, sentence)
	}
}

func TestAPersonEndsAtThePageTheyAskedFor(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	b := h.browser()
	wantApp(t, b.open(appPage), appPage)
	wantApp(t, b.open(appPage), appPage)
	wantApp(t, b.open("https://wiki.corp.example/"), "https://wiki.corp.example/")
	if n := h.far.Count(testidp.Authorize); n != 1 {
		t.Errorf("the provider was asked %d times, want once for both hosts", n)
	}
	wantPage(t, b.open("https://closed.corp.example/"), http.StatusForbidden, "You do not have access here")
	if v := b.open("https://public.corp.example/x"); v.status != http.StatusOK {
		t.Errorf("the public route answers %d", v.status)
	}
	c := b.cookie("app.corp.example", "_pomerium")
	if c == nil || !c.HttpOnly || !c.Secure || c.Domain != "app.corp.example" || c.MaxAge != 14*3600 {
		t.Errorf("cookie %+v", c)
	}
}

func TestTwentyTabsEndAsTwentyPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	b := h.browser()
	round := func(name string) {
		t.Helper()
		var all sync.WaitGroup
		for i := range 20 {
			host := []string{"app", "wiki"}[i%2]
			address := fmt.Sprintf("https://%s.corp.example/%s/%d", host, name, i)
			all.Go(func() { wantApp(t, b.open(address), address) })
		}
		all.Wait()
	}
	round("first") // without a single cookie
	h.clock.advance(15 * time.Hour)
	round("expired") // every session has ended
	for _, id := range h.sessions() {
		h.must(h.client.DeleteSession(t.Context(), id))
	}
	round("revoked")
}

func TestAHandoffIsWorthNothingInAnotherBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	h.far.SetUser(testidp.User{Sub: "666", Email: "mallory@example.com"})
	attacker, victim, fresh := h.browser(), h.browser(), h.browser()
	var link string
	for _, hop := range attacker.open(appPage).hops {
		if strings.Contains(hop, "/.pomerium/callback/") {
			link = hop
		}
	}
	h.far.SetUser(testidp.User{Sub: "1", Email: "ann@example.com"})
	victim.open(appPage)
	wantApp(t, victim.follow("evil.example", link), appPage)
	v := victim.open("https://app.corp.example/.pomerium/user")
	if strings.Contains(v.body, "mallory") || !strings.Contains(v.body, "ann@example.com") {
		t.Errorf("the victim is signed in as %s", v.body)
	}
	// A browser that has never been here gets no session out of it either.
	wantPage(t, fresh.follow("evil.example", link), http.StatusBadRequest, "cookie")
	if fresh.cookie("app.corp.example", "_pomerium") != nil {
		t.Error("a browser without a binder got a ticket")
	}
	// In its own browser it is used up, which costs nobody the page.
	before := attacker.cookie("app.corp.example", "_pomerium").Value
	wantApp(t, attacker.open(link), appPage)
	if attacker.cookie("app.corp.example", "_pomerium").Value != before {
		t.Error("a used handoff made another ticket")
	}
}

func TestAStaleHandoffIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	b := h.browser()
	v := b.open(appPage)
	link := v.hops[len(v.hops)-2]
	h.clock.advance(10 * time.Minute)
	wantPage(t, b.open(link), http.StatusBadRequest, "This sign-in took too long")
	u := mustURL(t, link)
	u.Host = "wiki.corp.example"
	wantPage(t, b.open(u.String()), http.StatusBadRequest, "This link is not complete")
}

func TestABrowserWithoutCookiesIsTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	b := h.browser()
	b.noStore = true
	v := b.open(appPage)
	wantPage(t, v, http.StatusBadRequest, "cookie")
	if len(v.hops) > 6 {
		t.Errorf("%d hops", len(v.hops))
	}
}

func TestAnAddressTooLongToComeBackToStillOpensTheHost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	for name, query := range map[string]string{
		"letters":                strings.Repeat("a", 3000),
		"many":                   strings.Repeat("a", 30_000),
		"percents":               strings.Repeat("%25", 1200),
		"percents that just fit": strings.Repeat("%25", 870),
		"a thousand blanks":      strings.Repeat("%20a", 700),
	} {
		for _, host := range []string{"app", "board"} { // board goes round by two more hosts
			v := h.browser().open("https://" + host + ".corp.example/page?q=" + query)
			if v.status != http.StatusOK || v.url.Host != host+".corp.example" {
				t.Errorf("%s on %s: ended with %d at %.80s", name, host, v.status, v.url)
			}
			for _, hop := range v.hops[1:] {
				if len(hop) > 8000+len(query) || strings.Contains(hop, "sign_in") && len(hop) > 8000 {
					t.Errorf("%s on %s: an address of %d octets: %.60s", name, host, len(hop), hop)
				}
			}
		}
	}
}

func TestSigningOutEndsItHereAndAtTheProvider(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	b := h.browser()
	b.open(appPage)
	b.open("https://wiki.corp.example/")
	stolen := b.cookie("app.corp.example", "_pomerium")
	v := b.follow("app.corp.example", "https://app.corp.example/.pomerium/sign_out")
	wantPage(t, v, http.StatusOK, "You are signed out")
	if out := h.far.SignOuts(); len(out) != 1 || out[0].IDTokenHint == "" {
		t.Errorf("the provider was asked %+v", out)
	}
	if len(h.sessions()) != 0 || b.cookie("app.corp.example", "_pomerium") != nil {
		t.Error("the session or its cookie is still there")
	}
	asked := h.far.Count(testidp.Authorize)
	b.keep(mustURL(t, appPage), []*http.Cookie{{Name: stolen.Name, Value: stolen.Value, Path: "/", Secure: true}})
	for _, address := range []string{appPage, "https://wiki.corp.example/"} {
		wantApp(t, b.open(address), address)
	}
	if n := h.far.Count(testidp.Authorize) - asked; n != 1 {
		t.Errorf("the old tickets were good: the provider was asked %d times", n)
	}
}

func TestNobodySignsAnotherOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	b := h.browser()
	b.open(appPage)
	const out = "https://app.corp.example/.pomerium/sign_out"
	for name, v := range map[string]view{
		"a link of another site":   b.follow("evil.example", out),
		"a link of a sibling host": b.follow("wiki.corp.example", out),
		"a form of another site":   b.submit("evil.example", out, url.Values{"x": {"y"}}),
	} {
		if v.status != http.StatusOK || v.url.Path != "/.pomerium/signed_out" && !strings.Contains(v.body, "Sign out?") {
			t.Errorf("%s ended with %d at %s", name, v.status, v.url)
		}
		if len(h.sessions()) != 1 || b.cookie("app.corp.example", "_pomerium") == nil {
			t.Fatalf("%s signed the person out", name)
		}
	}
	wantApp(t, b.open(appPage), appPage)
	v := b.follow("evil.example", out)
	wantPage(t, b.submit(v.url.Host, "https://"+signInHost+"/.pomerium/sign_out", url.Values{}), http.StatusOK, "You are signed out")
}

func TestASessionThatRestedOrAgedIsOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "session_idle_timeout: 1h\ncookie_expire: 3h\n")
	b := h.browser()
	b.open(appPage)
	for range 3 {
		h.clock.advance(50 * time.Minute)
		wantApp(t, b.open(appPage), appPage)
	}
	if n := h.far.Count(testidp.Authorize); n != 1 {
		t.Errorf("a session in use was void: the provider was asked %d times", n)
	}
	h.clock.advance(31 * time.Minute)
	wantApp(t, b.open(appPage), appPage) // three hours are over
	h.clock.advance(time.Hour)
	if v := b.fetch("app.corp.example", appPage); v.status != http.StatusUnauthorized {
		t.Errorf("after an hour of rest a script gets %d", v.status)
	}
	wantApp(t, b.open(appPage), appPage)
	if n := h.far.Count(testidp.Authorize); n != 3 {
		t.Errorf("the provider was asked %d times, want three", n)
	}
}

func TestAShutAccountOpensNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	b := h.browser()
	b.open(appPage)
	key := databroker.UserKey(h.providerID(), "1")
	u, err := h.client.User(t.Context(), key)
	h.must(err)
	u.Disabled = true
	h.must(h.client.PutUser(t.Context(), u))
	h.clock.advance(2 * time.Second) // what the view remembers is a second old at most
	wantPage(t, b.open(appPage), http.StatusForbidden, "Your account is switched off")
	if v := b.open("https://app.corp.example/.pomerium/"); strings.Contains(v.body, "ann@example.com") {
		t.Error("the page of the session still knows them")
	}
}

func TestAClientOfOnesOwnForOneRoute(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "- {from: https://other.corp.example, to: http://127.0.0.1:1, allow_any_authenticated_user: true, idp_client_id: unknown-there, idp_client_secret: s}\n")
	b := h.browser()
	wantApp(t, b.open(appPage), appPage)
	before := b.cookie("app.corp.example", "_pomerium").Value
	// The provider does not know that client; what matters is that the session of the others is not used.
	resp := b.request(http.MethodGet, mustURL(t, "https://other.corp.example/"), nil, nil, navigation)
	resp = b.request(http.MethodGet, mustURL(t, resp.header.Get("Location")), nil, nil, navigation)
	if !strings.HasPrefix(resp.header.Get("Location"), h.far.Issuer()) || !strings.Contains(resp.header.Get("Location"), "client_id=unknown-there") {
		t.Errorf("went to %s", resp.header.Get("Location"))
	}
	wantApp(t, b.open(appPage), appPage)
	if b.cookie("app.corp.example", "_pomerium").Value != before {
		t.Error("the other routes' session was lost")
	}
}
