package main

import (
	"testing"

	"github.com/cardea-proxy/cardea/internal/journal"
)

// Who was kept out for reasons beside the policy is nobody to it: that they would
// be asked to sign in is no flip.
func TestReplayCallsNoDisabledAccountAFlip(t *testing.T) {
	t.Parallel()
	for _, outcome := range []string{"disabled", "clock-skew"} {
		r := &replaying{out: &replayed{}, flips: map[[4]string]*flip{}, why: map[string]*unsureOf{}}
		r.flip(&journal.Entry{Outcome: outcome}, nil, "sign-in", nil)
		if r.out.Flipped != 0 || r.out.Same != 1 {
			t.Errorf("%s: %+v", outcome, r.out)
		}
	}
}
