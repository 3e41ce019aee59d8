package policy

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// A valueTest compares a value of any type with one of the operand, or with
// several of one type for in and not_in.
type valueTest struct {
	operator string
	values   []scalar
}

// valueOperators in the order in which messages name them. A single value is a
// list of one to has, is and exclude, as in a claim.
var valueOperators = []string{
	"is", "not", "has", "exclude", "contains", "starts_with", "ends_with", "in", "not_in", "exists", "<", "<=", "=", ">", ">=",
}

// A scalar is a text, a number or a truth. A number is in the one form that
// JSON and YAML share.
type scalar struct {
	typ  scalarType
	text string
}

type scalarType string

// The types, by the built-in function that tells them.
const (
	typeText   scalarType = "is_string"
	typeNumber scalarType = "is_number"
	typeTruth  scalarType = "is_boolean"
)

func (p *parser) valueTest(path, operator string, n *yaml.Node) valueTest {
	t := valueTest{operator: operator}
	items, list := []*yaml.Node{n}, operator == "in" || operator == "not_in"
	if list {
		if items = n.Content; n.Kind != yaml.SequenceNode || len(items) == 0 {
			p.want(path, n, "a list of at least one value")
			return t
		}
	}
	types, want := typesFor(operator)
	for i, item := range items {
		at := path
		if list {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		if item = p.resolve(at, item); item == nil {
			return t
		}
		v, ok := scalarOf(item)
		switch {
		case !ok || !slices.Contains(types, v.typ):
			p.want(at, item, want)
		case len(t.values) > 0 && t.values[0].typ != v.typ:
			p.want(at, item, "values of one type")
		}
		t.values = append(t.values, v)
	}
	return t
}

// typesFor returns the types of operand that an operator takes, and how a
// message says so.
func typesFor(operator string) (types []scalarType, want string) {
	switch operator {
	case "contains", "starts_with", "ends_with":
		return []scalarType{typeText}, "a string that is not empty"
	case "<", "<=", "=", ">", ">=":
		return []scalarType{typeNumber}, "a number"
	case "exists":
		return []scalarType{typeTruth}, "true or false"
	}
	return []scalarType{typeText, typeNumber, typeTruth}, "a string that is not empty, a number, true or false"
}

// scalarOf reads a scalar. A whole number has its 19 digits, another the
// precision of a float64.
func scalarOf(n *yaml.Node) (scalar, bool) {
	if isString(n) {
		return scalar{typeText, n.Value}, true
	}
	if n.Kind != yaml.ScalarNode {
		return scalar{}, false
	}
	switch n.ShortTag() {
	case "!!bool":
		text, ok := scalarText(n)
		return scalar{typeTruth, text}, ok
	case "!!int":
		text, ok := scalarText(n)
		return scalar{typeNumber, text}, ok
	case "!!float":
		var f float64
		if n.Decode(&f) != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return scalar{}, false
		}
		if f == math.Trunc(f) && math.Abs(f) < 1e15 {
			return scalar{typeNumber, strconv.FormatInt(int64(f), 10)}, true
		}
		return scalar{typeNumber, strconv.FormatFloat(f, 'g', -1, 64)}, true
	}
	return scalar{}, false
}

func (s scalar) node() *yaml.Node {
	switch s.typ {
	case typeNumber:
		tag := "!!float"
		if strings.Trim(s.text, "-0123456789") == "" {
			tag = "!!int"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: s.text}
	case typeTruth:
		return truthNode(s.text == "true")
	}
	return stringNode(s.text)
}

func (t valueTest) node() *yaml.Node {
	if t.operator != "in" && t.operator != "not_in" {
		return t.values[0].node()
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, v := range t.values {
		n.Content = append(n.Content, v.node())
	}
	return n
}

// conditions is the test as Rego over the variable value, which is not null.
func (t valueTest) conditions(l *literals) []string {
	if t.operator == "exists" {
		return nil // that there is a value is asked already
	}
	ofType := fmt.Sprintf("%s(value)", t.values[0].typ)
	if t.operator == "in" || t.operator == "not_in" {
		in := "value in " + l.scalars(t.values)
		if t.operator == "not_in" {
			in = "(" + in + ") == false"
		}
		return []string{ofType, in}
	}
	x := l.scalar(t.values[0])
	switch t.operator {
	case "is":
		return []string{"value in [" + x + ", [" + x + "]]"}
	case "has":
		return []string{"is_object(value) == false", "true in [value == " + x + ", " + x + " in value]"}
	case "exclude":
		return []string{
			"true in [is_array(value), " + ofType + "]",
			fmt.Sprintf("{element | some element in value; %s(element) == false} == set()", t.values[0].typ),
			"(true in [value == " + x + ", " + x + " in value]) == false",
		}
	case "not":
		return []string{ofType, "value != " + x}
	case "contains":
		return []string{ofType, "contains(value, " + x + ")"}
	case "starts_with":
		return []string{ofType, "startswith(value, " + x + ")"}
	case "ends_with":
		return []string{ofType, "endswith(value, " + x + ")"}
	case "=":
		return []string{ofType, "value == " + x}
	}
	return []string{ofType, "value " + t.operator + " " + x}
}

// mistyped are the cases in which the value is of another type than the test
// is about: the value itself, or one in its list.
func (t valueTest) mistyped() [][]string {
	ofType := string(t.values[0].typ)
	switch t.operator {
	case "exists":
		return nil
	case "is", "has", "exclude":
		return [][]string{
			{"is_array(value) == false", ofType + "(value) == false"},
			{"is_array(value)", "some element in value", ofType + "(element) == false"},
		}
	}
	return [][]string{{ofType + "(value) == false"}}
}
