package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFailingAreThePoliciesThatKeepOut(t *testing.T) {
	t.Parallel()
	named := func(name, ppl string) *Policy { return &Policy{Name: name, Documents: []*Document{document(t, ppl)}} }
	says := func(name, ppl string) *Policy {
		p := named(name, ppl)
		p.Explanation = "because of " + name
		return p
	}
	mends := named("mends", "allow: {or: [{groups: menders}]}")
	mends.Remediation = "ask"
	everywhere := says("everywhere", "deny: {or: [{http_method: PUT}]}")
	everywhere.Enforced = true
	shadow := says("shadow", "{allow: {or: [{groups: x}]}, deny: {or: [{accept: }]}}")
	shadow.Shadow = true
	rego := func(name, text string) *Policy {
		return &Policy{Name: name, Explanation: "x", Rego: []*Module{explainedModule(t, text)}}
	}
	ops, nothing := says("ops", "allow: {or: [{groups: ops}]}"), says("nothing", "[]")
	put := get()
	put.Method = "PUT"
	member := ada()
	member.Groups = []string{"ops"}
	for _, tc := range []struct {
		name   string
		s      Source
		r      Request
		person *Person
		want   []string
	}{
		{"those that deny, and not those that could allow", Source{Policies: []*Policy{ops, everywhere, mends}}, put, NewPerson(ada()), []string{"everywhere"}},
		{"also where another allows", Source{Policies: []*Policy{ops, everywhere}}, put, NewPerson(member), []string{"everywhere"}},
		{"of two that deny, both", Source{Policies: []*Policy{everywhere, says("too", "deny: {not: [{http_method: GET}]}")}}, put, NewPerson(ada()), []string{"everywhere", "too"}},
		{"one without words denies", Source{Policies: []*Policy{ops, named("silent", "deny: {or: [{http_method: PUT}]}")}}, put, NewPerson(ada()), nil},
		{"the route itself denies", Source{Documents: []*Document{document(t, "deny: {or: [{http_method: PUT}]}")}, Policies: []*Policy{ops}}, put, NewPerson(ada()), nil},
		{"those that could allow, in their order", Source{Policies: []*Policy{mends, everywhere, ops}}, get(), NewPerson(ada()), []string{"mends", "ops"}},
		{"not one without words", Source{Policies: []*Policy{ops, named("silent", "allow: {or: [{groups: x}]}")}}, get(), NewPerson(ada()), []string{"ops"}},
		{"not one without a rule", Source{Policies: []*Policy{nothing, ops}}, get(), NewPerson(ada()), []string{"ops"}},
		{"nobody is signed in", Source{Policies: []*Policy{ops}}, get(), nil, []string{"ops"}},
		{"hand-written Rego that denies", Source{Policies: []*Policy{ops, rego("r", "deny if input.http.method == \"PUT\"")}}, put, NewPerson(ada()), []string{"r"}},
		{"hand-written Rego that does not allow", Source{Policies: []*Policy{rego("r", "allow if input.http.method == \"PUT\"")}}, get(), NewPerson(ada()), []string{"r"}},
		{"hand-written Rego that fails", Source{Policies: []*Policy{ops, rego("r", "allow := [input.http.method]")}}, get(), NewPerson(ada()), nil},
		{"shadows never", Source{Policies: []*Policy{shadow, ops}}, get(), NewPerson(ada()), []string{"ops"}},
		{"where all is well", Source{Policies: []*Policy{mends, ops}}, get(), NewPerson(member), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, p := range compiled(t, tc.s).Failing(t.Context(), Facts{Request: tc.r, Person: tc.person, Now: someTime}) {
				got = append(got, p.Name)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Most routes have no words for anybody, and need no second program for them.
func TestFailingBuildsNothingWhereNothingIsSaid(t *testing.T) {
	t.Parallel()
	shadow := &Policy{Name: "shadow", Shadow: true, Explanation: "x", Documents: []*Document{document(t, "allow: {or: [{groups: x}]}")}}
	silent := &Policy{Name: "silent", Documents: shadow.Documents}
	p := compiled(t, Source{Documents: shadow.Documents, Policies: []*Policy{shadow, silent}})
	if got := p.Failing(t.Context(), signedIn(ada())); got != nil || p.explainer.e != nil {
		t.Errorf("Failing = %v, explainer %v", got, p.explainer.e)
	}
}

// BenchmarkFailing is the page of somebody denied: the first, for which the
// policy is compiled once more, and each one after it.
func BenchmarkFailing(b *testing.B) {
	src := Source{Policies: []*Policy{{Name: "p", Explanation: "x", Documents: []*Document{document(b, ordinary)}}}}
	f := Facts{Request: get(), Person: NewPerson(PersonData{SessionID: "s", UserID: "u", Email: "x@y.example"})}
	ask := func(b *testing.B, p *Program) {
		if len(p.Failing(b.Context(), f)) != 1 {
			b.Fatal("no policy is failing")
		}
	}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			p := compiled(b, src)
			b.StartTimer()
			ask(b, p)
		}
	})
	b.Run("later", func(b *testing.B) {
		p := compiled(b, src)
		ask(b, p)
		b.ReportAllocs()
		for b.Loop() {
			ask(b, p)
		}
	})
}
