package proxy

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// ceremonyOf reads the address that a browser is sent to as the sign-in host
// does.
func (h *house) ceremonyOf(p page) handoff.Ceremony {
	h.t.Helper()
	u, err := url.Parse(p.location)
	h.must(err)
	if p.status != http.StatusFound || u.Host != signInHost || p.body != "" || p.header.Get("Referrer-Policy") != "no-referrer" {
		h.t.Fatalf("%d to %q", p.status, p.location)
	}
	c, err := h.signer.ParseCeremony(u)
	h.must(err)
	return c
}

// enroll writes devices of somebody, and that they are theirs.
func (h *house) enroll(s *databroker.Session, devices ...databroker.Device) {
	h.t.Helper()
	u, err := h.client.User(h.t.Context(), s.UserKey())
	h.must(err)
	for _, d := range devices {
		if d.UserKey == "" {
			d.UserKey = s.UserKey()
		}
		h.must(h.client.PutDevice(h.t.Context(), &d))
		u.DeviceIDs = append(u.DeviceIDs, d.ID)
	}
	h.must(h.client.PutUser(h.t.Context(), u))
}

const webAuthnURL = "https://app.example/.pomerium/webauthn"

func TestAPromptLeadsToTheCeremony(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	s := h.signIn("ann")
	cookies := h.cookies(s, appHost)
	prompt := handoff.Prompt{Type: "enclave_only", RedirectURI: asked, UserVerification: true}
	want := handoff.Ceremony{Type: "enclave_only", UserVerification: true, SessionID: s.ID, Back: handoff.SignIn{
		RedirectURI: asked, CallbackURI: "https://app.example/.pomerium/callback/", ProviderID: h.providerID(), Binder: ticket.BinderHash(binder),
	}}
	link := h.signer.PromptURL(appHost, prompt)
	// authorize's redirect is followed with the site that began it, whichever.
	for _, site := range []string{"none", "same-origin", "cross-site"} {
		if diff := cmp.Diff(want, h.ceremonyOf(h.get(link, "Cookie", cookies, "Sec-Fetch-Site", site))); diff != "" {
			t.Errorf("from %s (-want +got):\n%s", site, diff)
		}
	}
	h.clock.advance(time.Hour) // signing in took long, or the page was left open
	if diff := cmp.Diff(want, h.ceremonyOf(h.get(link, "Cookie", h.cookies(s, appHost)))); diff != "" {
		t.Errorf("an old prompt (-want +got):\n%s", diff)
	}
	for name, bad := range map[string]string{
		"changed":                       strings.Replace(link, "page", "other", 1),
		"with another type":             strings.Replace(link, "enclave_only", "any", 1),
		"without the verification":      strings.Replace(link, "&pomerium_user_verification=required", "", 1),
		"for another host":              strings.Replace(h.signer.PromptURL("other.example", prompt), "other.example", appHost, 1),
		"signed, for a type unheard of": h.signer.PromptURL(appHost, handoff.Prompt{Type: "phone", RedirectURI: asked}),
	} {
		if p := h.get(bad, "Cookie", h.cookies(s, appHost)); p.status != http.StatusBadRequest || !strings.Contains(p.body, "This link is not complete") {
			t.Errorf("%s: %d %s", name, p.status, p.location)
		}
	}
	elsewhere := h.signer.PromptURL(appHost, handoff.Prompt{Type: "any", RedirectURI: "https://other.example/"})
	wantPage(t, h.get(elsewhere, "Cookie", h.cookies(s, appHost)), http.StatusBadRequest, "We do not follow this link")
	wantPage(t, h.get(link), http.StatusUnauthorized, "Sign in to continue")
	if p := h.ask(http.MethodPost, link, "Cookie", h.cookies(s, appHost)); p.status != http.StatusNotFound {
		t.Errorf("POST: %d", p.status)
	}
}

