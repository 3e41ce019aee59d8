package console

import (
	"testing"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// A sign-in looks at the account, and then writes its session. Who is shut out
// in between has a session that counts for nothing, until they are let in again.
func TestWhoIsLetInAgainHasToSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn("ada", nil)
	if _, err := w.DisableUser(t.Context(), as(RoleAdmin), &consolepb.DisableUserRequest{Key: "idp/ada"}); err != nil {
		t.Fatal(err)
	}
	late, other := w.signIn("ada", nil), w.signIn("bob", nil)
	if _, err := w.EnableUser(t.Context(), as(RoleAdmin), &consolepb.EnableUserRequest{Key: "idp/ada"}); err != nil {
		t.Fatal(err)
	}
	if w.lives(late) || !w.lives(other) {
		t.Error("a session from before counts again, or one of somebody else ended")
	}
	// Who is not shut out loses nothing.
	session := w.signIn("ada", nil)
	if _, err := w.EnableUser(t.Context(), as(RoleAdmin), &consolepb.EnableUserRequest{Key: "idp/ada"}); err != nil || !w.lives(session) {
		t.Errorf("%v; the session of somebody who was let in already has ended", err)
	}
}
