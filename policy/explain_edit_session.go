package policy

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

// editSignInAge signs the person in again, which is the one way to have signed
// in a shorter time ago.
func editSignInAge(_ *searcher, c criterion, want bool, s *Scenario) []edit {
	if !want {
		old := s.Now.Add(-time.Duration(c.operand.(age)))
		return []edit{{key: "sign-in", cost: costSignIn, text: "signed in no less than " + c.operand.(age).String() + " ago", person: true,
			apply: func(s *Scenario) { s.Person.SignedInAt = old }}}
	}
	return []edit{{key: "sign-in", cost: costSignIn, text: "signed in again", person: true,
		apply: func(s *Scenario) { s.Person.SignedInAt = s.Now }}}
}

// grantedFor is how long a grant is for that nobody has yet.
const grantedFor = 30 * 24 * time.Hour

// editGrant grants something and takes it back.
func editGrant(_ *searcher, c criterion, want bool, s *Scenario) []edit {
	m, ok := c.operand.(listMatcher)
	if !ok {
		return nil
	}
	var current []string
	for _, g := range s.Person.Grants {
		if g.ExpiresAt.After(s.Now) {
			current = withValue(current, g.Name)
		}
	}
	var out []edit
	for _, l := range m.lists(want, current, "granted", "not granted") {
		out = append(out, edit{key: "grant " + l.key, cost: costGroup, text: l.text, person: true, apply: func(s *Scenario) {
			has := func(name string) bool { return slices.Contains(l.values, name) }
			s.Person.Grants = slices.DeleteFunc(s.Person.Grants, func(g Grant) bool { return !has(g.Name) })
			for _, name := range l.values {
				s.Person.Grants = append(s.Person.Grants, Grant{Name: name, ExpiresAt: s.Now.Add(grantedFor)})
			}
		}})
	}
	return out
}

// editDevice registers a device, or has one approved or shown again that is
// there.
func editDevice(_ *searcher, c criterion, want bool, s *Scenario) []edit {
	m, ok := c.operand.(deviceMatcher)
	if !ok {
		return nil
	}
	if !want {
		return m.otherDevices(s)
	}
	var out []edit
	for _, d := range s.Person.Devices {
		if m.fits(d) {
			out = m.mend(out, d, s.Now)
		}
	}
	d := Device{ID: "somebody's", Type: m.typ, ShownAt: s.Now, UserVerified: true}
	text := "a registered device"
	if m.approved != nil {
		d.Approved = *m.approved
	}
	if d.Approved {
		text = "a registered and approved device"
	}
	if m.typ == DeviceEnclave {
		text += " of type " + m.typ
	}
	if len(m.ids) > 0 {
		d.ID = m.ids[0]
		text += " with credential " + strconv.Quote(d.ID)
	}
	if m.verified {
		text += ", shown with user verification"
	}
	return append(out, edit{key: "device", cost: costGroup, text: text, person: true,
		apply: func(s *Scenario) { s.Person.Devices = append(s.Person.Devices, d) }})
}

// mend adds to out what makes a device that fits be as it is asked for.
func (m deviceMatcher) mend(out []edit, d Device, now time.Time) []edit {
	e := edit{key: "device " + d.ID, text: "device " + strconv.Quote(d.ID), person: true}
	joint := ""
	if m.approved != nil && d.Approved != *m.approved {
		e.cost, e.text, joint = costGroup, e.text+map[bool]string{true: " approved", false: " not approved"}[*m.approved], " and"
		d.Approved = *m.approved
	}
	if stale, unverified := !m.recent(d, now), m.verified && !d.UserVerified; stale || unverified {
		e.cost = max(e.cost, costSignIn)
		e.text += joint + " shown again"
		if m.verified {
			e.text += " with user verification"
		}
		d.ShownAt, d.UserVerified = now, d.UserVerified || m.verified
	}
	if e.cost == 0 {
		return out
	}
	e.apply = func(s *Scenario) {
		for i := range s.Person.Devices {
			if s.Person.Devices[i].ID == d.ID {
				s.Person.Devices[i] = d
			}
		}
	}
	return append(out, e)
}

