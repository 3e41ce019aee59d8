package policy

import (
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

// parseListMatcher reads a bare value, which means "has", or an object of
// operators.
func parseListMatcher(p *parser, path string, n *yaml.Node) operand {
	if text, ok := scalarText(n); ok {
		return listMatcher{{"has", []string{text}}}
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		p.want(path, n, wantString(n)+", or an object of "+strings.Join(listOperators, ", "))
		return nil
	}
	var m listMatcher
	for _, e := range p.entries(path, n) {
		name := strings.ToLower(e.name)
		if !slices.Contains(listOperators, name) {
			p.unknown(path, e.key, "operator", e.name, listOperators)
			continue
		}
		text, ok := scalarText(e.value)
		if !ok {
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
