package policy

import (
	"testing"
	"time"
)

func TestTimeOfDay(t *testing.T) {
	t.Parallel()
	const ok, no = "time-of-day-ok", "time-of-day-unauthorized"
	const office = "time_of_day: {timezone: UTC, after: 9:00 AM, before: 5 PM}"
	const night = "time_of_day: {timezone: UTC, after: 22:00, before: 06:00}"
	person := signedIn(ada())
	person.Now = at(t, "2030-01-31T12:00:00Z").Now
	runCriterion(t, []criterionCase{
		{"between the two", office, at(t, "2030-01-31T12:00:00Z"), true, reasons(ok)},
		{"for a person too", office, person, true, reasons(ok)},
		{"at the first moment", office, at(t, "2030-01-31T09:00:00Z"), true, reasons(ok)},
		{"just before it", office, at(t, "2030-01-31T08:59:59.999999999Z"), false, reasons(no)},
		{"at the last moment", office, at(t, "2030-01-31T16:59:59.999999999Z"), true, reasons(ok)},
		{"just after it", office, at(t, "2030-01-31T17:00:00Z"), false, reasons(no)},
		{"over midnight, before it", night, at(t, "2030-01-31T23:59:59.999Z"), true, reasons(ok)},
		{"over midnight, at it", night, at(t, "2030-01-31T00:00:00Z"), true, reasons(ok)},
		{"over midnight, at the first moment", night, at(t, "2030-01-31T22:00:00Z"), true, reasons(ok)},
		{"over midnight, before the first moment", night, at(t, "2030-01-31T21:59:59.999Z"), false, reasons(no)},
		{"over midnight, at the last moment", night, at(t, "2030-01-31T05:59:59.999Z"), true, reasons(ok)},
		{"over midnight, after the last moment", night, at(t, "2030-01-31T06:00:00Z"), false, reasons(no)},
		{"until midnight", "time_of_day: {timezone: UTC, after: 22:00, before: 00:00}", at(t, "2030-01-31T00:00:00Z"), false, reasons(no)},
		{"only after", "time_of_day: {timezone: UTC, after: 22:00}", at(t, "2030-01-31T23:59:59.999Z"), true, reasons(ok)},
		{"only after ends with the day", "time_of_day: {timezone: UTC, after: 22:00}", at(t, "2030-02-01T00:00:00Z"), false, reasons(no)},
		{"only before", "time_of_day: {timezone: UTC, before: 06:00}", at(t, "2030-01-31T00:00:00Z"), true, reasons(ok)},
		{"only before, at it", "time_of_day: {timezone: UTC, before: 06:00}", at(t, "2030-01-31T06:00:00Z"), false, reasons(no)},
		{"a time zone", "time_of_day: {timezone: Asia/Kolkata, after: 9:00}", at(t, "2030-01-31T03:30:00Z"), true, reasons(ok)},
		{"a time zone, just before", "time_of_day: {timezone: Asia/Kolkata, after: 9:00}", at(t, "2030-01-31T03:29:59Z"), false, reasons(no)},
		{"seconds and a fraction", "time_of_day: {timezone: UTC, after: '09:00:30.250'}", at(t, "2030-01-31T09:00:30.25Z"), true, reasons(ok)},
		{"and just before", "time_of_day: {timezone: UTC, after: '09:00:30.250'}", at(t, "2030-01-31T09:00:30.249Z"), false, reasons(no)},
	})
	const where, want = "policy.allow.or[0].time_of_day", "want a time of the day such as 15:04, 15:04:05 or 3:04 PM"
	const whole = "1:28: " + where + ": want an object of timezone and of after, before or both"
	const zone = "want the name of a time zone, such as Europe/Berlin or UTC"
	runBad(t, []badCase{
		{"null", "allow: {or: [{time_of_day: }]}", whole},
		{"nothing", "allow: {or: [{time_of_day: {}}]}", whole},
		{"a bare time", "allow: {or: [{time_of_day: 9 AM}]}", whole},
		{"no zone", "allow: {or: [{time_of_day: {after: 9:00}}]}", whole},
		{"no time", "allow: {or: [{time_of_day: {timezone: UTC}}]}", whole},
		{"an empty zone", "allow: {or: [{time_of_day: {timezone: '', after: 9:00}}]}", "1:39: " + where + ".timezone: " + zone},
		{"the zone of this host", "allow: {or: [{time_of_day: {timezone: Local, after: 9:00}}]}", "1:39: " + where + `.timezone: unknown time zone "Local", ` + zone},
		{"a file of this host", "allow: {or: [{time_of_day: {timezone: ../../etc/passwd, after: 9:00}}]}", "1:39: " + where + `.timezone: unknown time zone "../../etc/passwd", ` + zone},
		{"a zone in lower case", "allow: {or: [{time_of_day: {timezone: america/new york, after: 9:00}}]}",
			"1:39: " + where + `.timezone: unknown time zone "america/new york" (did you mean "America/New_York"?), ` + zone},
		{"an unknown key", "allow: {or: [{time_of_day: {timezone: UTC, from: 9:00}}]}", "1:44: " + where + `: unknown key "from", want one of timezone, after, before`},
		{"the same twice", "allow: {or: [{time_of_day: {timezone: UTC, after: 9 AM, before: 09:00:00}}]}", "1:28: " + where + ": after and before are the same time, want two different times"},
		{"before midnight", "allow: {or: [{time_of_day: {timezone: UTC, before: 12 AM}}]}", "1:28: " + where + ".before: no time of a day is before midnight, want a later time"},
		{"an hour too many", "allow: {or: [{time_of_day: {timezone: UTC, before: 24:00}}]}", "1:52: " + where + ".before: " + want},
		{"thirteen in the afternoon", "allow: {or: [{time_of_day: {timezone: UTC, before: 13 PM}}]}", "1:52: " + where + ".before: " + want},
		{"less than a millisecond", "allow: {or: [{time_of_day: {timezone: UTC, before: '15:04:05.0001'}}]}", "1:52: " + where + ".before: " + want},
		{"a fraction of a minute", "allow: {or: [{time_of_day: {timezone: UTC, before: '15:04.5'}}]}", "1:52: " + where + ".before: " + want},
		{"a number", "allow: {or: [{time_of_day: {timezone: UTC, before: 15}}]}", "1:52: " + where + ".before: " + want},
		{"an empty time", "allow: {or: [{time_of_day: {timezone: UTC, before: ''}}]}", "1:52: " + where + ".before: " + want},
		{"null for a time", "allow: {or: [{time_of_day: {timezone: UTC, before: }}]}", "1:52: " + where + ".before: " + want},
		{"a list", "allow: {or: [{time_of_day: {timezone: UTC, before: [9:00]}}]}", "1:52: " + where + ".before: " + want},
	})
}