// recent reports whether a device has shown itself within the time asked for.
func (m deviceMatcher) recent(d Device, now time.Time) bool {
	return m.within == 0 || !d.ShownAt.IsZero() && !d.ShownAt.After(now.Add(maxClockSkew)) &&
		now.Before(d.ShownAt.Add(time.Duration(m.within)))
}

// fits reports whether a device is what is asked for, aside from its approval
// and from how it has shown itself.
func (m deviceMatcher) fits(d Device) bool {
	return (m.typ != DeviceEnclave || d.Type == m.typ) && (len(m.ids) == 0 || slices.Contains(m.ids, d.ID))
}

// otherDevices show devices that are not those of the matcher, or none.
func (m deviceMatcher) otherDevices(s *Scenario) []edit {
	without := func(s *Scenario) {
		s.Person.Devices = slices.DeleteFunc(s.Person.Devices, m.fits)
	}
	var out []edit
	if slices.ContainsFunc(s.Person.Devices, m.fits) {
		out = append(out, edit{key: "device", cost: costGroup, text: "without the device", person: true, apply: without})
	}
	other := Device{ID: "another", Type: m.typ, Approved: m.approved == nil || !*m.approved, ShownAt: s.Now, UserVerified: true}
	text := "another registered device"
	if other.Approved {
		text = "another registered and approved device"
	}
	return append(out, edit{key: "device", cost: costGroup, text: text, person: true, apply: func(s *Scenario) {
		without(s)
		s.Person.Devices = append(s.Person.Devices, other)
	}})
}

// A changedRecord is records of which one is another.
type changedRecord struct {
	before Records
	read   RecordRead
	record *Record // nil: it is not there
}

func (c changedRecord) Record(ctx context.Context, typ string, key RecordKey, value string) (*Record, error) {
	if typ == c.read.Type && (c.read.Key == "" || key == c.read.Key) {
		return c.record, nil
	}
	if c.before == nil {
		return nil, nil
	}
	return c.before.Record(ctx, typ, key, value)
}

// editRecord makes a record of the one field. What else the record holds is
// not known here, so a rule about another of its fields may fail by it; that
// shows when the edit is tried.
func editRecord(_ *searcher, c criterion, want bool, _ *Scenario) []edit {
	m, ok := c.operand.(recordMatcher)
	if !ok {
		return nil
	}
	name := "record " + Visible(m.record.name())
	value, found := any(nil), false
	if want != m.absent() {
		if value, found = m.value(want); !found {
			return nil
		}
	}
	data := map[string]any{}
	text := "no " + Visible(strings.Join(m.field, ".")) + " in record " + Visible(m.record.Type)
	if found {
		text = "record " + Visible(m.record.Type) + " for which " + c.text() + " is " + strconv.FormatBool(want)
		inner := data
		for _, field := range m.field[:len(m.field)-1] {
			below := map[string]any{}
			inner[field], inner = below, below
		}
		inner[m.field[len(m.field)-1]] = value
	}
	record, err := NewRecord(data)
	if err != nil {
		return nil
	}
	return []edit{{key: name, cost: costClaim, text: text, apply: func(s *Scenario) {
		s.Records = changedRecord{s.Records, m.record, record}
	}}}
}

// value is one for which the matcher may be as wanted. It decides nothing: the
// edit is tried.
func (m recordMatcher) value(want bool) (any, bool) {
	if !want {
		return nil, false
	}
	for _, t := range m.tests {
		v := t.values[0]
		switch {
		case v.typ == typeNumber:
			f, err := strconv.ParseFloat(v.text, 64)
			if err != nil {
				return nil, false
			}
			switch t.operator {
			case "<":
				f--
			case ">", "not", "not_in":
				f++
			case "exclude":
				return []any{}, true
			}
			return f, true
		case v.typ == typeTruth && t.operator == "exists":
			continue
		case v.typ == typeTruth:
			return (v.text == "true") != (t.operator == "not" || t.operator == "exclude"), true
		case t.operator == "not" || t.operator == "not_in" || t.operator == "exclude":
			return v.text + "-2", true
		}
		return v.text, true
	}
	return "something", true
}
