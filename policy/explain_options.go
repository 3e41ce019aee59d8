package policy

import (
	"cmp"
	"slices"
)

// next are the edits by which scenario s, which is decided as v and d, may
// come nearer to being allowed; the cheapest first.
func (x *searcher) next(s *Scenario, v *valuation, d *Decision) []edits {
	o := &chooser{x: x, s: s, v: v}
	denied := o.options(x.e.deny, false)
	allowed := o.options(x.e.allow, true)
	// One half alone is a step as well: what it changes may settle the other.
	out := slices.Concat(both(denied, allowed), denied, allowed)
	if d.Outcome == SignIn && s.Person == nil {
		out = append([]edits{{signInEdit()}}, out...)
	}
	// A reason can matter more than the truth it stands beside.
	for _, reason := range []string{reasonDeviceUnauthenticated, reasonSignedInLongAgo, reasonCertificateRequired, reasonCertificateInvalid} {
		if d.hasReason(reason) {
			for _, r := range slices.Concat(v.saying(x.e.allow, reason), v.saying(x.e.deny, reason)) {
				out = append(out, o.leaf(r, true)...)
				out = append(out, o.leaf(r, false)...)
			}
		}
	}
	return out
}

// A chooser finds out by which edits rules become true or false.
type chooser struct {
	x *searcher
	s *Scenario
	v *valuation
}

// options are the ways to make r what is wanted, the cheapest first, at most
// maxOptions. One without an edit says that it is that already.
func (o *chooser) options(r *rule, want bool) []edits {
	if o.v.halves[r.index].truth == want {
		return []edits{{}}
	}
	if r.criterion != nil {
		return o.leaf(r, want)
	}
	if len(r.children) == 0 {
		return nil // hand-written: nobody knows what would turn it
	}
	all, negated := r.joins()
	if negated && want && o.s.Person == nil && !r.deny && r.asksWho() {
		return []edits{{signInEdit()}}
	}
	inner := want != negated
	// One child settles it: a false one for "all", a true one for "any".
	if all != inner {
		var out []edits
		for _, child := range r.children {
			out = append(out, o.options(child, inner)...)
		}
		return cheapest(out)
	}
	out := []edits{{}}
	for _, child := range r.children {
		if out = both(out, o.options(child, inner)); len(out) == 0 {
			return nil
		}
	}
	return out
}

// leaf are the ways to turn one criterion.
func (o *chooser) leaf(r *rule, want bool) []edits {
	if r.criterion == nil {
		return nil
	}
	if r.criterion.session() && o.s.Person == nil {
		if !want {
			return nil
		}
		return []edits{{signInEdit()}}
	}
	var out []edits
	for _, e := range o.x.edits(r, want, o.s) {
		out = append(out, edits{e})
	}
	return cheapest(out)
}

// asksWho reports whether a criterion of an operator asks about the person.
func (r *rule) asksWho() bool {
	return slices.ContainsFunc(r.children, func(c *rule) bool { return c.criterion != nil && c.criterion.session() })
}

// both are the ways to do one of a and one of b.
func both(a, b []edits) []edits {
	if len(b) == 1 && len(b[0]) == 0 {
		return a
	}
	var out []edits
	for _, one := range a {
		for _, other := range b {
			if together, ok := one.with(other); ok {
				out = append(out, together)
			}
		}
	}
	return cheapest(out)
}

func cheapest(all []edits) []edits {
	slices.SortStableFunc(all, func(a, b edits) int { return cmp.Compare(a.cost(), b.cost()) })
	return all[:min(len(all), maxOptions)]
}
