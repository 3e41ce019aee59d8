package policy

import (
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// criterionSignedInWithin is true of who has signed in less than some time ago.
// When that was may not be known, and a time further ahead than clocks differ
// says as little.
var criterionSignedInWithin = &kind{
	name:    "signed_in_within",
	summary: "True of who has signed in less than so long ago.",
	form:    ageForm,
	session: true,
	reads:   Reads{Session: true, Clock: true},
	parse:   parseAge,
	until: func(c criterion, f *Facts) time.Time {
		if f.Person == nil || f.Person.signedIn.IsZero() {
			return time.Time{}
		}
		at := time.UnixMilli(f.Person.signedIn.UnixMilli())
		return earliest(
			after(f.Now, at.Add(-maxClockSkew)),
			after(f.Now, at.Add(time.Duration(c.operand.(age)))))
	},
	clauses: func(c criterion, l *literals, doubt bool) []clause {
		const ok, no = "signed-in-within-ok", "signed-in-within-unauthorized"
		const at, now = "input.person.signed_in_ms", "input.now.unix_ms"
		known := at + " <= " + now + " + " + l.number(maxClockSkew.Milliseconds())
		young := now + " < " + at + " + " + l.number(time.Duration(c.operand.(age)).Milliseconds())
		out := []clause{{true, ok, []string{known, young}}}
		if doubt {
			out = append(out, clause{false, no, []string{known}}, clause{true, no, nil})
		} else {
			out = append(out, clause{false, no, nil})
		}
		return out
	},
	fold: func(a, b operand) (operand, bool) { return max(a.(age), b.(age)), true },
}

// maxClockSkew is how far the clocks of two hosts may differ.
const maxClockSkew = 2 * time.Minute

// An age is a time in whole milliseconds, more than none.
type age time.Duration

// maxAgeDays bounds an age; a session does not live as long.
const maxAgeDays = 10_000

func parseAge(p *parser, path string, n *yaml.Node) operand {
	if isString(n) {
		if a, ok := ageOf(n.Value); ok {
			return a
		}
	}
	p.want(path, n, wantAge)
	return nil
}

const wantAge = "a duration of a second or more, such as 30m, 8h or 30d"

// ageOf reads a duration of Go, before which days may stand.
func ageOf(s string) (age, bool) {
	var total time.Duration
	if days, rest, found := strings.Cut(s, "d"); found {
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || n > maxAgeDays {
			return 0, false
		}
		total, s = time.Duration(n)*day, rest
	}
	if s != "" {
		part, err := time.ParseDuration(s)
		if err != nil || part < 0 || part > maxAgeDays*day {
			return 0, false
		}
		total += part
	}
	// A shorter one would be over before a browser is back from signing in, and
	// send it round and round.
	return age(total), total >= time.Second && total%time.Millisecond == 0
}

// String is the age in days, hours, minutes and seconds, without those that
// are none.
func (a age) String() string {
	var text string
	days, rest := time.Duration(a)/day, time.Duration(a)%day
	if days > 0 {
		text = strconv.FormatInt(int64(days), 10) + "d"
	}
	if rest == 0 {
		return text
	}
	clock := rest.String()
	if strings.HasSuffix(clock, "m0s") {
		clock = strings.TrimSuffix(clock, "0s")
	}
	if strings.HasSuffix(clock, "h0m") {
		clock = strings.TrimSuffix(clock, "0m")
	}
	return text + clock
}

func (a age) node() *yaml.Node { return stringNode(a.String()) }
