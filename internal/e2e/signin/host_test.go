package signin

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/testidp"
)

func (h *house) providerID() string { return config.ProviderID(h.config, nil) }

func TestADependentRouteSignsInToItsHostsAtTheSameTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	b := h.browser()
	v := b.open("https://board.corp.example/start")
	wantApp(t, v, "https://board.corp.example/start")
	for _, host := range []string{"wiki.corp.example", "partner.example"} {
		if b.cookie(host, "_pomerium") == nil {
			t.Errorf("no ticket for %s; by way of\n%s", host, strings.Join(v.hops, "\n"))
		}
	}
	// A script of the board can ask the wiki at once; nobody has to open it first.
	if v := b.fetch("board.corp.example", "https://wiki.corp.example/api"); v.status != http.StatusOK {
		t.Errorf("a script gets %d", v.status)
	}
	if n := h.far.Count(testidp.Authorize); n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
	if b.cookie("app.corp.example", "_pomerium") != nil {
		t.Error("a host got a ticket that nobody depends on")
	}
}

func TestTheStopsOfADependentRouteTakeNothingFromStrangers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	attacker, victim := h.browser(), h.browser()
	h.far.SetUser(testidp.User{Sub: "666", Email: "mallory@example.com"})
	hops := attacker.open("https://board.corp.example/start").hops
	h.far.SetUser(testidp.User{Sub: "1", Email: "ann@example.com"})
	for _, hop := range hops {
		if !strings.Contains(hop, "corp.example") && !strings.Contains(hop, "partner.example") {
			continue
		}
		victim.follow("evil.example", hop)
		for _, host := range []string{"wiki.corp.example", "partner.example", "board.corp.example"} {
			v := victim.fetch(host, "https://"+host+"/.pomerium/user")
			if strings.Contains(v.body, "mallory") {
				t.Fatalf("after %s the victim is mallory on %s", hop, host)
			}
		}
	}
	// The first stop is worth nothing on another host.
	for _, hop := range hops {
		if u := mustURL(t, hop); u.Path == "/.pomerium/sign_in" && u.Host != signInHost {
			u.Host = "app.corp.example"
			wantPage(t, victim.open(u.String()), http.StatusBadRequest, "This link is not complete")
		}
	}
}

func TestAStrictCookieGetsAPageInPlaceOfARedirect(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "cookie_same_site: strict\n")
	b := h.browser()
	const address = "https://partner.example/page?q=1" // another site than the sign-in host
	v := b.open(address)
	wantApp(t, v, address)
	if c := b.cookie("partner.example", "_pomerium"); c == nil || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("cookie %+v", c)
	}
	asked := h.far.Count(testidp.Authorize)
	wantApp(t, b.follow("mail.elsewhere.example", address), address) // the cookie stays away from such a link
	wantApp(t, b.open("https://board.corp.example/"), "https://board.corp.example/")
	if n := h.far.Count(testidp.Authorize) - asked; n != 0 {
		t.Errorf("the provider was asked %d times more", n)
	}
}

func TestOtherSameSiteValuesAreSetAsConfigured(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]http.SameSite{"lax": http.SameSiteLaxMode, "none": http.SameSiteNoneMode} {
		h := newHouse(t, "cookie_same_site: "+text+"\ncookie_http_only: false\n")
		b := h.browser()
		wantApp(t, b.open(appPage), appPage)
		if c := b.cookie("app.corp.example", "_pomerium"); c == nil || c.SameSite != want || c.HttpOnly {
			t.Errorf("%s: cookie %+v", text, c)
		}
	}
}

func TestACookieDomainSharesOneTicket(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "cookie_domain: corp.example\n")
	b := h.browser()
	wantApp(t, b.open(appPage), appPage)
	if c := b.cookie("app.corp.example", "_pomerium"); c == nil || c.Domain != ".corp.example" {
		t.Fatalf("cookie %+v", c)
	}
	if v := b.open("https://wiki.corp.example/"); len(v.hops) != 1 {
		t.Errorf("a host of the domain signed in anew, by way of\n%s", strings.Join(v.hops, "\n"))
	}
	wantApp(t, b.open("https://partner.example/"), "https://partner.example/")
	if c := b.cookie("partner.example", "_pomerium"); c == nil || c.Domain != "partner.example" {
		t.Errorf("cookie of a host outside the domain: %+v", c)
	}
	v := b.follow("wiki.corp.example", "https://wiki.corp.example/.pomerium/sign_out")
	wantPage(t, v, http.StatusOK, "You are signed out")
	if b.cookie("app.corp.example", "_pomerium") != nil {
		t.Error("the shared cookie is still there")
	}
}

func TestATicketIsGoodOnItsHostAndInItsBrowserAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	b, other := h.browser(), h.browser()
	b.open(appPage)
	h.far.SetUser(testidp.User{Sub: "2", Email: "bob@example.com"})
	other.open(appPage)
	value := b.cookie("app.corp.example", "_pomerium").Value
	toss := func(to *browser, host, domain string) {
		to.keep(mustURL(t, "https://"+host+"/"), []*http.Cookie{{Name: "_pomerium", Value: value, Path: "/", Domain: domain, Secure: true}})
	}
	asked := h.far.Count(testidp.Authorize)
	toss(b, "wiki.corp.example", "")
	if v := b.fetch("wiki.corp.example", "https://wiki.corp.example/"); v.status != http.StatusUnauthorized {
		t.Errorf("a ticket of another host: %d", v.status)
	}
	third := h.browser()
	third.open("https://public.corp.example/")
	toss(third, "evil.corp.example", "corp.example") // a sibling host's cookie
	if v := third.fetch("app.corp.example", "https://app.corp.example/.pomerium/user"); v.status != http.StatusUnauthorized {
		t.Errorf("a tossed ticket: %d %s", v.status, v.body)
	}
	toss(other, "evil.corp.example", "corp.example")
	if v := other.fetch("app.corp.example", "https://app.corp.example/.pomerium/user"); !strings.Contains(v.body, "bob@example.com") {
		t.Errorf("beside a tossed ticket one's own does not count: %d %s", v.status, v.body)
	}
	if n := h.far.Count(testidp.Authorize) - asked; n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
}

func TestTheProviderIsDownOnlyForThoseWhoSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	b := h.browser()
	b.open(appPage)
	h.far.Lie(testidp.Down)
	h.clock.advance(2 * time.Hour)
	wantApp(t, b.open(appPage), appPage)
	wantApp(t, b.open("https://wiki.corp.example/"), "https://wiki.corp.example/")
	fresh := newHouse(t, "")
	fresh.far.Lie(testidp.Down)
	wantPage(t, fresh.browser().open(appPage), http.StatusServiceUnavailable, "Sign-in is not available right now")
}
