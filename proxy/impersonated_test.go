package proxy

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
)

// One's own page says as whom one acts, and who has acted as oneself.
func TestHomeTellsOfImpersonation(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *config.Config) {
		console := route("console", "https://console.example", "{allow: {or: [{accept: true}]}}")
		console.Console, console.From.Port = true, "8443"
		c.Routes = append(c.Routes, console)
	})
	acts := "bob@example.com"
	h.server.o.ActsAs = func(_ context.Context, id string) (string, time.Time) {
		if id != "session-ada" {
			t.Errorf("asked about %q", id)
		}
		return acts, h.clock.now().Add(time.Minute)
	}
	ada, bob := h.signIn("ada"), h.signIn("bob")
	bobUser, err := h.client.User(t.Context(), bob.UserKey())
	h.must(err)
	bobUser.NoteImpersonated(databroker.Impersonated{By: "first@example.com", At: h.clock.now(), Until: h.clock.now()})
	bobUser.NoteImpersonated(databroker.Impersonated{By: "<b>ada@example.com", At: h.clock.now(), Until: h.clock.now()})
	h.must(h.client.PutUser(t.Context(), bobUser))
	ada.Impersonates = &databroker.Impersonation{SessionID: bob.ID, UserKey: bob.UserKey(), Until: h.clock.now().Add(time.Minute), By: ada.UserKey()}
	h.must(h.client.PutSession(t.Context(), ada))

	own := h.get(homePath, "Cookie", h.cookies(ada, appHost))
	wantPage(t, own, http.StatusOK, "you act as <bdi>bob@example.com</bdi>. This ends")
	wantPage(t, own, http.StatusOK, `href="https://console.example:8443/impersonation/stop"`)
	if !strings.Contains(own.body, "Name of ada") || strings.Contains(own.body, "acted as you") {
		t.Error("she is not herself on her own page")
	}
	theirs := h.get(homePath, "Cookie", h.cookies(bob, appHost))
	wantPage(t, theirs, http.StatusOK, "Administrators acted as you")
	first, last := strings.Index(theirs.body, "first@example.com"), strings.Index(theirs.body, "&lt;b&gt;ada@example.com")
	if first < 0 || last < 0 || first < last || strings.Contains(theirs.body, "you act as") {
		t.Errorf("he reads:\n%s", theirs.body)
	}
	acts = "" // void or over
	if again := h.get(homePath, "Cookie", h.cookies(ada, appHost)); strings.Contains(again.body, "you act as") {
		t.Error("it says so of what is over")
	}
}
