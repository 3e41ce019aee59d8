package policy

import (
	"strings"
	"time"
	_ "time/tzdata" // policies name time zones, and minimal hosts have no list of them

	"github.com/open-policy-agent/opa/v1/ast"
)

// day is one on which the clocks are not changed.
const day = 24 * time.Hour

var keyNow = ast.StringTerm("now")

// now is the moment of the decision.
func (f *Facts) now() time.Time {
	if f.Now.IsZero() {
		return time.Now()
	}
	return f.Now
}

// clockTerm is the time as Rego reads it: unix_ms, and in each zone the day of
// the week (mon, tue ...) and the milliseconds that the clock on the wall there
// shows since midnight.
func clockTerm(now time.Time, names []string) *ast.Term {
	zones := make([][2]*ast.Term, 0, len(names))
	for _, name := range names {
		zone, err := loadZone(name)
		if err != nil {
			continue // refused when the policy was read; undefined is false
		}
		local := now.In(zone)
		zones = append(zones, ast.Item(ast.StringTerm(name), ast.ObjectTerm(
			ast.Item(ast.StringTerm("weekday"), ast.StringTerm(weekday(local))),
			ast.Item(ast.StringTerm("ms"), ast.IntNumberTerm(int(sinceMidnight(local).Milliseconds()))),
		)))
	}
	return ast.ObjectTerm(
		ast.Item(ast.StringTerm("unix_ms"), ast.NumberTerm(jsonNumber(now.UnixMilli()))),
		ast.Item(ast.StringTerm("zones"), ast.ObjectTerm(zones...)),
	)
}

// weekday is the three-letter name of t's day.
func weekday(t time.Time) string { return strings.ToLower(t.Weekday().String()[:3]) }

// sinceMidnight is what the clock on the wall shows at t, which on the days of
// a change of the clocks is not the time that has passed since midnight.
func sinceMidnight(t time.Time) time.Duration {
	h, m, s := t.Clock()
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(t.Nanosecond())
}

// nextAt returns the first moment after t at which the clock on the wall of
// t's zone shows one of marks, or at which the clocks are changed, if that
// comes first. At neither does anything else have to be true: it is when to
// look again.
func nextAt(t time.Time, marks ...time.Duration) time.Time {
	next := t.Add(day)
	shown := sinceMidnight(t)
	for _, mark := range marks {
		wait := mark - shown
		if wait <= 0 {
			wait += day
		}
		if at := t.Add(wait); at.Before(next) {
			next = at
		}
	}
	if _, end := t.ZoneBounds(); !end.IsZero() && end.Before(next) {
		next = end
	}
	return next
}

// earliest returns the earlier of two moments, of which the zero one is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
