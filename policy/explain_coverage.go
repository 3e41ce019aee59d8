package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Coverage gathers what explanations have shown of the rules: whether each
// has been seen true and seen false. The zero Coverage is ready for use.
type Coverage struct {
	rules map[coveredKey]*covered
}

// NewCoverage is one that has seen nothing.
func NewCoverage() *Coverage { return &Coverage{} }

// A coveredKey is where a rule stands. One that stands in no file is told by
// its action, its policy and its text.
type coveredKey struct {
	file, policy, path, short string
	line, column              int
}

type covered struct {
	node      *Node
	yes, no   bool
	mayBe     [2]bool // whether it can be true, and false
	firstSeen int
}

// An Untouched is a rule of which tests have not seen both values.
type Untouched struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Policy string `json:"policy,omitempty"`
	Key    string `json:"key,omitempty"` // the shorthand key that it stands for
	Rule   string `json:"rule"`
	// Never is what it never was: "true", "false", or "true or false".
	Never string `json:"never"`
}

// String is the line that a test report shows.
func (u Untouched) String() string {
	place := (&Node{File: u.File, Line: u.Line}).place()
	if place == "" {
		place = u.Key
		if u.Policy != "" {
			place = strings.TrimSpace("policy " + u.Policy + " " + u.Key)
		}
	}
	return fmt.Sprintf("%s: %s: never %s", place, u.Rule, u.Never)
}

// Add takes in one explanation. One of a program that came to no decision, or
// whose rules disagree with it, shows nothing.
func (c *Coverage) Add(x *Explanation) {
	if x.Err != "" || x.Disagrees {
		return
	}
	for _, n := range []*Node{x.Allow, x.Deny} {
		if n != nil {
			c.add(n, coveredKey{path: n.Name})
		}
	}
	for _, s := range x.Shadows {
		for _, n := range []*Node{s.Allow, s.Deny} {
			if n != nil && s.Err == "" {
				c.add(n, coveredKey{path: n.Name, policy: s.Name})
			}
		}
	}
}

// Of is what c has seen of the rules that x shows, seen there or not.
func (c *Coverage) Of(x *Explanation) *Coverage {
	out := NewCoverage()
	out.Add(x)
	for key, r := range out.rules {
		r.yes, r.no = false, false // x is no test
		if seen := c.rules[key]; seen != nil {
			r.yes, r.no = seen.yes, seen.no
		}
	}
	return out
}

// add counts the rules that somebody wrote a condition with. A rule set of one
// operator, and an operator of one criterion, are that one again.
func (c *Coverage) add(n *Node, above coveredKey) {
	switch n.Kind {
	case KindPolicy:
		above.policy = n.Name
	case KindShorthand:
		above.short = n.Name
	case KindAction:
		above.path += " " + n.Name
	}
	several := len(n.Children) > 1
	if n.Kind == KindCriterion || n.Kind == KindRego || several && (n.Kind == KindOperator || n.Kind == KindRules) {
		key := above
		key.file, key.line, key.column = n.File, n.Line, n.Column
		key.path += " " + n.Kind + " "
		if n.Kind != KindRego { // whose label is what it came to
			key.path += n.label()
		}
		c.see(key, n)
	}
	for _, child := range n.Children {
		c.add(child, above)
	}
}

func (c *Coverage) see(key coveredKey, n *Node) {
	if c.rules == nil {
		c.rules = map[coveredKey]*covered{}
	}
	seen := c.rules[key]
	if seen == nil {
		seen = &covered{node: n, firstSeen: len(c.rules)}
		seen.mayBe[0], seen.mayBe[1] = n.mayBe()
		c.rules[key] = seen
	}
	seen.yes = seen.yes || n.Value
	seen.no = seen.no || !n.Value
}

// mayBe says whether a rule can be true, and whether false: not both, where
// constants settle it, and then no test could show the other.
func (n *Node) mayBe() (yes, no bool) {
	if len(n.Children) == 0 {
		return n.Kind != KindCriterion || n.Name != "reject", n.Kind != KindCriterion || n.Name != "accept"
	}
	r := rule{operator: operatorOr}
	if n.Kind == KindOperator {
		r.operator = operator(n.Name)
	}
	all, negated := r.joins()
	yes, no = all, !all
	for _, child := range n.Children {
		childYes, childNo := child.mayBe()
		if all {
			yes, no = yes && childYes, no || childNo
		} else {
			yes, no = yes || childYes, no && childNo
		}
	}
	if negated {
		return no, yes
	}
	return yes, no
}

// Seen returns how many of the values that rules can have were seen.
func (c *Coverage) Seen() (seen, all int) {
	for _, r := range c.rules {
		for i, was := range []bool{r.yes, r.no} {
			if r.mayBe[i] {
				all++
				if was {
					seen++
				}
			}
		}
	}
	return seen, all
}

// Report returns the rules of which not both values were seen, by file and
// line.
func (c *Coverage) Report() []Untouched {
	type place struct {
		Untouched
		firstSeen int
	}
	var places []place
	for key, r := range c.rules {
		untouched := "" // one value at most: whatever is here was seen
		switch {
		case r.mayBe[0] && r.mayBe[1] && !r.yes && !r.no:
			untouched = "true or false"
		case r.mayBe[0] && !r.yes:
			untouched = "true"
		case r.mayBe[1] && !r.no:
			untouched = "false"
		default:
			continue
		}
		places = append(places, place{Untouched{
			File: key.file, Line: key.line, Column: key.column, Policy: key.policy, Key: key.short,
			Rule: r.node.label(), Never: untouched,
		}, r.firstSeen})
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.firstSeen, b.firstSeen))
	})
	out := make([]Untouched, len(places))
	for i, p := range places {
		out[i] = p.Untouched
	}
	return out
}
