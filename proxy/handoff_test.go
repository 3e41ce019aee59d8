package proxy

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

const asked = "https://app.example/page?q=1"

// handoffTo returns what the sign-in host would send a browser to.
func (h *house) handoffTo(s *databroker.Session, change func(*handoff.Callback)) string {
	h.t.Helper()
	c := handoff.Callback{
		SessionID: s.ID, SessionVersion: s.Version, ProviderID: s.IDPID, Binder: ticket.BinderHash(binder), RedirectURI: asked,
	}
	if change != nil {
		change(&c)
	}
	to, err := h.signer.CallbackURL("https://app.example/.pomerium/callback/", c)
	h.must(err)
	return to
}

const inBrowser = binderName + "=" + binder

func TestACallbackGivesATicketAndGoesOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	s := h.signIn("ann")
	link := h.handoffTo(s, nil)
	p := h.get(link, "Cookie", inBrowser)
	if p.status != http.StatusFound || p.location != asked || p.body != "" || p.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("got %d %s", p.status, p.location)
	}
	line := p.setCookie("_pomerium")
	value, attributes, _ := strings.Cut(strings.TrimPrefix(line, "_pomerium="), "; ")
	if want := "Path=/; Max-Age=50400; HttpOnly; Secure"; attributes != want {
		t.Errorf("cookie attributes %q, want %q", attributes, want)
	}
	got, err := h.tickets.Open(value, appHost)
	h.must(err)
	want := ticket.Ticket{
		Kind:      ticket.ForHost,
		SessionID: s.ID, Version: s.Version, Host: appHost, Binder: ticket.BinderHash(binder), IssuedAt: h.clock.now().Truncate(time.Second),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ticket (-want +got):\n%s", diff)
	}
	if again := h.get(link, "Cookie", inBrowser); again.location != asked || again.setCookie("_pomerium") != "" {
		t.Errorf("a reload: %d %s, cookie %q", again.status, again.location, again.setCookie("_pomerium"))
	}
}

func TestCallbacksThatGiveNoTicket(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		link     func(*house, *databroker.Session) string
		cookies  string
		status   int
		sentence string // of the page, or where the redirect goes to
	}{
		{"without anything", func(*house, *databroker.Session) string { return "/.pomerium/callback/" }, inBrowser, 400, "This link is not complete"},
		{"changed", func(h *house, s *databroker.Session) string {
			return strings.Replace(h.handoffTo(s, nil), "page", "other", 1)
		}, inBrowser, 400, "This link is not complete"},
		{"with a parameter more", func(h *house, s *databroker.Session) string { return h.handoffTo(s, nil) + "&x=y" }, inBrowser, 400, "This link is not complete"},
		{"for another host", func(h *house, s *databroker.Session) string {
			return strings.Replace(h.handoffTo(s, nil), "https://app.example/", "https://other.example/", 1)
		}, inBrowser, 400, "This link is not complete"},
		{"too old", func(h *house, s *databroker.Session) string {
			link := h.handoffTo(s, nil)
			h.clock.advance(10 * time.Minute)
			return link
		}, inBrowser, 400, "This sign-in took too long"},
		{"from the future", func(h *house, s *databroker.Session) string {
			h.clock.advance(time.Hour)
			link := h.handoffTo(s, nil)
			h.clock.advance(-time.Hour)
			return link
		}, inBrowser, 400, "The clocks do not agree"},
		{"in another browser", func(h *house, s *databroker.Session) string { return h.handoffTo(s, nil) }, binderName + "=ANOTHER", 302, asked},
		{"in a browser without cookies", func(h *house, s *databroker.Session) string { return h.handoffTo(s, nil) }, "", 400, "cookie"},
		{"made for no browser", func(h *house, s *databroker.Session) string {
			return h.handoffTo(s, func(c *handoff.Callback) { c.Binder = "" })
		}, inBrowser, 302, asked},
		{"to another host of ours", func(h *house, s *databroker.Session) string {
			return h.handoffTo(s, func(c *handoff.Callback) { c.RedirectURI = "https://other.example/" })
		}, inBrowser, 400, "We do not follow this link"},
		{"to plain http", func(h *house, s *databroker.Session) string {
			return h.handoffTo(s, func(c *handoff.Callback) { c.RedirectURI = "http://app.example/" })
		}, inBrowser, 400, "We do not follow this link"},
		{"to the sign-in host without our signature", func(h *house, s *databroker.Session) string {
			return h.handoffTo(s, func(c *handoff.Callback) { c.RedirectURI = "https://sign-in.example/.pomerium/sign_in?x=y" })
		}, inBrowser, 400, "We do not follow this link"},
		{"to another page of the sign-in host", func(h *house, s *databroker.Session) string {
			return h.handoffTo(s, func(c *handoff.Callback) {
				c.RedirectURI = h.signer.SignOutURL(h.state.base(), handoff.SignOut{SessionID: s.ID})
			})
		}, inBrowser, 400, "We do not follow this link"},
		{"with a session that has ended", func(h *house, s *databroker.Session) string {
			h.must(h.client.DeleteSession(h.t.Context(), s.ID))
			return h.handoffTo(s, nil)
		}, inBrowser, 400, "This sign-in took too long"},
		{"while the broker is away", func(h *house, s *databroker.Session) string {
			h.away()
			return h.handoffTo(s, nil)
		}, inBrowser, 503, "We cannot check your access right now"},
		{"of a program to a host that is not listed", func(h *house, s *databroker.Session) string {
			return h.handoffTo(s, func(c *handoff.Callback) {
				c.Programmatic, c.Binder, c.RedirectURI = true, "", "https://evil.example/"
			})
		}, inBrowser, 400, "We do not follow this link"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			p := h.get(tc.link(h, h.signIn("ann")), "Cookie", tc.cookies)
			if tc.status == http.StatusFound {
				if p.status != tc.status || p.location != tc.sentence {
					t.Errorf("got %d %s, want %d %s", p.status, p.location, tc.status, tc.sentence)
				}
			} else {
				wantPage(t, p, tc.status, tc.sentence)
			}
			if line := p.setCookie("_pomerium"); line != "" {
				t.Errorf("got %s", line)
			}
		})
	}
}