func TestALinkOfOursOrATypedOneLeadsToTheCeremony(t *testing.T) {
	t.Parallel()
	const home = "https://app.example/.pomerium/"
	to := func(raw string) string { return "?pomerium_redirect_uri=" + url.QueryEscape(raw) }
	for _, tc := range []struct {
		name    string
		query   string
		headers []string
		typ     string
		back    string
		verify  bool
	}{
		{"typed", "", nil, "any", home, false},
		{"for a type", "?pomerium_device_type=enclave_only", nil, "enclave_only", home, false},
		{"with verification", "?pomerium_user_verification=required", nil, "any", home, true},
		{"back to a page of this host", to(asked), nil, "any", asked, false},
		{"from a page of this host", to(asked), []string{"Sec-Fetch-Site", "same-origin"}, "any", asked, false},
		{"from an old browser", to(asked), []string{"Sec-Fetch-Site", "", "Sec-Fetch-Mode", "", "Sec-Fetch-Dest", ""}, "any", asked, false},
		{"another site may lead here, and not choose what follows", to(asked), []string{"Sec-Fetch-Site", "cross-site"}, "any", home, false},
		{"nor may another application", to(asked), []string{"Sec-Fetch-Site", "same-site"}, "any", home, false},
		{"not to another host", to("https://evil.example/"), nil, "any", home, false},
		{"nor to another port", to("https://app.example:8443/"), nil, "any", home, false},
		{"nor to http", to("http://app.example/"), nil, "any", home, false},
		{"nor to what browsers read otherwise", to(`https://app.example\@evil.example/`), nil, "any", home, false},
		{"nor to a path alone", to("/page"), nil, "any", home, false},
		{"nor to itself", to(webAuthnURL), nil, "any", home, false},
		{"nor to an address that is too long", to("https://app.example/" + strings.Repeat("x", maxReturn)), nil, "any", home, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			s := h.signIn("ann")
			c := h.ceremonyOf(h.get(webAuthnURL+tc.query, append([]string{"Cookie", h.cookies(s, appHost)}, tc.headers...)...))
			if c.Type != tc.typ || c.Back.RedirectURI != tc.back || c.UserVerification != tc.verify || c.SessionID != s.ID {
				t.Errorf("ceremony %+v", c)
			}
		})
	}
	h := newHouse(t, nil)
	cookies := h.cookies(h.signIn("ann"), appHost)
	for name, headers := range map[string][]string{
		"a picture":         {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"},
		"a frame":           {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "iframe"},
		"a fetch":           {"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"},
		"what nobody knows": {"Sec-Fetch-Site", "nonsense", "Sec-Fetch-Mode", "cors"},
	} {
		if p := h.get(webAuthnURL, append([]string{"Cookie", cookies}, headers...)...); p.status != http.StatusForbidden || p.location != "" {
			t.Errorf("%s of another site: %d %s", name, p.status, p.location)
		}
	}
	for _, bad := range []string{"?pomerium_device_type=phone", "?pomerium_device_type=any&pomerium_device_type=any", "?pomerium_user_verification=no", "?a=%zz", "?pomerium_signature="} {
		wantPage(t, h.get(webAuthnURL+bad, "Cookie", cookies), http.StatusBadRequest, "This link is not complete")
	}
	p := h.get(webAuthnURL)
	wantPage(t, p, http.StatusUnauthorized, "Sign in to continue")
	if p.setCookie(binderName) != "" {
		t.Error("a stranger gets a binder")
	}
}

func TestHomeListsThePersonsOwnDevices(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ann, bob := h.signIn("ann"), h.signIn("bob")
	at := h.clock.now().Add(-40 * 24 * time.Hour).UTC()
	h.enroll(ann, databroker.Device{ID: "laptop-id", Name: "Ann's <laptop>", Type: "enclave_only", Model: "Windows Hello", Approved: true, EnrolledAt: at, LastUsedAt: at},
		databroker.Device{ID: "bobs-id", Name: "Bob's key", UserKey: bob.UserKey()}, databroker.Device{ID: "key-id", Name: "Key", Type: "any", EnrolledAt: at})
	u, err := h.client.User(t.Context(), ann.UserKey())
	h.must(err)
	u.DeviceIDs = append(u.DeviceIDs, "gone-id")
	h.must(h.client.PutUser(t.Context(), u))
	p := h.get("/.pomerium/", "Cookie", h.cookies(ann, appHost))
	for _, text := range []string{
		"Ann&#39;s &lt;laptop&gt;", "Windows Hello", `data-copy="device-laptop-id"`, "Approved", "Waiting for approval", "40 days ago",
		`href="https://sign-in.example/.pomerium/devices"`, "Rename or delete", "Register a device",
		`href="https://app.example/.pomerium/webauthn?pomerium_device_type=any&amp;pomerium_redirect_uri=https%3A%2F%2Fapp.example%2F.pomerium%2F"`,
		`"deviceCredentialIds":["laptop-id","key-id"]`, `"webAuthnUrl":"https://app.example/.pomerium/webauthn?`,
	} {
		if p.status != http.StatusOK || !strings.Contains(p.body, text) {
			t.Errorf("the page (%d) lacks %s", p.status, text)
		}
	}
	for _, text := range []string{"bobs-id", "Bob", "gone-id", "<form"} {
		if strings.Contains(p.body, text) {
			t.Errorf("the page holds %s", text)
		}
	}
	if p := h.get("/.pomerium/"); p.status != http.StatusOK || strings.Contains(p.body, "webauthn") || strings.Contains(p.body, "devices") {
		t.Errorf("a stranger's page: %d", p.status)
	}
}

