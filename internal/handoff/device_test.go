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
	for _, verified := range []bool{false, true} {
		prompt := Prompt{Type: "enclave_only", RedirectURI: "https://app.example.com/a?b=c", UserVerification: verified}
		link := parse(t, s.PromptURL("app.example.com", prompt))
		got, err := s.ParsePrompt(link)
		if err != nil || got != prompt || link.Query().Has(paramVerification) != verified {
			t.Errorf("ParsePrompt(%s) = %+v, %v", link, got, err)
		}
		with := ceremony
		with.UserVerification = verified
		link = parse(t, s.CeremonyURL(base, with))
		if back, err := s.ParseCeremony(link); err != nil || cmp.Diff(with, back) != "" || link.Query().Has(paramVerification) != verified {
			t.Errorf("ParseCeremony(%s) = %+v, %v", link, back, err)
		}
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
		"a prompt":  s.PromptURL(base.Host, Prompt{Type: "any", RedirectURI: "https://app.example.com/"}),
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

// What is signed and says nothing that we would say is refused too.
func TestAVerificationOfAnotherValueIsRefused(t *testing.T) {
	t.Parallel()
	s := signer(1, start)
	for _, value := range []string{"", "1", "true", "Required", "preferred"} {
		q := url.Values{paramDevice: {"any"}, paramRedirect: {"https://app.example.com/"}, paramVerification: {value}}
		link := s.sign(&url.URL{Scheme: "https", Host: "app.example.com", Path: WebAuthnPath}, q)
		if p, err := s.ParsePrompt(parse(t, link)); !errors.Is(err, ErrShape) {
			t.Errorf("%q: %+v, %v", value, p, err)
		}
	}
}

func TestAPromptIsReadWithoutItsSignature(t *testing.T) {
	t.Parallel()
	const at = "https://app.example.com" + WebAuthnPath
	for _, tc := range []struct {
		link string
		want Prompt
		err  error
	}{
		{at, Prompt{}, nil},
		{at + "?pomerium_device_type=any&pomerium_redirect_uri=https%3A%2F%2Fx.example%2F", Prompt{Type: "any", RedirectURI: "https://x.example/"}, nil},
		{signer(1, start).PromptURL("app.example.com", Prompt{"any", "https://x.example/", true}), Prompt{"any", "https://x.example/", true}, nil},
		{at + "?pomerium_device_type=any&pomerium_device_type=enclave_only", Prompt{}, ErrShape},
		{at + "?pomerium_redirect_uri=a&pomerium_redirect_uri=b", Prompt{}, ErrShape},
		{at + "?pomerium_user_verification=no", Prompt{}, ErrShape},
		{at + "?a=%zz", Prompt{}, ErrShape},
		{at + "?a=" + strings.Repeat("b", maxLength), Prompt{}, ErrShape},
	} {
		if got, err := ReadPrompt(parse(t, tc.link)); !errors.Is(err, tc.err) || err == nil && got != tc.want {
			t.Errorf("ReadPrompt(%.80s) = %+v, %v", tc.link, got, err)
		}
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
