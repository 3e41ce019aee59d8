package console

import (
	"fmt"
	"strings"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// verdictOf is an explanation as a page shows it; of none the zero value.
func verdictOf(x *consolepb.Explanation) pages.RuleVerdict {
	if x == nil {
		return pages.RuleVerdict{}
	}
	out := pages.RuleVerdict{
		State: outcomeCell(x.Outcome), Why: x.Why, Error: x.Error, Decided: x.Decided, Needs: x.Needs, Satisfies: x.Satisfies, NoChange: x.NoChange,
	}
	if x.Disagrees {
		out.Warning = say("explain.disagrees")
	}
	half := func(word string, n *consolepb.Rule) {
		if n != nil && len(n.Children) > 0 {
			out.Trees = append(out.Trees, pages.RuleTree{Title: say(word), Rules: rulesOf(n.Children, false)})
		}
	}
	half("explain.allow", x.Allow)
	half("explain.deny", x.Deny)
	if len(x.Extra) > 0 {
		out.Trees = append(out.Trees, pages.RuleTree{Title: say("explain.extra"), Facts: factLines(x.Extra)})
	}
	for _, one := range x.Shadows {
		tree := pages.RuleTree{Title: say("explain.shadow", one.Name, outcomeCell(one.Would).Text), Facts: factLines(one.Extra)}
		for _, n := range []*consolepb.Rule{one.Allow, one.Deny} {
			if n != nil {
				tree.Rules = append(tree.Rules, ruleOf(n, false))
			}
		}
		out.Trees = append(out.Trees, tree)
	}
	return out
}

func rulesOf(all []*consolepb.Rule, plain bool) []pages.Rule {
	var out []pages.Rule
	for _, n := range all {
		out = append(out, ruleOf(n, plain))
	}
	return out
}

// ruleOf is one rule with all below it; plain leaves its value out.
func ruleOf(n *consolepb.Rule, plain bool) pages.Rule {
	r := pages.Rule{Text: ruleText(n), Error: n.Error, True: n.Value, Decided: n.Decided && !plain, Plain: plain, Children: rulesOf(n.Children, plain)}
	if n.Enforced {
		r.Note = say("explain.enforced")
	}
	if n.File != "" || n.Line > 0 {
		r.Place = strings.Trim(fmt.Sprintf("%s:%d", n.File, n.Line), ":")
	}
	if !plain {
		r.Read = factLines(n.Read)
	}
	return r
}

// ruleText is a rule in one line.
func ruleText(n *consolepb.Rule) string {
	switch n.Kind {
	case policy.KindCriterion:
		return n.Text
	case policy.KindRego:
		return fmt.Sprintf(say("rule.rego"), n.Name, n.Text)
	case policy.KindPolicy:
		return fmt.Sprintf(say("rule.policy"), n.Name)
	case policy.KindRules:
		return called(n.Name, say("rule.rules"))
	}
	return called(n.Name, n.Text, n.Kind)
}

func factLines(all []*consolepb.Fact) []string {
	var out []string
	for _, f := range all {
		out = append(out, policy.Read{Name: f.Name, Value: f.Value, Absent: f.Absent}.String())
	}
	return out
}
