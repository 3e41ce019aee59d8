package authenticate

import (
	"net/http"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/testidp"
)

// TestWhoseSessionsWereEndedProvesWhoTheyAre: what the provider remembers from
// before an administrator ended sessions makes none.
func TestWhoseSessionsWereEndedProvesWhoTheyAre(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		ended  string           // whose sessions; "" nobody's
		proved func(*world) any // the claim auth_time of the first answer
		again  bool             // whether the provider is asked once more
		then   func(*world) any // auth_time of the second answer
		end    bool             // whether there is a session in the end
	}{
		{"nobody's", "", old, false, nil, true},
		{"somebody else's", "idp/other", old, false, nil, true},
		{"theirs, and proved since", "mine", since, false, nil, true},
		{"theirs", "mine", old, true, since, true},
		{"everybody's", databroker.Everybody, old, true, since, true},
		{"theirs, and the provider tells no time", "mine", untold, true, untold, true},
		{"theirs, and the provider does as if nothing was asked", "mine", old, true, old, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			b := w.browser()
			first := b.signIn()
			session := w.session(first.SessionID)
			w.clock.advance(time.Hour)
			id := tc.ended
			if id == "mine" {
				id = session.UserKey()
			}
			if id != "" {
				at := databroker.SignInAfter{At: w.clock.now().UTC().Truncate(time.Second)}
				if _, err := w.client.PutJSON(t.Context(), databroker.TypeSignInAfter, id, at, databroker.PutOptions{Overwrite: true}); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.client.DeleteSession(t.Context(), session.ID); err != nil {
				t.Fatal(err)
			}
			w.clock.advance(time.Minute)
			w.says(tc.proved)
			back := b.get(b.atProvider(b.get(w.asks())))
			if !tc.again {
				w.handed(back)
				return
			}
			if back.status != http.StatusFound || back.location.Host != signInHost {
				t.Fatalf("want a redirect to begin again, got %d %v", back.status, back.location)
			}
			away := b.get(back.location.String())
			if away.location.Query().Get("prompt") != "login" {
				t.Errorf("the provider is not told to ask: %v", away.location)
			}
			w.says(tc.then)
			if back = b.get(b.atProvider(away)); tc.end {
				w.handed(back)
			} else if back.status < 400 || len(w.sessions()) != 0 {
				t.Errorf("answered %d %v", back.status, back.location)
			}
		})
	}
}

func old(w *world) any   { return w.clock.now().Add(-time.Hour).Unix() }
func since(w *world) any { return w.clock.now().Unix() }
func untold(*world) any  { return nil }

// says lets the provider tell when the person proved who they are.
func (w *world) says(proved func(*world) any) {
	w.far.SetUser(testidp.User{Sub: "1", Email: "ann@example.com", Claims: map[string]any{"auth_time": proved(w)}})
}
