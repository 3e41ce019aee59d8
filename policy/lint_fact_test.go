package policy

import (
	"net/netip"
	"slices"
	"testing"
)

// What lint takes a criterion for is what the program takes it for: the facts
// of each request are looked up by hand and put into the choice.
func TestTruthIsWhatTheProgramSays(t *testing.T) {
	t.Parallel()
	var people = []*PersonData{nil, {UserID: "u-1"}, {UserID: "v", Email: "a@x.example", Groups: []string{"g"}},
		{UserID: "u-1", Email: "A@X.example", Groups: []string{"h", "g"}}, {UserID: "v", Email: "a@y@x.example", Groups: []string{"h"}}}
	requests := []Request{{}, {Method: "GET", Path: "/a", IP: netip.MustParseAddr("10.200.0.1")}, {Method: "PUT", Path: "/b", IP: netip.MustParseAddr("2001:db9::1")}}
	looked := 0
	for _, ppl := range lintCriteria {
		for _, deny := range []bool{false, true} {
			action := map[bool]string{false: "allow", true: "deny"}[deny]
			doc := document(t, action+": {or: [{"+ppl+"}]}")
			c := documentRules("", true, doc)[0].criteria[0]
			p := compiled(t, Source{Documents: []*Document{doc}})
			for _, d := range people {
				for _, q := range requests {
					is, known := holdsFor(c.truth(true), q, d)
					isNot, _ := holdsFor(c.truth(false), q, d)
					if !known {
						continue
					}
					looked++
					f := Facts{Request: q}
					if d != nil {
						f.Person = NewPerson(*d)
					}
					got := p.Evaluate(t.Context(), f)
					if want := got.Allow || got.Deny; is != want || isNot == want {
						t.Errorf("%s in %s of %+v, %+v: %v and not %v, the program says %v", ppl, action, d, q, is, isNot, want)
					}
				}
			}
		}
	}
	if looked < 1000 {
		t.Errorf("looked at %d", looked)
	}
}

// holdsFor looks the facts of a choice without further ones up; known is false
// where one is about what is not looked into here.
func holdsFor(c choice, q Request, d *PersonData) (is, known bool) {
	known = true
	for _, o := range c {
		all := true
		for _, f := range o.facts {
			so, ok := holdsOne(f, q, d)
			known = known && ok
			all = all && so == f.want
		}
		is = is || all
	}
	return is, known
}

func holdsOne(f fact, q Request, d *PersonData) (is, known bool) {
	var who PersonData
	if d != nil {
		who = *d
	}
	text, known := map[string]string{
		aboutUser: who.UserID, aboutEmail: who.Email, aboutDomain: emailDomain(who.Email), aboutMethod: q.Method, "http_path": q.Path,
	}[f.subject]
	switch {
	case f.subject == aboutPerson:
		return d != nil, true
	case f.subject == aboutAddress && f.kind == factThere:
		return q.IP.IsValid(), true
	case f.kind == factWithin:
		return slices.ContainsFunc(f.nets, func(n netip.Prefix) bool { return n.Contains(q.IP) }), true
	case f.subject == aboutGroups && f.kind == factHolds:
		return slices.ContainsFunc(who.Groups, func(g string) bool { return f.set[g] }), true
	case f.subject == aboutGroups:
		return len(who.Groups) == 1 && f.set[who.Groups[0]], true
	case f.kind == factThere:
		return text != "", known
	case f.kind == factText:
		return text != "" && f.test.holds(text, f.set), known
	}
	return false, false
}
