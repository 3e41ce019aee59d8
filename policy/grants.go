package policy

import "slices"

// Grants returns the names of the grants by which a rule of p lets people in,
// sorted: what one can ask for. Whether one of them alone is enough for
// somebody, a decision about them with it tells. Hand-written Rego is not looked
// into.
func (p *Program) Grants() []string {
	var names []string
	for _, d := range p.source.Documents {
		names = d.appendGrants(names)
	}
	for _, named := range p.source.Policies {
		if named.Shadow {
			continue
		}
		for _, d := range named.Documents {
			names = d.appendGrants(names)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// appendGrants adds the names that rules of d ask for. To lack a grant opens
// nothing that can be asked for.
func (d *Document) appendGrants(names []string) []string {
	for _, set := range d.rules {
		for _, g := range set.allow {
			if g.operator.negated() {
				continue
			}
			for _, c := range g.criteria {
				if m, ok := c.operand.(listMatcher); ok && c.kind == criterionGrant {
					names = m.appendWanted(names)
				}
			}
		}
	}
	return names
}

// appendWanted adds the values that a list must hold.
func (m listMatcher) appendWanted(names []string) []string {
	for _, test := range m {
		if test.operator != "exclude" {
			names = append(names, test.values...)
		}
	}
	return names
}

// With returns what p would be with one grant more.
func (d PersonData) With(g Grant) PersonData {
	d.Grants = append(slices.Clip(d.Grants), g)
	return d
}
