package policy

import (
	"slices"
	"strings"
	"testing"
)

func TestHTTPHeader(t *testing.T) {
	t.Parallel()
	const ok, no = "http-header-ok", "http-header-unauthorized"
	with := func(m map[string]string) Facts {
		r := get()
		r.Header = headers(m)
		return Facts{Request: r}
	}
	env := with(map[string]string{"X-Env": "prod", "X-Empty": ""})
	person := signedIn(ada())
	person.Request.Header = env.Request.Header
	runCriterion(t, []criterionCase{
		{"the value", "http_header/x-env: prod", env, true, reasons(ok)},
		{"for a person too", "http_header/x-env: prod", person, true, reasons(ok)},
		{"the name whatever its case", "http_header/X-ENV: prod", env, true, reasons(ok)},
		{"the value by its case", "http_header/x-env: Prod", env, false, reasons(no)},
		{"another value", "http_header/x-env: test", env, false, reasons(no)},
		{"a matcher", "http_header/x-env: {starts_with: p, not: prodx}", env, true, reasons(ok)},
		{"one of several", "http_header/x-env: {in: [test, prod]}", env, true, reasons(ok)},
		{"a header that is not there", "http_header/x-other: prod", env, false, reasons(no)},
		{"is not anything else either", "http_header/x-other: {not: prod}", env, false, reasons(no)},
		{"an empty one is something else", "http_header/x-empty: {not: prod}", env, true, reasons(ok)},
		{"no headers at all", "http_header/x-env: prod", Facts{Request: get()}, false, reasons(no)},
		{"odd bytes in a name", "http_header/x_env*: prod", with(map[string]string{"X_env*": "prod"}), true, reasons(ok)},
	})
	t.Run("a missing header gets nobody around an exclusion", func(t *testing.T) {
		t.Parallel()
		for _, ppl := range []string{
			"{allow: {or: [{accept: }]}, deny: {or: [{http_header/x-env: {not: prod}}]}}",
			"allow: {not: [{http_header/x-env: {not_in: [prod]}}]}",
		} {
			if d := program(t, ppl).Decide(t.Context(), with(nil)); d.Outcome != Deny {
				t.Errorf("%s: %+v", ppl, d)
			}
			if d := program(t, ppl).Decide(t.Context(), env); d.Outcome != Allow {
				t.Errorf("%s: %+v", ppl, d)
			}
		}
	})
	t.Run("one name is one header", func(t *testing.T) {
		t.Parallel()
		p := program(t, "allow: {or: [{http_header/x-env: a}, {http_header/X-Env: b}], not: [{http_header/origin: c}]}")
		if got, want := p.Reads().Headers, []string{"Origin", "X-Env"}; !slices.Equal(got, want) {
			t.Errorf("headers %q, want %q", got, want)
		}
	})
	const where = "1:15: policy.allow.or[0].http_header/"
	runBad(t, []badCase{
		{"no name", "allow: {or: [{http_header: x}]}", "1:15: policy.allow.or[0].http_header: want http_header/<name>, such as http_header/accept-language"},
		{"a space", "allow: {or: [{http_header/x env: x}]}", where + `x env: "x env" is no name of a header, want letters, digits and dashes`},
		{"a cookie", "allow: {or: [{http_header/cookie: x}]}", where + "cookie: the header cookie holds a credential, and a policy is no place for one, want the name of another header"},
		{"a credential", "allow: {or: [{http_header/Authorization: x}]}", where + "Authorization: the header authorization holds a credential, and a policy is no place for one, want the name of another header"},
		{"that of a proxy", "allow: {or: [{http_header/proxy-authorization: x}]}", where + "proxy-authorization: the header proxy-authorization holds a credential, and a policy is no place for one, want the name of another header"},
		{"the host", "allow: {or: [{http_header/host: x}]}", where + "host: the host of a request chooses its route, and its policy is read only then, want the name of another header"},
		{"one of the connection", "allow: {or: [{http_header/upgrade: x}]}", where + "upgrade: the header upgrade is about one connection and does not reach the upstream, want the name of another header"},
		{"ours", "allow: {or: [{http_header/X-Pomerium-Jwt-Assertion: x}]}", where + "X-Pomerium-Jwt-Assertion: the header x-pomerium-jwt-assertion is set or removed on the way, so that what the client sends is not what the upstream gets, want the name of another header"},
		{"that of a proxy in front", "allow: {or: [{http_header/X-Forwarded-For: x}]}", where + "X-Forwarded-For: the header x-forwarded-for is set or removed on the way, so that what the client sends is not what the upstream gets, want the name of another header"},
		{"a part of the request", "allow: {or: [{'http_header/:path': x}]}", where + `:path: ":path" is no header: it is part of the request itself, want http_method, http_path, or the name of a header`},
		{"null", "allow: {or: [{http_header/x-env: }]}", "1:34: policy.allow.or[0].http_header/x-env: want a string that is not empty, or an object of is, not, contains, starts_with, ends_with, in, not_in"},
		{"an empty value", "allow: {or: [{http_header/x-env: ''}]}", "1:34: policy.allow.or[0].http_header/x-env: want a string that is not empty, or an object of is, not, contains, starts_with, ends_with, in, not_in"},
		{"a number", "allow: {or: [{http_header/x-env: 1}]}", "1:34: policy.allow.or[0].http_header/x-env: want a string: put it in quotes, or an object of is, not, contains, starts_with, ends_with, in, not_in"},
	})
}

func TestHeadersThatNoPolicyMayRead(t *testing.T) {
	t.Parallel()
	for _, list := range [][]string{{"authorization", "cookie", "proxy-authorization", "set-cookie"}, hopHeaders, changedHeaders, changedPrefixes} {
		if !slices.IsSorted(list) {
			t.Errorf("%q is not sorted", list)
		}
		for _, name := range list {
			if strings.HasSuffix(name, "-") {
				name += "x"
			}
			if _, problem, _ := headerName(strings.ToUpper(name)); problem == "" {
				t.Errorf("%s is taken", name)
			}
		}
	}
	for _, name := range []string{"x-env", "origin", "user-agent", "accept", "x-forwardedfor", "remote"} {
		if _, problem, want := headerName(name); problem != "" || want != "" {
			t.Errorf("%s is refused: %s, want %s", name, problem, want)
		}
	}
}
