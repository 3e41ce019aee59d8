package policy

import (
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// criterionDevice tests the devices that have shown themselves in the session.
// All that it asks must hold of one and the same device. It tells three cases
// apart by their reasons: the device is there; only others of its type are; no
// device of its type has shown itself, and then the person is asked for one,
// whatever else the policy says. One that showed itself too long ago, or without
// the user verification that is asked for, counts as one that has not: showing
// it again mends that.
//
// Who has not shown a device must not be better off than who has. In allow the
// missing device is false. Where its being true leads towards a denial, in a
// deny or under not and nor of an allow, it is true: nobody escapes "not this
// device" by showing none.
var criterionDevice = &kind{
	name:    "device",
	summary: "Tests the devices that have shown themselves in the session; all that is said must hold of one device.",
	form:    deviceForm,
	session: true,
	reads:   Reads{Session: true},
	readsOf: func(c criterion) Reads { return Reads{Clock: c.operand.(deviceMatcher).within > 0} },
	until: func(c criterion, f *Facts) (next time.Time) {
		m := c.operand.(deviceMatcher)
		if f.Person == nil || m.within == 0 {
			return next
		}
		for _, shown := range f.Person.shown {
			at := time.UnixMilli(shown.UnixMilli())
			next = earliest(next, earliest(
				after(f.Now, at.Add(-maxClockSkew)),
				after(f.Now, at.Add(time.Duration(m.within)))))
		}
		return next
	},
	parse: parseDeviceMatcher,
	clauses: func(c criterion, l *literals, doubt bool) []clause {
		m := c.operand.(deviceMatcher)
		const at, now = "device.shown_ms", "input.now.unix_ms"
		right, shown := []string{"some device in input.person.devices"}, []string{"input.person.devices != []"}
		if m.typ == DeviceEnclave {
			right = append(right, "device.type == "+l.text(m.typ))
		}
		if m.within > 0 {
			right = append(right,
				at+" <= "+now+" + "+l.number(maxClockSkew.Milliseconds()),
				now+" < "+at+" + "+l.number(time.Duration(m.within).Milliseconds()))
		}
		if m.verified {
			right = append(right, "device.user_verified == "+l.truth(true))
		}
		if right = slices.Clip(right); len(right) > 1 {
			shown = right
		}
		if len(m.ids) > 0 {
			right = append(right, "device.id in "+l.set(m.ids))
		}
		if m.approved != nil {
			right = append(right, "device.approved == "+l.truth(*m.approved))
		}
		return []clause{
			{true, "device-ok", right},
			{false, reasonDeviceUnauthorized, shown},
			{doubt, reasonDeviceUnauthenticated, nil},
		}
	},
}

// A deviceMatcher tests one device. The zero one but for its type asks for any
// device of the type.
type deviceMatcher struct {
	ids      []string // of credentials, one of which it must have; nil is any
	approved *bool
	typ      string // DeviceAny or DeviceEnclave
	within   age    // since it showed itself; 0 is ever
	verified bool   // its owner proved to be there by PIN or biometry when it did
}

// deviceTests in the order in which messages name them.
var deviceTests = []string{"is", "approved", "type", "within", "user_verified"}

func parseDeviceMatcher(p *parser, path string, n *yaml.Node) operand {
	m := deviceMatcher{typ: DeviceAny}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" {
		if text, _ := scalarText(n); text == "true" {
			return m
		}
	}
	if n.Kind != yaml.MappingNode {
		p.want(path, n, "true, or an object of "+strings.Join(deviceTests, ", "))
		return nil
	}
	for _, e := range p.entries(path, n) {
		name := strings.ToLower(e.name)
		at := path + "." + name
		switch name {
		case "is":
			if e.value.Kind == yaml.SequenceNode {
				m.ids = p.strings(at, e.value)
			} else if isString(e.value) {
				m.ids = []string{e.value.Value}
			} else {
				p.want(at, e.value, wantString(e.value)+", or a list of them")
			}
		case "approved":
			var approved bool
			if e.value.Kind != yaml.ScalarNode || e.value.ShortTag() != "!!bool" || e.value.Decode(&approved) != nil {
				p.want(at, e.value, "true or false")
			}
			m.approved = &approved
		case "type":
			m.typ = strings.ToLower(e.value.Value)
			if !isString(e.value) || m.typ != DeviceAny && m.typ != DeviceEnclave {
				p.want(at, e.value, DeviceAny+" or "+DeviceEnclave)
			}
		case "within":
			m.within, _ = parseAge(p, at, e.value).(age)
		case "user_verified":
			// A device that must show itself without verification is of no use to
			// anybody, and false reads as if it were not needed.
			text, _ := scalarText(e.value)
			if m.verified = e.value.ShortTag() == "!!bool" && text == "true"; !m.verified {
				p.want(at, e.value, "true, or no such key")
			}
		default:
			p.unknown(path, e.key, "key", e.name, deviceTests)
		}
	}
	return m
}

func (m deviceMatcher) node() *yaml.Node {
	n := mappingNode()
	if len(m.ids) > 0 {
		n.Content = append(n.Content, nameNode("is"), listNode(m.ids))
	}
	if m.approved != nil {
		n.Content = append(n.Content, nameNode("approved"), truthNode(*m.approved))
	}
	n.Content = append(n.Content, nameNode("type"), nameNode(m.typ))
	if m.within > 0 {
		n.Content = append(n.Content, nameNode("within"), m.within.node())
	}
	if m.verified {
		n.Content = append(n.Content, nameNode("user_verified"), truthNode(true))
	}
	return mappingNode(n.Content...)
}
