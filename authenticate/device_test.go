package authenticate

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/authenticate/device/softkey"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/testidp"
)

// ceremonyURL is the address to which the route host sends who has session.
func (w *world) ceremonyURL(sessionID, typ string) string {
	return w.signer.CeremonyURL(base, handoff.Ceremony{Type: typ, SessionID: sessionID, Back: handoff.SignIn{
		RedirectURI: appPage, CallbackURI: appCallback, ProviderID: w.providerID(), Binder: "the route host's",
	}})
}

// questions are what a page of a ceremony gives to its script.
type questions struct {
	CreationOptions json.RawMessage
	RequestOptions  json.RawMessage
	SelfURL         string
}

var pageData = regexp.MustCompile(`(?s)<script type="application/json" id="webauthn-data">(.*?)</script>`)

// asked reads the questions of a page.
func (w *world) asked(p page) (q questions) {
	w.t.Helper()
	m := pageData.FindStringSubmatch(p.body)
	if m == nil || json.Unmarshal([]byte(m[1]), &q) != nil || q.SelfURL == "" {
		w.t.Fatalf("no page of a ceremony: %d %v\n%s", p.status, p.location, p.body)
	}
	return q
}

// register answers the page with a new credential of key.
func (b *browser) register(p page, key *softkey.Key, headers ...string) page {
	b.w.t.Helper()
	q := b.w.asked(p)
	answer, err := key.Create(base.String(), q.CreationOptions)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return b.post(q.SelfURL, url.Values{"action": {"register"}, "register_response": {string(answer)}}, headers...)
}

// touch answers the page with a credential that key has.
func (b *browser) touch(p page, key *softkey.Key) page {
	b.w.t.Helper()
	q := b.w.asked(p)
	answer, err := key.Get(base.String(), q.RequestOptions)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return b.post(q.SelfURL, url.Values{"action": {"authenticate"}, "authenticate_response": {string(answer)}})
}

// ownDevice returns the one device of the person who signs in.
func (w *world) ownDevice() *databroker.Device {
	w.t.Helper()
	ids := w.user().DeviceIDs
	if len(ids) != 1 {
		w.t.Fatalf("devices: %v", ids)
	}
	d, err := w.client.Device(w.t.Context(), ids[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func TestADeviceIsRegisteredAndShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	c := b.signIn()
	key := softkey.New(softkey.Options{Format: softkey.PackedSelf, Transports: []string{"usb"}, Attachment: "cross-platform"})
	p := b.get(w.ceremonyURL(c.SessionID, "any"))
	wantPage(t, p, http.StatusOK, "opens only with a registered device")

	// Registered, the person is led on, and the route host learns of the session
	// that shows the device.
	back := w.handed(b.register(p, key))
	session := w.session(c.SessionID)
	if back.SessionID != c.SessionID || back.SessionVersion != session.Version || back.RedirectURI != appPage || back.Binder != "the route host's" {
		t.Errorf("handed back: %+v, session version %d", back, session.Version)
	}
	d := w.ownDevice()
	if d.Type != "any" || d.Approved || d.Name != "Security key" || d.Transports[0] != "usb" || d.UserKey != session.UserKey() || len(d.ID) != 26 {
		t.Errorf("device: %+v", d)
	}
	if len(session.Devices) != 1 || session.Devices[0].DeviceID != d.ID || !session.Devices[0].UserVerified {
		t.Errorf("session shows %+v", session.Devices)
	}

	// In another session it is shown.
	other := w.browser()
	c2 := other.signIn()
	p = other.get(w.ceremonyURL(c2.SessionID, "any"))
	wantPage(t, p, http.StatusOK, "Use your device")
	w.clock.advance(time.Minute)
	if back := w.handed(other.touch(p, key)); back.SessionID != c2.SessionID {
		t.Errorf("handed back: %+v", back)
	}
	seen := w.ownDevice()
	if proofs := w.session(c2.SessionID).Devices; len(proofs) != 1 || proofs[0].DeviceID != d.ID || !proofs[0].At.Equal(seen.LastUsedAt) {
		t.Errorf("session shows %+v", proofs)
	}
	if !seen.LastUsedAt.After(d.LastUsedAt) || seen.SignCount <= d.SignCount || len(seen.History) != 2 {
		t.Errorf("after its use: %+v", seen)
	}
	// For an application that asks for what is part of the device it is nothing.
	wantPage(t, other.get(w.ceremonyURL(c2.SessionID, "enclave_only")), http.StatusOK, "Register a device")
}

func TestAnswersAreTakenOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	c := b.signIn()
	key := softkey.New(softkey.Options{})
	p := b.get(w.ceremonyURL(c.SessionID, "any"))
	q := w.asked(p)
	answer, err := key.Create(base.String(), q.CreationOptions)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"action": {"register"}, "register_response": {string(answer)}}
	w.handed(b.post(q.SelfURL, form))
	wantPage(t, b.post(q.SelfURL, form), http.StatusBadRequest, "That took too long, or was sent twice")

	// In the session of another browser the question was never asked.
	other := w.browser()
	c2 := other.signIn()
	q2 := w.asked(other.get(w.ceremonyURL(c2.SessionID, "any")))
	q3 := w.asked(b.get(w.ceremonyURL(c.SessionID, "any")))
	touch, err := key.Get(base.String(), q3.RequestOptions)
	if err != nil {
		t.Fatal(err)
	}
	stolen := url.Values{"action": {"authenticate"}, "authenticate_response": {string(touch)}}
	wantPage(t, other.post(q2.SelfURL, stolen), http.StatusBadRequest, "That took too long, or was sent twice")
	w.clock.advance(16 * time.Minute)
	wantPage(t, b.post(q3.SelfURL, stolen), http.StatusBadRequest, "That took too long, or was sent twice")
	if s := w.session(c2.SessionID); len(s.Devices) != 0 {
		t.Errorf("the other session shows %+v", s.Devices)
	}
}

