package console

import (
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/proxy/console/audit"
)

// Who calls themselves as another administrator does, or as the operator, is
// known by what they cannot choose.
func TestTheAuditTellsPeopleOfOneNameApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	viewer := w.signIn("viewer", nil)
	for _, a := range []audit.Actor{
		{Name: "Ada", Email: "ada@example.com", UserKey: "idp/ada", Role: "admin", Via: audit.ViaWeb},
		{Name: "Ada", Email: "mallory@example.com", UserKey: "idp/mallory", Role: "manager", Via: audit.ViaWeb},
		{Name: "operator (uid 0)", Email: "eve@example.com", UserKey: "idp/eve", Role: "manager", Via: audit.ViaGRPC},
		{Name: "operator (uid 0)", Role: "admin", Via: audit.ViaSocket},
	} {
		_, err := w.chain.Append(t.Context(), audit.Entry{
			Time: w.clock.now(), Change: a.Via + a.Email, Action: "session.revoke", ObjectType: "session", ObjectID: "x", Result: audit.Done, Actor: a,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	body := w.get(viewer, "/audit").Body.String()
	for _, want := range []string{
		"admin, web, ada@example.com", "manager, web, mallory@example.com", "manager, grpc, eve@example.com", "admin, socket<",
		"key=idp%2Fada", "key=idp%2Fmallory", "key=idp%2Feve",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
