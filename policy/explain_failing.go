package policy

import "context"

// Failing returns the named policies that keep somebody out and have something
// to say about it, in their order: those that deny, or, where none does, those
// that could allow and do not. It returns none where the policies cannot be
// told. It is for the page that the denied person sees; after the first time it
// takes about as long as a decision.
func (p *Program) Failing(ctx context.Context, f Facts) []*Policy {
	if !p.hasSomethingToSay() {
		return nil // as most routes, which then need no explainer
	}
	e, err := p.explaining()
	if err != nil {
		return nil
	}
	f.Now = f.now()
	v, err := e.value(ctx, &f)
	if err != nil || len(v.errs) > 0 {
		return nil
	}
	if v.halves[e.deny.index].truth {
		return e.saying(func(named explainedPolicy) bool { return v.halves[named.deny.index].truth }, true)
	}
	if v.halves[e.allow.index].truth {
		return nil
	}
	return e.saying(func(explainedPolicy) bool { return true }, false)
}

func (p *Program) hasSomethingToSay() bool {
	for _, named := range p.source.Policies {
		if !named.Shadow && named.saysSomething() {
			return true
		}
	}
	return false
}

func (p *Policy) saysSomething() bool { return p.Explanation != "" || p.Remediation != "" }

// saying are the policies with a text that have rules for the action and that
// keep it.
func (e *explainer) saying(keep func(explainedPolicy) bool, deny bool) []*Policy {
	var out []*Policy
	for _, named := range e.policies {
		r := named.allow
		if deny {
			r = named.deny
		}
		if len(r.children) > 0 && named.policy.saysSomething() && keep(named) {
			out = append(out, named.policy)
		}
	}
	return out
}
