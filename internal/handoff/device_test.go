package handoff

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var ceremony = Ceremony{Type: "any", SessionID: "the-session", Back: SignIn{
	RedirectURI: "https://app.example.com/a?b=c", CallbackURI: "https://app.example.com/.pomerium/callback/", ProviderID: "p", Binder: "the-hash",
}}

func TestPromptAndCeremonyRoundTrip(t *testing.T) {
	t.Parallel()
	s := signer(1, start)
	prompt := Prompt{Type: "enclave_only", RedirectURI: "https://app.example.com/a?b=c"}
	got, err := s.ParsePrompt(parse(t, s.PromptURL("app.example.com", prompt)))
	if err != nil || got != prompt {
		t.Errorf("ParsePrompt = %+v, %v", got, err)
	}
	raw := s.CeremonyURL(base, ceremony)
	back, err := s.ParseCeremony(parse(t, raw))
	if diff := cmp.Diff(ceremony, back); err != nil || diff != "" {
		t.Errorf("ParseCeremony: %v (-want +got):\n%s", err, diff)
	}
	local := Ceremony{Type: "any", SessionID: "s", Enrollment: "token", Back: SignIn{RedirectURI: "https://auth.example.com:8443/.pomerium/devices", ProviderID: "p"}}
	if got, err := s.ParseCeremony(parse(t, s.CeremonyURL(base, local))); err != nil || cmp.Diff(local, got) != "" {
		t.Errorf("one of the sign-in host itself: %+v, %v", got, err)
	}
	if strings.Contains(raw, "the-session") || strings.Contains(raw, "the-hash") {
		t.Error("session or binder stand in the open")
	}
}

func TestEveryChangeToACeremonyIsRefused(t *testing.T) {
	t.Parallel()
	s := signer(1, start)
	good := s.CeremonyURL(base, ceremony)
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
			if _, err := s.ParseCeremony(u); err == nil {
				t.Errorf("%s %s: accepted", what, name)
			}
		}
	}
	// One kind of signed link never serves as another.
	for name, raw := range map[string]string{
		"a prompt":  s.PromptURL(base.Host, Prompt{"any", "https://app.example.com/"}),
		"a sign-in": s.SignInURL(base, signIn),
	} {
		if _, err := s.ParseCeremony(parse(t, raw)); err == nil {
			t.Errorf("%s serves as a ceremony", name)
		}
	}
	if _, err := s.ParsePrompt(parse(t, good)); err == nil {
		t.Error("a ceremony serves as a prompt")
	}
	if _, err := signer(1, start.Add(19*time.Minute)).ParseCeremony(parse(t, good)); err != nil {
		t.Errorf("after nineteen minutes: %v", err)
	}
	if _, err := signer(1, start.Add(22*time.Minute)).ParseCeremony(parse(t, good)); !errors.Is(err, ErrExpired) {
		t.Errorf("after twenty-two minutes: %v", err)
	}
}

func TestEnrollmentLinks(t *testing.T) {
	t.Parallel()
	s := signer(1, start)
	u := parse(t, s.EnrollmentURL(base, "LINK7"))
	token := u.Query().Get(ParamEnrollment)
	if id, err := s.ParseEnrollment(token); id != "LINK7" || err != nil || u.Host != base.Host || u.Path != WebAuthnPath {
		t.Errorf("%s: %q, %v", u, id, err)
	}
	for _, bad := range []string{"", ".", "LINK7", "LINK7.", "LINK8" + token[5:], token + "A", token[:len(token)-1], "LINK7." + strings.Repeat("A", 300), token + "\n"} {
		if id, err := s.ParseEnrollment(bad); !errors.Is(err, ErrSignature) || id != "" {
			t.Errorf("%q: %q, %v", bad, id, err)
		}
	}
	if _, err := signer(2, start).ParseEnrollment(token); err == nil {
		t.Error("a link of another installation is taken")
	}
}
