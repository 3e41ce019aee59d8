package policy

import (
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// criterionDate is true from one moment on and before another (ISO 8601). It
// asks nobody who they are.
var criterionDate = &kind{
	name:    "date",
	summary: "True from one moment on and before another.",
	form:    datesForm,
	reads:   Reads{Clock: true},
	parse:   parseDates,
	until: func(c criterion, f *Facts) time.Time {
		d := c.operand.(dates)
		return earliest(after(f.Now, d.after), after(f.Now, d.before))
	},
	clauses: func(c criterion, l *literals, _ bool) []clause {
		d := c.operand.(dates)
		var conditions []string
		if !d.after.IsZero() {
			conditions = append(conditions, "input.now.unix_ms >= "+l.number(d.after.UnixMilli()))
		}
		if !d.before.IsZero() {
			conditions = append(conditions, "input.now.unix_ms < "+l.number(d.before.UnixMilli()))
		}
		return []clause{{true, "date-ok", conditions}, {false, "date-unauthorized", nil}}
	},
}

// after returns at if it is still to come at now, and otherwise zero.
func after(now, at time.Time) time.Time {
	if at.After(now) {
		return at
	}
	return time.Time{}
}

// dates are from after on and before before, of which one may be zero, which
// is no bound. Both are whole milliseconds of UTC.
type dates struct{ after, before time.Time }

// boundNames in the order in which messages name them.
var boundNames = []string{"after", "before"}

func parseDates(p *parser, path string, n *yaml.Node) operand {
	if !p.mapping(path, n, "an object of after, before") {
		return nil
	}
	errs := len(p.errs)
	var d dates
	for _, e := range p.entries(path, n) {
		name := strings.ToLower(e.name)
		switch name {
		case "after":
			d.after = p.date(path+"."+name, e.value)
		case "before":
			d.before = p.date(path+"."+name, e.value)
		default:
			p.unknown(path, e.key, "key", e.name, boundNames)
		}
	}
	if len(p.errs) > errs {
		return nil
	}
	if !d.after.IsZero() && !d.before.IsZero() && !d.after.Before(d.before) {
		p.report(path, n, "no moment is from after on and before before", "after earlier than before")
	}
	return d
}

const wantDate = "a date such as 2030-01-31, or with a time such as 2030-01-31T09:00:00Z"

// dateLayouts are the forms of a date. Without a zone it is in UTC.
var dateLayouts = []string{
	time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", time.RFC3339,
}

func (p *parser) date(path string, n *yaml.Node) time.Time {
	// To YAML it is text in quotes, and some forms are a time of its own.
	if isString(n) || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!timestamp" {
		if t, ok := parseDate(n.Value); ok {
			return t
		}
	}
	p.want(path, n, wantDate)
	return time.Time{}
}

// parseDate reads a date to the millisecond. Go takes an hour of one digit and
// a comma before a fraction, which we do not.
func parseDate(s string) (time.Time, bool) {
	if len(s) > len(time.DateOnly) && (len(s) < len("2006-01-02T15:04") || s[13] != ':' || strings.Contains(s, ",")) {
		return time.Time{}, false
	}
	for _, layout := range dateLayouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		t = t.UTC()
		whole := t.Nanosecond()%int(time.Millisecond) == 0
		return t, whole && t.Year() > 0 && t.Year() < 10_000 && !t.IsZero()
	}
	return time.Time{}, false
}

func (d dates) node() *yaml.Node {
	n := mappingNode()
	for i, t := range []time.Time{d.after, d.before} {
		if !t.IsZero() {
			n.Content = append(n.Content, nameNode(boundNames[i]), stringNode(t.Format(time.RFC3339Nano)))
		}
	}
	return n
}
