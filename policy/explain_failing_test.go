package policy

import "testing"

func BenchmarkFailing(b *testing.B) {
	p := compiled(b, Source{Policies: []*Policy{{Name: "p", Explanation: "x", Documents: []*Document{document(b, ordinary)}}}})
	f := Facts{Request: get(), Person: NewPerson(PersonData{SessionID: "s", UserID: "u", Email: "x@y.example"})}
	p.Failing(b.Context(), f)
	b.ReportAllocs()
	for b.Loop() {
		if len(p.Failing(b.Context(), f)) != 1 {
			b.Fatal("no policy is failing")
		}
	}
}
