package console

import (
	"context"
	"testing"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// A leavingBroker makes every deletion, while whoever asked for it goes away: as
// with any call that is broken off, the answer is lost and not the change.
type leavingBroker struct {
	Broker
	leave context.CancelFunc
}

func (b leavingBroker) DeleteSession(ctx context.Context, id string) error {
	err := b.Broker.DeleteSession(context.WithoutCancel(ctx), id)
	b.leave()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// An administrator who breaks off the request at the right moment must not have
// the audit say that nothing came of it.
func TestTheAuditDoesNotBelieveWhoeverGoesAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := w.signIn("ada", nil)
	ctx, leave := context.WithCancel(t.Context())
	w.o.Broker = leavingBroker{w.o.Broker, leave}
	_, err := w.RevokeSession(ctx, as(RoleManager), &consolepb.RevokeSessionRequest{Id: session})
	if w.lives(session) {
		t.Fatal("the session lives")
	}
	if got := w.audit.all(); len(got) != 2 || got[1].Outcome != OutcomeDone {
		t.Errorf("%v; the audit says %+v of a change that was made", err, got)
	}
}
