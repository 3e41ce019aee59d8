package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// maxValues bounds the values of one criterion that are tried.
const maxValues = 4

// An editor offers the edits that may make a criterion true, or with want
// unset false. They are tried before anybody is told of them, so that one
// which does not help does no harm.
type editor func(x *searcher, c criterion, want bool, s *Scenario) []edit

// editors are those of each criterion by its name. One that is not here, such
// as accept, can be changed by nobody but who writes the policy.
func editors(name string) editor {
	switch name {
	case "authenticated_user", "user", "email", "domain":
		return editPerson
	case "groups":
		return editGroups
	case "claim":
		return editClaim
	case "grant":
		return editGrant
	case "device":
		return editDevice
	case "signed_in_within":
		return editSignInAge
	case "record":
		return editRecord
	case "source_ip":
		return editAddress
	case "http_method", "http_path":
		return editRequestLine
	case "http_header":
		return editHeader
	case "http_query":
		return editQuery
	case "cors_preflight":
		return editPreflight
	case "client_certificate", "invalid_client_certificate":
		return editCertificate
	}
	return nil
}

// edits are those that may turn a criterion, for scenario s.
func (x *searcher) edits(r *rule, want bool, s *Scenario) []edit {
	c := *r.criterion
	if c.session() && s.Person == nil {
		return nil
	}
	if edit := editors(c.kind.name); edit != nil {
		return edit(x, c, want, s)
	}
	if c.kind.until != nil {
		return x.timeEdits(r, want)
	}
	return nil
}

// signInEdit makes somebody of nobody, of whom nothing is known yet.
func signInEdit() edit {
	return edit{key: "sign-in", cost: costSignIn, text: "signed in", apply: func(s *Scenario) {
		s.Person = &PersonData{SessionID: "somebody's", UserID: "somebody", SignedInAt: s.Now}
	}}
}

// costPerson is what it takes to be somebody else.
func (x *searcher) costPerson() int {
	if x.stranger {
		return costFreePerson
	}
	return costPerson
}

// editPerson makes it somebody else.
func editPerson(x *searcher, c criterion, want bool, s *Scenario) []edit {
	e := edit{cost: x.costPerson(), person: true}
	switch c.kind.name {
	case "authenticated_user":
		if !want {
			return nil
		}
		e.key, e.text = "user id", "signed in as a user"
		e.apply = func(s *Scenario) { s.Person.UserID = "somebody" }
		return []edit{e}
	case "user":
		out := e.values("user id", c, want, s.Person.UserID, "somebody-else", func(s *Scenario, v string) { s.Person.UserID = v })
		for i := range out {
			if strings.Contains(out[i].text, "@") {
				out[i].cost++ // allowed_users takes both, and this is meant as an address
			}
		}
		return out
	case "email":
		return e.values("e-mail address", c, want, s.Person.Email, "somebody@example.com", func(s *Scenario, v string) { s.Person.Email = v })
	}
	local, _, _ := strings.Cut(s.Person.Email, "@")
	if local == "" {
		local = "somebody"
	}
	c.operand = c.operand.(stringMatcher).mapValues(lowerASCII)
	out := e.values("e-mail address in the domain", c, want, emailDomain(s.Person.Email), "example.com", func(s *Scenario, v string) {
		s.Person.Email = local + "@" + v
	})
	for i := range out {
		out[i].key = "e-mail address" // it is one fact
	}
	return out
}

// values are copies of e that each set what to one of the values for which the
// string matcher of c is as wanted.
func (e edit) values(what string, c criterion, want bool, current, other string, set func(*Scenario, string)) []edit {
	m, ok := c.operand.(stringMatcher)
	if !ok {
		return nil
	}
	var out []edit
	for _, v := range m.values(want, current, other) {
		one := e
		one.key = what
		one.text = what + " " + strconv.Quote(cut(v)) // v may be what a stranger sent, and more
		if !want || !m.names(v) {
			one.text += fmt.Sprintf(", or another for which %s is %t", c.text(), want)
		}
		one.apply = func(s *Scenario) { set(s, v) }
		out = append(out, one)
	}
	return out
}

// names reports whether the matcher asks for the very value.
func (m stringMatcher) names(v string) bool {
	return slices.ContainsFunc(m, func(t stringTest) bool {
		return (t.operator == "is" || t.operator == "in") && slices.Contains(t.values, v)
	})
}

// values are a few for which the matcher is as wanted.
func (m stringMatcher) values(want bool, current, other string) []string {
	start, middle, end := "", "", ""
	var listed []string
	for _, t := range m {
		switch t.operator {
		case "starts_with":
			start = longer(start, t.values[0])
		case "contains":
			middle += t.values[0]
		case "ends_with":
			end = longer(end, t.values[0])
		default:
			listed = append(listed, t.values[:min(len(t.values), maxValues)]...)
		}
	}
	var out []string
	for _, v := range slices.Concat(listed, []string{start + middle + end, start + end, start + current + end, other, other + "-2", current + "-2"}) {
		if v != "" && v != current && m.matches(v) == want && !slices.Contains(out, v) && len(out) < maxValues {
			out = append(out, v)
		}
	}
	return out
}

func longer(a, b string) string {
	if len(b) > len(a) {
		return b
	}
	return a
}

// matches tells which values are worth trying. It decides nothing.
func (m stringMatcher) matches(v string) bool {
	for _, t := range m {
		holds := false
		switch t.operator {
		case "is", "in":
			holds = slices.Contains(t.values, v)
		case "not", "not_in":
			holds = !slices.Contains(t.values, v)
		case "contains":
			holds = strings.Contains(v, t.values[0])
		case "starts_with":
			holds = strings.HasPrefix(v, t.values[0])
		case "ends_with":
			holds = strings.HasSuffix(v, t.values[0])
		}
		if !holds {
			return false
		}
	}
	return true
}

