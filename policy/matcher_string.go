package policy

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A stringMatcher tests one string. All its tests must hold.
type stringMatcher []stringTest

// A stringTest compares with one value, or with several for in and not_in.
type stringTest struct {
	operator string
	values   []string
}

// stringOperators in the order in which messages name them.
var stringOperators = []string{"is", "not", "contains", "starts_with", "ends_with", "in", "not_in"}

// parseStringMatcher reads a bare string, which means "is", or an object of
// operators. check, which may be nil, refuses values that can never match, for
// a rule that never matches is a deny that never denies. It returns what was
// wanted instead, or "".
func parseStringMatcher(p *parser, path string, n *yaml.Node, check func(operator, value string) string) operand {
	if isString(n) {
		m := stringMatcher{{"is", []string{n.Value}}}
		p.checkValue(path, n, m[0], check)
		return m
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
			p.report(path, n, "a list stands where one value does", "for any of several {in: [a, b]}")
			return nil
		}
		p.want(path, n, wantString(n)+", or an object of "+strings.Join(stringOperators, ", "))
		return nil
	}
	var m stringMatcher
	for _, e := range p.entries(path, n) {
		name := strings.ToLower(e.name)
		if !slices.Contains(stringOperators, name) {
			p.unknown(path, e.key, "operator", e.name, stringOperators)
			continue
		}
		t := stringTest{operator: name}
		at := path + "." + name
		if name == "in" || name == "not_in" {
			t.values = p.strings(at, e.value)
		} else if isString(e.value) {
			t.values = []string{e.value.Value}
		} else if e.value.Kind == yaml.SequenceNode {
			p.report(at, e.value, name+" takes one value, and this is a list", severalTexts(name))
		} else {
			p.want(at, e.value, wantString(e.value))
		}
		p.checkValue(at, e.value, t, check)
		m = append(m, t)
	}
	return m
}

// severalTexts says how to ask for several texts where an operator takes one.
func severalTexts(operator string) string {
	switch operator {
	case "is":
		return "in, which takes a list"
	case "not":
		return "not_in, which takes a list"
	}
	return "for any of several one criterion each under or"
}

func (p *parser) checkValue(path string, n *yaml.Node, t stringTest, check func(operator, value string) string) {
	if check == nil {
		return
	}
	for _, v := range t.values {
		if want := check(t.operator, v); want != "" {
			p.want(path, n, want)
		}
	}
}

// strings reads a list of at least one string. An empty list under not_in is
// true of everybody.
func (p *parser) strings(path string, n *yaml.Node) []string {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.want(path, n, "a list of at least one string")
		return nil
	}
	var out []string
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item = p.resolve(at, item); item == nil {
			return out
		}
		if !isString(item) {
			p.want(at, item, wantString(item))
			continue
		}
		out = append(out, item.Value)
	}
	return out
}

func (m stringMatcher) node() *yaml.Node {
	n := mappingNode()
	for _, t := range m {
		value := listNode(t.values)
		if t.operator != "in" && t.operator != "not_in" {
			value = value.Content[0]
		}
		n.Content = append(n.Content, nameNode(t.operator), value)
	}
	return n
}

// conditions is the matcher as Rego over the string that the reference names.
// An undefined reference makes them undefined, which is not true.
func (m stringMatcher) conditions(l *literals, ref string) []string {
	out := make([]string, len(m))
	for i, t := range m {
		switch t.operator {
		case "is":
			out[i] = ref + " == " + l.text(t.values[0])
		case "not":
			out[i] = ref + " != " + l.text(t.values[0])
		case "contains":
			out[i] = "contains(" + ref + ", " + l.text(t.values[0]) + ")"
		case "starts_with":
			out[i] = "startswith(" + ref + ", " + l.text(t.values[0]) + ")"
		case "ends_with":
			out[i] = "endswith(" + ref + ", " + l.text(t.values[0]) + ")"
		case "in":
			out[i] = ref + " in " + l.set(t.values)
		case "not_in":
			// Not "not x in set", which would be true of an undefined x.
			out[i] = "(" + ref + " in " + l.set(t.values) + ") == false"
		}
	}
	return out
}

// onlyExcludes reports whether every test says what the string must not be.
func (m stringMatcher) onlyExcludes() bool {
	return !slices.ContainsFunc(m, func(t stringTest) bool { return t.operator != "not" && t.operator != "not_in" })
}

// mapValues returns the matcher with f applied to every value.
func (m stringMatcher) mapValues(f func(string) string) stringMatcher {
	out := make(stringMatcher, len(m))
	for i, t := range m {
		out[i] = stringTest{t.operator, make([]string, len(t.values))}
		for j, v := range t.values {
			out[i].values[j] = f(v)
		}
	}
	return out
}

// foldStrings joins two matchers that each list the strings they accept.
func foldStrings(a, b operand) (operand, bool) {
	x, y := a.(stringMatcher), b.(stringMatcher)
	if !x.listsOnly() || !y.listsOnly() {
		return nil, false
	}
	return stringMatcher{{"in", slices.Concat(x[0].values, y[0].values)}}, true
}

func (m stringMatcher) listsOnly() bool {
	return len(m) == 1 && (m[0].operator == "is" || m[0].operator == "in")
}

// stringClauses are those of a criterion that puts a matcher on one string of
// the input. Where there is no such string, "is not x" cannot be told: the
// criterion then leads towards a denial, and the plain false of a missing
// value does so already except where it stands in a deny or is negated.
func stringClauses(l *literals, ref, ok, no string, m stringMatcher, doubt bool) []clause {
	out := []clause{{true, ok, m.conditions(l, ref)}}
	if doubt && m.onlyExcludes() {
		out = append(out, clause{true, no, []string{"not " + ref}})
	}
	return append(out, clause{false, no, nil})
}
