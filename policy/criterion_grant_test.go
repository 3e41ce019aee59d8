package policy

import (
	"testing"
	"time"
)

func TestGrant(t *testing.T) {
	t.Parallel()
	const ok, no = "grant-ok", "grant-unauthorized"
	now := at(t, "2030-01-31T12:00:00.0005Z").Now
	with := func(grants ...Grant) Facts {
		p := ada()
		p.Grants = grants
		return Facts{Request: get(), Person: NewPerson(p), Now: now}
	}
	soon, later, past := now.Truncate(time.Millisecond).Add(time.Millisecond), now.Add(time.Hour), now.Add(-time.Hour)
	one := with(Grant{"ops", later}, Grant{"dba", past})
	runCriterion(t, []criterionCase{
		{"a grant", "grant: ops", one, true, reasons(ok)},
		{"has it", "grant: {has: ops}", one, true, reasons(ok)},
		{"has it alone, for the other has expired", "grant: {is: ops}", one, true, reasons(ok)},
		{"another", "grant: sales", one, false, reasons(no)},
		{"one that has expired", "grant: dba", one, false, reasons(no)},
		{"case matters", "grant: Ops", one, false, reasons(no)},
		{"in its last moment", "grant: ops", with(Grant{"ops", soon}), true, reasons(ok)},
		{"at its end", "grant: ops", with(Grant{"ops", now}), false, reasons(no)},
		{"expired and granted again", "grant: ops", with(Grant{"ops", past}, Grant{"ops", later}), true, reasons(ok)},
		{"one without an end has none to hold until", "grant: ops", with(Grant{"ops", time.Time{}}), false, reasons(no)},
		{"is, with several", "grant: {is: ops}", with(Grant{"ops", later}, Grant{"dba", later}), false, reasons(no)},
		{"has one and not another", "grant: {has: ops, exclude: dba}", one, true, reasons(ok)},
		{"but has the other", "grant: {has: ops, exclude: dba}", with(Grant{"ops", later}, Grant{"dba", later}), false, reasons(no)},
		{"none", "grant: ops", with(), false, reasons(no)},
		{"a stranger signs in", "grant: ops", Facts{Request: get()}, false, reasons(nobody)},
	})
	t.Run("one of several is one look-up", func(t *testing.T) {
		t.Parallel()
		p := program(t, "allow: {or: [{grant: sales}, {grant: ops}]}")
		if d := p.Decide(t.Context(), one); d.Outcome != Allow || !d.Until.Equal(time.UnixMilli(later.UnixMilli())) {
			t.Errorf("Decide = %+v", d)
		}
	})
	t.Run("whose every grant has expired has nothing to wait for", func(t *testing.T) {
		t.Parallel()
		if d := program(t, "allow: {or: [{grant: dba}]}").Decide(t.Context(), with(Grant{"dba", past})); !d.Until.IsZero() {
			t.Errorf("Decide = %+v", d)
		}
	})
	const where = "policy.allow.or[0].grant"
	runBad(t, []badCase{
		{"only an exclusion", "allow: {or: [{grant: {exclude: ops}}]}", "1:22: " + where + ": want has or is as well: a grant lets somebody in, and to lack one should not"},
		{"null", "allow: {or: [{grant: }]}", "1:22: " + where + ": want a string that is not empty, or an object of has, is, exclude"},
		{"nothing", "allow: {or: [{grant: {}}]}", "1:22: " + where + ": want a string that is not empty, or an object of has, is, exclude"},
		{"a list", "allow: {or: [{grant: [ops]}]}", "1:22: " + where + ": a list stands where one value does, want " + severalOf["has"]},
		{"an unknown operator", "allow: {or: [{grant: {in: ops}}]}", "1:23: " + where + `: unknown operator "in" (did you mean "has"?), want one of has, is, exclude`},
	})
}
