package policy

import "context"

// A hope is what is known of whether a rule can come to a value while the
// policy stays as it is.
type hope int

const (
	hopeless hope = iota // whoever asks, for whatever and whenever
	untold               // hand-written Rego settles it
	hopeful
)

// hope says whether r can be what is wanted. Only constants, and what is made
// of them, are known never to be: about everything else a person might do
// something, if only what this program cannot think of.
func (v *valuation) hope(r *rule, want bool) hope {
	switch {
	case v.halves[r.index].truth == want:
		return hopeful // it is that already
	case r.module != nil:
		return untold
	case r.criterion != nil:
		if k := r.criterion.kind; editors(k.name) == nil && k.until == nil {
			return hopeless
		}
		return hopeful
	}
	all, negated := r.joins()
	inner := want != negated
	one := all != inner // one child settles it, as in searcher.options
	out := hopeful
	if one {
		out = hopeless
	}
	for _, child := range r.children {
		if h := v.hope(child, inner); one {
			out = max(out, h)
		} else {
			out = min(out, h)
		}
	}
	return out
}

// noChange says why nothing was found that would allow.
func (v *valuation) noChange(ctx context.Context, e *explainer) string {
	pass, let := v.hope(e.deny, false), v.hope(e.allow, true)
	switch {
	case pass == hopeless:
		return "a rule denies whoever asks and whatever is asked for"
	case let == hopeless:
		return "no rule can allow anybody anything"
	case pass == untold:
		return "hand-written Rego denies, and what would turn it is not known"
	case let == untold:
		return "only hand-written Rego can allow, and what would turn it is not known"
	case ctx.Err() != nil:
		return "the search for a change was cut short"
	}
	return "no change was found of who asks, of the request or of the time"
}
