package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheSmallestChange(t *testing.T) {
	t.Parallel()
	with := func(change func(*Scenario)) Scenario {
		s := by(ada())
		change(&s)
		return s
	}
	posture, err := NewRecord(map[string]any{"score": 3})
	if err != nil {
		t.Fatal(err)
	}
	everybody := func(deny string) string { return "{allow: {or: [{accept: }]}, deny: {or: [{" + deny + "}]}}" }
	for _, tc := range []struct {
		name  string
		ppl   string
		s     Scenario
		needs []string // nil: there is none
	}{
		{"a group", "allow: {or: [{groups: ops}]}", by(ada()), []string{`member of group "ops"`}},
		{"a group alone", "allow: {or: [{groups: {is: ops}}]}", by(ada()), []string{`member of group "ops" alone`}},
		{"no longer a group of the directory", "allow: {or: [{groups: {exclude: admins}}]}", by(ada()), []string{`not a member of group "admins"`}},
		{"a group denied", everybody("groups: admins"), by(ada()), []string{`not a member of group "admins"`}},
		{"a group in and one out", "allow: {or: [{groups: {has: ops, exclude: admins}}]}", by(ada()), []string{`member of group "ops" and not a member of group "admins"`}},
		{"one of two groups", "allow: {or: [{groups: b}, {groups: a}]}", by(ada()), []string{`member of group "b"`}},
		{"a group rather than being another", "allow: {or: [{email: root@example.com}, {groups: ops}]}", by(ada()), []string{`member of group "ops"`}},
		{"being another where nothing else does", "allow: {or: [{email: root@example.com}]}", by(ada()), []string{`e-mail address "root@example.com"`}},
		{"of another domain", "allow: {or: [{domain: Example.org}]}", by(ada()), []string{`e-mail address in the domain "example.org"`}},
		{"a claim", "allow: {or: [{claim/department: sales}]}", by(ada()), []string{`claim department with "sales"`}},
		{"a claim at a path", "allow: {or: [{claim/realm_access/roles: root}]}", by(ada()), []string{`claim realm_access/roles with "root"`}},
		{"a claim denied", everybody("claim/department: research"), by(ada()), []string{`claim department without "research"`}},
		{"a network", "allow: {or: [{source_ip: 10.0.0.0/8}]}", by(ada()), []string{"from 10.0.0.0/8"}},
		{"an address", "allow: {or: [{source_ip: 10.1.2.3}]}", by(ada()), []string{"from 10.1.2.3"}},
		{"a network denied", everybody("source_ip: 192.0.2.0/24"), by(ada()), []string{"from elsewhere than 192.0.2.0/24, such as 198.51.100.1"}},
		{"a method", "allow: {or: [{http_method: PUT}]}", by(ada()), []string{`method "PUT"`}},
		{"a path like this", "allow: {or: [{http_path: {starts_with: /a, ends_with: .txt}}]}", by(ada()),
			[]string{`path "/a.txt", or another for which http_path: {starts_with: /a, ends_with: .txt} is true`}},
		{"a header", "allow: {or: [{http_header/x-team: blue}]}", by(ada()), []string{`header X-Team "blue"`}},
		{"a parameter", "allow: {or: [{http_query/tab: open}]}", by(ada()), []string{`parameter tab "open"`}},
		{"a preflight", "allow: {or: [{cors_preflight: }]}", by(ada()), []string{"a CORS preflight"}},
		{"to sign in again", "allow: {or: [{signed_in_within: 1h}]}", by(ada()), []string{"signed in again"}},
		{"a grant", "allow: {or: [{grant: on-call}]}", by(ada()), []string{`granted "on-call"`}},
		{"a device", "allow: {or: [{device: {approved: true, type: enclave_only}}]}", by(ada()), []string{"a registered and approved device of type enclave_only"}},
		{"a device approved", "allow: {or: [{device: {approved: true}}]}",
			with(func(s *Scenario) { s.Person.Devices = []Device{{ID: "d-1", Type: DeviceAny}} }), []string{`device "d-1" approved`}},
		{"a device shown again", "allow: {or: [{device: {approved: true, within: 5m}}]}",
			with(func(s *Scenario) {
				s.Person.Devices = []Device{{ID: "d-1", Type: DeviceAny, Approved: true, ShownAt: s.Now.Add(-time.Hour)}}
			}), []string{`device "d-1" shown again`}},
		{"a device verified", "allow: {or: [{device: {within: 5m, user_verified: true}}]}",
			with(func(s *Scenario) { s.Person.Devices = []Device{{ID: "d-1", Type: DeviceAny, ShownAt: s.Now}} }),
			[]string{`device "d-1" shown again with user verification`}},
		{"a device approved and shown again", "allow: {or: [{device: {is: d-1, approved: true, within: 5m}}]}",
			with(func(s *Scenario) { s.Person.Devices = []Device{{ID: "d-1", Type: DeviceAny}} }),
			[]string{`device "d-1" approved and shown again`}},
		{"a device to be shown", "allow: {or: [{device: {within: 5m, user_verified: true}}]}", by(ada()),
			[]string{"a registered device, shown with user verification"}},
		{"a device that is not that one", "{allow: {or: [{accept: }]}, deny: {or: [{device: {is: d-1, within: 5m}}]}}",
			with(func(s *Scenario) { s.Person.Devices = []Device{{ID: "d-1", Type: DeviceAny, ShownAt: s.Now}} }),
			[]string{"another registered and approved device"}},
		{"a record", "allow: {or: [{record: {type: posture, field: score, '>=': 5}}]}",
			with(func(s *Scenario) { s.Records = oneRecord{posture} }), []string{"record posture for which record: {type: posture, field: score, \">=\": 5} is true"}},
		{"no record", "allow: {or: [{record: {type: posture, field: score, exists: false}}]}",
			with(func(s *Scenario) { s.Records = oneRecord{posture} }), []string{"no score in record posture"}},
		{"a valid certificate", "{allow: {or: [{accept: }]}, deny: {or: [{invalid_client_certificate: }]}}", by(ada()), []string{"a valid client certificate"}},
		{"a certificate with a name", "allow: {or: [{client_certificate: {san_dns: a.example.com}}]}", by(ada()), []string{`a valid client certificate with san_dns "a.example.com"`}},
		{"no certificate can be made up", "allow: {or: [{client_certificate: {fingerprint: '" + zeros + "'}}]}", by(ada()), nil},
		{"a later hour", "allow: {or: [{time_of_day: {timezone: Europe/Berlin, after: '17:00'}}]}", by(ada()), []string{"at 17:00:00 on Mon 2 Mar 2026 in Europe/Berlin"}},
		{"another day", "allow: {or: [{day_of_week: fri}]}", by(ada()), []string{"at 00:00:00 on Fri 6 Mar 2026 in UTC"}},
		{"a day and an hour at once", "allow: {and: [{day_of_week: wed}, {time_of_day: {timezone: UTC, after: '09:00', before: '10:00'}}]}", by(ada()),
			[]string{"at 09:00:00 on Wed 4 Mar 2026 in UTC"}},
		{"a date far ahead", "allow: {or: [{date: {after: '2027-05-01'}}]}", by(ada()), []string{"at 00:00:00 on Sat 1 May 2027 in UTC"}},
		{"a date that is over", "allow: {or: [{date: {before: '2020-01-01'}}]}", by(ada()), nil},
		{"to sign in again at a later hour", "allow: {and: [{signed_in_within: 1h}, {day_of_week: wed}]}", by(ada()),
			[]string{"signed in again", "at 00:00:00 on Wed 4 Mar 2026 in UTC"}},
		{"to sign in", "allow: {or: [{authenticated_user: }]}", stranger(), []string{"signed in"}},
		{"to sign in as somebody", "allow: {or: [{email: a@example.com}]}", stranger(), []string{"signed in", `e-mail address "a@example.com"`}},
		{"to sign in as a member", "allow: {and: [{groups: ops}, {source_ip: 10.0.0.0/8}]}", stranger(), []string{"signed in", `member of group "ops"`, "from 10.0.0.0/8"}},
		{"to sign in, for a negation", "allow: {not: [{groups: ops}]}", stranger(), []string{"signed in"}},
		{"who denies is passed and who allows is met", "{allow: {or: [{groups: ops}]}, deny: {or: [{http_method: GET}]}}", by(ada()),
			[]string{`member of group "ops"`, `method "HEAD", or another for which http_method: {is: GET} is false`}},
		{"nothing helps against everybody", everybody("accept: "), by(ada()), nil},
		{"nor where no rule can allow", "allow: {or: [{reject: }]}", by(ada()), nil},
		{"nothing is needed", "allow: {or: [{accept: }]}", by(ada()), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := explained(t, program(t, tc.ppl), tc.s)
			var needs []string
			if x.Change != nil {
				needs = x.Change.Needs
			}
			if !slices.Equal(needs, tc.needs) {
				t.Errorf("needs %q, want %q", needs, tc.needs)
			}
		})
	}
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

