package local

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
)

func contextWithCancel(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

func TestOneAddressHasOneSpelling(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text, want string // want "" is a refusal
	}{
		{"an address", "ann@example.com", "ann@example.com"},
		{"capitals and space", "  Ann@EXAMPLE.com\n", "ann@example.com"},
		{"the decomposed form", "ann\u0065\u0301@example.com", "ann\u00e9@example.com"},
		// NFC itself makes the sign a letter K: one address, no twin.
		{"the Kelvin sign", "\u212aate@example.com", "kate@example.com"},
		{"a capital outside ASCII stays one", "\u00c9va@example.com", "\u00c9va@example.com"},
		{"two at signs", "a@evil.example@example.com", ""},
		{"none", "ann", ""},
		{"nothing before", "@example.com", ""},
		{"nothing after", "ann@", ""},
		{"a space inside", "an n@example.com", ""},
		{"a zero-width space", "ann\u200b@example.com", ""},
		{"right to left", "ann\u202e@example.com", ""},
		{"a line break inside", "ann\r\n@example.com", ""},
		{"a NUL", "ann\x00@example.com", ""},
		{"broken UTF-8", "ann\xff@example.com", ""},
		{"angle brackets", "<ann@example.com>", ""},
		{"a dot at the end", "ann@example.com.", ""},
		{"too long", strings.Repeat("a", 250) + "@example.com", ""},
		{"empty", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, ok := canonicalEmail(tc.text)
			if got != tc.want && ok || ok != (tc.want != "") {
				t.Errorf("canonicalEmail(%q) = %q, %v, want %q", tc.text, got, ok, tc.want)
			}
		})
	}
}

func TestCheckUsersSaysEverythingAtOnce(t *testing.T) {
	t.Parallel()
	err := CheckUsers([]config.User{
		{Email: "ann@example.com"},
		{Email: "ANN@example.com"},
		{Email: "\uff41nn@example.com"}, // a full-width a
		{Email: "nobody"},
		{Email: "bob@example.com", PasswordHash: "hunter2"},
		{Email: "eve@example.com", Groups: []string{""}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"users[1].email", "users[2].email", "users[3].email", "users[4].password_hash", "users[5].groups"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error misses %s: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "users[0].email: ") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error says too much: %v", err)
	}
}

func TestABadReloadLeavesThePeopleWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.p.Apply(t.Context(), []config.User{{Email: "nobody"}}); err == nil {
		t.Error("no error")
	}
	w.records.set(true)
	if err := w.p.Apply(t.Context(), []config.User{{Email: "new@example.com"}}); err == nil {
		t.Error("no error without a databroker")
	}
	w.records.set(false)
	if got := w.browser().signIn(w.attempt(), "ann@example.com", annPassword); got.status != http.StatusSeeOther {
		t.Errorf("answer %d: the people of before are gone", got.status)
	}
}

func TestAPasswordIsMadeOnceAndShownOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	carl := config.User{Email: "Carl@example.com"}
	w.apply(carl)
	password := w.revealed["carl@example.com"]
	if len(password) != 24 || strings.Count(password, "-") != 4 {
		t.Fatalf("the password has %d signs", len(password))
	}
	if got := w.browser().signIn(w.attempt(), "carl@example.com", password); got.status != http.StatusSeeOther {
		t.Errorf("answer %d to the password that was shown", got.status)
	}
	w.apply(carl)
	w.p = w.start()
	w.apply(carl)
	if w.revealed["carl@example.com"] != password {
		t.Error("the password was shown again")
	}
	if got := w.browser().signIn(w.attempt(), "carl@example.com", password); got.status != http.StatusSeeOther {
		t.Errorf("answer %d after a restart", got.status)
	}
	if strings.Contains(w.log.String(), password) {
		t.Error("the log shows the password")
	}
}

func TestAPasswordThatWasNotShownYetIsShownAtTheNextStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text, _ := Hash("made before the power went")
	m := made{Hash: databroker.NewSecret(text), Shown: databroker.NewSecret("made before the power went")}
	if err := w.p.saveMade(t.Context(), "carl@example.com", m, 0); err != nil {
		t.Fatal(err)
	}
	w.apply(config.User{Email: "carl@example.com"})
	if w.revealed["carl@example.com"] != "made before the power went" {
		t.Errorf("shown: %q", w.revealed["carl@example.com"])
	}
	got, _, err := w.p.loadMade(t.Context(), "carl@example.com")
	if err != nil || !got.Shown.IsZero() {
		t.Errorf("the password is still kept: %v", err)
	}
}

func TestAMadePasswordDoesNotComeBackToLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(config.User{Email: "carl@example.com"})
	leaked := w.revealed["carl@example.com"]
	w.apply(config.User{Email: "carl@example.com", PasswordHash: config.Secret(cheap(t, "chosen"))})
	if _, _, err := w.p.loadMade(t.Context(), "carl@example.com"); !errors.Is(err, databroker.ErrNotFound) {
		t.Errorf("the made password is kept: %v", err)
	}
	w.apply(config.User{Email: "carl@example.com"})
	if got := w.browser().signIn(w.attempt(), "carl@example.com", leaked); got.status != http.StatusForbidden {
		t.Errorf("answer %d to the old password", got.status)
	}
}

func TestMadePasswordsAreRandomSignsOfTheAlphabet(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		p := newPassword()
		if seen[p] || strings.Trim(p, alphabet+"-") != "" {
			t.Errorf("password %q", p)
		}
		seen[p] = true
	}
}

func TestNewRefusesWhatItCannotServe(t *testing.T) {
	t.Parallel()
	good := newWorld(t).p.o
	for name, change := range map[string]func(*Options){
		"no issuer":        func(o *Options) { o.Issuer = "" },
		"another path":     func(o *Options) { o.Issuer = "https://sign-in.example/idp" },
		"a query":          func(o *Options) { o.Issuer += "?x=1" },
		"another scheme":   func(o *Options) { o.Issuer = "ftp://sign-in.example" + Path },
		"no client secret": func(o *Options) { o.ClientSecret = "" },
		"no redirect URI":  func(o *Options) { o.RedirectURIs = nil },
		"no key":           func(o *Options) { o.Key = [32]byte{} },
		"no records":       func(o *Options) { o.Records = nil },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
