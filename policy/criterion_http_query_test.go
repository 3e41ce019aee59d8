package policy

import (
	"slices"
	"testing"
)

func TestHTTPQuery(t *testing.T) {
	t.Parallel()
	const ok, no = "http-query-ok", "http-query-unauthorized"
	with := func(raw string) Facts {
		r := get()
		r.RawQuery = raw
		return Facts{Request: r}
	}
	person := signedIn(ada())
	person.Request.RawQuery = "env=prod"
	runCriterion(t, []criterionCase{
		{"the value", "http_query/env: prod", with("env=prod"), true, reasons(ok)},
		{"for a person too", "http_query/env: prod", person, true, reasons(ok)},
		{"among others", "http_query/env: prod", with("a=1&env=prod&&b"), true, reasons(ok)},
		{"another value", "http_query/env: prod", with("env=test"), false, reasons(no)},
		{"the case of the name matters", "http_query/env: prod", with("ENV=prod"), false, reasons(no)},
		{"the case of the value matters", "http_query/env: prod", with("env=Prod"), false, reasons(no)},
		{"an escaped name", "http_query/env: prod", with("%65nv=prod"), true, reasons(ok)},
		{"an escaped value", "http_query/env: prod", with("env=%70rod"), true, reasons(ok)},
		{"escaped once, not twice", "http_query/env: prod", with("env=%2570rod"), false, reasons(no)},
		{"a plus is a space", "http_query/q x: a b", with("q+x=a+b"), true, reasons(ok)},
		{"an escaped plus is none", "http_query/q: a+b", with("q=a%2bb"), true, reasons(ok)},
		{"a value that holds =", "http_query/q: a=b", with("q=a=b"), true, reasons(ok)},
		{"an escaped separator", "http_query/q: 'a&b;c'", with("q=a%26b%3Bc"), true, reasons(ok)},
		{"a matcher", "http_query/q: {starts_with: a, contains: b}", with("q=ab"), true, reasons(ok)},
		{"no query", "http_query/q: a", with(""), false, reasons(no)},
		{"a parameter that is not there is not anything else", "http_query/q: {not: a}", with("p=b"), false, reasons(no)},
		{"an empty one is", "http_query/q: {not: a}", with("q"), true, reasons(ok)},
		{"twice", "http_query/env: prod", with("env=prod&env=test"), false, reasons(no)},
		{"twice the same", "http_query/env: prod", with("env=prod&env=prod"), false, reasons(no)},
		{"twice, escaped", "http_query/env: prod", with("env=prod&%65nv=test"), false, reasons(no)},
		{"once, and once as a list", "http_query/env: prod", with("env=prod&env[]=test"), false, reasons(no)},
		{"another list", "http_query/env: prod", with("env=prod&x[]=test"), true, reasons(ok)},
		{"a semicolon", "http_query/env: prod", with("env=prod;a=1"), false, reasons(no)},
		{"a semicolon elsewhere", "http_query/env: prod", with("env=prod&a=1;b=2"), false, reasons(no)},
		{"a broken escape", "http_query/env: prod", with("env=prod&a=%zz"), false, reasons(no)},
		{"a broken escape in a name", "http_query/env: prod", with("env=prod&%=1"), false, reasons(no)},
		{"bytes that are no text", "http_query/env: prod", with("env=prod&a=%ff"), false, reasons(no)},
		{"a byte that ends a text", "http_query/env: prod", with("env=prod%00"), false, reasons(no)},
	})
	const where = "1:15: policy.allow.or[0].http_query"
	runBad(t, []badCase{
		{"no name", "allow: {or: [{http_query: x}]}", where + ": want http_query/<name>, such as http_query/tab"},
		{"null", "allow: {or: [{http_query/q: }]}", "1:29: policy.allow.or[0].http_query/q: want a string that is not empty, or an object of is, not, contains, starts_with, ends_with, in, not_in"},
		{"a number", "allow: {or: [{http_query/q: 1}]}", "1:29: policy.allow.or[0].http_query/q: want a string: put it in quotes, or an object of is, not, contains, starts_with, ends_with, in, not_in"},
	})
}

// Where a match leads towards a denial, nobody escapes it by a query that the
// upstream may read otherwise.
func TestHTTPQueryInADeny(t *testing.T) {
	t.Parallel()
	const deny, not = "{allow: {or: [{accept: }]}, deny: {or: [{http_query/admin: '1'}]}}", "allow: {not: [{http_query/admin: '1'}]}"
	denied := []string{
		"admin=1", "%61dmin=1", "admin=%31", "admin=0&admin=1", "admin=1&admin=0", "a=b;admin=1", "admin=1;a=b", "a;admin=0",
		"admin=%zz", "admin=1%", "admin=%ff", "%zz=1", "adm%ffin=1", "admin%00x=1", "admin[]=1", "admin[0]=2", "&&admin=1",
	}
	allowed := []string{"", "a=1", "admin=0", "admin", "admin=11", "ADMIN=1", "administrator=1", "a=admin=1", "a=b;c=d", "a=%zz", "x[admin]=1", "%2561dmin=1", "a=%26admin=1"}
	r := get()
	for _, ppl := range []string{deny, not} {
		p := program(t, ppl)
		for _, q := range denied {
			if r.RawQuery = q; p.Decide(t.Context(), Facts{Request: r}).Outcome != Deny {
				t.Errorf("%s lets in ?%s", ppl, q)
			}
		}
		for _, q := range allowed {
			if r.RawQuery = q; p.Decide(t.Context(), Facts{Request: r}).Outcome != Allow {
				t.Errorf("%s keeps out ?%s", ppl, q)
			}
		}
	}
	p := program(t, "{allow: {or: [{accept: }]}, deny: {or: [{http_query/env: {not: test}}]}}")
	for q, want := range map[string]Outcome{"env=test": Allow, "env=prod": Deny, "": Deny, "env=test&env=prod": Deny, "a=%&env=test": Allow} {
		if r.RawQuery = q; p.Decide(t.Context(), Facts{Request: r}).Outcome != want {
			t.Errorf("?%s is not %v", q, want)
		}
	}
}

func TestOnlyTheParametersThatAreReadAreInTheInput(t *testing.T) {
	t.Parallel()
	p := program(t, "allow: {or: [{http_query/b: x}, {http_query/a: x}, {http_query/b: y}]}")
	if got, want := p.Reads().Parameters, []string{"a", "b"}; !slices.Equal(got, want) || p.Reads().Query {
		t.Errorf("parameters %q, query %v, want %q and no query", got, p.Reads().Query, want)
	}
	f := Facts{Request: get()}
	f.Request.RawQuery = "a=1&secret=2"
	reads := p.Reads()
	want := `{"http": {"query": {"a": {"doubtful": false, "only": "1", "values": ["1"]}, "b": {"doubtful": false, "values": []}}}}`
	if got := f.input(&reads, nil, nil).String(); got != want {
		t.Errorf("input %s, want %s", got, want)
	}
}