func TestACallbackLeadsOnToTheNextHostOfADependentRoute(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	next := h.signer.SignInURL(h.state.base(), handoff.SignIn{
		RedirectURI: "https://board.example/", CallbackURI: "https://board.example/.pomerium/callback/", ProviderID: h.providerID(), Binder: "b",
	})
	p := h.get(h.handoffTo(h.signIn("ann"), func(c *handoff.Callback) { c.RedirectURI = next }), "Cookie", inBrowser)
	if p.location != next || p.setCookie("_pomerium") == "" {
		t.Errorf("got %d %s", p.status, p.location)
	}
}

func TestAProgramGetsItsHandleOnceAndNoCookie(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	s := h.signIn("ann")
	link := h.handoffTo(s, func(c *handoff.Callback) {
		c.Programmatic, c.Binder, c.RedirectURI = true, "", "http://localhost:8123/?x=a%2Fb;c"
	})
	p := h.get(link)
	query, found := strings.CutPrefix(p.location, "http://localhost:8123/?x=a%2Fb;c&pomerium_jwt=")
	if !found || len(p.header.Values("Set-Cookie")) > 0 {
		t.Fatalf("got %d %s", p.status, p.location)
	}
	handle, err := url.QueryUnescape(query)
	h.must(err)
	got, err := h.tickets.Open(handle, appHost)
	h.must(err)
	if got.SessionID != s.ID || got.Binder != "" {
		t.Errorf("ticket %+v", got)
	}
	if h.portalStatus("Authorization", "Pomerium "+handle) != http.StatusOK {
		t.Error("the handle is not taken")
	}
	if h.portalStatus("Cookie", "_pomerium="+handle) != http.StatusUnauthorized {
		t.Error("the handle is taken as a cookie")
	}
	wantPage(t, h.get(link), http.StatusBadRequest, "This link was already used")
}

func (h *house) portalStatus(headers ...string) int {
	h.t.Helper()
	return h.ask(http.MethodGet, "/.pomerium/api/v1/routes", headers...).status
}