func TestAScenarioIsNotChangedByWhatIsTried(t *testing.T) {
	t.Parallel()
	s := by(ada())
	s.Person.SignedInAt = someTime.Add(-time.Hour)
	s.Person.Devices = []Device{{ID: "d-1", Type: DeviceAny}}
	before := s.Facts()
	explained(t, program(t, "allow: {and: [{groups: ops}, {groups: {exclude: admins}}, {claim/department: x}, {device: {approved: true}}, {signed_in_within: 1m}, {grant: g}]}"), s)
	after := s.Facts()
	if before.Person.term.Value.Compare(after.Person.term.Value) != 0 {
		t.Errorf("before %v\nafter %v", before.Person.term, after.Person.term)
	}
}

func TestWhyThereIsNoChange(t *testing.T) {
	t.Parallel()
	written := func(ppl, rego string) Source {
		return Source{Documents: []*Document{document(t, ppl)}, Policies: []*Policy{{Name: "w", Rego: []*Module{explainedModule(t, rego)}}}}
	}
	plain := func(ppl string) Source { return Source{Documents: []*Document{document(t, ppl)}} }
	const accept = "allow: {or: [{accept: }]}"
	const denied, closed = "a rule denies whoever asks and whatever is asked for", "no rule can allow anybody anything"
	for _, tc := range []struct {
		name string
		s    Source
		want string
	}{
		{"a deny of everybody", plain("{allow: {or: [{accept: }]}, deny: {or: [{http_method: PUT}, {accept: }]}}"), denied},
		{"by a negation", plain("{allow: {or: [{accept: }]}, deny: {not: [{reject: }]}}"), denied},
		{"reject", plain("allow: {or: [{reject: }]}"), closed},
		{"reject beside others", plain("allow: {and: [{groups: ops}, {reject: }]}"), closed},
		{"a negation of everybody", plain("allow: {not: [{accept: }, {groups: ops}]}"), closed},
		{"no rule", plain("[]"), closed},
		{"only a deny", plain("deny: {or: [{http_method: PUT}]}"), closed},
		{"Rego that does not allow", written("[]", "allow if input.http.method == \"PUT\""), "only hand-written Rego can allow, and what would turn it is not known"},
		{"Rego that denies", written(accept, "deny if input.http.method == \"GET\""), "hand-written Rego denies, and what would turn it is not known"},
		{"Rego that denies where nothing can allow", written("[]", "deny if input.http.method == \"GET\""), closed},
		{"what cannot be made up", plain("allow: {or: [{client_certificate: {fingerprint: '" + zeros + "'}}]}"), "no change was found of who asks, of the request or of the time"},
		{"an error, which says enough", written(accept, "allow := [input.http.method]"), ""},
		{"an allow", plain(accept), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := explained(t, compiled(t, tc.s), by(ada()))
			if x.Change != nil || x.NoChange != tc.want {
				t.Errorf("change %+v, none because %q, want %q", x.Change, x.NoChange, tc.want)
			}
			if x.Outcome != "allow" && x.NoChange == "" && x.Err == "" {
				t.Error("nothing is said")
			}
		})
	}
}

