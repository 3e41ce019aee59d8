package authenticate

import (
	"net/http"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// The wish for a new sign-in goes through the browser. Who sits at it can take
// it out of the address, and the provider then answers for somebody who signed
// in long ago.
func TestASignInThatMustBeLaterIsNotTakenFromAnOldOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser()
	first := b.signIn()
	w.clock.advance(time.Hour)
	in := w.signIn()
	in.After = w.clock.now()
	away := b.get(w.signer.SignInURL(base, in))
	q := away.location.Query()
	q.Del("prompt")
	away.location.RawQuery = q.Encode()
	w.far.SetUser(testidp.User{Sub: "1", Email: "ann@example.com", Claims: map[string]any{"auth_time": w.clock.now().Add(-time.Hour).Unix()}})
	if back := b.get(b.atProvider(away)); back.status == http.StatusFound || back.status == http.StatusOK {
		t.Errorf("answered %d %v", back.status, back.location)
	}
	if s := w.session(first.SessionID); s == nil {
		t.Error("the old session is gone")
	}
	if n := len(w.sessions()); n != 1 {
		t.Errorf("%d sessions, want the old one alone", n)
	}
}
