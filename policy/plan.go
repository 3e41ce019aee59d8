package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// A plan is a Source brought to the shape that Rego is written from: each
// action is true where at least one of its terms is.
type plan struct {
	allow []term
	deny  []term
	reads Reads
	// clocked are the criteria that read the time.
	clocked []criterion
	device  deviceAsked
}

// A deviceAsked is the device that a whole policy asks for: the strictest, since
// it meets what is asked elsewhere too.
type deviceAsked struct {
	typ      string // DeviceAny or DeviceEnclave
	verify   bool   // its user has to be verified
	approval bool   // it must have been approved
}

func (d *deviceAsked) add(m deviceMatcher) {
	if m.typ == DeviceEnclave {
		d.typ = DeviceEnclave
	}
	d.verify = d.verify || m.verified
	d.approval = d.approval || m.approved != nil && *m.approved
}

// A term is one criterion, or several under an operator other than or.
// Criteria under or need no operator of their own: joining is associative, in
// truth and in reasons, so they all stand side by side.
type term struct {
	operator operator // "" for a single criterion
	criteria []criterion
}

// errNotText is returned for a string that Rego text cannot hold.
var errNotText = errors.New("not valid UTF-8")

func newPlan(s Source) (*plan, error) {
	p := &plan{}
	allow, deny := &action{}, &action{}
	add := func(short Shorthand, documents []*Document) error {
		shorthand, err := short.criteria()
		if err != nil {
			return err
		}
		allow.addAny(shorthand...)
		for _, doc := range documents {
			if doc == nil {
				continue
			}
			for _, set := range doc.rules {
				allow.add(set.allow)
				deny.add(set.deny)
			}
		}
		return nil
	}
	if err := add(s.Shorthand, s.Documents); err != nil {
		return nil, err
	}
	for _, named := range s.Policies {
		if named.Shadow {
			continue
		}
		if err := add(named.Shorthand, named.Documents); err != nil {
			return nil, fmt.Errorf("policy %q: %w", named.Name, err)
		}
	}
	if s.DenyInvalidClientCertificate {
		deny.addAny(criterion{kind: criterionInvalidClientCertificate, operand: anything{}})
	}
	p.allow, p.deny, p.device.typ = allow.terms(), deny.terms(), DeviceAny
	for _, t := range slices.Concat(p.allow, p.deny) {
		for _, c := range t.criteria {
			p.reads = p.reads.union(c.reads())
			if c.kind.until != nil {
				p.clocked = append(p.clocked, c)
			}
			if m, ok := c.operand.(deviceMatcher); ok {
				p.device.add(m)
			}
		}
	}
	return p, nil
}

// criteria are the shorthand keys as the criteria they stand for.
func (s Shorthand) criteria() ([]criterion, error) {
	var out []criterion
	add := func(k *kind, subPath string, o operand) {
		out = append(out, criterion{kind: k, subPath: subPath, operand: o})
	}
	if s.Public {
		add(criterionAccept, "", anything{})
	}
	if s.CORSPreflight {
		add(criterionCORSPreflight, "", anything{})
	}
	if s.AnyUser {
		add(criterionAuthenticatedUser, "", anything{})
	}
	if len(s.Users) > 0 {
		add(criterionUser, "", stringMatcher{{"in", s.Users}})
		add(criterionEmail, "", stringMatcher{{"in", s.Users}})
	}
	if len(s.Domains) > 0 {
		add(criterionDomain, "", stringMatcher{{"in", s.Domains}})
	}
	texts := slices.Concat(s.Users, s.Domains)
	for _, name := range slices.Sorted(maps.Keys(s.Claims)) {
		if values := s.Claims[name]; len(values) > 0 {
			add(criterionClaim, name, listMatcher{{"has", values}})
			texts = append(append(texts, name), values...)
		}
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("read %q: %w", text, errNotText)
		}
	}
	return out, nil
}

// An action gathers the terms of allow or of deny.
type action struct {
	any    folder
	groups []term
}

func (a *action) add(groups []group) {
	for _, g := range groups {
		switch {
		case g.operator == operatorOr, g.operator == operatorAnd && len(g.criteria) == 1:
			a.addAny(g.criteria...)
		case g.operator == operatorNot:
			var f folder // not is a negated or
			f.add(g.criteria...)
			a.groups = append(a.groups, term{operatorNot, f.criteria})
		default:
			a.groups = append(a.groups, term{g.operator, g.criteria})
		}
	}
}

func (a *action) addAny(cs ...criterion) { a.any.add(cs...) }

func (a *action) terms() []term {
	var out []term
	for _, c := range a.any.criteria {
		out = append(out, term{criteria: []criterion{c}})
	}
	return append(out, a.groups...)
}

// A folder gathers criteria of which any suffices, and joins those that ask
// the same of the same thing: a hundred addresses become one look-up in a set.
type folder struct {
	criteria []criterion
	at       map[foldKey]int
}

type foldKey struct {
	kind    *kind
	subPath string
}

func (f *folder) add(cs ...criterion) {
	if f.at == nil {
		f.at = map[foldKey]int{}
	}
	for _, c := range cs {
		if c.kind.fold == nil {
			f.criteria = append(f.criteria, c)
			continue
		}
		key := foldKey{c.kind, c.subPath}
		if i, ok := f.at[key]; ok {
			if joined, ok := c.kind.fold(f.criteria[i].operand, c.operand); ok {
				f.criteria[i].operand = joined
				continue
			}
		} else if _, ok := c.kind.fold(c.operand, c.operand); ok {
			f.at[key] = len(f.criteria)
		}
		f.criteria = append(f.criteria, c)
	}
}