// Beside Rego that denies, whatever else is asked, a change of the rest is not
// offered; beside Rego that does not, it is.
func TestChangesBesideHandWrittenRego(t *testing.T) {
	t.Parallel()
	p := compiled(t, Source{
		Documents: []*Document{document(t, "allow: {or: [{groups: ops}]}")},
		Policies:  []*Policy{{Name: "w", Rego: []*Module{explainedModule(t, "deny if input.http.method == \"PUT\"")}}},
	})
	if x := explained(t, p, by(ada())); x.Change == nil || !slices.Equal(x.Change.Needs, []string{`member of group "ops"`}) {
		t.Errorf("change %+v, %q", x.Change, x.NoChange)
	}
	s := by(ada())
	s.Request.Method = "PUT"
	if x := explained(t, p, s); x.Change != nil || x.NoChange == "" {
		t.Errorf("change %+v, %q", x.Change, x.NoChange)
	}
}

// Each step evaluates the whole policy, so there are the fewer the larger it is.
func TestTheSearchIsBoundedInSteps(t *testing.T) {
	t.Parallel()
	many := func(operator, criterion string) string {
		all := make([]string, 2000)
		for i := range all {
			all[i] = "{" + fmt.Sprintf(criterion, i) + "}"
		}
		return "{allow: {" + operator + ": [" + strings.Join(all, ", ") + "]}}"
	}
	// Two searches, what they find, the pool and the last look.
	const most = 2*minSearchSteps + 3
	for _, tc := range []struct{ name, ppl string }{
		{"all of them", many("and", "claim/c%d: v")},
		{"one of them", many("or", "groups: g%d")},
		{"none of them", many("nor", "email: {not: u%d@x.example}")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := program(t, tc.ppl)
			e, err := p.explaining()
			if err != nil {
				t.Fatal(err)
			}
			x := newSearcher(t.Context(), p, e, by(ada()))
			x.smallestChange(t.Context())
			if x.asked == 0 || x.asked > most {
				t.Errorf("asked %d times, want at most %d", x.asked, most)
			}
		})
	}
}

// What is not here would be called hopeless, and no change of it be tried.
func TestEveryCriterionCanBeTurnedButConstants(t *testing.T) {
	t.Parallel()
	for _, name := range criterionNames() {
		constant := name == "accept" || name == "reject"
		if turns := editors(name) != nil || criteria[name].until != nil; turns == constant {
			t.Errorf("criterion %s: constant %v, and it can be turned %v", name, constant, turns)
		}
	}
}

func TestALongHeaderIsCutInWhatIsNeeded(t *testing.T) {
	t.Parallel()
	s := by(ada())
	s.Request.Header = headers(map[string]string{"X-Team": strings.Repeat("x", 60_000)})
	// "a" alone is refused, so that the first that helps goes on with what was sent.
	x := explained(t, program(t, "allow: {and: [{http_header/x-team: {starts_with: a}}, {http_header/x-team: {not: a}}]}"), s)
	if x.Change == nil || !strings.Contains(x.Change.Needs[0], "more characters") || len(x.Change.Needs[0]) > 3*maxShownText {
		t.Errorf("change %+v, and %d bytes of text", x.Change, len(explainedText(t, x)))
	}
}
