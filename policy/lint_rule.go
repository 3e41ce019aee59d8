package policy

import (
	"fmt"
	"slices"
)

// A lintRule is the least part of a policy that lets somebody in, or keeps
// somebody out, by itself: one criterion, or a group other than or.
type lintRule struct {
	deny     bool
	policy   string // the named policy it stands in; "" is the route
	own      bool   // it belongs to what is linted, and is not only beside it
	path     string
	at       position
	operator operator // "" for a single criterion
	criteria []placedCriterion
	yes, no  choice // when it is true, and when not
}

// A placedCriterion knows where it stands.
type placedCriterion struct {
	criterion
	path  string
	doubt bool // as its clauses take it
}

func (c placedCriterion) truth(want bool) choice { return truth(c.criterion, c.doubt, want) }

// text names the criterion to a person.
func (c placedCriterion) text() string {
	const most = 60
	name := c.kind.name
	if c.subPath != "" {
		name += "/" + c.subPath
	}
	if _, ok := c.operand.(anything); ok {
		return name
	}
	text := []rune(name + ": " + operandText(c.operand))
	if len(text) > most {
		text = append(text[:most-1], '…')
	}
	return string(text)
}

// String names the rule to a person.
func (r *lintRule) String() string {
	name := r.path
	if len(r.criteria) == 1 && r.operator == "" {
		name = r.criteria[0].text() + " (" + r.path + ")"
	}
	if r.at.line > 0 {
		name += fmt.Sprintf(", line %d", r.at.line)
	}
	if r.policy != "" {
		name += fmt.Sprintf(", policy %q", r.policy)
	}
	return name
}

// asksWho reports whether the rule asks anything about the person.
func (r *lintRule) asksWho() bool { return slices.ContainsFunc(r.criteria, placedCriterion.asksWho) }

func (c placedCriterion) asksWho() bool { return c.session() }

// settle works out the truth of the rule.
func (r *lintRule) settle() {
	negated := r.operator.negated()
	var each, none []choice
	for i := range r.criteria {
		c := &r.criteria[i]
		c.doubt = r.deny != negated
		each, none = append(each, c.truth(true)), append(none, c.truth(false))
	}
	switch r.operator {
	case operatorAnd:
		r.yes, r.no = choice{{then: each}}, anyOf(none)
	case operatorNot:
		r.yes, r.no = choice{{then: none}}, anyOf(each)
	case operatorNor:
		r.yes, r.no = anyOf(none), choice{{then: each}}
	default: // one criterion, or the two of allowed_users
		r.yes, r.no = anyOf(each), choice{{then: none}}
	}
	if negated && !r.deny && r.asksWho() {
		// A negation allows only who is signed in.
		is, not := choice{{facts: []fact{there(aboutPerson, true)}}}, option{facts: []fact{there(aboutPerson, false)}}
		r.yes, r.no = choice{{then: []choice{is, r.yes}}}, append(slices.Clone(r.no), not)
	}
}

func anyOf(choices []choice) choice {
	if len(choices) == 1 {
		return choices[0]
	}
	var out choice
	for _, c := range choices {
		out = append(out, option{then: []choice{c}})
	}
	return out
}

// documentRules takes a document apart.
func documentRules(policy string, own bool, doc *Document) []*lintRule {
	var out []*lintRule
	for i, set := range doc.rules {
		for _, action := range []struct {
			name   string
			groups []group
		}{{"allow", set.allow}, {"deny", set.deny}} {
			for _, g := range action.groups {
				r := lintRule{
					deny: action.name == "deny", policy: policy, own: own, at: g.at,
					path: fmt.Sprintf("policy[%d].%s.%s", i, action.name, g.operator),
				}
				out = append(out, r.parts(g)...)
			}
		}
	}
	return out
}

// parts are the rules of a group, which is to be at r.
func (r lintRule) parts(g group) []*lintRule {
	var placed []placedCriterion
	for i, c := range g.criteria {
		placed = append(placed, placedCriterion{criterion: c, path: fmt.Sprintf("%s[%d].%s", r.path, i, c.kind.name)})
	}
	if g.operator != operatorOr && (g.operator != operatorAnd || len(placed) > 1) {
		r.operator, r.criteria = g.operator, placed
		r.settle()
		return []*lintRule{&r}
	}
	var out []*lintRule
	for _, c := range placed {
		one := r
		one.path, one.at, one.criteria = c.path, c.at, []placedCriterion{c}
		one.settle()
		out = append(out, &one)
	}
	return out
}

// shorthandKeys are the keys of a route by the criterion they are short for.
var shorthandKeys = map[string]string{
	"accept":             "allow_public_unauthenticated_access",
	"authenticated_user": "allow_any_authenticated_user",
	"cors_preflight":     "cors_allow_preflight",
	"user":               "allowed_users",
	"email":              "allowed_users",
	"domain":             "allowed_domains",
	"claim":              "allowed_idp_claims",
}

// shorthandRules are the shorthand keys as rules. Text that is not UTF-8 has
// none; compiling refuses it.
func shorthandRules(policy string, own bool, s Shorthand) []*lintRule {
	criteria, err := s.criteria()
	if err != nil {
		return nil
	}
	var out []*lintRule
	for _, c := range criteria {
		placed := placedCriterion{criterion: c, path: shorthandKeys[c.kind.name]}
		if c.subPath != "" {
			placed.path += "." + c.subPath
		}
		if last := len(out) - 1; c.kind == criterionEmail {
			out[last].operator, out[last].criteria = operatorOr, append(out[last].criteria, placed)
			continue
		}
		out = append(out, &lintRule{policy: policy, own: own, path: placed.path, criteria: []placedCriterion{placed}})
	}
	for _, r := range out {
		r.settle()
	}
	return out
}
