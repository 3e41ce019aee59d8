package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// hostileTexts are what somebody would like to see on a page of the console.
var hostileTexts = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'><svg/onload=alert(1)>`, `</title></style><script>alert(1)</script>`,
	`" onmouseover="alert(1)`, `javascript:alert(1)`, `{{.}}`, `</textarea><b>`, `<!--`, `</select></form><form action=//evil.example>`,
	"a\u202ebc\u2066d", "https://evil.example/", `data:text/html,<script>alert(1)</script>`,
}

// populated returns a world whose records hold text wherever a stranger could
// put some, and the sessions of an administrator and of that person.
func populated(t *testing.T, text string) (w *world, admin, victim string) {
	w = newWorld(t)
	w.text = text
	admin = w.signIn("admin", nil)
	victim = w.signIn("victim", func(u *databroker.User) {
		u.Name, u.Email, u.ID = text, text, text
		u.Groups = []string{text, "a group"}
		u.Impersonated = []databroker.Impersonated{{By: text, At: w.clock.now(), Until: w.clock.now()}}
		u.Claims = map[string]any{"department": text, text: text}
	})
	session, err := w.client.Session(t.Context(), victim)
	if err != nil {
		t.Fatal(err)
	}
	session.From, session.UserAgent, session.Claims = text, text, map[string]any{text: text}
	if err := w.client.PutSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	// The device comes with texts of the owner's browser.
	d := &databroker.Device{
		ID: "device", UserKey: "idp/victim", Name: text, Type: "any", Model: text, UserAgent: text, EnrolledFrom: text, LinkID: "link",
		EnrolledAt: w.clock.now(), Format: text, AAGUID: text, CredentialID: []byte{1}, PublicKey: []byte{1}, Attachment: text, Transports: []string{text},
	}
	d.Note(databroker.DeviceEvent{At: w.clock.now(), What: databroker.DeviceEnrolled, By: text, From: text})
	if err := w.client.PutDevice(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := w.client.PutEnrollmentLink(t.Context(), &databroker.EnrollmentLink{
		ID: "link", UserKey: "idp/victim", Type: "any", RedirectURL: text, CreatedBy: text, CreatedAt: w.clock.now(), ExpiresAt: w.clock.now().Add(time.Hour),
	}); err != nil {
		t.Fatal(err)
	}
	w.decide(&consolepb.Decision{
		RequestId: text, Outcome: "deny", RouteId: text, Route: text, Method: text, Host: text, Path: text, Address: text,
		Email: text, UserId: text, ImpersonatedBy: text, Reasons: []string{text}, Error: text,
	})
	w.settle("the session", func(m *summaries) bool { return m.sessions[victim] != nil && m.sessions[victim].from == text })
	w.settle("the device", func(m *summaries) bool { return m.devices["device"] != nil && m.links["link"] != nil })
	return w, admin, victim
}

// addresses are pages with text in every parameter, beside those of the records.
func addresses(w *world, victim, text string) []string {
	var list []string
	q := url.QueryEscape(text)
	for _, page := range w.server.served {
		method, path, _ := strings.Cut(page.pattern, " ")
		if method != http.MethodGet {
			continue
		}
		path = strings.TrimSuffix(path, "{$}")
		list = append(list, path, path+"?id="+victim+"&key=idp/victim", path+"?id=device", path+"?id=link",
			path+"?q="+q+"&state="+q+"&group="+q+"&provider="+q+"&user="+q+"&type="+q+"&counter="+q+"&turn="+q+"&done="+q,
			path+"?order="+q, path+"?request="+q, path+"?since="+q, path+"?outcome=deny&person="+q+"&route="+q,
			path+"?url=https://app.example.com/"+q+"&person="+q+"@x", path+"?url="+q+"&person=victim&key=idp/victim",
			path+"?cursor="+q, path+"?id="+q+"&key="+q)
	}
	return append(list, "/no/such/page?"+q)
}

// skeleton is what of a page acts: how many there are of each element with the
// names of its attributes, and where links and forms lead to, but for
// parameters. Their order is that of the texts in a list.
func skeleton(t *testing.T, body string) map[string]int {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		var b strings.Builder
		if n.Type == html.ElementNode {
			b.WriteString("<" + n.Data)
			for _, a := range n.Attr {
				b.WriteString(" " + a.Key)
				if (a.Key == "href" || a.Key == "action") && !strings.HasPrefix(a.Val, "data:") {
					to, _, _ := strings.Cut(a.Val, "?")
					b.WriteString("=" + to)
				}
			}
		}
		if n.Type == html.CommentNode {
			b.WriteString("<!-- -->")
		}
		if n.Type == html.ElementNode || n.Type == html.CommentNode {
			found[b.String()]++
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	return found
}

// TestHostileTextStaysText renders every page twice, once with harmless and once
// with hostile text in all that a stranger sets, and wants the same elements and
// attributes.
func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	const harmless = "harmless"
	calm, calmAdmin, calmVictim := populated(t, harmless)
	var want []map[string]int
	for _, address := range addresses(calm, calmVictim, harmless) {
		want = append(want, skeleton(t, calm.get(calmAdmin, address).Body.String()))
	}
	for _, text := range hostileTexts {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			w, admin, victim := populated(t, text)
			for i, address := range addresses(w, victim, text) {
				r := w.request(admin, http.MethodGet, address, nil)
				r.Header.Set("User-Agent", text)
				r.Header.Set("X-Request-Id", text)
				out := w.serve(r)
				if diff := cmp.Diff(want[i], skeleton(t, out.Body.String())); diff != "" {
					t.Errorf("%s (status %d) acts otherwise (-want +got):\n%s", address, out.Code, diff)
				}
				if csp := out.Header().Get("Content-Security-Policy"); out.Code < 300 && (!strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe")) {
					t.Errorf("%s: policy %q", address, csp)
				}
				if to := out.Header().Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
					t.Errorf("%s leads to %q", address, to)
				}
			}
		})
	}
}

