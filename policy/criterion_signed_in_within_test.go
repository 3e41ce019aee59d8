package policy

import (
	"testing"
	"time"
)

func TestSignedInWithin(t *testing.T) {
	t.Parallel()
	const ok, no = "signed-in-within-ok", "signed-in-within-unauthorized"
	now := at(t, "2030-01-31T12:00:00.0005Z").Now
	ago := func(d time.Duration) Facts {
		p := ada()
		p.SignedInAt = now.Truncate(time.Millisecond).Add(-d)
		return Facts{Request: get(), Person: NewPerson(p), Now: now}
	}
	unknown := signedIn(ada())
	unknown.Now = now
	stranger := Facts{Request: get(), Now: now}
	runCriterion(t, []criterionCase{
		{"just now", "signed_in_within: 8h", ago(0), true, reasons(ok)},
		{"in the last moment", "signed_in_within: 8h", ago(8*time.Hour - time.Millisecond), true, reasons(ok)},
		{"too long ago", "signed_in_within: 8h", ago(8 * time.Hour), false, reasons(no)},
		{"days", "signed_in_within: 30d", ago(30*day - time.Millisecond), true, reasons(ok)},
		{"days too long ago", "signed_in_within: 30d", ago(30 * day), false, reasons(no)},
		{"days and hours", "signed_in_within: 1d12h30m", ago(36 * time.Hour), true, reasons(ok)},
		{"a clock that is ahead", "signed_in_within: 8h", ago(-2 * time.Minute), true, reasons(ok)},
		{"further than clocks are", "signed_in_within: 8h", ago(-2*time.Minute - time.Millisecond), false, reasons(no)},
		{"nobody knows when", "signed_in_within: 8h", unknown, false, reasons(no)},
		{"a stranger signs in", "signed_in_within: 8h", stranger, false, reasons(nobody)},
	})
	t.Run("not to be known is no way around a denial", func(t *testing.T) {
		t.Parallel()
		for _, ppl := range []string{
			"{allow: {or: [{accept: }]}, deny: {or: [{signed_in_within: 1h}]}}",
			"{allow: {or: [{accept: }]}, deny: {not: [{signed_in_within: 8h}]}}",
			"allow: {not: [{signed_in_within: 1h}]}",
			"allow: {nor: [{signed_in_within: 1h}]}",
		} {
			for _, f := range []Facts{unknown, ago(-time.Hour)} {
				if d := program(t, ppl).Decide(t.Context(), f); d.Outcome != SignInAgain {
					t.Errorf("%s: %+v", ppl, d)
				}
			}
			if d := program(t, ppl).Decide(t.Context(), ago(4*time.Hour)); d.Outcome != Allow {
				t.Errorf("%s: %+v", ppl, d)
			}
			if d := program(t, ppl).Decide(t.Context(), stranger); d.Outcome != SignIn {
				t.Errorf("%s: %+v", ppl, d)
			}
		}
	})
	t.Run("it holds until the age is reached", func(t *testing.T) {
		t.Parallel()
		p := program(t, "allow: {or: [{signed_in_within: 8h}]}")
		if d := p.Decide(t.Context(), ago(time.Hour)); !d.Until.Equal(now.Truncate(time.Millisecond).Add(7 * time.Hour)) {
			t.Errorf("until %v", d.Until)
		}
		if d := p.Decide(t.Context(), ago(9*time.Hour)); !d.Until.IsZero() {
			t.Errorf("until %v", d.Until)
		}
		if d := p.Decide(t.Context(), ago(-3*time.Minute)); !d.Until.Equal(now.Truncate(time.Millisecond).Add(time.Minute)) {
			t.Errorf("until %v", d.Until)
		}
	})
	const want = "1:33: policy.allow.or[0].signed_in_within: want a duration of a second or more, such as 30m, 8h or 30d"
	runBad(t, []badCase{
		{"a number", "allow: {or: [{signed_in_within: 8}]}", want},
		{"nothing", "allow: {or: [{signed_in_within: ''}]}", want},
		{"null", "allow: {or: [{signed_in_within: ~}]}", want},
		{"none", "allow: {or: [{signed_in_within: 0h}]}", want},
		{"less than none", "allow: {or: [{signed_in_within: -8h}]}", want},
		{"less than none after days", "allow: {or: [{signed_in_within: 1d-8h}]}", want},
		{"less than a second", "allow: {or: [{signed_in_within: 999ms}]}", want},
		{"less than a millisecond", "allow: {or: [{signed_in_within: 1us}]}", want},
		{"half a day", "allow: {or: [{signed_in_within: 0.5d}]}", want},
		{"weeks", "allow: {or: [{signed_in_within: 2w}]}", want},
		{"too many days", "allow: {or: [{signed_in_within: 99999999d}]}", want},
		{"too many hours", "allow: {or: [{signed_in_within: 2500000h}]}", want},
		{"a list", "allow: {or: [{signed_in_within: [8h]}]}", want},
	})
}

func TestAgesHaveOneForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"8h": "8h", "30d": "30d", "1d0h": "1d", "36h": "1d12h", "90m": "1h30m", "90s": "1m30s", "1h5s": "1h0m5s", "1500ms": "1.5s", "1010ms": "1.01s", "20m": "20m", "10h": "10h",
	} {
		a, ok := ageOf(text)
		if !ok || a.String() != want {
			t.Errorf("%q is %s, %v, want %s", text, a, ok, want)
		}
		if again, ok := ageOf(a.String()); !ok || again != a {
			t.Errorf("%s is read as %s", a, again)
		}
	}
}
