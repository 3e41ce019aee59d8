package databroker

import (
	"testing"
	"time"
)

func TestImpersonationLasts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		i    *Impersonation
		want bool
	}{
		"none":                 {nil, false},
		"half an hour to go":   {&Impersonation{Until: now.Add(30 * time.Minute)}, true},
		"an hour to go":        {&Impersonation{Until: now.Add(time.Hour)}, true},
		"over at this moment":  {&Impersonation{Until: now}, false},
		"longer than anything": {&Impersonation{Until: now.Add(time.Hour + 3*time.Minute)}, false},
		"within the leeway":    {&Impersonation{Until: now.Add(time.Hour + time.Minute)}, true},
		"without an end":       {&Impersonation{}, false},
	} {
		if got := tc.i.Lasting(now, 2*time.Minute); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestClonesShareNoImpersonation(t *testing.T) {
	t.Parallel()
	s := &Session{Impersonates: &Impersonation{UserKey: "idp/bob"}}
	s.Clone().Impersonates.UserKey = "idp/eve"
	if s.Impersonates.UserKey != "idp/bob" {
		t.Error("the clone of a session has changed it")
	}
	u := &User{}
	for i := range 12 {
		c := u.Clone()
		c.NoteImpersonated(Impersonated{By: string(rune('a' + i))})
		if len(u.Impersonated) != min(i, 10) {
			t.Fatalf("%d: the clone of a user has changed it: %d", i, len(u.Impersonated))
		}
		u = c
	}
	if len(u.Impersonated) != 10 || u.Impersonated[0].By != "c" || u.Impersonated[9].By != "l" {
		t.Errorf("remembered: %v", u.Impersonated)
	}
}
