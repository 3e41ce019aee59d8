package handoff

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Unix(1_700_000_000, 0)

func signer(b byte, at time.Time) *Signer {
	return New([32]byte{b}, [32]byte{b, 1}, func() time.Time { return at })
}

func parse(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

var (
	base   = &url.URL{Scheme: "https", Host: "auth.example.com:8443"}
	signIn = SignIn{
		RedirectURI: "https://app.example.com/a?b=c&d=e#f", CallbackURI: "https://app.example.com/.pomerium/callback/",
		ProviderID: "p", Binder: "hash", AdditionalHosts: []string{"b.example.com", "c.example.com"},
		After: time.Unix(1_788_000_000, 0),
	}
	callback = Callback{SessionID: "s", SessionVersion: 3, ProviderID: "p", Binder: "hash", RedirectURI: "https://app.example.com/a?b=c"}
)

func TestSignInRoundTrip(t *testing.T) {
	s := signer(1, start)
	got, err := s.ParseSignIn(parse(t, s.SignInURL(base, signIn)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(signIn, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCallbackRoundTrip(t *testing.T) {
	s := signer(1, start)
	raw, err := s.CallbackURL("https://app.example.com/.pomerium/callback/", callback)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.ParseCallback(parse(t, raw))
	if err != nil {
		t.Fatal(err)
	}
	if got.ID == "" || !got.Expires.After(start.Add(lifetime)) {
		t.Errorf("ID %q, Expires %v", got.ID, got.Expires)
	}
	got.ID, got.Expires = "", time.Time{}
	if diff := cmp.Diff(callback, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(raw, `"sid"`) || strings.Contains(raw, "hash") {
		t.Error("the session stands in the open")
	}
}

func TestEveryChangeIsRefused(t *testing.T) {
	s := signer(1, start)
	good := s.SignInURL(base, signIn)
	edit := func(f func(q url.Values)) string {
		u := parse(t, good)
		q := u.Query()
		f(q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	cases := map[string]string{
		"unsigned":        edit(func(q url.Values) { q.Del("pomerium_signature") }),
		"empty signature": edit(func(q url.Values) { q.Set("pomerium_signature", "") }),
		"added":           edit(func(q url.Values) { q.Set("x", "y") }),
		"added twin":      edit(func(q url.Values) { q.Add("pomerium_redirect_uri", "https://evil.example") }),
		"later expiry":    edit(func(q url.Values) { q.Set("pomerium_expiry", "1800000000") }),
		"another host":    strings.Replace(good, "auth.example.com", "evil.example.com", 1),
		"another port":    strings.Replace(good, ":8443", ":8444", 1),
		"another path":    strings.Replace(good, "sign_in", "sign_out", 1),
	}
	for name := range parse(t, good).Query() {
		cases["without "+name] = edit(func(q url.Values) { q.Del(name) })
		cases["changed "+name] = edit(func(q url.Values) { q.Set(name, q.Get(name)+"0") })
	}
	for name, raw := range cases {
		t.Run(name, func(t *testing.T) {
			if got, err := s.ParseSignIn(parse(t, raw)); err == nil {
				t.Errorf("accepted: %+v", got)
			}
		})
	}
	if _, err := signer(2, start).ParseSignIn(parse(t, good)); !errors.Is(err, ErrSignature) {
		t.Errorf("another installation's link: %v", err)
	}
	if _, err := s.ParseCallback(parse(t, good)); err == nil {
		t.Error("a sign-in link serves as a callback")
	}
}

func TestTimes(t *testing.T) {
	good := signer(1, start).SignInURL(base, signIn)
	for name, tc := range map[string]struct {
		at   time.Time
		want error
	}{
		"at once":                    {start, nil},
		"after five minutes":         {start.Add(5*time.Minute + 59*time.Second), nil},
		"after the leeway":           {start.Add(6 * time.Minute), ErrExpired},
		"on a clock a little behind": {start.Add(-time.Minute), nil},
		"on a clock an hour behind":  {start.Add(-time.Hour), ErrClock},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := signer(1, tc.at).ParseSignIn(parse(t, good)); !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
		})
	}
}

func TestDefaultPortIsNoPort(t *testing.T) {
	s := signer(1, start)
	good := s.SignInURL(&url.URL{Host: "auth.example.com"}, signIn)
	if _, err := s.ParseSignIn(parse(t, strings.Replace(good, "auth.example.com", "AUTH.example.com:443", 1))); err != nil {
		t.Error(err)
	}
}

func TestCheckRedirect(t *testing.T) {
	const host = "good.example.com:8443"
	for raw, ok := range map[string]bool{
		"https://good.example.com:8443/":                 true,
		"https://GOOD.example.com:8443/a?b=c":            true,
		"https://good.example.com:8443":                  true,
		"https://good.example.com/":                      false,
		"http://good.example.com:8443/":                  false,
		"https://good.example.com:8443.evil.com/":        false,
		"https://good.example.com:8443@evil.com/":        false,
		"https://evil.com/good.example.com:8443":         false,
		"https://evil.com\\@good.example.com:8443/":      false,
		"//good.example.com:8443/":                       false,
		"\\\\good.example.com:8443/":                     false,
		"/\\evil.com":                                    false,
		"https:good.example.com:8443/":                   false,
		"https:/good.example.com:8443/":                  false,
		"https://good.example.com:8443\t/":               false,
		" https://good.example.com:8443/":                false,
		"https://good.example.com:8443/\r\nSet-Cookie:":  false,
		"javascript://good.example.com:8443/%0aalert(1)": false,
		"https://user:pw@good.example.com:8443/":         false,
		"https://good.example.com:8443%2f@evil.com/":     false,
		"": false,
	} {
		if _, err := CheckRedirect(raw, host); (err == nil) != ok {
			t.Errorf("CheckRedirect(%q) = %v, want ok=%v", raw, err, ok)
		}
	}
}

func TestCheckProgramRedirect(t *testing.T) {
	allowed := []string{"localhost", "cli.example.com"}
	for raw, ok := range map[string]bool{
		"http://localhost:9999/":        true,
		"http://127.0.0.1:9999/x":       true,
		"http://127.8.8.8/":             true,
		"http://[::1]:9999/":            true,
		"https://cli.example.com/cb":    true,
		"https://CLI.example.com/cb":    true,
		"https://cli.example.com.evil/": false,
		"https://evil.cli.example.com/": false,
		"http://localhost.evil.com/":    false,
		"http://localhost@evil.com/":    false,
		"http://0.0.0.0:1/":             false,
		"ftp://localhost/":              false,
		"cardea://localhost/":           false,
		"http://evil.com/#@localhost":   false,
		"http://evil.com\\@localhost/":  false,
		"http://localhost:9999\\@evil/": false,
	} {
		if _, err := CheckProgramRedirect(raw, allowed); (err == nil) != ok {
			t.Errorf("CheckProgramRedirect(%q) = %v, want ok=%v", raw, err, ok)
		}
	}
	if _, err := CheckProgramRedirect("http://127.0.0.1/", []string{"cli.example.com"}); err == nil {
		t.Error("loopback accepted without localhost on the list")
	}
}

func FuzzVerify(f *testing.F) {
	s := signer(1, start)
	good := s.SignInURL(base, signIn)
	f.Add(good)
	f.Add(s.AccessURL(base, askAccess))
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(raw)
		if err != nil {
			return
		}
		if in, err := s.ParseAccess(u); err == nil {
			if diff := cmp.Diff(askAccess, in); diff != "" {
				t.Errorf("a forged link %q says (-signed +got):\n%s", raw, diff)
			}
		}
		if in, err := s.ParseSignIn(u); err == nil {
			if diff := cmp.Diff(signIn, in); diff != "" {
				t.Errorf("a forged link %q says (-signed +got):\n%s", raw, diff)
			}
		}
	})
}

func FuzzCheckRedirect(f *testing.F) {
	f.Add("https://good.example.com/")
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := CheckRedirect(raw, "good.example.com")
		if err != nil {
			return
		}
		again, err := CheckRedirect(u.String(), "good.example.com")
		if err != nil || again.String() != u.String() {
			t.Errorf("%q is %q, then %v", raw, u, err)
		}
		if !strings.HasPrefix(u.String(), "https://") {
			t.Errorf("%q accepted as %q", raw, u)
		}
	})
}