func TestCookiesAreAsConfigured(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*config.Config)
		binder string // name of the binder cookie
		want   string // attributes
		page   bool   // in place of a redirect
	}{
		{"strict", func(c *config.Config) { c.CookieSameSite = config.SameSiteStrict }, binderName,
			"Path=/; Max-Age=50400; HttpOnly; Secure; SameSite=Strict", true},
		{"lax", func(c *config.Config) { c.CookieSameSite = config.SameSiteLax }, binderName,
			"Path=/; Max-Age=50400; HttpOnly; Secure; SameSite=Lax", false},
		{"none", func(c *config.Config) { c.CookieSameSite = config.SameSiteNone }, binderName,
			"Path=/; Max-Age=50400; HttpOnly; Secure; SameSite=None", false},
		{"for scripts", func(c *config.Config) { c.CookieHTTPOnly = false }, binderName, "Path=/; Max-Age=50400; Secure", false},
		{"another name", func(c *config.Config) { c.CookieName = "_pomerium2" }, "__Host-_pomerium2_binder", "", false},
		{"for a domain", func(c *config.Config) { c.CookieDomain = ".example" }, "__Secure-_pomerium_binder",
			"Path=/; Domain=example; Max-Age=50400; HttpOnly; Secure", false},
		{"for a domain elsewhere", func(c *config.Config) { c.CookieDomain = "elsewhere.test" }, binderName,
			"Path=/; Max-Age=50400; HttpOnly; Secure", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, tc.change)
			p := h.get(h.handoffTo(h.signIn("ann"), nil), "Cookie", tc.binder+"="+binder)
			line := p.setCookie(h.state.Config.CookieName)
			_, attributes, _ := strings.Cut(line, "; ")
			if line == "" || tc.want != "" && attributes != tc.want {
				t.Errorf("cookie %q, want %q", attributes, tc.want)
			}
			if tc.page && (p.status != http.StatusOK || !strings.Contains(p.body, `content="0; url=https://app.example/page?q=1"`)) || !tc.page && p.location != asked {
				t.Errorf("goes on by %d %s", p.status, p.location)
			}
		})
	}
}

func TestAStartSetsABinderAndAsksTheSignInHost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	const next = "https://sign-in.example/.pomerium/sign_in?next"
	link := h.signer.StartURL(appHost, next)
	p := h.get(link)
	line := p.setCookie(binderName)
	value, attributes, _ := strings.Cut(strings.TrimPrefix(line, binderName+"="), "; ")
	if attributes != "Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("binder attributes %q", attributes)
	}
	u, err := url.Parse(p.location)
	h.must(err)
	in, err := h.signer.ParseSignIn(u)
	h.must(err)
	want := handoff.SignIn{
		RedirectURI: next, CallbackURI: "https://app.example/.pomerium/callback/", ProviderID: h.providerID(), Binder: ticket.BinderHash(value),
	}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Errorf("sign-in (-want +got):\n%s", diff)
	}
	if again := h.get(link, "Cookie", inBrowser); again.setCookie(binderName) != "" {
		t.Error("a browser lost its binder")
	}
	for name, bad := range map[string]string{
		"unsigned":     "/.pomerium/sign_in?pomerium_redirect_uri=https://evil.example/",
		"changed":      strings.Replace(link, "next", "other", 1),
		"of elsewhere": h.signer.StartURL("other.example", next),
		"a sign-in":    h.signer.SignInURL(&url.URL{Host: appHost}, want),
	} {
		if name == "of elsewhere" {
			bad = strings.Replace(bad, "other.example", appHost, 1)
		}
		wantPage(t, h.get(bad), http.StatusBadRequest, "This link is not complete")
	}
}

func TestTheProviderOfAHostIsThatOfItsFirstRoute(t *testing.T) {
	t.Parallel()
	own := route("own", "https://*.own.example", "{allow: {or: [{accept: true}]}}")
	own.IDPClientID = "own client"
	h := newHouse(t, func(c *config.Config) { c.Routes = append(c.Routes, own) })
	for host, want := range map[string]string{
		appHost: h.providerID(), "a.own.example": config.ProviderID(h.state.Config, own), "A.OWN.example": config.ProviderID(h.state.Config, own),
		"own.example": h.providerID(), "unknown.example": h.providerID(),
	} {
		u, err := url.Parse(h.get(h.signer.StartURL(host, "https://sign-in.example/x")).location)
		h.must(err)
		in, err := h.signer.ParseSignIn(u)
		h.must(err)
		if in.ProviderID != want {
			t.Errorf("%s has provider %s, want %s", host, in.ProviderID, want)
		}
	}
}