func TestWhoMayAnswerACeremony(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ann := w.browser()
	annSession := ann.signIn()
	key := softkey.New(softkey.Options{Discoverable: true})
	w.handed(ann.register(ann.get(w.ceremonyURL(annSession.SessionID, "any")), key))

	w.far.SetUser(testidp.User{Sub: "2", Email: "eve@example.com", Name: "Eve"})
	eve := w.browser()
	eveSession := eve.signIn()
	for _, tc := range []struct {
		name   string
		p      page
		status int
		says   string
	}{
		{"the page of another person's session", eve.get(w.ceremonyURL(annSession.SessionID, "any")), 403, "This link was made for somebody else"},
		{"the page of a session that ended", eve.get(w.ceremonyURL("gone", "any")), 400, "took too long"},
		{"an unsigned page", ann.get(base.String() + handoff.WebAuthnPath + "?pomerium_device_type=any&pomerium_signature=x"), 400, "This link is not complete"},
		{"an unknown type", ann.get(w.ceremonyURL(annSession.SessionID, "phone")), 400, "This link is not complete"},
		{"from the page of another site", ann.post(w.ceremonyURL(annSession.SessionID, "any"), url.Values{"action": {"unregister"}},
			"Origin", "https://app.example", "Sec-Fetch-Site", "same-site"), 403, "did not come from our page"},
		{"without an origin", ann.post(w.ceremonyURL(annSession.SessionID, "any"), url.Values{"action": {"unregister"}},
			"Origin", "", "Sec-Fetch-Site", ""), 403, "did not come from our page"},
		{"no answer at all", ann.post(w.ceremonyURL(annSession.SessionID, "any"), url.Values{"action": {"register"}}), 400, "no answer that we can read"},
		{"no action", ann.post(w.ceremonyURL(annSession.SessionID, "any"), url.Values{}), 400, "no answer that we can read"},
	} {
		t.Run(tc.name, func(t *testing.T) { wantPage(t, tc.p, tc.status, tc.says) })
	}

	// Eve has Ann's very key in her hand, and it is none of hers.
	w.handed(eve.register(eve.get(w.ceremonyURL(eveSession.SessionID, "any")), softkey.New(softkey.Options{})))
	q := w.asked(eve.get(w.ceremonyURL(eveSession.SessionID, "any")))
	key.Lies.AnyCredential = true
	touch, err := key.Get(base.String(), q.RequestOptions)
	if err != nil {
		t.Fatal(err)
	}
	p := eve.post(q.SelfURL, url.Values{"action": {"authenticate"}, "authenticate_response": {string(touch)}})
	wantPage(t, p, http.StatusBadRequest, "not one of the devices that will do here")
	if s := w.session(eveSession.SessionID); len(s.Devices) != 1 {
		t.Errorf("Eve's session shows %+v", s.Devices)
	}
	// Nor is what another page than ours has asked.
	key.Lies.AnyCredential = false
	q = w.asked(ann.get(w.ceremonyURL(annSession.SessionID, "any")))
	if touch, err = key.Get("https://evil."+signInHost, q.RequestOptions); err != nil {
		t.Fatal(err)
	}
	p = ann.post(q.SelfURL, url.Values{"action": {"authenticate"}, "authenticate_response": {string(touch)}})
	wantPage(t, p, http.StatusBadRequest, "cannot be accepted")
}

