package policy

import "slices"

// A Document is one parsed PPL document. It is immutable. The zero Document
// has no rule and lets nobody in.
type Document struct {
	file  string
	rules []ruleSet
}

// File is where d was read from, as messages name it; "" where no file says it.
func (d *Document) File() string { return d.file }

// Allows reports whether a rule of d can let somebody in.
func (d *Document) Allows() bool {
	return slices.ContainsFunc(d.rules, func(s ruleSet) bool { return len(s.allow) > 0 })
}

// A position is where something stands in its file; 1-based, 0 where it stands
// in none.
type position struct{ line, column int }

// A ruleSet is one object of a document: what it allows and what it denies.
type ruleSet struct {
	allow []group
	deny  []group
}

// A group is one operator of an action with its criteria, of which there is
// at least one.
type group struct {
	operator operator
	criteria []criterion
	at       position
}

// An operator joins criteria.
type operator string

// The operators. Mind the last two: not is what logic calls nor, and nor is
// what logic calls nand.
const (
	operatorAnd operator = "and" // all true
	operatorOr  operator = "or"  // at least one true
	operatorNot operator = "not" // none true
	operatorNor operator = "nor" // at least one false
)

// operators in the order in which messages name them.
var operators = []string{string(operatorAnd), string(operatorOr), string(operatorNot), string(operatorNor)}

// negated reports whether the operator turns the truth of its criteria round.
func (o operator) negated() bool { return o == operatorNot || o == operatorNor }

// A criterion is one test with its operand.
type criterion struct {
	kind    *kind
	subPath string // what follows the first "/" of its name
	operand operand
	at      position
}