func TestASignOutOfAPersonIsSigned(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	s := h.signIn("ann")
	cookies := h.cookies(s, appHost)
	const path = "/.pomerium/sign_out?pomerium_redirect_uri=https%3A%2F%2Fcorp.example%2Fbye"
	parse := func(p page) handoff.SignOut {
		u, err := url.Parse(p.location)
		h.must(err)
		out, err := h.signer.ParseSignOut(u)
		h.must(err)
		return out
	}
	p := h.get(path, "Cookie", cookies)
	if diff := cmp.Diff(handoff.SignOut{SessionID: s.ID}, parse(p)); diff != "" {
		t.Errorf("sign-out (-want +got):\n%s", diff)
	}
	if line := p.setCookie("_pomerium"); !strings.Contains(line, "_pomerium=;") || !strings.Contains(line, "Max-Age=0") {
		t.Errorf("cookie %q", line)
	}
	h.state.Config.RuntimeFlags[config.FlagAnySignOutRedirect] = true
	if out := parse(h.get(path, "Cookie", cookies)); out.RedirectURI != "https://corp.example/bye" {
		t.Errorf("ends at %q", out.RedirectURI)
	}
	for _, bad := range []string{"//evil.example", `https:\\evil.example`, "http://evil.example/", "javascript:alert(1)", "https://a@evil.example/", "/x"} {
		if out := parse(h.get("/.pomerium/sign_out?pomerium_redirect_uri="+url.QueryEscape(bad), "Cookie", cookies)); out.RedirectURI != "" {
			t.Errorf("%q ends at %q", bad, out.RedirectURI)
		}
	}
	post := h.ask(http.MethodPost, "/.pomerium/sign_out", "Cookie", cookies, "Origin", "https://"+appHost)
	if parse(post).SessionID != s.ID {
		t.Errorf("a form of this host: %d %s", post.status, post.location)
	}
}

func TestASignOutThatAnotherSiteBeganIsNotSigned(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	cookies := h.cookies(h.signIn("ann"), appHost)
	for name, p := range map[string]page{
		"a link of another site":     h.get("/.pomerium/sign_out", "Cookie", cookies, "Sec-Fetch-Site", "cross-site"),
		"a link of a sibling":        h.get("/.pomerium/sign_out", "Cookie", cookies, "Sec-Fetch-Site", "same-site"),
		"a link that is looked at":   h.get("/.pomerium/sign_out", "Cookie", cookies, "Sec-Purpose", "prefetch;prerender"),
		"a form of another site":     h.ask(http.MethodPost, "/.pomerium/sign_out", "Cookie", cookies, "Origin", "https://evil.example"),
		"a form without an origin":   h.ask(http.MethodPost, "/.pomerium/sign_out", "Cookie", cookies, "Origin", "null"),
		"a form in plain http":       h.ask(http.MethodPost, "/.pomerium/sign_out", "Cookie", cookies, "Origin", "http://"+appHost),
		"a form of nobody knows who": h.ask(http.MethodPost, "/.pomerium/sign_out", "Cookie", cookies),
	} {
		if p.location != "https://sign-in.example/.pomerium/sign_out" || p.setCookie("_pomerium") != "" {
			t.Errorf("%s: %d %s, cookie %q", name, p.status, p.location, p.setCookie("_pomerium"))
		}
	}
	if p := h.get("/.pomerium/sign_out"); p.location != "https://sign-in.example/.pomerium/signed_out" {
		t.Errorf("nobody signs out: %s", p.location)
	}
}

func TestLogsNameNoSecret(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	s := h.signIn("ann")
	link := h.handoffTo(s, nil)
	h.get(link, "Cookie", inBrowser)
	h.get(link+"x", "Cookie", inBrowser)
	h.get(link)
	h.get("/.pomerium/nothing?pomerium_session=secret", "Cookie", h.cookies(s, appHost))
	u, err := url.Parse(link)
	h.must(err)
	for _, secret := range []string{u.Query().Get("pomerium_session_encrypted"), u.Query().Get("pomerium_signature"), binder, "secret"} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(h.log.String(), "reserved path refused") {
		t.Error("nothing was logged")
	}
}

func FuzzCallback(f *testing.F) {
	s := handoff.New([32]byte{1}, [32]byte{2}, nil)
	good, err := s.CallbackURL("https://app.example/.pomerium/callback/", handoff.Callback{SessionID: "s", Binder: "b", RedirectURI: asked})
	if err != nil {
		f.Fatal(err)
	}
	u, err := url.Parse(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(u.RawQuery)
	f.Add("")
	f.Add("pomerium_signature=x;y")
	f.Fuzz(func(t *testing.T, query string) {
		asked := *u
		asked.RawQuery = query
		c, err := s.ParseCallback(&asked)
		if err == nil && (c.SessionID != "s" || c.Binder != "b" || c.RedirectURI != "https://app.example/page?q=1") {
			t.Errorf("%q brings %+v", query, c)
		}
	})
}
