package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// criterionDayOfWeek is true on some days of the week, which begin and end at
// midnight of its time zone, UTC where it names none.
var criterionDayOfWeek = &kind{
	name:    "day_of_week",
	summary: "True on some days of the week, in UTC or the time zone that is named.",
	form:    weekdaysForm,
	reads:   Reads{Clock: true},
	readsOf: func(c criterion) Reads {
		return Reads{Zones: []string{c.operand.(weekdays).zone}}
	},
	parse: parseWeekdays,
	until: func(c criterion, f *Facts) time.Time {
		zone, err := loadZone(c.operand.(weekdays).zone)
		if err != nil {
			return f.Now // cannot be; nothing is remembered then
		}
		return nextAt(f.Now.In(zone), 0)
	},
	clauses: func(c criterion, l *literals, _ bool) []clause {
		w := c.operand.(weekdays)
		return []clause{
			{true, "day-of-week-ok", []string{"input.now.zones[" + l.text(w.zone) + "].weekday in " + l.set(w.names())}},
			{false, "day-of-week-unauthorized", nil},
		}
	},
	fold: func(a, b operand) (operand, bool) {
		x, y := a.(weekdays), b.(weekdays)
		for i, on := range y.on {
			x.on[i] = x.on[i] || on
		}
		return x, x.zone == y.zone
	},
}

// weekdays are days of the week in a time zone.
type weekdays struct {
	on   [7]bool // by the place of the day in dayNames
	zone string
}

// dayNames from Monday, as messages name them and the input has them.
var dayNames = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// longDayNames are the other names of the days, in the same order.
var longDayNames = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

func (w weekdays) names() []string {
	var names []string
	for i, on := range w.on {
		if on {
			names = append(names, dayNames[i])
		}
	}
	return names
}

func parseWeekdays(p *parser, path string, n *yaml.Node) operand {
	w := weekdays{zone: "UTC"}
	if n.Kind != yaml.MappingNode {
		p.days(&w, path, n)
		return w
	}
	var days bool
	for _, e := range p.entries(path, n) {
		name := strings.ToLower(e.name)
		switch name {
		case "days":
			days = true
			p.days(&w, path+"."+name, e.value)
		case "timezone":
			w.zone = p.zone(path+"."+name, e.value)
		default:
			p.unknown(path, e.key, "key", e.name, []string{"days", "timezone"})
		}
	}
	if !days {
		p.want(path, n, "days, and if it is not UTC a timezone")
	}
	return w
}

const wantDays = `days such as mon,wed or tue-fri, or "*"`

// days reads a text of days, or a list of such texts.
func (p *parser) days(w *weekdays, path string, n *yaml.Node) {
	switch {
	case isString(n):
		p.dayText(w, path, n)
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		for i, item := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			if item = p.resolve(at, item); item == nil {
				return
			}
			if !isString(item) {
				p.want(at, item, wantDays)
				continue
			}
			p.dayText(w, at, item)
		}
	default:
		p.want(path, n, wantDays+", or a list of them")
	}
}

func (p *parser) dayText(w *weekdays, path string, n *yaml.Node) {
	if strings.TrimSpace(n.Value) == "*" {
		w.on = [7]bool{true, true, true, true, true, true, true}
		return
	}
	for part := range strings.SplitSeq(n.Value, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, last := dayNumber(from), dayNumber(from)
		if isRange {
			last = dayNumber(to)
		}
		switch {
		case first < 0 || last < 0:
			p.report(path, n, fmt.Sprintf("unknown day %q", strings.TrimSpace(part)), wantDays)
			return
		case isRange && first == last:
			p.report(path, n, fmt.Sprintf("%q is one day or the whole week", strings.TrimSpace(part)), "two different days")
			return
		}
		w.on[last] = true
		for day := first; day != last; day = (day + 1) % 7 {
			w.on[day] = true
		}
	}
}

// dayNumber returns the place of a day in dayNames, -1 where it is none.
func dayNumber(name string) int {
	name = strings.ToLower(strings.TrimSpace(name))
	if i := slices.Index(dayNames, name); i >= 0 {
		return i
	}
	return slices.Index(longDayNames, name)
}

func (w weekdays) node() *yaml.Node {
	days := listNode(w.names())
	if w.zone == "UTC" {
		return days
	}
	return mappingNode(nameNode("days"), days, nameNode("timezone"), stringNode(w.zone))
}
