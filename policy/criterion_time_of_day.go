package policy

import (
	"fmt"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// criterionTimeOfDay is true while the clock on the wall of a time zone shows a
// time from one on and before another. Where the first is the later one, that
// is over midnight. What the wall shows counts, so that a day on which the
// clocks are changed has a shorter or a longer working day and no other one.
var criterionTimeOfDay = &kind{
	name:    "time_of_day",
	summary: "True while the clock of a time zone shows a time from one on and before another, over midnight where the first is the later.",
	form:    hoursForm,
	reads:   Reads{Clock: true},
	readsOf: func(c criterion) Reads {
		return Reads{Zones: []string{c.operand.(hours).zone}}
	},
	parse: parseHours,
	until: func(c criterion, f *Facts) time.Time {
		h := c.operand.(hours)
		zone, err := loadZone(h.zone)
		if err != nil {
			return f.Now // cannot be; nothing is remembered then
		}
		// A bound that is missing is midnight.
		return nextAt(f.Now.In(zone), max(h.after, 0), max(h.before, 0))
	},
	clauses: func(c criterion, l *literals, _ bool) []clause {
		h := c.operand.(hours)
		shown := "input.now.zones[" + l.text(h.zone) + "].ms"
		from := shown + " >= " + l.number(h.after.Milliseconds())
		var out []clause
		switch {
		case h.before == noHour:
			out = []clause{{true, "time-of-day-ok", []string{from}}}
		case h.after == noHour:
			out = []clause{{true, "time-of-day-ok", []string{shown + " < " + l.number(h.before.Milliseconds())}}}
		case h.after < h.before:
			out = []clause{{true, "time-of-day-ok", []string{from, shown + " < " + l.number(h.before.Milliseconds())}}}
		default:
			out = []clause{
				{true, "time-of-day-ok", []string{from}},
				{true, "time-of-day-ok", []string{shown + " < " + l.number(h.before.Milliseconds())}},
			}
		}
		return append(out, clause{false, "time-of-day-unauthorized", nil})
	},
}

// hours are times of the day in a time zone, each the time since midnight in
// whole milliseconds, or noHour.
type hours struct {
	zone          string
	after, before time.Duration
}

// noHour is a bound that was not given.
const noHour time.Duration = -1

func parseHours(p *parser, path string, n *yaml.Node) operand {
	const want = "an object of timezone and of after, before or both"
	if !p.mapping(path, n, want) {
		return nil
	}
	errs := len(p.errs)
	h := hours{"", noHour, noHour}
	for _, e := range p.entries(path, n) {
		name := strings.ToLower(e.name)
		switch name {
		case "timezone":
			h.zone = p.zone(path+"."+name, e.value)
		case "after":
			h.after = p.hour(path+"."+name, e.value)
		case "before":
			h.before = p.hour(path+"."+name, e.value)
		default:
			p.unknown(path, e.key, "key", e.name, []string{"timezone", "after", "before"})
		}
	}
	switch {
	case len(p.errs) > errs:
	case h.zone == "" || h.after == noHour && h.before == noHour:
		p.want(path, n, want)
	case h.after == h.before:
		p.report(path, n, "after and before are the same time", "two different times")
	case h.after == noHour && h.before == 0:
		p.report(path+".before", n, "no time of a day is before midnight", "a later time")
	}
	return h
}

const wantHour = "a time of the day such as 15:04, 15:04:05 or 3:04 PM"

// hourLayouts are the forms of a time of the day, in capitals.
var hourLayouts = []string{"15:04", "15:04:05", "3:04 PM", "3:04PM", "3 PM", "3PM"}

// hour reads a time of the day. It is text to YAML also where it looks like a
// number of seconds in base 60.
func (p *parser) hour(path string, n *yaml.Node) time.Duration {
	if n.Kind == yaml.ScalarNode {
		if at, ok := parseHour(n.Value); ok {
			return at
		}
	}
	p.want(path, n, wantHour)
	return noHour
}

func parseHour(s string) (time.Duration, bool) {
	// Go takes "15:04:05,5" and a fraction where none may be.
	if strings.Contains(s, ",") || strings.Contains(s, ".") && strings.Count(s, ":") != 2 {
		return 0, false
	}
	for _, layout := range hourLayouts {
		t, err := time.Parse(layout, strings.ToUpper(strings.TrimSpace(s)))
		if err != nil {
			continue
		}
		at := sinceMidnight(t)
		return at, at%time.Millisecond == 0
	}
	return 0, false
}

// hourText is a time of the day in its shortest form of 24 hours.
func hourText(at time.Duration) string {
	text := fmt.Sprintf("%02d:%02d", at/time.Hour, at/time.Minute%60)
	seconds, ms := at/time.Second%60, at/time.Millisecond%1000
	if seconds > 0 || ms > 0 {
		text += fmt.Sprintf(":%02d", seconds)
	}
	if ms > 0 {
		text += fmt.Sprintf(".%03d", ms)
	}
	return text
}

func (h hours) node() *yaml.Node {
	n := mappingNode(nameNode("timezone"), stringNode(h.zone))
	for i, at := range []time.Duration{h.after, h.before} {
		if at != noHour {
			n.Content = append(n.Content, nameNode(boundNames[i]), stringNode(hourText(at)))
		}
	}
	return n
}
