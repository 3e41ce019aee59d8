package console

import (
	"net/http"
	"net/url"
	"testing"
)

// TestForeignFormsDoNothing: every form needs the exact origin, the browser's
// word that it comes from here, and the token of this session.
func TestForeignFormsDoNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, other, victim := w.signIn("admin", nil), w.signIn("admin", nil), w.signIn("victim", nil)
	token := func(session string) string { return w.server.token(Actor{SessionID: session}) }
	if token(admin) == token(other) {
		t.Fatal("two sessions of one person share a token")
	}
	for _, tc := range []struct {
		name   string
		token  string
		change func(*http.Request)
	}{
		{"without a token", "", nil},
		{"with a token of another session of the same person", token(other), nil},
		{"with a token of no session", token(""), nil},
		{"with a token cut short", token(admin)[:60], nil},
		{"from another host", token(admin), func(r *http.Request) { r.Header.Set("Origin", "https://app.example.com") }},
		{"from a host that begins alike", token(admin), func(r *http.Request) { r.Header.Set("Origin", "https://"+consoleHost+".evil.example") }},
		{"from another port", token(admin), func(r *http.Request) { r.Header.Set("Origin", "https://"+consoleHost+":8443") }},
		{"over http", token(admin), func(r *http.Request) { r.Header.Set("Origin", "http://"+consoleHost) }},
		{"from nowhere", token(admin), func(r *http.Request) { r.Header.Set("Origin", "null") }},
		{"without an origin", token(admin), func(r *http.Request) { r.Header.Del("Origin") }},
		{"with two origins", token(admin), func(r *http.Request) { r.Header.Add("Origin", "https://evil.example") }},
		{"from the same site", token(admin), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }},
		{"from another site", token(admin), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }},
		{"with the token in the address", "", func(r *http.Request) { r.URL.RawQuery = "token=" + token(admin) }},
	} {
		for _, page := range w.server.served {
			if page.pattern[:4] != "POST" {
				continue
			}
			form := url.Values{"id": {victim}, "key": {"idp/victim"}, "sure": {"yes"}}
			if tc.token != "" {
				form.Set("token", tc.token)
			}
			r := w.request(admin, http.MethodPost, page.pattern[5:], form)
			if tc.change != nil {
				tc.change(r)
			}
			if out := w.serve(r); out.Code != http.StatusForbidden {
				t.Errorf("%s %s: status %d", page.pattern, tc.name, out.Code)
			}
		}
	}
	if !w.lives(victim) || !w.lives(other) {
		t.Error("a session has been ended")
	}
	if got := w.audit.take(); len(got) != 0 {
		t.Errorf("the audit has %+v", got)
	}
	if out := w.post(admin, "/sessions/revoke", url.Values{"id": {victim}}); out.Code != http.StatusSeeOther || w.lives(victim) {
		t.Errorf("the person's own form: status %d", out.Code)
	}
}

func TestOtherMethodsAreForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.signIn("admin", nil)
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, "REVOKE"} {
		r := w.request(admin, method, "/sessions/revoke", nil)
		if out := w.serve(r); out.Code != http.StatusForbidden {
			t.Errorf("%s: status %d", method, out.Code)
		}
	}
	// A GET never changes anything, whatever it bears.
	victim := w.signIn("victim", nil)
	w.shown(victim)
	w.get(admin, "/sessions/revoke?id="+victim+"&token="+w.server.token(Actor{SessionID: admin})+"&sure=yes")
	if !w.lives(victim) {
		t.Error("a link has ended a session")
	}
}

// TestOriginsAreThoseOfTheAddress on any port.
func TestOriginsAreThoseOfTheAddress(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"console.example.com": "https://console.example.com", "console.example.com:443": "https://console.example.com",
		"Console.localhost:8443": "https://console.localhost:8443",
	} {
		if got := origin(&http.Request{Host: host}); got != want {
			t.Errorf("%s: %s", host, got)
		}
	}
}
