package policy

import (
	"slices"
	"testing"
)

func TestDayOfWeek(t *testing.T) {
	t.Parallel()
	const ok, no = "day-of-week-ok", "day-of-week-unauthorized"
	// 2030-01-28 is a Monday.
	monday, tuesday, friday, sunday := at(t, "2030-01-28T12:00:00Z"), at(t, "2030-01-29T12:00:00Z"), at(t, "2030-02-01T12:00:00Z"), at(t, "2030-02-03T12:00:00Z")
	person := signedIn(ada())
	person.Now = monday.Now
	runCriterion(t, []criterionCase{
		{"the day", "day_of_week: mon", monday, true, reasons(ok)},
		{"for a person too", "day_of_week: mon", person, true, reasons(ok)},
		{"another day", "day_of_week: mon", tuesday, false, reasons(no)},
		{"its long name, in capitals", "day_of_week: MONDAY", monday, true, reasons(ok)},
		{"one of several", "day_of_week: 'mon, wed'", monday, true, reasons(ok)},
		{"none of several", "day_of_week: 'mon,wed'", tuesday, false, reasons(no)},
		{"the first of a range", "day_of_week: tue-fri", tuesday, true, reasons(ok)},
		{"the last of a range", "day_of_week: tue - Friday", friday, true, reasons(ok)},
		{"before a range", "day_of_week: tue-fri", monday, false, reasons(no)},
		{"in a range over the weekend", "day_of_week: fri-mon", sunday, true, reasons(ok)},
		{"at its end", "day_of_week: fri-mon", monday, true, reasons(ok)},
		{"after its end", "day_of_week: fri-mon", tuesday, false, reasons(no)},
		{"a list", "day_of_week: [sun, tue-thu]", tuesday, true, reasons(ok)},
		{"every day", "day_of_week: '*'", sunday, true, reasons(ok)},
		{"the first moment of a day", "day_of_week: mon", at(t, "2030-01-28T00:00:00Z"), true, reasons(ok)},
		{"the moment before", "day_of_week: mon", at(t, "2030-01-27T23:59:59.999999999Z"), false, reasons(no)},
		{"the last moment", "day_of_week: mon", at(t, "2030-01-28T23:59:59.999999999Z"), true, reasons(ok)},
		{"the moment after", "day_of_week: mon", at(t, "2030-01-29T00:00:00Z"), false, reasons(no)},
		{"the day of another zone begins earlier", "day_of_week: {days: mon, timezone: Europe/Berlin}", at(t, "2030-01-27T23:00:00Z"), true, reasons(ok)},
		{"but not before it does", "day_of_week: {days: mon, timezone: Europe/Berlin}", at(t, "2030-01-27T22:59:59.999Z"), false, reasons(no)},
		{"or later", "day_of_week: {days: [mon], timezone: America/New_York}", at(t, "2030-01-29T04:59:59Z"), true, reasons(ok)},
		{"an object without a zone is UTC", "day_of_week: {days: mon}", monday, true, reasons(ok)},
	})
	t.Run("an island that skipped a day", func(t *testing.T) {
		t.Parallel()
		// In Apia, Thursday the 29th of December 2011 was followed by Saturday.
		p := program(t, "allow: {or: [{day_of_week: {days: fri, timezone: Pacific/Apia}}]}")
		if d := p.Decide(t.Context(), at(t, "2011-12-30T09:59:59Z")); d.Allow || d.Until.UTC() != at(t, "2011-12-30T10:00:00Z").Now {
			t.Errorf("on Thursday: %+v", d)
		}
		if d := p.Decide(t.Context(), at(t, "2011-12-30T10:00:00Z")); d.Allow {
			t.Errorf("on Saturday: %+v", d)
		}
	})
	t.Run("several of one zone are one look-up", func(t *testing.T) {
		t.Parallel()
		pl, err := newPlan(Source{Documents: []*Document{document(t, "allow: {or: [{day_of_week: mon}, {day_of_week: wed}, {day_of_week: {days: sun, timezone: Asia/Tokyo}}]}")}})
		if err != nil || len(pl.allow) != 2 || !slices.Equal(pl.reads.Zones, []string{"Asia/Tokyo", "UTC"}) {
			t.Errorf("%d terms, zones %v: %v", len(pl.allow), pl.reads.Zones, err)
		}
	})
	const where, want = "policy.allow.or[0].day_of_week", `days such as mon,wed or tue-fri, or "*"`
	runBad(t, []badCase{
		{"no such day", "allow: {or: [{day_of_week: 'mon,tues'}]}", "1:28: " + where + `: unknown day "tues", want ` + want},
		{"an empty day", "allow: {or: [{day_of_week: 'mon,'}]}", "1:28: " + where + `: unknown day "", want ` + want},
		{"an open range", "allow: {or: [{day_of_week: mon-}]}", "1:28: " + where + `: unknown day "mon-", want ` + want},
		{"a range of three", "allow: {or: [{day_of_week: mon-tue-wed}]}", "1:28: " + where + `: unknown day "mon-tue-wed", want ` + want},
		{"a range of one", "allow: {or: [{day_of_week: mon-monday}]}", "1:28: " + where + `: "mon-monday" is one day or the whole week, want two different days`},
		{"nothing", "allow: {or: [{day_of_week: ''}]}", "1:28: " + where + ": want " + want + ", or a list of them"},
		{"null", "allow: {or: [{day_of_week: }]}", "1:28: " + where + ": want " + want + ", or a list of them"},
		{"a number", "allow: {or: [{day_of_week: 1}]}", "1:28: " + where + ": want " + want + ", or a list of them"},
		{"an empty list", "allow: {or: [{day_of_week: []}]}", "1:28: " + where + ": want " + want + ", or a list of them"},
		{"a number in a list", "allow: {or: [{day_of_week: [mon, 2]}]}", "1:34: " + where + "[1]: want " + want},
		{"no days", "allow: {or: [{day_of_week: {timezone: UTC}}]}", "1:28: " + where + ": want days, and if it is not UTC a timezone"},
		{"an unknown key", "allow: {or: [{day_of_week: {days: mon, zone: UTC}}]}", "1:40: " + where + `: unknown key "zone", want one of days, timezone`},
		{"an unknown zone", "allow: {or: [{day_of_week: {days: mon, timezone: berlin}}]}",
			"1:50: " + where + `.timezone: unknown time zone "berlin" (did you mean "Europe/Berlin"?), want the name of a time zone, such as Europe/Berlin or UTC`},
	})
}