// TestHostileTextInAFormStaysText sends text in every field of a new enrollment:
// the form comes back with it, or a page that says why not.
func TestHostileTextInAFormStaysText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.signIn("admin", nil)
	w.shown(w.signIn("victim", nil))
	forms := func(text string) []url.Values {
		return []url.Values{
			{"key": {"idp/victim"}, "redirect_url": {text}}, {"key": {"idp/victim"}, "type": {text}}, {"key": {"idp/victim"}, "valid_for": {text}},
			{"key": {text}}, {"key": {text}, "redirect_url": {text}, "type": {text}, "valid_for": {text}},
		}
	}
	var want []map[string]int
	for _, form := range forms("harmless") {
		want = append(want, skeleton(t, w.post(admin, "/devices/enroll", form).Body.String()))
	}
	for _, text := range hostileTexts {
		for i, form := range forms(text) {
			out := w.post(admin, "/devices/enroll", form)
			if diff := cmp.Diff(want[i], skeleton(t, out.Body.String())); diff != "" || out.Code == http.StatusOK {
				t.Errorf("%v (status %d) acts otherwise (-want +got):\n%s", form, out.Code, diff)
			}
		}
	}
	if page, err := w.client.List(t.Context(), databroker.TypeEnrollmentLink, 0, nil); err != nil || len(page.Records) != 0 {
		t.Errorf("%d links were made, %v", len(page.Records), err)
	}
}

// TestNothingOfASessionIsShown: tokens stay where they are.
func TestNothingOfASessionIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.signIn("admin", nil)
	session := &databroker.Session{
		ID: "victims", UserID: "admin", IDPID: "idp", IssuedAt: w.clock.now(), ExpiresAt: w.clock.now().Add(time.Hour),
		IDToken: databroker.NewSecret("SECRET-1"), AccessToken: databroker.NewSecret("SECRET-2"), RefreshToken: databroker.NewSecret("SECRET-3"),
		Claims: map[string]any{"at": "SECRET-4"},
	}
	if err := w.client.PutSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	w.shown("victims")
	for _, page := range w.server.served {
		if method, path, _ := strings.Cut(page.pattern, " "); method == http.MethodGet {
			body := w.get(admin, strings.TrimSuffix(path, "{$}")+"?id=victims&key=idp/admin").Body.String()
			for i := range 4 {
				if strings.Contains(body, fmt.Sprint("SECRET-", i+1)) {
					t.Errorf("%s shows secret %d", path, i+1)
				}
			}
			if strings.Contains(body, w.assert(admin, consoleHost)[:40]) {
				t.Errorf("%s shows the assertion", path)
			}
		}
	}
}
