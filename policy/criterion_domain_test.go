package policy

import "testing"

func TestDomain(t *testing.T) {
	t.Parallel()
	by := func(email string) Facts { return signedIn(PersonData{UserID: "u", Email: email}) }
	const ok, no = "domain-ok", "domain-unauthorized"
	runCriterion(t, []criterionCase{
		{"the domain", "domain: example.com", by("ada@example.com"), true, reasons(ok)},
		{"the case of the address does not matter", "domain: example.com", by("ada@EXAMPLE.com"), true, reasons(ok)},
		{"the case of the rule does not matter", "domain: {in: [Example.COM]}", by("ada@example.com"), true, reasons(ok)},
		{"a subdomain is another domain", "domain: example.com", by("ada@a.example.com"), false, reasons(no)},
		{"a longer domain is another domain", "domain: example.com", by("ada@evilexample.com"), false, reasons(no)},
		{"a suffix is as good as it is written", "domain: {ends_with: .example.com}", by("ada@a.example.com"), true, reasons(ok)},
		{"two at signs are no domain", "domain: good.example", by("a@evil.example@good.example"), false, reasons(no)},
		{"nor the first of them", "domain: evil.example", by("a@evil.example@good.example"), false, reasons(no)},
		{"nor for a suffix", "domain: {ends_with: good.example}", by("a@evil.example@good.example"), false, reasons(no)},
		{"nor to exclude", "domain: {not: other.example}", by("a@evil.example@good.example"), false, reasons(no)},
		{"no at sign is no domain", "domain: example.com", by("example.com"), false, reasons(no)},
		{"nothing before it is no address", "domain: example.com", by("@example.com"), false, reasons(no)},
		{"nothing after it is no domain", "domain: {not: x}", by("ada@"), false, reasons(no)},
		{"the Kelvin sign is no k", "domain: kelvin.example", by("ada@\u212aelvin.example"), false, reasons(no)},
		{"a full-width letter is no letter", "domain: example.com", by("ada@\uff45xample.com"), false, reasons(no)},
		{"no address", "domain: example.com", by(""), false, reasons(no)},
		{"a stranger signs in", "domain: example.com", Facts{Request: get()}, false, reasons(nobody)},
	})
	t.Run("who has no domain is not of the one that is demanded", func(t *testing.T) {
		t.Parallel()
		p := program(t, "{allow: {or: [{authenticated_user: }]}, deny: {or: [{domain: {not: good.example}}]}}")
		for _, email := range []string{"", "a", "a@evil.example@good.example", "@good.example"} {
			if d := p.Decide(t.Context(), by(email)); d.Outcome != Deny {
				t.Errorf("%q: %+v", email, d)
			}
		}
		if d := p.Decide(t.Context(), by("a@good.example")); d.Outcome != Allow {
			t.Errorf("a@good.example: %+v", d)
		}
	})
	runBad(t, []badCase{
		{"an address", "allow: {or: [{domain: a@example.com}]}", "1:23: policy.allow.or[0].domain: want a domain without @"},
		{"an address in a list", "allow: {or: [{domain: {in: [x, '@example.com']}}]}", "1:28: policy.allow.or[0].domain.in: want a domain without @"},
	})
}
