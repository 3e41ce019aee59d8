package policy

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// changes are moments at which the clocks of a zone are changed: by an hour,
// by half an hour, by a day.
var changes = []struct{ zone, at string }{
	{"Europe/Berlin", "2030-03-31T01:00:00Z"},
	{"Europe/Berlin", "2030-10-27T01:00:00Z"},
	{"America/New_York", "2030-03-10T07:00:00Z"},
	{"America/New_York", "2030-11-03T06:00:00Z"},
	{"Australia/Lord_Howe", "2030-04-06T15:00:00Z"},
	{"Australia/Lord_Howe", "2030-10-05T15:30:00Z"},
	{"Pacific/Apia", "2011-12-30T10:00:00Z"},
	{"Pacific/Apia", "2010-09-26T11:00:00Z"},
	{"Africa/Monrovia", "1972-01-07T00:44:30Z"}, // by 44 minutes and a half
	{"UTC", "2030-06-01T00:00:00Z"},
}

func TestTheClocksAreChangedThen(t *testing.T) {
	t.Parallel()
	for _, c := range changes[:len(changes)-1] {
		zone, err := loadZone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		moment := at(t, c.at).Now
		_, before := moment.Add(-time.Second).In(zone).Zone()
		if _, after := moment.In(zone).Zone(); before == after {
			t.Errorf("%s keeps its offset at %s", c.zone, c.at)
		}
	}
}

// randomTimes returns a policy of one criterion of the time in zone, and its
// truth as the calendar tells it.
func randomTimes(r *rand.Rand, name string, zone *time.Location, change time.Time) (ppl string, truth func(time.Time) bool) {
	// Near the hours at which clocks are changed, on whole and odd times.
	some := func() time.Duration {
		return time.Duration(r.IntN(48))*30*time.Minute + time.Duration(r.IntN(3)*r.IntN(1000))*time.Millisecond
	}
	shown := func(t time.Time) time.Duration { return sinceMidnight(t.In(zone)).Truncate(time.Millisecond) }
	switch r.IntN(5) {
	case 0:
		day, last := r.IntN(7), r.IntN(7)
		if day == last {
			last = (last + 1) % 7
		}
		return fmt.Sprintf("day_of_week: {days: %s-%s, timezone: %s}", dayNames[day], dayNames[last], name), func(t time.Time) bool {
			for d := day; ; d = (d + 1) % 7 {
				if int(t.In(zone).Weekday()+6)%7 == d {
					return true
				}
				if d == last {
					return false
				}
			}
		}
	case 1:
		from := change.Add(some() - 12*time.Hour)
		to := from.Add(some() + time.Millisecond)
		return fmt.Sprintf("date: {after: %q, before: %q}", from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano)),
			func(t time.Time) bool { return !t.Before(from) && t.Before(to) }
	case 2:
		from := some()
		return fmt.Sprintf("time_of_day: {timezone: %s, after: %q}", name, hourText(from)), func(t time.Time) bool { return shown(t) >= from }
	case 3:
		to := some() + time.Millisecond
		return fmt.Sprintf("time_of_day: {timezone: %s, before: %q}", name, hourText(to)), func(t time.Time) bool { return shown(t) < to }
	}
	from, to := some(), some()
	if from == to {
		to = (to + time.Hour) % day
	}
	return fmt.Sprintf("time_of_day: {timezone: %s, after: %q, before: %q}", name, hourText(from), hourText(to)), func(t time.Time) bool {
		if from < to {
			return shown(t) >= from && shown(t) < to
		}
		return shown(t) >= from || shown(t) < to
	}
}

// A criterion of the time is what the calendar says, and does not change before
// it says that it may.
func TestNothingChangesBeforeItMay(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	for range rounds {
		c := changes[r.IntN(len(changes))]
		zone, err := loadZone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		change := at(t, c.at).Now
		ppl, truth := randomTimes(r, c.zone, zone, change)
		p := program(t, "allow: {or: [{"+ppl+"}]}")
		decide := func(now time.Time) Decision {
			d := p.Evaluate(t.Context(), Facts{Request: get(), Now: now})
			if d.Err != nil || d.Allow != truth(now) {
				t.Fatalf("seed %d: %s at %v is %+v, want %v", seed, ppl, now.In(zone), d, truth(now))
			}
			return d
		}
		for range 6 {
			now := change.Add(time.Duration(r.Int64N(int64(2*day))) - day)
			d := decide(now)
			end := d.Until
			if end.IsZero() {
				end = now.Add(3 * day)
			} else if !end.After(now) {
				t.Fatalf("seed %d: %s at %v holds until %v", seed, ppl, now, end)
			}
			moments := []time.Time{end.Add(-1), end.Add(-time.Millisecond), change.Add(-1), change, change.Add(1)}
			for range 12 {
				moments = append(moments, now.Add(time.Duration(r.Int64N(int64(end.Sub(now))))))
			}
			for _, m := range moments {
				if m.Before(now) || !m.Before(end) {
					continue
				}
				if again := decide(m); again.Allow != d.Allow {
					t.Fatalf("seed %d: %s is %v at %v and %v at %v, before %v", seed, ppl, d.Allow, now.In(zone), again.Allow, m.In(zone), end.In(zone))
				}
			}
			decide(end)
		}
	}
}

func TestZonesThatAreNone(t *testing.T) {
	t.Parallel()
	for name, near := range map[string]string{
		"": "", "Local": "", "localtime": "", "posixrules": "", "right/UTC": "", "posix/UTC": "", "../UTC": "", "/etc/localtime": "",
		"berlin": "Europe/Berlin", "europe/berlin": "Europe/Berlin", "EUROPE/BERLIN": "Europe/Berlin", "New York": "America/New_York", "utc": "UTC",
		"Tokyo": "Asia/Tokyo", "Atlantis": "", "america/port-au-prince": "",
	} {
		if _, err := loadZone(name); err == nil {
			t.Errorf("%q is a zone", name)
		}
		if got := nearZone(name); got != near {
			t.Errorf("%q is near %q, want %q", name, got, near)
		}
	}
}

func TestTheClockOfADecisionIsTheOneOnTheWall(t *testing.T) {
	t.Parallel()
	// Facts without a time are decided at the time it is, and that decision is
	// remembered by the wall's time alone: a clock that is set moves it.
	p := program(t, "allow: {or: [{date: {after: 2000-01-01}}]}")
	d := p.Decide(t.Context(), Facts{Request: get()})
	if d.Outcome != Allow || d.Since.IsZero() || d.Since != d.Since.Round(0) {
		t.Errorf("Decide = %+v", d)
	}
}
