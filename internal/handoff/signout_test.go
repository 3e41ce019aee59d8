package handoff

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSignOutRoundTrip(t *testing.T) {
	s := signer(1, start)
	want := SignOut{SessionID: "s-1", RedirectURI: "https://app.example.com/bye"}
	raw := s.SignOutURL(base, want)
	got, err := s.ParseSignOut(parse(t, raw))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(raw, "s-1") {
		t.Error("the session id stands in the open")
	}
	if _, err := signer(1, start.Add(time.Hour)).ParseSignOut(parse(t, raw)); err == nil {
		t.Error("an old link is accepted")
	}
	if _, err := s.ParseSignOut(parse(t, strings.Replace(raw, "bye", "elsewhere", 1))); err == nil {
		t.Error("a changed link is accepted")
	}
}

func TestStartRoundTrip(t *testing.T) {
	s := signer(1, start)
	next := s.SignInURL(base, signIn)
	raw := s.StartURL("b.example.com", next)
	got, err := s.ParseStart(parse(t, raw))
	if err != nil || got != next {
		t.Errorf("ParseStart = %q, %v", got, err)
	}
	if _, err := s.ParseStart(parse(t, strings.Replace(raw, "b.example.com", "c.example.com", 1))); err == nil {
		t.Error("accepted on another host")
	}
}

// A sign-in link and a start link have one path: neither may pass for the other.
func TestSignInAndStartAreNotInterchangeable(t *testing.T) {
	s := signer(1, start)
	host := &url.URL{Host: "both.example.com"}
	if _, err := s.ParseStart(parse(t, s.SignInURL(host, signIn))); err == nil {
		t.Error("a sign-in link passes for a start link")
	}
	if _, err := s.ParseSignIn(parse(t, s.StartURL(host.Host, "https://both.example.com/"))); err == nil {
		t.Error("a start link passes for a sign-in link")
	}
}