// A listEdit is what the values of a list have to become.
type listEdit struct {
	key, text string
	values    []string
}

// lists are the smallest changes of a list for which the matcher is as wanted.
// noun begins what is said of it: `member of group` and `not a member of group`.
func (m listMatcher) lists(want bool, current []string, has, hasNot string) []listEdit {
	if want {
		return m.satisfied(current, has, hasNot)
	}
	var out []listEdit
	for _, t := range m {
		if t.operator == "exclude" {
			v := t.values[0]
			out = append(out, listEdit{v, has + " " + strconv.Quote(v), withValue(current, v)})
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(current), func(v string) bool { return slices.Contains(t.values, v) })
		if len(rest) == len(current) {
			continue
		}
		var gone []string
		for _, v := range t.values {
			if slices.Contains(current, v) {
				gone = append(gone, strconv.Quote(v))
			}
		}
		out = append(out, listEdit{strings.Join(gone, ","), hasNot + " " + strings.Join(gone, " or "), rest})
	}
	return out
}

// satisfied are the lists that pass every test.
func (m listMatcher) satisfied(current []string, has, hasNot string) []listEdit {
	out := []listEdit{{values: current}}
	for _, t := range m {
		var next []listEdit
		for _, e := range out {
			for _, v := range t.values[:min(len(t.values), maxValues)] {
				one := e
				text := ""
				switch {
				case t.operator == "is" && !(len(e.values) == 1 && e.values[0] == v):
					one.values, text = []string{v}, has+" "+strconv.Quote(v)
					if len(e.values) > 0 {
						text += " alone"
					}
				case t.operator == "has" && !slices.ContainsFunc(t.values, func(v string) bool { return slices.Contains(e.values, v) }):
					one.values, text = withValue(e.values, v), has+" "+strconv.Quote(v)
				case t.operator == "exclude" && slices.Contains(e.values, v):
					one.values = slices.DeleteFunc(slices.Clone(e.values), func(have string) bool { return have == v })
					text = hasNot + " " + strconv.Quote(v)
				}
				if text != "" {
					one.key = joined(one.key, ",", v)
					one.text = joined(one.text, " and ", text)
				}
				next = append(next, one)
				if text == "" {
					break
				}
			}
		}
		out = next
	}
	return slices.DeleteFunc(out, func(e listEdit) bool { return e.text == "" })
}

func joined(a, separator, b string) string {
	if a == "" {
		return b
	}
	return a + separator + b
}

func withValue(values []string, v string) []string {
	if slices.Contains(values, v) {
		return values
	}
	return append(slices.Clone(values), v)
}

// editGroups makes the person join and leave groups.
func editGroups(_ *searcher, c criterion, want bool, s *Scenario) []edit {
	m, ok := c.operand.(listMatcher)
	if !ok {
		return nil
	}
	current := slices.Clone(s.Person.Groups)
	for _, g := range s.Person.DirectoryGroups {
		current = append(current, g.ID, g.Name)
	}
	var out []edit
	for _, l := range m.lists(want, current, "member of group", "not a member of group") {
		out = append(out, edit{key: "group " + l.key, cost: costGroup, text: l.text, person: true, apply: func(s *Scenario) { s.setGroups(l.values, current) }})
	}
	return out
}

// setGroups joins and leaves what makes after of before. Who leaves a group of
// the directory leaves it under its id and its name.
func (s *Scenario) setGroups(after, before []string) {
	left := func(name string) bool { return slices.Contains(before, name) && !slices.Contains(after, name) }
	s.Person.Groups = slices.DeleteFunc(s.Person.Groups, left)
	s.Person.DirectoryGroups = slices.DeleteFunc(s.Person.DirectoryGroups, func(g DirectoryGroup) bool { return left(g.ID) || left(g.Name) })
	for _, name := range after {
		if !slices.Contains(before, name) {
			s.Person.Groups = withValue(s.Person.Groups, name)
		}
	}
}

// editClaim gives a claim other values. It is set under its whole name, which
// is looked at first.
func editClaim(_ *searcher, c criterion, want bool, s *Scenario) []edit {
	m, ok := c.operand.(listMatcher)
	if !ok {
		return nil
	}
	name := "claim " + Visible(c.subPath)
	var out []edit
	for _, l := range m.lists(want, claimValues(s.Person, c), name+" with", name+" without") {
		out = append(out, edit{key: name + " " + l.key, cost: costClaim, text: l.text, person: true, apply: func(s *Scenario) {
			values := make([]any, len(l.values))
			for i, v := range l.values {
				values[i] = v
			}
			if s.Person.Claims == nil {
				s.Person.Claims = map[string]any{}
			}
			s.Person.Claims[c.subPath] = values
		}})
	}
	return out
}

// claimValues are those that the criterion finds.
func claimValues(d *PersonData, c criterion) []string {
	input := ast.ObjectTerm(ast.Item(keyPerson, NewPerson(*d).term))
	for _, ref := range c.refs(false) {
		found := lookUp(input, ref)
		if found == nil {
			continue
		}
		var values []string
		if set, ok := found.(ast.Set); ok {
			set.Foreach(func(t *ast.Term) {
				if v, ok := t.Value.(ast.String); ok {
					values = append(values, string(v))
				}
			})
		}
		return values
	}
	return nil
}
