package local

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestSigningOutWithTheIDTokenNeedsNoQuestion(t *testing.T) {
	t.Parallel()
	for _, late := range []time.Duration{0, 2 * time.Hour} {
		w := newWorld(t)
		a, b, token := w.signedIn()
		w.pass(late)
		q := url.Values{"id_token_hint": {token.Extra("id_token").(string)}, "post_logout_redirect_uri": {testAfter}, "state": {"s & t"}}
		got := b.get(Path + "/end_session?" + q.Encode())
		if got.status != http.StatusSeeOther || got.header.Get("Location") != testAfter+"?state=s+%26+t" {
			t.Errorf("answer %d to %q", got.status, got.header.Get("Location"))
		}
		if _, ok := b.jar["__Host-_pomerium_idp"]; ok {
			t.Error("the cookie stays")
		}
		if _, err := a.refresh(token.RefreshToken); err == nil {
			t.Error("the refresh token lives on")
		}
	}
}

func TestACookieKeptFromBeforeTheSignOutIsWorthNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b, _ := w.signedIn()
	kept := b.jar["__Host-_pomerium_idp"]
	w.signOut(b)
	if _, ok := b.jar["__Host-_pomerium_idp"]; ok {
		t.Error("the cookie stays")
	}
	b.jar["__Host-_pomerium_idp"] = kept
	if got := b.get(b.open(w.attempt())); got.status != http.StatusOK {
		t.Errorf("answer %d, want the form", got.status)
	}
}

func TestALinkAloneSignsNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, token := w.signedIn()
	got := b.get(Path + "/end_session?client_id=cardea&post_logout_redirect_uri=" + url.QueryEscape(testAfter))
	if got.status != http.StatusOK || !strings.Contains(got.body, `method="post"`) {
		t.Fatalf("answer %d, want the question", got.status)
	}
	fields := form(t, got.body)
	forged := w.browser()
	forged.jar = b.jar
	forged.header.Set("Sec-Fetch-Site", "cross-site")
	for name, post := range map[string]func() answer{
		"from another site": func() answer { return forged.post(Path+"/end_session", fields) },
		"without the token": func() answer { return b.post(Path+"/end_session", url.Values{"client_id": {"cardea"}}) },
		"with another token": func() answer {
			return b.post(Path+"/end_session", url.Values{"csrf": {w.p.formToken("end x", b.jar["__Host-_pomerium_idp_form"])}})
		},
	} {
		if got := post(); got.status != http.StatusOK || !strings.Contains(got.body, `method="post"`) {
			t.Errorf("%s: answer %d, want the question again", name, got.status)
		}
	}
	if _, err := a.refresh(token.RefreshToken); err != nil {
		t.Errorf("signed out by a link: %v", err)
	}
	if got := b.post(Path+"/end_session", fields); got.status != http.StatusSeeOther || got.header.Get("Location") != testAfter {
		t.Errorf("the answer to the question: %d to %q", got.status, got.header.Get("Location"))
	}
}

func TestSigningOutLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b, token := w.signedIn()
	hint := token.Extra("id_token").(string)
	for name, q := range map[string]url.Values{
		"another place":             {"id_token_hint": {hint}, "post_logout_redirect_uri": {"https://evil.example/"}},
		"another place, by client":  {"client_id": {"cardea"}, "post_logout_redirect_uri": {testAfter + "@evil.example"}},
		"an unknown client":         {"client_id": {"evil"}, "post_logout_redirect_uri": {testAfter}},
		"a changed token":           {"id_token_hint": {flip(hint)}},
		"an unsigned token":         {"id_token_hint": {"eyJhbGciOiJub25lIn0." + strings.Split(hint, ".")[1] + "."}},
		"the token of no client":    {"id_token_hint": {hint}, "client_id": {"evil"}},
		"two places":                {"id_token_hint": {hint}, "post_logout_redirect_uri": {testAfter, "https://evil.example/"}},
		"a token that is not a JWT": {"id_token_hint": {"x"}},
	} {
		got := b.get(Path + "/end_session?" + q.Encode())
		if got.status < 400 || got.header.Get("Location") != "" {
			t.Errorf("%s: answer %d to %q", name, got.status, got.header.Get("Location"))
		}
	}
	if _, ok := b.jar["__Host-_pomerium_idp"]; !ok {
		t.Error("a refused request signed out")
	}
	got := w.browser().get(Path + "/end_session?post_logout_redirect_uri=" + url.QueryEscape("https://evil.example/") + "&state=x")
	if got.status != http.StatusOK || got.header.Get("Location") != "" {
		t.Errorf("a stranger: answer %d to %q", got.status, got.header.Get("Location"))
	}
}

func TestHoldsFollowsThePersonAndTheSitting(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(w *world, b *browser)
		want   bool
	}{
		{"nothing happens", func(*world, *browser) {}, true},
		{"the person is removed", func(w *world, _ *browser) { w.apply() }, false},
		{"the password is another", func(w *world, _ *browser) { w.apply(withPassword(w.t, "new")) }, false},
		{"signed out", func(w *world, b *browser) { w.signOut(b) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, b, token := w.signedIn()
			id := a.verify(t, token)
			var claims struct{ Sid string }
			if err := id.Claims(&claims); err != nil {
				t.Fatal(err)
			}
			tc.change(w, b)
			got, err := w.p.Holds(t.Context(), id.Subject, claims.Sid)
			if err != nil || got != tc.want {
				t.Errorf("Holds = %v, %v, want %v", got, err, tc.want)
			}
			if got, err := w.p.Holds(t.Context(), "somebody else", claims.Sid); err != nil || got {
				t.Errorf("Holds of another person = %v, %v", got, err)
			}
			w.records.set(true)
			if got, err := w.p.Holds(t.Context(), id.Subject, claims.Sid); err == nil || got {
				t.Errorf("Holds without a databroker = %v, %v, want an error", got, err)
			}
		})
	}
}