func TestFormsOfATimeOfDay(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"3:04 PM": "15:04", "3:04PM": "15:04", "3:04pm": "15:04", "3 PM": "15:00", "3pm": "15:00", "12 AM": "00:00", "12:30 am": "00:30", "12 PM": "12:00",
		"15:04": "15:04", "9:00": "09:00", "15:04:05": "15:04:05", "15:04:05.5": "15:04:05.500", "15:04:00.999": "15:04:00.999",
		"23:59:59.999": "23:59:59.999", "00:00": "00:00",
	} {
		got, ok := parseHour(text)
		if !ok || hourText(got) != want {
			t.Errorf("%q is %s, %v, want %s", text, hourText(got), ok, want)
		}
		if again, ok := parseHour(hourText(got)); !ok || again != got {
			t.Errorf("%s is read as %v", hourText(got), again)
		}
	}
}

// The clocks of these places are changed, by an hour, by half an hour and by a
// day, at the moments that are given.
func TestTimeOfDayWhereTheClocksAreChanged(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, zone, after, before, now string
		truth                          bool
		until                          string
	}{
		// Berlin, 2030-03-31: 02:00 +1 is 03:00 +2, at 01:00 UTC.
		{"before the gap", "Europe/Berlin", "02:30", "03:30", "2030-03-31T00:59:59Z", false, "2030-03-31T01:00:00Z"},
		{"after a gap that took the first moment", "Europe/Berlin", "02:30", "03:30", "2030-03-31T01:00:00Z", true, "2030-03-31T01:30:00Z"},
		{"a span that falls into the gap is not there", "Europe/Berlin", "02:10", "02:50", "2030-03-31T01:00:00Z", false, "2030-04-01T00:10:00Z"},
		// Berlin, 2030-10-27: 03:00 +2 is 02:00 +1, at 01:00 UTC.
		{"the first time that it is half past two", "Europe/Berlin", "02:30", "03:30", "2030-10-27T00:30:00Z", true, "2030-10-27T01:00:00Z"},
		{"then it is two again", "Europe/Berlin", "02:30", "03:30", "2030-10-27T01:00:00Z", false, "2030-10-27T01:30:00Z"},
		{"and half past two again", "Europe/Berlin", "02:30", "03:30", "2030-10-27T01:30:00Z", true, "2030-10-27T02:30:00Z"},
		// New York, 2030-03-10: 02:00 -5 is 03:00 -4, at 07:00 UTC.
		{"a night that is an hour shorter", "America/New_York", "22:00", "06:00", "2030-03-10T07:00:00Z", true, "2030-03-10T10:00:00Z"},
		// Lord Howe, 2030-04-07: 02:00 +11 is 01:30 +10:30, at 15:00 UTC the day before.
		{"half an hour back", "Australia/Lord_Howe", "01:45", "02:15", "2030-04-06T15:00:00Z", false, "2030-04-06T15:15:00Z"},
		{"the second quarter to two", "Australia/Lord_Howe", "01:45", "02:15", "2030-04-06T15:15:00Z", true, "2030-04-06T15:45:00Z"},
		// Apia, 2011-12-30: a day that was not.
		{"midnight is that of another day", "Pacific/Apia", "09:00", "17:00", "2011-12-30T09:00:00Z", false, "2011-12-30T10:00:00Z"},
		{"and a working day begins", "Pacific/Apia", "09:00", "17:00", "2011-12-30T19:00:00Z", true, "2011-12-31T03:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := program(t, "allow: {or: [{time_of_day: {timezone: "+tc.zone+", after: '"+tc.after+"', before: '"+tc.before+"'}}]}")
			d := p.Decide(t.Context(), at(t, tc.now))
			if got := d.Until.UTC().Format(time.RFC3339); d.Allow != tc.truth || got != tc.until {
				t.Errorf("%v until %s, want %v until %s", d.Allow, got, tc.truth, tc.until)
			}
		})
	}
}
