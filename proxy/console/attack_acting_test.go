package console

import (
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// TestAttackADecisionIsSomebodyElses: what an administrator did as a person is
// nowhere that person's alone.
func TestAttackADecisionIsSomebodyElses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.signIn("manager", nil)
	in, _ := w.open(manager, "/decisions/live")
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	w.decide(&consolepb.Decision{RequestId: "7f3c", Outcome: "allow", Email: "bob@example.com", ImpersonatedBy: "<b>root@example.com", Address: "192.0.2.7"})
	_, live := event(t, in)
	for place, text := range map[string]string{
		"the table": w.get(manager, "/decisions").Body.String(), "the explanation": w.get(manager, "/explain?request=7f3c").Body.String(), "the live table": live,
	} {
		if !strings.Contains(text, "root@example.com 192.0.2.7") || strings.Contains(text, "<b>root") {
			t.Errorf("%s does not say it", place)
		}
	}
}
