package policy

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// criterionRecord tests one field of an external record, such as what a device
// management says of the person or the address. A record or field that is not
// there is false, and only "exists: false" is true of it. A field of another
// type than the operand's is false as well, and leads towards a denial where
// its being true does: a text is no number, however it looks.
var criterionRecord = &kind{
	name:      "record",
	summary:   "Tests one field of an external record about the person, the address or the certificate.",
	form:      recordForm,
	sessionOf: func(c criterion) bool { return c.operand.(recordMatcher).aboutPerson() },
	readsOf: func(c criterion) Reads {
		m := c.operand.(recordMatcher)
		return Reads{Session: m.aboutPerson(), Records: []RecordRead{m.record}}
	},
	parse: parseRecordMatcher,
	clauses: func(c criterion, l *literals, doubt bool) []clause {
		const ok, no = "record-ok", "record-unauthorized"
		m := c.operand.(recordMatcher)
		there := m.there(l)
		with := func(conditions ...string) []string { return slices.Concat(there, conditions) }
		if m.absent() {
			return []clause{{false, no, there}, {true, ok, nil}}
		}
		var conditions []string
		var mistyped []clause
		for _, t := range m.tests {
			conditions = append(conditions, t.conditions(l)...)
			if doubt {
				for _, wrong := range t.mistyped() {
					mistyped = append(mistyped, clause{true, no, with(wrong...)})
				}
			}
		}
		out := append([]clause{{true, ok, with(conditions...)}}, mistyped...)
		if doubt && m.onlyExcludes() {
			// As of every text that is not there; see stringClauses.
			return append(out, clause{false, no, there}, clause{true, no, nil})
		}
		return append(out, clause{false, no, nil})
	},
}

// A recordMatcher tests a field of a record. All its tests must hold.
type recordMatcher struct {
	record RecordRead
	field  []string // a path of names, at most maxClaimDepth
	tests  []valueTest
}

// there are the conditions that bind value to the field. null is not there.
func (m recordMatcher) there(l *literals) []string {
	var b strings.Builder
	b.WriteString("value := input.records[" + l.text(m.record.name()) + "]")
	for _, name := range m.field {
		b.WriteString("[" + l.text(name) + "]")
	}
	return []string{b.String(), "value != null"}
}

// aboutPerson reports whether the record is looked up by who is signed in.
func (m recordMatcher) aboutPerson() bool {
	return m.record.Key == KeyUserID || m.record.Key == KeyUserEmail
}

// absent reports whether the field is asked not to be there.
func (m recordMatcher) absent() bool {
	return m.tests[0].operator == "exists" && m.tests[0].values[0].text == "false"
}

func (m recordMatcher) onlyExcludes() bool {
	return !slices.ContainsFunc(m.tests, func(t valueTest) bool {
		return t.operator != "not" && t.operator != "not_in" && t.operator != "exclude"
	})
}

// recordKeys are the keys of the operand beside its operators.
var recordKeys = []string{"type", "field", "key"}

func parseRecordMatcher(p *parser, path string, n *yaml.Node) operand {
	const want = "an object of type, field and at least one operator"
	if !p.mapping(path, n, want) {
		return nil
	}
	errs := len(p.errs)
	var m recordMatcher
	for _, e := range p.entries(path, n) {
		name := strings.ToLower(e.name)
		at := path + "." + name
		switch {
		case slices.Contains(recordKeys, name):
			p.recordKey(&m, at, name, e.value)
		case slices.Contains(valueOperators, name):
			m.tests = append(m.tests, p.valueTest(at, name, e.value))
		default:
			p.unknown(path, e.key, "key", e.name, slices.Concat(recordKeys, valueOperators))
		}
	}
	switch {
	case len(p.errs) > errs:
		return nil
	case m.record.Type == "" || m.field == nil || len(m.tests) == 0:
		p.want(path, n, want)
		return nil
	}
	isAbsence := func(t valueTest) bool { return t.operator == "exists" && t.values[0].text == "false" }
	if len(m.tests) > 1 && slices.ContainsFunc(m.tests, isAbsence) {
		p.report(path, n, "a field that is not there meets no other test", "exists: false alone")
	}
	return m
}

func (p *parser) recordKey(m *recordMatcher, path, name string, n *yaml.Node) {
	if !isString(n) {
		p.want(path, n, wantString(n))
		return
	}
	switch name {
	case "type":
		if m.record.Type = n.Value; strings.ContainsAny(n.Value, "|") {
			p.want(path, n, "a type without |")
		}
	case "field":
		m.field = strings.Split(n.Value, ".")
		if len(m.field) > maxClaimDepth || slices.Contains(m.field, "") {
			p.want(path, n, fmt.Sprintf("at most %d names with a dot between them", maxClaimDepth))
		}
	case "key":
		m.record.Key = RecordKey(strings.ToLower(n.Value))
		if !slices.Contains(RecordKeys, m.record.Key) {
			p.want(path, n, "one of "+strings.Join(recordKeyNames(), ", "))
		}
	}
}

func recordKeyNames() []string {
	names := make([]string, len(RecordKeys))
	for i, k := range RecordKeys {
		names[i] = string(k)
	}
	return names
}

func (m recordMatcher) node() *yaml.Node {
	n := mappingNode(nameNode("type"), stringNode(m.record.Type), nameNode("field"), stringNode(strings.Join(m.field, ".")))
	if m.record.Key != "" {
		n.Content = append(n.Content, nameNode("key"), nameNode(string(m.record.Key)))
	}
	for _, t := range m.tests {
		n.Content = append(n.Content, stringNode(t.operator), t.node())
	}
	return n
}