func TestOnlyWhatIsBuiltInWillDoWhereThatIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	c := b.signIn()
	for _, tc := range []struct {
		name string
		o    softkey.Options
		says string
	}{
		{"a passkey that is copied", softkey.Options{Attachment: "platform", BackupEligible: true}, "This passkey is copied to your other devices"},
		{"a separate key", softkey.Options{Attachment: "cross-platform"}, "This is a separate key"},
	} {
		wantPage(t, b.register(b.get(w.ceremonyURL(c.SessionID, "enclave_only")), softkey.New(tc.o)), http.StatusBadRequest, tc.says)
	}
	w.handed(b.register(b.get(w.ceremonyURL(c.SessionID, "enclave_only")), softkey.New(softkey.Options{Attachment: "platform"}),
		"User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"))
	if d := w.ownDevice(); d.Type != "enclave_only" || d.Name != "Built-in authenticator of Linux" || d.Attested {
		t.Errorf("device: %+v", d)
	}
}

func TestWhereRootsAreConfiguredTheMakerMustVouch(t *testing.T) {
	t.Parallel()
	maker, err := softkey.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: maker.Root.Raw})
	w := newWorld(t, func(c *config.Config) { c.AttestationCA = root })
	b := w.browser()
	c := b.signIn()
	stranger := softkey.New(softkey.Options{Attachment: "platform", Format: softkey.Packed, AAGUID: [16]byte{1}})
	wantPage(t, b.register(b.get(w.ceremonyURL(c.SessionID, "enclave_only")), stranger), http.StatusBadRequest, "does not vouch for it")
	vouched := softkey.New(softkey.Options{Attachment: "platform", Format: softkey.Packed, Authority: maker, AAGUID: [16]byte{1}})
	w.handed(b.register(b.get(w.ceremonyURL(c.SessionID, "enclave_only")), vouched))
	if d := w.ownDevice(); !d.Attested || d.Format != "packed" {
		t.Errorf("device: %+v", d)
	}
}

func TestACounterThatGoesBackIsFlagged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	c := b.signIn()
	key := softkey.New(softkey.Options{})
	key.Count = 100
	w.handed(b.register(b.get(w.ceremonyURL(c.SessionID, "any")), key))
	key.Count = 7
	w.handed(b.touch(b.get(w.ceremonyURL(c.SessionID, "any")), key))
	if d := w.ownDevice(); d.CounterWentBackAt.IsZero() {
		t.Errorf("device: %+v", d)
	}
	if !strings.Contains(w.log.String(), "signature counter did not grow") {
		t.Error("the log says nothing of it")
	}
	wantPage(t, b.get(base.String()+devicesPath), http.StatusOK, "May have been copied")
}

func TestOwnersRenameAndDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	c := b.signIn()
	w.handed(b.register(b.get(w.ceremonyURL(c.SessionID, "any")), softkey.New(softkey.Options{})))
	d := w.ownDevice()
	page := base.String() + devicesPath
	form := func(action, id string, more ...string) url.Values {
		v := url.Values{"action": {action}, "pomerium_device_credential_id": {id}}
		for i := 0; i+1 < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	wantPage(t, b.get(page), http.StatusOK, d.ID)
	for _, bad := range []string{"", " ", strings.Repeat("x", 65), "a\nb", "a\u202eb"} {
		wantPage(t, b.post(page, form("rename", d.ID, "name", bad)), http.StatusBadRequest, "A name has 1 to 64 characters")
	}
	if p := b.post(page, form("rename", d.ID, "name", "Ann's <key>")); p.status != http.StatusSeeOther {
		t.Errorf("rename: %d", p.status)
	}
	if got := w.ownDevice().Name; got != "Ann's <key>" {
		t.Errorf("name: %q", got)
	}
	wantPage(t, b.post(page, form("delete", d.ID), "Origin", "https://app.example", "Sec-Fetch-Site", "same-site"), 403, "did not come from our page")

	w.far.SetUser(testidp.User{Sub: "2", Email: "eve@example.com", Name: "Eve"})
	eve := w.browser()
	eve.signIn()
	for _, action := range []string{"rename", "delete"} {
		wantPage(t, eve.post(page, form(action, d.ID, "name", "mine")), http.StatusNotFound, "nothing at this address")
		wantPage(t, eve.post(page, form(action, "no-such-device", "name", "mine")), http.StatusNotFound, "nothing at this address")
	}
	wantPage(t, w.browser().get(page+"?x"), http.StatusFound, "")
	if p := b.post(page, form("delete", d.ID)); p.status != http.StatusSeeOther {
		t.Errorf("delete: %d", p.status)
	}
	if _, err := w.client.Device(t.Context(), d.ID); err == nil || len(w.user().DeviceIDs) != 0 {
		t.Errorf("after deletion: %v, %v", err, w.user().DeviceIDs)
	}
	wantPage(t, b.get(page+"?done=deleted", "Sec-Fetch-Site", "same-origin"), http.StatusOK, "The device was deleted")
	// A link of another site says that of nothing.
	if p := b.get(page+"?done=deleted", "Sec-Fetch-Site", "cross-site"); p.status != http.StatusOK || strings.Contains(p.body, "The device was deleted") {
		t.Errorf("followed from elsewhere: %d", p.status)
	}
}

// link makes an enrollment link for the person who signs in.
func (w *world) link(change func(*databroker.EnrollmentLink)) (*databroker.EnrollmentLink, string) {
	w.t.Helper()
	l := &databroker.EnrollmentLink{
		ID: "LINK" + time.Now().Format("150405.000000000")[7:], UserKey: databroker.UserKey(w.providerID(), "1"), Type: "any",
		CreatedBy: "admin@example.com", CreatedAt: w.clock.now(), ExpiresAt: w.clock.now().Add(time.Hour),
	}
	if change != nil {
		change(l)
	}
	if err := w.client.PutEnrollmentLink(w.t.Context(), l); err != nil {
		w.t.Fatal(err)
	}
	return l, w.signer.EnrollmentURL(base, l.ID)
}

func TestAnAdministratorsLinkEnrollsAnApprovedDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	l, address := w.link(func(l *databroker.EnrollmentLink) { l.RedirectURL = "https://app.example/welcome" })
	// Nobody is signed in yet: the way leads by the provider, and back.
	p := b.get(b.atProvider(b.get(address)))
	if p.location == nil || p.location.String() != address {
		t.Fatalf("after signing in: %d %v", p.status, p.location)
	}
	p = b.get(b.get(address).location.String())
	wantPage(t, p, http.StatusOK, "An administrator has made this link for you")
	done := b.register(p, softkey.New(softkey.Options{}))
	if done.status != http.StatusSeeOther || done.location.Host != "app.example" {
		t.Fatalf("registered: %d %v", done.status, done.location)
	}
	if next, err := w.signer.ParseStart(done.location); err != nil || next != "https://app.example/welcome" {
		t.Errorf("led on to %q, %v", next, err)
	}
	d := w.ownDevice()
	if !d.Approved || d.LinkID != l.ID || d.History[len(d.History)-1].By != "admin@example.com" {
		t.Errorf("device: %+v", d)
	}
	used, err := w.client.EnrollmentLink(t.Context(), l.ID)
	if err != nil || used.DeviceID != d.ID || used.UsedAt.IsZero() {
		t.Errorf("link: %+v, %v", used, err)
	}
	wantPage(t, b.get(address), http.StatusBadRequest, "This enrollment link was already used")
}

func TestLinksThatDoNotHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	c := b.signIn()
	_, foreign := w.link(func(l *databroker.EnrollmentLink) { l.UserKey = databroker.UserKey(w.providerID(), "2") })
	_, late := w.link(func(l *databroker.EnrollmentLink) { l.ExpiresAt = w.clock.now() })
	_, good := w.link(nil)
	for _, tc := range []struct{ name, address, says string }{
		{"of another person", foreign, "This link was made for somebody else"}, {"of another person, and what to do", foreign, "Use another account"},
		{"expired", late, "This enrollment link has expired"},
		{"altered", good[:len(good)-1] + "x", "This enrollment link is not valid"},
		{"of no record", w.signer.EnrollmentURL(base, "TAKENBACK"), "This enrollment link is not valid"},
	} {
		if p := b.get(tc.address); !strings.Contains(p.body, tc.says) || p.status >= 500 || p.status < 400 {
			t.Errorf("%s: %d %v", tc.name, p.status, p.location)
		}
	}
	// One that ends during the ceremony approves nothing, and no device is left.
	p := b.get(b.get(good).location.String())
	w.clock.advance(time.Hour)
	wantPage(t, b.register(p, softkey.New(softkey.Options{})), http.StatusBadRequest, "took too long")
	// Where it leads is asked again when it is followed.
	_, away := w.link(func(l *databroker.EnrollmentLink) { l.RedirectURL = "https://evil.example/" })
	p = b.get(b.get(away).location.String())
	if p := b.register(p, softkey.New(softkey.Options{})); p.location == nil || p.location.Host != signInHost || p.location.Path != enrolledPath {
		t.Errorf("led to %v", p.location)
	} else {
		wantPage(t, b.get(p.location.String()), http.StatusOK, "It is approved as well")
	}
	if len(w.session(c.SessionID).Devices) != 1 || !w.ownDevice().Approved {
		t.Error("more or less than one device")
	}
}

// Of two who follow one link at the same time one gets an approved device, and
// the other none.
func TestALinkIsUsedOnceInARace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, address := w.link(nil)
	browsers := make([]*browser, 4)
	ready := make([]page, len(browsers))
	for i := range browsers {
		browsers[i] = w.browser()
		browsers[i].signIn()
		ready[i] = browsers[i].get(browsers[i].get(address).location.String())
	}
	answers := make([]page, len(browsers))
	var all sync.WaitGroup
	for i, b := range browsers {
		all.Go(func() { answers[i] = b.register(ready[i], softkey.New(softkey.Options{})) })
	}
	all.Wait()
	done := 0
	for _, p := range answers {
		if p.status == http.StatusSeeOther {
			done++
		} else {
			wantPage(t, p, http.StatusBadRequest, "This enrollment link was already used")
		}
	}
	if done != 1 || !w.ownDevice().Approved {
		t.Errorf("%d of %d got through; devices %v", done, len(browsers), w.user().DeviceIDs)
	}
}

func TestADeviceIsOfOnePersonForGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	c := b.signIn()
	key := softkey.New(softkey.Options{})
	w.handed(b.register(b.get(w.ceremonyURL(c.SessionID, "any")), key))
	ann := w.ownDevice()
	w.far.SetUser(testidp.User{Sub: "2", Email: "eve@example.com", Name: "Eve"})
	eve := w.browser()
	e := eve.signIn()
	// Eve claims the id of Ann's credential for a key of her own.
	claim := func() page {
		return eve.register(eve.get(w.ceremonyURL(e.SessionID, "any")), claiming(ann.CredentialID))
	}
	wantPage(t, claim(), http.StatusBadRequest, "This device is registered already")
	d, err := w.client.Device(t.Context(), ann.ID)
	if err != nil || d.Version != ann.Version {
		t.Errorf("Ann's device: %+v, %v", d, err)
	}
	// Nor once Ann has deleted hers: a policy may name it by its id.
	b.post(base.String()+devicesPath, url.Values{"action": {"delete"}, "pomerium_device_credential_id": {ann.ID}})
	if _, err := w.client.Device(t.Context(), ann.ID); !errors.Is(err, databroker.ErrNotFound) {
		t.Fatalf("Ann's device is there: %v", err)
	}
	wantPage(t, claim(), http.StatusBadRequest, "This device is registered already")
	if s := w.session(e.SessionID); len(s.Devices) != 0 {
		t.Errorf("Eve's session shows %+v", s.Devices)
	}
	// Nor does Ann get it back with another key than was looked at.
	again := b.register(b.get(w.ceremonyURL(c.SessionID, "any")), claiming(ann.CredentialID))
	wantPage(t, again, http.StatusBadRequest, "This device is registered already")
}

// claiming is a key of its own that calls its credential by that id.
func claiming(id []byte) *softkey.Key {
	forged := softkey.New(softkey.Options{})
	forged.Lies.AuthData = func(b []byte) []byte {
		copy(b[37+16+2:], id) // behind hash, flags and counter: model, length, id
		return b
	}
	forged.Lies.Answer = func(outer, _ map[string]any) {
		outer["id"] = base64.RawURLEncoding.EncodeToString(id)
		outer["rawId"] = outer["id"]
	}
	return forged
}
