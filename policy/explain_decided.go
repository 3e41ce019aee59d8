package policy

import (
	"context"
	"slices"
)

// conclude says which rules decided, and finds the smallest change that would
// allow. nodes are those of e.rules.
func (x *Explanation) conclude(ctx context.Context, p *Program, e *explainer, v *valuation, d Decision, s Scenario, nodes []*Node) {
	mark := func(rules []*rule) {
		for _, r := range rules {
			n := nodes[r.index]
			x.Decided = append(x.Decided, n.sentence(r))
			n.Decided = true
		}
	}
	why, rules := v.why(e, d)
	x.Why = why
	mark(rules)
	if d.Err != nil || d.Outcome == Allow {
		return
	}
	found := newSearcher(ctx, p, e, s).smallestChange(ctx)
	if found == nil {
		x.NoChange = v.noChange(ctx, e)
		return
	}
	x.Change = &Change{Needs: found.needs(), Cost: found.cost}
	rules = found.after.deciding(e.allow)
	for _, r := range rules {
		x.Change.Satisfies = append(x.Change.Satisfies, nodes[r.index].sentence(r))
	}
	if d.Outcome == Deny && !d.Deny {
		x.Why = "no rule allows; the nearest is"
		mark(rules)
	}
}

// why is a sentence about the decision, with the rules that made it.
func (v *valuation) why(e *explainer, d Decision) (string, []*rule) {
	saying := func(reason string) []*rule {
		return slices.Concat(v.saying(e.allow, reason), v.saying(e.deny, reason))
	}
	switch {
	case d.Err != nil:
		return "the policy has no decision, which is a denial", nil
	case d.Outcome == ClientCertificateRequired:
		return "no client certificate was presented", v.saying(e.deny, reasonCertificateRequired)
	case d.Outcome == ClientCertificateInvalid:
		return "the client certificate is not valid", v.saying(e.deny, reasonCertificateInvalid)
	case d.Outcome == SignIn:
		return "nobody is signed in, and the policy asks who it is", saying(reasonUnauthenticated)
	case d.Outcome == SignInAgain:
		return "the policy asks for a newer sign-in", saying(reasonSignedInLongAgo)
	case d.Outcome == DeviceNeeded:
		return "the policy asks for a device, and none has shown itself as it asks", saying(reasonDeviceUnauthenticated)
	case d.Deny:
		return "a rule denies, and a deny outranks every allow", v.deciding(e.deny)
	case d.Allow:
		return "a rule allows, and none denies", v.deciding(e.allow)
	}
	return "no rule allows", nil
}

// deciding are the rules below r that make it true: criteria under or, and
// operators as a whole where it takes all of their criteria.
func (v *valuation) deciding(r *rule) []*rule {
	if !v.halves[r.index].truth {
		return nil
	}
	if r.operator != operatorOr {
		return []*rule{r}
	}
	var out []*rule
	for _, child := range r.children {
		out = append(out, v.deciding(child)...)
	}
	return out
}

// saying are the criteria and modules below r that r has a reason from.
func (v *valuation) saying(r *rule, reason string) []*rule {
	if !slices.Contains(v.halves[r.index].reasons, reason) {
		return nil
	}
	if len(r.children) == 0 {
		return []*rule{r}
	}
	var out []*rule
	for _, child := range v.heard(r) {
		out = append(out, v.saying(child, reason)...)
	}
	return out
}

// heard are the children whose reasons became those of r: what settles the
// matter, or all of them where nothing does.
func (v *valuation) heard(r *rule) []*rule {
	all, _ := r.joins()
	var settling []*rule
	for _, child := range r.children {
		if v.halves[child.index].truth != all {
			settling = append(settling, child)
		}
	}
	if len(settling) == 0 {
		return r.children
	}
	return settling
}

// sentence names a rule that decided, with its place.
func (n *Node) sentence(r *rule) string {
	text := "allow "
	if r.deny {
		text = "deny "
	}
	switch n.Kind {
	case KindOperator:
		text += n.Name + " of"
		for i, child := range n.Children {
			if i == maxShownElements {
				text += " …"
				break
			}
			if i > 0 {
				text += ","
			}
			text += " " + child.label()
		}
	case KindRego:
		text = n.label()
	default:
		text += n.label()
	}
	place := n.place()
	if r.key != "" {
		place = r.key
	}
	if place != "" {
		return place + ": " + text
	}
	return text
}
