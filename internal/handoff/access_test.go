package handoff

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var askAccess = AskAccess{SessionID: "the-session", ProviderID: "p", RouteID: "the-route", Grants: []string{"dba", "ops"}}

func TestAskAccessRoundTrip(t *testing.T) {
	t.Parallel()
	s := signer(1, start)
	raw := s.AccessURL(base, askAccess)
	got, err := s.ParseAccess(parse(t, raw))
	if diff := cmp.Diff(askAccess, got); err != nil || diff != "" {
		t.Errorf("ParseAccess: %v (-want +got):\n%s", err, diff)
	}
	for _, word := range append(askAccess.Grants, askAccess.SessionID, askAccess.RouteID) {
		if strings.Contains(raw, word) {
			t.Errorf("%q stands in the open: %s", word, raw)
		}
	}
}

func TestEveryChangeToAskAccessIsRefused(t *testing.T) {
	t.Parallel()
	s := signer(1, start)
	good := s.AccessURL(base, askAccess)
	for name := range parse(t, good).Query() {
		for what, edit := range map[string]func(url.Values){
			"without": func(q url.Values) { q.Del(name) },
			"changed": func(q url.Values) { q.Set(name, q.Get(name)+"0") },
			"twice":   func(q url.Values) { q.Add(name, q.Get(name)) },
		} {
			u := parse(t, good)
			q := u.Query()
			edit(q)
			u.RawQuery = q.Encode()
			if _, err := s.ParseAccess(u); err == nil {
				t.Errorf("%s %s: accepted", what, name)
			}
		}
	}
	elsewhere := parse(t, good)
	elsewhere.Host = "app.example.com"
	if _, err := s.ParseAccess(elsewhere); err == nil {
		t.Error("it holds on another host")
	}
	// One kind of signed link never serves as another, even where only the path
	// and the signature are put right.
	for name, raw := range map[string]string{
		"a ceremony": s.CeremonyURL(base, ceremony), "a sign-out": s.SignOutURL(base, SignOut{SessionID: "the-session"}),
	} {
		u := parse(t, raw)
		if _, err := s.ParseAccess(u); err == nil {
			t.Errorf("%s serves", name)
		}
		forged := s.sign(&url.URL{Scheme: "https", Host: base.Host, Path: AccessPath}, url.Values{paramSession: {u.Query().Get(paramSession)}})
		if _, err := s.ParseAccess(parse(t, forged)); !errors.Is(err, ErrSignature) {
			t.Errorf("the session of %s serves: %v", name, err)
		}
	}
	if _, err := s.ParseCeremony(parse(t, good)); err == nil {
		t.Error("it serves as a ceremony")
	}
	for name, bad := range map[string]AskAccess{
		"nobody": {ProviderID: "p", RouteID: "r", Grants: []string{"g"}}, "no route": {SessionID: "s", Grants: []string{"g"}},
		"nothing to ask for": {SessionID: "s", RouteID: "r"},
	} {
		if _, err := s.ParseAccess(parse(t, s.AccessURL(base, bad))); !errors.Is(err, ErrShape) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := signer(1, start.Add(19*time.Minute)).ParseAccess(parse(t, good)); err != nil {
		t.Errorf("after nineteen minutes: %v", err)
	}
	if _, err := signer(1, start.Add(22*time.Minute)).ParseAccess(parse(t, good)); !errors.Is(err, ErrExpired) {
		t.Errorf("after twenty-two minutes: %v", err)
	}
	if _, err := signer(2, start).ParseAccess(parse(t, good)); err == nil {
		t.Error("one of another installation is taken")
	}
}
