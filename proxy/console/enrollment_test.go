package console

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// linkOfURL reads the link that an address names, as the sign-in host does.
func (w *world) linkOfURL(address string) *databroker.EnrollmentLink {
	w.t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host != "authenticate.example.com" || u.Path != handoff.WebAuthnPath {
		w.t.Fatalf("address %q: %v", address, err)
	}
	id, err := handoff.New([32]byte{3}, [32]byte{4}, nil).ParseEnrollment(u.Query().Get(handoff.ParamEnrollment))
	if err != nil {
		w.t.Fatal(err)
	}
	link, err := w.client.EnrollmentLink(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return link
}

func TestALinkIsMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shown(w.signIn("ada", nil))
	out, err := w.CreateEnrollmentLink(t.Context(), as(RoleManager), &consolepb.CreateEnrollmentLinkRequest{
		UserKey: "idp/ada", RedirectUrl: " https://app.example.com/start?x=1 ", Type: typeEnclave, ValidFor: durationpb.New(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	link := w.linkOfURL(out.Url)
	if link.UserKey != "idp/ada" || link.RedirectURL != "https://app.example.com/start?x=1" || link.Type != typeEnclave || !link.ExpiresAt.Equal(w.clock.now().Add(time.Hour)) ||
		link.CreatedBy != "manager@example.com" || link.ID != out.Link.Id || out.Link.UserEmail != "ada@example.com" {
		t.Errorf("%+v, answered %v", link, out.Link)
	}
	got := w.audit.take()
	if len(got) != 1 || got[0].Target != "enrollment_link/"+link.ID || got[0].Subject != "idp/ada" || got[0].Detail["redirect_url"] != link.RedirectURL {
		t.Errorf("the audit has %+v", got)
	}
	code := out.Url[strings.LastIndex(out.Url, ".")+1:]
	for _, v := range got[0].Detail {
		if strings.Contains(v, code) {
			t.Error("the audit has the address")
		}
	}
	plain, err := w.CreateEnrollmentLink(t.Context(), as(RoleManager), &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada"})
	if err != nil {
		t.Fatal(err)
	}
	if link := w.linkOfURL(plain.Url); link.Type != typeAny || link.RedirectURL != "" || !link.ExpiresAt.Equal(w.clock.now().Add(24*time.Hour)) {
		t.Errorf("without wishes: %+v", link)
	}
}

func TestLinksThatAreNotMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shown(w.signIn("ada", nil))
	w.signIn("out", func(u *databroker.User) { u.Disabled = true })
	for _, tc := range []struct {
		name  string
		r     *consolepb.CreateEnrollmentLinkRequest
		field string // "" is a Conflict
	}{
		{"for nobody", &consolepb.CreateEnrollmentLinkRequest{}, "user_key"},
		{"for somebody unknown", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/nobody"}, "user_key"},
		{"for a text that is no key", &consolepb.CreateEnrollmentLinkRequest{UserKey: strings.Repeat("a", 5000)}, "user_key"},
		{"for somebody who is shut out", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/out"}, ""},
		{"of an unknown type", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", Type: "all"}, "type"},
		{"for no time", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", ValidFor: durationpb.New(0)}, "valid_for"},
		{"for a time that is over", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", ValidFor: durationpb.New(-time.Hour)}, "valid_for"},
		{"for more than a week", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", ValidFor: durationpb.New(168*time.Hour + 1)}, "valid_for"},
		{"over http", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", RedirectUrl: "http://app.example.com/"}, "redirect_url"},
		{"to another host", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", RedirectUrl: "https://evil.example/"}, "redirect_url"},
		{"to another port", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", RedirectUrl: "https://app.example.com:8443/"}, "redirect_url"},
		{"to the sign-in host", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", RedirectUrl: "https://authenticate.example.com/"}, "redirect_url"},
		{"to a host behind user info", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", RedirectUrl: "https://app.example.com@evil.example/"}, "redirect_url"},
		{"to user info before a host", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", RedirectUrl: "https://evil.example@app.example.com/"}, "redirect_url"},
		{"to a script", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", RedirectUrl: "javascript:alert(1)"}, "redirect_url"},
		{"with a backslash", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", RedirectUrl: `https:\\app.example.com/`}, "redirect_url"},
		{"to a path alone", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", RedirectUrl: "/start"}, "redirect_url"},
		{"to no address", &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/ada", RedirectUrl: "https://app.example.com/%zz"}, "redirect_url"},
	} {
		_, err := w.CreateEnrollmentLink(t.Context(), as(RoleManager), tc.r)
		var invalid *Invalid
		var conflict *Conflict
		if tc.field == "" && !errors.As(err, &conflict) || tc.field != "" && (!errors.As(err, &invalid) || invalid.Field != tc.field) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if page, err := w.client.List(t.Context(), databroker.TypeEnrollmentLink, 0, nil); err != nil || len(page.Records) != 0 {
		t.Errorf("%d links were made, %v", len(page.Records), err)
	}
	if got := w.audit.take(); len(got) != 0 {
		t.Errorf("the audit has %+v", got)
	}
	// Somebody whom only a directory knows gets one.
	if err := w.client.PutDirectoryUser(t.Context(), &databroker.DirectoryUser{Key: "idp/new", Email: "new@example.com"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.CreateEnrollmentLink(t.Context(), as(RoleManager), &consolepb.CreateEnrollmentLinkRequest{UserKey: "idp/new"}); err != nil {
		t.Errorf("for somebody of a directory: %v", err)
	}
}

func TestLinksAreListedAndTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shown(w.signIn("ada", nil))
	manager := as(RoleManager)
	for id, l := range map[string]*databroker.EnrollmentLink{
		"waiting": {ExpiresAt: w.clock.now().Add(time.Hour)},
		"used":    {ExpiresAt: w.clock.now().Add(time.Hour), UsedAt: w.clock.now(), DeviceID: "device", CreatedAt: w.clock.now().Add(-time.Minute)},
		"expired": {ExpiresAt: w.clock.now(), CreatedAt: w.clock.now().Add(-time.Hour)},
	} {
		if l.ID, l.UserKey, l.Type, l.CreatedBy = id, "idp/ada", typeAny, "boss@example.com"; l.CreatedAt.IsZero() {
			l.CreatedAt = w.clock.now()
		}
		if err := w.client.PutEnrollmentLink(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	w.settle("the links", func(m *summaries) bool { return len(m.links) == 3 })
	list := func(r *consolepb.ListEnrollmentLinksRequest) string {
		t.Helper()
		out, err := w.ListEnrollmentLinks(t.Context(), as(RoleViewer), r)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range out.Links {
			state := strings.ToLower(strings.TrimPrefix(l.State.String(), "ENROLLMENT_LINK_STATE_"))
			if state != l.Id {
				t.Errorf("%s is %s", l.Id, state)
			}
			got = append(got, l.Id)
		}
		return strings.Join(got, " ")
	}
	for _, tc := range []struct {
		r    *consolepb.ListEnrollmentLinksRequest
		want string
	}{
		{&consolepb.ListEnrollmentLinksRequest{}, "waiting used expired"},
		{&consolepb.ListEnrollmentLinksRequest{Page: &consolepb.PageRequest{Order: "created", Descending: true}}, "expired used waiting"},
		{&consolepb.ListEnrollmentLinksRequest{State: consolepb.EnrollmentLinkState_ENROLLMENT_LINK_STATE_USED}, "used"},
		{&consolepb.ListEnrollmentLinksRequest{Search: "BOSS"}, "waiting used expired"},
		{&consolepb.ListEnrollmentLinksRequest{Search: "ada@", State: consolepb.EnrollmentLinkState_ENROLLMENT_LINK_STATE_WAITING}, "waiting"},
		{&consolepb.ListEnrollmentLinksRequest{UserKey: "idp/bob"}, ""},
	} {
		if got := list(tc.r); got != tc.want {
			t.Errorf("%v: got %q", tc.r, got)
		}
	}
	var conflict *Conflict
	for _, id := range []string{"used", "expired"} {
		if _, err := w.RevokeEnrollmentLink(t.Context(), manager, &consolepb.RevokeEnrollmentLinkRequest{Id: id}); !errors.As(err, &conflict) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := w.RevokeEnrollmentLink(t.Context(), manager, &consolepb.RevokeEnrollmentLinkRequest{Id: "waiting"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.EnrollmentLink(t.Context(), "waiting"); !errors.Is(err, databroker.ErrNotFound) {
		t.Errorf("the record: %v", err)
	}
	if _, err := w.RevokeEnrollmentLink(t.Context(), manager, &consolepb.RevokeEnrollmentLinkRequest{Id: "waiting"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a second time: %v", err)
	}
}

// A hasty is a broker in which a link is used between the look at it and its end.
type hasty struct {
	Broker
	use func()
}

func (h hasty) Delete(ctx context.Context, typ, id string, expected uint64) error {
	h.use()
	return h.Broker.Delete(ctx, typ, id, expected)
}

func TestALinkIsUsedJustThen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := &databroker.EnrollmentLink{ID: "l", UserKey: "idp/ada", Type: typeAny, ExpiresAt: w.clock.now().Add(time.Hour)}
	if err := w.client.PutEnrollmentLink(t.Context(), link); err != nil {
		t.Fatal(err)
	}
	service, err := NewService(ServiceOptions{View: w.view, Audit: w.audit, AuditReader: w.chain, Explainer: fakePolicies{}, Configuration: fakePolicies{}, Instance: fakePolicies{}, Now: w.clock.now, Broker: hasty{w.client, func() {
		link.UsedAt, link.DeviceID = w.clock.now(), "d"
		if err := w.client.PutEnrollmentLink(t.Context(), link); err != nil {
			t.Fatal(err)
		}
	}}})
	if err != nil {
		t.Fatal(err)
	}
	var conflict *Conflict
	_, err = service.RevokeEnrollmentLink(t.Context(), as(RoleManager), &consolepb.RevokeEnrollmentLinkRequest{Id: "l"})
	if !errors.As(err, &conflict) || !strings.Contains(conflict.Why, "used already") {
		t.Errorf("taken back while it was used: %v", err)
	}
	if kept, err := w.client.EnrollmentLink(t.Context(), "l"); err != nil || kept.DeviceID != "d" {
		t.Errorf("%+v, %v", kept, err)
	}
}

var shownURL = regexp.MustCompile(`<code id="enrollment-link">([^<]*)</code>`)

// TestNewEnrollmentPages is the way through the pages, as without scripts.
func TestNewEnrollmentPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager, viewer := w.signIn("manager", nil), w.signIn("viewer", nil)
	w.shown(w.signIn("ada", nil))
	w.signIn("out", func(u *databroker.User) { u.Disabled = true })
	if page := w.get(manager, "/devices/enroll?q=ada").Body.String(); !strings.Contains(page, "/devices/enroll?key=idp%2Fada") || strings.Contains(page, "key=idp%2Fmanager") {
		t.Errorf("people to choose from:\n%s", page)
	}
	if page := w.get(manager, "/devices/enroll").Body.String(); strings.Contains(page, "out@example.com") {
		t.Error("somebody who is shut out can be chosen")
	}
	if page := w.get(manager, "/devices/enroll?key=idp/ada").Body.String(); !strings.Contains(page, "redirect_url") || !strings.Contains(page, "Secure enclave only") {
		t.Errorf("the form:\n%s", page)
	}
	wish := url.Values{"key": {"idp/ada"}, "redirect_url": {"https://evil.example/"}, "type": {typeEnclave}, "valid_for": {"168h"}}
	out := w.post(manager, "/devices/enroll", wish)
	page := out.Body.String()
	if out.Code != http.StatusBadRequest || !strings.Contains(page, `id="e-redirect_url"`) || !strings.Contains(page, `value="https://evil.example/"`) ||
		!strings.Contains(page, `value="168h" selected`) || !strings.Contains(page, `value="enclave_only" selected`) {
		t.Errorf("beside the field (%d):\n%s", out.Code, page)
	}
	wish.Set("redirect_url", "https://app.example.com/")
	wish.Set("valid_for", "soon")
	if out := w.post(manager, "/devices/enroll", wish); out.Code != http.StatusBadRequest || !strings.Contains(out.Body.String(), "Choose one of these times") {
		t.Errorf("a time that is none: %d", out.Code)
	}
	wish.Set("valid_for", "168h")
	out = w.post(manager, "/devices/enroll", wish)
	m := shownURL.FindStringSubmatch(out.Body.String())
	if out.Code != http.StatusOK || m == nil {
		t.Fatalf("no link (%d):\n%s", out.Code, out.Body)
	}
	address := html.UnescapeString(m[1])
	link := w.linkOfURL(address)
	if link.Type != typeEnclave || link.RedirectURL != "https://app.example.com/" || !link.ExpiresAt.Equal(w.clock.now().Add(168*time.Hour)) {
		t.Errorf("%+v", link)
	}
	if control := out.Header().Get("Cache-Control"); !strings.Contains(control, "no-store") {
		t.Errorf("the page may be kept: %q", control)
	}
	w.settle("the link", func(m *summaries) bool { return m.links[link.ID] != nil })
	code := address[strings.LastIndex(address, ".")+1:]
	for _, path := range []string{"/devices/links", "/devices/links/revoke?id=" + link.ID, "/devices/enroll"} {
		if strings.Contains(w.get(manager, path).Body.String(), code) {
			t.Errorf("%s shows the address again", path)
		}
	}
	if page := w.get(viewer, "/devices/links").Body.String(); !strings.Contains(page, "Waits to be used") || strings.Contains(page, "/devices/links/revoke") {
		t.Errorf("a viewer sees:\n%s", page)
	}
	if out := w.post(manager, "/devices/links/revoke", url.Values{"id": {link.ID}}); out.Header().Get("Location") != "/devices/links?done=link-revoked" {
		t.Errorf("taken back: %d\n%s", out.Code, out.Body)
	}
}