func TestTheEnrolledPageShowsOnesOwnDevice(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ann, bob := h.signIn("ann"), h.signIn("bob")
	h.enroll(ann, databroker.Device{ID: "laptop-id", Name: "Laptop"}, databroker.Device{ID: "key-id", Name: "The key", Approved: true})
	ann.Show(databroker.DeviceProof{DeviceID: "laptop-id", At: h.clock.now()})
	h.must(h.client.PutSession(t.Context(), ann))
	for _, tc := range []struct {
		path    string
		session *databroker.Session
		has     string
		hasNot  string
	}{
		{"/.pomerium/device-enrolled", ann, "laptop-id", "key-id"},
		{"/.pomerium/device-enrolled?pomerium_device_credential_id=key-id", ann, "It is approved as well", "laptop-id"},
		{"/.pomerium/device-enrolled?pomerium_device_credential_id=key-id", bob, "Your device is registered", "key-id"},
		{"/.pomerium/device-enrolled?pomerium_device_credential_id=key-id", nil, "Your device is registered", "key-id"},
	} {
		headers := []string{}
		if tc.session != nil {
			headers = []string{"Cookie", h.cookies(tc.session, appHost)}
		}
		p := h.get(tc.path, headers...)
		if p.status != http.StatusOK || !strings.Contains(p.body, tc.has) || strings.Contains(p.body, tc.hasNot) {
			t.Errorf("%s: %d, %q %v, %q %v", tc.path, p.status, tc.has, strings.Contains(p.body, tc.has), tc.hasNot, strings.Contains(p.body, tc.hasNot))
		}
	}
}

func TestThePortalCountsDevicesAndGrants(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *config.Config) {
		c.Routes = append(c.Routes,
			route("device", "https://b.example", "{allow: {or: [{device: {within: 5m, user_verified: true}}]}}"),
			route("approved", "https://c.example", "{allow: {or: [{device: {approved: true}}]}}"),
			route("grant", "https://d.example", "{allow: {or: [{grant: deploy}]}}"))
	})
	ann, bob := h.signIn("ann"), h.signIn("bob")
	h.enroll(ann, databroker.Device{ID: "key-id", Type: "any"}, databroker.Device{ID: "bobs-id", Type: "any", Approved: true, UserKey: bob.UserKey()})
	h.must(h.client.PutGrant(t.Context(), &databroker.Grant{ID: "g", UserKey: ann.UserKey(), Name: "deploy", ExpiresAt: h.clock.now().Add(time.Hour)}))
	for _, s := range []*databroker.Session{ann, bob} {
		u, err := h.client.User(t.Context(), s.UserKey())
		h.must(err)
		u.GrantIDs = []string{"g"}
		h.must(h.client.PutUser(t.Context(), u))
	}
	if got, want := h.portalOf("Cookie", h.cookies(ann, appHost)), []string{"app", "device", "grant"}; !slices.Equal(got, want) {
		t.Errorf("Ann may open %v, want %v", got, want)
	}
	if got := h.portalOf("Cookie", h.cookies(bob, appHost)); !slices.Equal(got, []string{"app"}) {
		t.Errorf("Bob may open %v", got)
	}
}

// cutOff are sessions whose devices cannot be read.
type cutOff struct{ Sessions }

func (cutOff) Device(context.Context, string) (*databroker.Device, error) {
	return nil, databroker.ErrStale
}

// Nobody is taken for somebody without devices because nobody can tell.
func TestDevicesThatCannotBeReadAreAFault(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	s := h.signIn("ann")
	h.enroll(s, databroker.Device{ID: "key-id"})
	cookies := h.cookies(s, appHost)
	h.server.o.Sessions = cutOff{h.server.o.Sessions}
	for _, path := range []string{"/.pomerium/", "/.pomerium/routes", "/.pomerium/device-enrolled"} {
		if p := h.get(path, "Cookie", cookies); p.status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", path, p.status)
		}
	}
}
