package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// TestALyingProviderSignsNobodyIn: every lie of the ID token, and those of the
// other endpoints, through the whole program.
func TestALyingProviderSignsNobodyIn(t *testing.T) {
	h := launchHousehold(t, testidp.Options{}, "", "")
	// Those about keys come first: later the keys are known.
	lies := append([]testidp.Lie{testidp.BrokenKeys, testidp.GarbageKeys, testidp.EmptyKeys}, testidp.TokenLies()...)
	lies = append(lies, testidp.UnverifiedEmail, testidp.WrongIss, testidp.NoIss, testidp.WrongState, testidp.UserinfoOtherSubject,
		testidp.AccessDenied, testidp.ServerError)
	for _, lie := range lies {
		t.Run(string(lie), func(t *testing.T) {
			h.idp.Lie(lie)
			defer h.idp.Lie()
			c := h.in.client(t, clientOptions{})
			a := h.enter(t, c, ann, "any.localhost/")
			if a.status < 400 || !strings.Contains(a.body, "<h1>") {
				t.Errorf("status %d: %s", a.status, a.brief())
			}
			if strings.Contains(a.body, ".go:") || strings.Contains(a.body, "oidc:") {
				t.Errorf("the page is for programmers: %s", a.brief())
			}
			if c.cookie(t, h.in.at("authenticate.localhost/"), "_pomerium_authenticate") != "" {
				t.Error("a session was made")
			}
		})
	}
	h.signIn(t, ann, clientOptions{}) // the truth still works
}

// TestAnAddressThatIsLikeAnother: e-mail addresses that some reader could take
// for one that is let in.
func TestAnAddressThatIsLikeAnother(t *testing.T) {
	s := use(t)
	for _, email := range []string{
		"ann@evil.example@corp.example", "ann@corp.example@evil.example", "ann@evil.example,ann@corp.example", "ann@corp.example\n", "ann@corp.example\x00@evil.example", " ann@corp.example", "<ann@corp.example>",
		`"ann@corp.example"@evil.example`, "ann@corp.example.evil.example", "ann@evilcorp.example", "ann@corp\u3002example", "ann@\u212aorp.example", "ann@corp.example.", "@corp.example", "corp.example", "",
	} {
		t.Run(email, func(t *testing.T) {
			who := person{Sub: "like-" + email, Email: email, Claims: map[string]any{"email_verified": true}}
			c := s.in.client(t, clientOptions{})
			for _, host := range []string{"closed.localhost/", "domain.localhost/"} {
				s.enter(t, c, who, host).notLetIn(t)
			}
		})
	}
	t.Run("letters that look alike", func(t *testing.T) {
		who := person{Sub: "like-letters", Email: "\uff41nn@corp.example", Claims: map[string]any{"email_verified": true}}
		s.enter(t, s.in.client(t, clientOptions{}), who, "closed.localhost/").notLetIn(t)
	})
	t.Run("the subject of one provider is nobody at another", func(t *testing.T) {
		c := s.as(t, ann, clientOptions{})
		c.browse(t, s.in.at("any.localhost/")).want(t, http.StatusOK)
		// Another client at the provider counts as another provider: the session
		// of the first is none there, so the browser is sent to sign in again.
		a := c.get(t, s.in.at("otherclient.localhost/"), "Accept", "text/html")
		if !a.signInAsked() {
			t.Fatalf("status %d", a.status)
		}
	})
}
