package policy

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A listMatcher tests a list of strings. All its tests must hold.
type listMatcher []listTest

// A listTest compares with one value. Several values are one folded "has" and
// mean any of them.
type listTest struct {
	operator string
	values   []string
}

// listOperators in the order in which messages name them: the list holds the
// value; it holds that value alone; it does not hold it.
var listOperators = []string{"has", "is", "exclude"}

// listMeant are operators of strings with what they come to on a list.
var listMeant = map[string]string{"not": "exclude", "not_in": "exclude", "in": "has", "contains": "has"}

// severalOf says how to ask for several values, for each operator.
var severalOf = map[string]string{
	"has":     "for any of several one criterion each under or, and for all of them under and, such as {has: a}",
	"is":      "one value: is asks for a list of that value alone. For any of several write one criterion each under or, such as {has: a}",
	"exclude": "for none of several one criterion each under and, such as {exclude: a}",
}

// parseListMatcher reads a bare value, which means "has", or an object of
// operators.
func parseListMatcher(p *parser, path string, n *yaml.Node) operand {
	if text, ok := scalarText(n); ok {
		return listMatcher{{"has", []string{text}}}
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
			p.report(path, n, "a list stands where one value does", severalOf["has"])
			return nil
		}
		p.want(path, n, wantString(n)+", or an object of "+strings.Join(listOperators, ", "))
		return nil
	}
	var m listMatcher
	for _, e := range p.entries(path, n) {
		name := strings.ToLower(e.name)
		if !slices.Contains(listOperators, name) {
			if meant := listMeant[name]; meant != "" {
				p.report(path, e.key, fmt.Sprintf("unknown operator %q (did you mean %q?)", e.name, meant), "one of "+strings.Join(listOperators, ", "))
				continue
			}
			p.unknown(path, e.key, "operator", e.name, listOperators)
			continue
		}
		text, ok := scalarText(e.value)
		switch {
		case !ok && e.value.Kind == yaml.SequenceNode:
			p.report(path+"."+name, e.value, name+" takes one value, and this is a list", severalOf[name])
		case !ok:
			p.want(path+"."+name, e.value, wantString(e.value))
		}
		m = append(m, listTest{name, []string{text}})
	}
	return m
}

func (m listMatcher) node() *yaml.Node {
	n := mappingNode()
	for _, t := range m {
		n.Content = append(n.Content, nameNode(t.operator), stringNode(t.values[0]))
	}
	return n
}

// conditions is the matcher as Rego. list names a set of strings; one that is
// not there is an empty one. alone is the condition that the value is all there
// is.
func (m listMatcher) conditions(l *literals, list string, alone func(value string) string) []string {
	var out []string
	for _, t := range m {
		switch {
		case t.operator == "has" && len(t.values) > 1:
			out = append(out, "some element in "+l.set(t.values), "element in "+list)
		case t.operator == "has":
			out = append(out, l.text(t.values[0])+" in "+list)
		case t.operator == "is":
			out = append(out, alone(l.text(t.values[0])))
		case t.operator == "exclude":
			out = append(out, "not "+l.text(t.values[0])+" in "+list)
		}
	}
	return out
}

// onlyExcludes reports whether every test says what the list must not hold.
func (m listMatcher) onlyExcludes() bool {
	return !slices.ContainsFunc(m, func(t listTest) bool { return t.operator != "exclude" })
}

// foldLists joins two matchers that each ask for one of some elements.
func foldLists(a, b operand) (operand, bool) {
	x, y := a.(listMatcher), b.(listMatcher)
	if len(x) != 1 || len(y) != 1 || x[0].operator != "has" || y[0].operator != "has" {
		return nil, false
	}
	return listMatcher{{"has", slices.Concat(x[0].values, y[0].values)}}, true
}
