package policy

import (
	"testing"
	"time"
)

// at are the facts of a plain request of a stranger at a moment.
func at(t *testing.T, moment string) Facts {
	t.Helper()
	now, err := time.Parse(time.RFC3339Nano, moment)
	if err != nil {
		t.Fatal(err)
	}
	return Facts{Request: get(), Now: now}
}

func TestDate(t *testing.T) {
	t.Parallel()
	const ok, no = "date-ok", "date-unauthorized"
	const both = "date: {after: 2030-01-31T09:00:00+01:00, before: '2030-02-01'}"
	person := signedIn(ada())
	person.Now = at(t, "2030-01-31T12:00:00Z").Now
	runCriterion(t, []criterionCase{
		{"between the two", both, at(t, "2030-01-31T12:00:00Z"), true, reasons(ok)},
		{"for a person too", both, person, true, reasons(ok)},
		{"at the first moment", both, at(t, "2030-01-31T08:00:00Z"), true, reasons(ok)},
		{"just before it", both, at(t, "2030-01-31T07:59:59.999999999Z"), false, reasons(no)},
		{"at the last moment", both, at(t, "2030-01-31T23:59:59.999999999Z"), true, reasons(ok)},
		{"just after it", both, at(t, "2030-02-01T00:00:00Z"), false, reasons(no)},
		{"the zone of the clock does not matter", both, at(t, "2030-02-01T08:59:59+09:00"), true, reasons(ok)},
		{"only after, long after", "date: {after: 2030-01-31}", at(t, "9999-01-01T00:00:00Z"), true, reasons(ok)},
		{"only after, before", "date: {after: 2030-01-31}", at(t, "2030-01-30T23:59:59.999Z"), false, reasons(no)},
		{"only before, long before", "date: {before: 2030-01-31}", at(t, "1000-01-01T00:00:00Z"), true, reasons(ok)},
		{"only before, at it", "date: {before: 2030-01-31}", at(t, "2030-01-31T00:00:00Z"), false, reasons(no)},
		{"a time without a zone is in UTC", "date: {after: '2030-01-31T10:00:00'}", at(t, "2030-01-31T10:00:00Z"), true, reasons(ok)},
		{"so is one without seconds", "date: {after: 2030-01-31T10:00}", at(t, "2030-01-31T09:59:59Z"), false, reasons(no)},
		{"one without seconds and with a zone", "date: {after: 2030-01-31T10:00-02:00}", at(t, "2030-01-31T12:00:00Z"), true, reasons(ok)},
		{"a fraction", "date: {before: 2030-01-31T10:00:00.250Z}", at(t, "2030-01-31T10:00:00.249Z"), true, reasons(ok)},
		{"and at it", "date: {before: 2030-01-31T10:00:00.250Z}", at(t, "2030-01-31T10:00:00.25Z"), false, reasons(no)},
		{"before 1970", "date: {after: 1960-01-01}", at(t, "1959-12-31T23:59:59.999Z"), false, reasons(no)},
		{"keys in capitals", "date: {AFTER: 2030-01-31}", at(t, "2031-01-01T00:00:00Z"), true, reasons(ok)},
	})
	const where, want = "policy.allow.or[0].date", "want a date such as 2030-01-31, or with a time such as 2030-01-31T09:00:00Z"
	runBad(t, []badCase{
		{"nothing", "allow: {or: [{date: {}}]}", "1:21: " + where + ": want an object of after, before"},
		{"null", "allow: {or: [{date: null}]}", "1:21: " + where + ": want an object of after, before"},
		{"a bare date", "allow: {or: [{date: 2030-01-31}]}", "1:21: " + where + ": want an object of after, before"},
		{"an unknown key", "allow: {or: [{date: {until: 2030-01-31}}]}", "1:22: " + where + `: unknown key "until", want one of after, before`},
		{"an empty date", "allow: {or: [{date: {after: ''}}]}", "1:29: " + where + ".after: " + want},
		{"null for a date", "allow: {or: [{date: {after: }}]}", "1:29: " + where + ".after: " + want},
		{"a number", "allow: {or: [{date: {after: 2030}}]}", "1:29: " + where + ".after: " + want},
		{"a list", "allow: {or: [{date: {after: [2030-01-31]}}]}", "1:29: " + where + ".after: " + want},
		{"no such day", "allow: {or: [{date: {before: 2030-02-30}}]}", "1:30: " + where + ".before: " + want},
		{"a space for the T", "allow: {or: [{date: {before: 2030-01-31 10:00:00}}]}", "1:30: " + where + ".before: " + want},
		{"an hour of one digit", "allow: {or: [{date: {before: '2030-01-31T9:00:00Z'}}]}", "1:30: " + where + ".before: " + want},
		{"a comma", "allow: {or: [{date: {before: '2030-01-31T09:00:00,5Z'}}]}", "1:30: " + where + ".before: " + want},
		{"less than a millisecond", "allow: {or: [{date: {before: 2030-01-31T09:00:00.0005Z}}]}", "1:30: " + where + ".before: " + want},
		{"a name for a zone", "allow: {or: [{date: {before: 2030-01-31T09:00:00CET}}]}", "1:30: " + where + ".before: " + want},
		{"a year that leaves the calendar", "allow: {or: [{date: {before: '9999-12-31T23:00:00-02:00'}}]}", "1:30: " + where + ".before: " + want},
		{"the wrong way round", "allow: {or: [{date: {after: 2030-02-01, before: 2030-01-31}}]}",
			"1:21: " + where + ": no moment is from after on and before before, want after earlier than before"},
		{"the same twice", "allow: {or: [{date: {after: 2030-02-01, before: 2030-02-01}}]}",
			"1:21: " + where + ": no moment is from after on and before before, want after earlier than before"},
	})
}

func TestDateHoldsUntilItsNextBound(t *testing.T) {
	t.Parallel()
	p := program(t, "allow: {or: [{date: {after: 2030-01-31, before: 2030-02-01}}]}")
	for _, tc := range []struct{ now, until string }{
		{"2030-01-01T00:00:00Z", "2030-01-31T00:00:00Z"},
		{"2030-01-31T00:00:00Z", "2030-02-01T00:00:00Z"},
		{"2030-02-01T00:00:00Z", ""},
	} {
		d := p.Decide(t.Context(), at(t, tc.now))
		got := ""
		if !d.Until.IsZero() {
			got = d.Until.Format(time.RFC3339Nano)
		}
		if got != tc.until || !d.Reusable {
			t.Errorf("at %s: until %q, reusable %v, want %q", tc.now, got, d.Reusable, tc.until)
		}
	}
}
