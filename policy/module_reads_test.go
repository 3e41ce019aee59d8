package policy

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadsOfModules(t *testing.T) {
	t.Parallel()
	everything := inputRoot.fields["http"].whole()
	for _, tc := range []struct {
		rego string
		want Reads
	}{
		{`allow := true`, Reads{}},
		{`allow if input.http.method == "GET"`, Reads{Method: true}},
		{`allow if input["http"]["method"] == "GET"`, Reads{Method: true}},
		{`allow if startswith(input.http.path, "/a")`, Reads{Path: true}},
		{`allow if f(input.http.raw_path)` + "\nf(x) if x == \"/\"", Reads{RawPath: true}},
		{`allow if input.http.raw_query == ""`, Reads{Query: true}},
		{`allow if input.http.hostname == ""`, Reads{Host: true}},
		{`allow if input.http.url == ""`, Reads{Host: true, RawPath: true, Query: true}},
		{`allow if input.http.ip == ""`, Reads{Address: true}},
		{`allow if input.is_valid_client_certificate`, Reads{Certificate: true}},
		{`allow if input.http.client_certificate.leaf == ""`, Reads{Certificate: true, CertificateLeaf: true}},
		{`allow if "a" in input.person.groups`, Reads{Session: true}},
		{`allow if input.session.id != ""`, Reads{Session: true}},
		{`allow if input.person`, Reads{Session: true}},
		{`allow if input.http.headers["X-A"] == input.http.headers.Origin`, Reads{Headers: []string{"Origin", "X-A"}}},
		{"import input.http as h\nallow if h.method == \"GET\"", Reads{Method: true}},
		{"import input.http.headers as h\nallow if h[\"X-A\"]", Reads{Headers: []string{"X-A"}}},
		{`allow if some x in [y | y := input.http.path]`, Reads{Path: true}},
		{"allow if every x in [1] { x < count(input.http.path) }", Reads{Path: true}},
		{"allow if false else := false if input.http.path == \"/\"", Reads{Path: true}},
		{"allow if print(input.http.path)", Reads{Path: true}},
		{"allow if $\"{input.http.path}\" == \"\"", Reads{Path: true}},
		{"x := input.http.method\ny := x\nallow if y", Reads{Method: true}},
		{`allow if get_databroker_record("type.googleapis.com/user.User", input.session.user_id).email`, Reads{Session: true}},

		{`allow if input.now.unix_ms > 0`, Reads{Clock: true, Volatile: true}},
		{`allow if time.now_ns() > 0`, Reads{Clock: true, Volatile: true}},
		{`allow if rand.intn("x", 2) == 1`, Reads{Volatile: true}},
		{`allow if some name in ["path"]; input.http[name]`, everything},
		{`allow if f(input.http)` + "\nf(h) if h.method == \"GET\"", everything},
		{`allow if input.http.headers[_] == "x"`, Reads{AllHeaders: true, Volatile: true}},
		{`allow if some k, v in input.http.headers; k == v`, Reads{AllHeaders: true, Volatile: true}},
		{`allow if get_databroker_record("a", input.session.user_id).x`,
			Reads{Session: true, Address: true, Certificate: true, CertificateLeaf: true, Volatile: true}},
	} {
		rego := strings.Replace(tc.rego, "; input.http[", "\ninput.http[", 1)
		if strings.Contains(tc.rego, "allow if some") || rego != tc.rego {
			rego = strings.Replace(tc.rego, "allow if ", "allow if { ", 1) + " }"
		}
		if strings.Contains(tc.rego, "print(") {
			rego = "allow if { print(input.http.path) }"
		}
		if diff := cmp.Diff(tc.want, handWritten(t, rego).Reads()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rego, diff)
		}
	}
	for _, rego := range []string{`x := input` + "\nallow if x.http", `allow if walk(input, [_, "x"])`, `allow if input[_].method`, "import input as i\nallow if { some k in [\"a\"]; i.http[k] }"} {
		if r := handWritten(t, rego).Reads(); !r.Volatile || !r.AllHeaders || !r.Session && !strings.Contains(rego, "import") || !r.Method {
			t.Errorf("%s reads %+v", rego, r)
		}
	}
}

// readingParts are bodies of rules that read in many ways.
var readingParts = []string{
	`input.http.method == "GET"`, `not input.http.method == "PUT"`, `startswith(input.http.path, "/a")`,
	`h.raw_query == "q=1"`, `f(input.http.host)`, `count(input.http.url) > 30`, `net.cidr_contains("10.0.0.0/8", input.http.ip)`,
	`input.http.headers["X-A"] == "1"`, `not h.headers["X-B"]`, `input.http[["method", "path"][_]] == "/a"`,
	`some _, v in input.http.headers; v == "1"`, `g(h) == "GET"`, `input.person.email == "a@x.example"`, `not input.person`,
	`"g" in input.person.groups`, `input.session.user_id != ""`, `input.is_valid_client_certificate`, `h.client_certificate.presented`,
	`input.now.unix_ms % 2000 == 0`, `time.now_ns() % 2000000000 == 0`, `count([x | x := input[_]]) > 3`,
	`get_databroker_record("type.googleapis.com/user.User", input.session.user_id).email == "a@x.example"`,
	`every x in ["X-A"] { input.http.headers[x] }`, `$"{h.raw_path}" == "/a"`, `h.hostname == "x.example"`,
}

func randomModule(r *rand.Rand) string {
	text := "import input.http as h\nf(x) if x == \"x.example\"\ng(x) := x.method\n"
	used := false
	for _, half := range []string{"allow", "deny"} {
		for range 1 + r.IntN(2) {
			text += half + " if {\n"
			for _, i := range r.Perm(len(readingParts))[:1+r.IntN(3)] {
				part := readingParts[i]
				used = used || strings.Contains(part, "h.") || strings.Contains(part, "(h)")
				text += "\t" + strings.ReplaceAll(part, "; ", "\n\t") + "\n"
			}
			text += "}\n"
		}
	}
	if !used {
		text += "unused if h.method\n"
	}
	return text
}

func randomFacts(r *rand.Rand, people []*Person) Facts {
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	host := one("x.example", "y.example")
	path := one("/a", "/b", "/abc")
	headers := map[string]string{}
	for _, name := range []string{"X-A", "X-B", "X-C"} {
		if r.IntN(2) == 0 {
			headers[name] = one("1", "2")
		}
	}
	f := Facts{Now: time.Unix(int64(r.IntN(4)), 0), Person: people[r.IntN(len(people))], Request: Request{
		Method: one("GET", "PUT"), Scheme: one("https", "http"), Host: host, Hostname: host, Path: path, RawPath: path,
		RawQuery: one("", "q=1"), IP: netip.MustParseAddr(one("10.1.1.1", "192.0.2.1")),
		Header: func(name string) (string, bool) { v, ok := headers[name]; return v, ok },
		Headers: func(yield func(string, string) bool) {
			for name, v := range headers {
				if !yield(name, v) {
					return
				}
			}
		},
	}}
	f.Request.ClientCertificate = ClientCertificate{Presented: r.IntN(2) == 0, Valid: r.IntN(2) == 0}
	return f
}

// keeping is g with what is read taken from f.
func keeping(f, g Facts, r Reads) Facts {
	keep := func(read bool, to *string, from string) {
		if read {
			*to = from
		}
	}
	q, from := &g.Request, &f.Request
	if r.Session {
		g.Person = f.Person
	}
	keep(r.Method, &q.Method, from.Method)
	keep(r.Host, &q.Scheme, from.Scheme)
	keep(r.Host, &q.Host, from.Host)
	keep(r.Host, &q.Hostname, from.Hostname)
	keep(r.Path, &q.Path, from.Path)
	keep(r.RawPath, &q.RawPath, from.RawPath)
	keep(r.Query, &q.RawQuery, from.RawQuery)
	if r.Address {
		q.IP = from.IP
	}
	if r.Certificate {
		q.ClientCertificate = from.ClientCertificate
	}
	header := q.Header
	q.Header = func(name string) (string, bool) {
		if slices.Contains(r.Headers, name) {
			return from.Header(name)
		}
		return header(name)
	}
	return g
}

func TestWhatAModuleDoesNotReadDoesNotMatter(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	people := []*Person{nil}
	for _, d := range modelPeople[1:] {
		people = append(people, NewPerson(*d))
	}
	steady := 0
	for range 200 {
		text := randomModule(r)
		p := writtenProgram(t, text)
		for range 30 {
			f := randomFacts(r, people)
			want := p.Evaluate(t.Context(), f)
			if want.Err != nil {
				t.Fatalf("%v\n%s", want.Err, text)
			}
			compare(t, want, p.Decide(t.Context(), f))
			compare(t, want, p.Decide(t.Context(), f))
			if !p.reads.Volatile {
				steady++
				other := keeping(f, randomFacts(r, people), p.reads)
				compare(t, want, p.Evaluate(t.Context(), other))
				compare(t, want, p.Decide(t.Context(), other))
			}
			if t.Failed() {
				t.Fatalf("seed %d, reads %+v\n%s", seed, p.reads, text)
			}
		}
	}
	if steady < 500 {
		t.Errorf("only %d were steady", steady)
	}
}

func TestCorpusFormsOfPPLAgree(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(rand.Uint64(), 2))
	people := []*Person{nil}
	for _, d := range modelPeople[1:] {
		people = append(people, NewPerson(*d))
	}
	for ppl, rego := range map[string]string{
		`accept: true`:                     `true`,
		`reject: true`:                     `false`,
		`authenticated_user: true`:         `input.person`,
		`user: u-1`:                        `input.session.user_id == "u-1"`,
		`email: a@x.example`:               `input.person.email == "a@x.example"`,
		`domain: y.example`:                `input.person.domain == "y.example"`,
		`groups: g`:                        `"g" in input.person.groups`,
		`claim/k: v`:                       `"v" in input.person.claims.k`,
		`http_method: GET`:                 `input.http.method == "GET"`,
		`http_path: {starts_with: /a}`:     `startswith(input.http.path, "/a")`,
		`source_ip: 10.0.0.0/8`:            `net.cidr_contains("10.0.0.0/8", input.http.ip)`,
		`cors_preflight: true`:             "input.http.method == \"OPTIONS\"\n\tinput.http.headers.Origin\n\tinput.http.headers[\"Access-Control-Request-Method\"]",
		`invalid_client_certificate: true`: `not input.is_valid_client_certificate`,
	} {
		a, b := program(t, "allow: {or: [{"+ppl+"}]}"), writtenProgram(t, "allow if {\n\t"+rego+"\n}")
		for range 60 {
			f := randomFacts(r, people)
			if strings.Contains(ppl, "certificate") {
				f.Request.ClientCertificate.Presented, f.Request.ClientCertificate.Leaf = true, &x509.Certificate{}
			}
			if strings.Contains(ppl, "cors") && r.IntN(2) == 0 {
				f.Request.Method = "OPTIONS"
				f.Request.Header = headers(map[string]string{"Origin": "x", "Access-Control-Request-Method": "GET"})
			}
			one, other := a.Decide(t.Context(), f), b.Decide(t.Context(), f)
			if one.Err != nil || other.Err != nil || one.Allow != other.Allow {
				t.Fatalf("%s is %+v, %s is %+v", ppl, one, rego, other)
			}
		}
	}
}

func TestHeadersOfModules(t *testing.T) {
	t.Parallel()
	p := writtenProgram(t, `allow := [true, [sprintf("%s=%s", [k, v]) | some k, v in input.http.headers]]`)
	f := Facts{Request: get()}
	f.Request.Headers = func(yield func(string, string) bool) {
		for _, h := range [][2]string{{"x-a", "1"}, {"X-A", "2"}, {"cookie", "s"}, {"AUTHORIZATION", "s"},
			{"x-pomerium-authorization", "s"}, {"Proxy-Authorization", "s"}, {"X-B", "\"\n${x}\xff"}} {
			if !yield(h[0], h[1]) {
				return
			}
		}
	}
	d := p.Decide(t.Context(), f)
	if want := reasons("X-A=1", "X-B=\"\n${x}\uFFFD"); d.Err != nil || !slices.Equal(d.AllowReasons, want) {
		t.Errorf("headers %q, want %q (%v)", d.AllowReasons, want, d.Err)
	}
}

func TestTheTimeOfModulesIsThatOfTheFacts(t *testing.T) {
	t.Parallel()
	p := writtenProgram(t, `allow if { time.now_ns() == 5000000000; input.now.unix_ms == 5000 }`)
	if d := p.Decide(t.Context(), Facts{Request: get(), Now: time.Unix(5, 0)}); d.Outcome != Allow || d.Reusable {
		t.Errorf("Decide = %+v", d)
	}
	if d := p.Decide(t.Context(), Facts{Request: get(), Now: time.Unix(6, 0)}); d.Outcome != Deny || d.Err != nil {
		t.Errorf("Decide = %+v", d)
	}
}

// recordStore holds external records by type, key and value.
type recordStore map[string]*Record

func (s recordStore) Record(_ context.Context, typ string, key RecordKey, value string) (*Record, error) {
	if typ == "broken" {
		return nil, errors.New("store is away")
	}
	return s[fmt.Sprint(typ, "|", key, "|", value)], nil
}

func TestRecordsOfModules(t *testing.T) {
	t.Parallel()
	record, err := NewRecord(map[string]any{"level": 3})
	if err != nil {
		t.Fatal(err)
	}
	store := recordStore{"hr|user.id|u-1": record, "mail|user.email|ada@example.com": record, "net|request.ip|192.0.2.7": record}
	address := ada()
	address.UserID = "192.0.2.7"
	signed := ada()
	signed.SignedInAt = time.Unix(0, 0)
	for _, tc := range []struct {
		name, body string
		person     *PersonData
		want       Outcome
		fails      string
	}{
		{"the session", `r := get_databroker_record("type.googleapis.com/session.Session", input.session.id); r.id == "session-1"; r.user_id == "u-1"; r.claims.department == ["research"]; r.issued_at == "1970-01-01T00:00:00Z"; count(r) == 4`, &signed, Allow, ""},
		{"the user", `r := get_databroker_record("type.googleapis.com/user.User", input.session.user_id); r.email == "ada@example.com"; r.name == "Ada"; r.claims.realm_access.roles[_] == "writer"; count(r) == 4`, &signed, Allow, ""},
		{"the directory's user", `r := get_databroker_record("pomerium.io/DirectoryUser", input.session.user_id); r.group_ids == ["g-7", "engineers"]; r.display_name == "Ada"`, &signed, Allow, ""},
		{"another person", `get_databroker_record("type.googleapis.com/user.User", "u-2") == null`, &signed, Allow, ""},
		{"the session under the user's id", `get_databroker_record("type.googleapis.com/session.Session", "u-1") == null`, &signed, Allow, ""},
		{"nobody", `get_databroker_record("type.googleapis.com/user.User", input.session.user_id) == null; get_databroker_record("hr", input.session.user_id) == null`, nil, Allow, ""},
		{"by user id", `get_databroker_record("hr", input.session.user_id).level == 3`, &signed, Allow, ""},
		{"by e-mail", `get_databroker_record("mail", input.person.email).level == 3`, &signed, Allow, ""},
		{"by address", `get_databroker_record("net", input.http.ip).level == 3`, &signed, Allow, ""},
		{"absent", `get_databroker_record("mail", input.session.user_id) == null`, &signed, Allow, ""},
		{"a user id that reads like the address", `get_databroker_record("net", input.session.user_id)`, &address, Deny, "reads like"},
		{"an id of nothing", `get_databroker_record("hr", "other")`, &signed, Deny, "want an id of the request"},
		{"a store that is away", `not get_databroker_record("broken", input.session.user_id)`, &signed, Deny, "store is away"},
		{"very many", `every i in numbers.range(1, 200) { get_databroker_record(sprintf("t%d", [i]), input.session.user_id) == null }`, &signed, Deny, "more than 100"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := writtenProgram(t, "allow if {\n"+strings.ReplaceAll(tc.body, "; ", "\n")+"\n}")
			f := Facts{Request: get(), Records: store}
			if tc.person != nil {
				f.Person = NewPerson(*tc.person)
			}
			d := p.Decide(t.Context(), f)
			if d.Outcome != tc.want || (d.Err == nil) != (tc.fails == "") {
				t.Fatalf("Decide = %+v", d)
			}
			if d.Err != nil && !strings.Contains(d.Err.Error(), tc.fails) {
				t.Errorf("Err = %v", d.Err)
			}
		})
	}
}

func TestHostileFactsStayTextInModules(t *testing.T) {
	t.Parallel()
	p := writtenProgram(t, "allow if {\n"+`input.person.claims[input.session.user_id] == {input.session.user_id}
		input.http.path == concat("", ["/", input.person.email])
		input.http.headers["X-A"] == input.person.email`+"\n}")
	for _, text := range hostile {
		f := Facts{Request: get(), Person: NewPerson(PersonData{SessionID: "s", UserID: text, Email: text, Claims: map[string]any{text: text}})}
		f.Request.Path, f.Request.Header = "/"+text, headers(map[string]string{"X-A": text})
		if d := p.Decide(t.Context(), f); d.Outcome != Allow {
			t.Errorf("%q is not itself: %+v", text, d)
		}
		f.Request.Path += "x"
		if d := p.Decide(t.Context(), f); d.Outcome != Deny || d.Err != nil {
			t.Errorf("%q is something else: %+v", text, d)
		}
	}
}

// FuzzParseRego: whatever is taken decides within its bounds, or errs.
func FuzzParseRego(f *testing.F) {
	for _, seed := range []string{
		"allow := true", "package pomerium.policy\nimport rego.v1\nallow if input.http.method == \"GET\"\ndeny := [true, {\"x\"}, {\"a\": 1}]",
		"# METADATA\n# title: x\nallow if { some x in numbers.range(1, 9); x == 3 }", "allow contains 1 if true", "allow if with", "package",
		"import input.http as h\nallow if h.headers[_]", "allow if $\"{input.http.path}\" == \"/\"", "x := y\ny := x\nallow if x", "allow if time.now_ns() > 0 else := [1]", "allow if x\u202e",
	} {
		f.Add(seed)
	}
	person := NewPerson(ada())
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseRego("fuzz.rego", text)
		if err != nil {
			told(t, err)
			return
		}
		p, err := Compile(t.Context(), Source{Policies: []*Policy{{Rego: []*Module{m}}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, facts := range []Facts{{Request: get()}, {Request: get(), Person: person, Now: time.Unix(1, 0)}} {
			d := p.Decide(t.Context(), facts)
			if errors.Is(d.Err, errPanic) || errors.Is(d.Err, errStuck) || d.Err != nil && d.Outcome == Allow {
				t.Fatalf("Decide: %+v\n%s", d, text)
			}
		}
	})
}

func BenchmarkModule(b *testing.B) {
	p := writtenProgram(b, "allow := [true, {\"ok\"}] if {\n\tinput.http.method == \"GET\"\n\tinput.person.domain == \"example.com\"\n\tstartswith(input.http.path, \"/reports\")\n}\ndeny if \"banned\" in input.person.groups")
	f := Facts{Request: get(), Person: NewPerson(ada())}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if d := p.Evaluate(b.Context(), f); d.Outcome != Allow {
				b.Fatalf("%+v", d)
			}
		}
	})
	b.Run("remembered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if d := p.Decide(b.Context(), f); d.Outcome != Allow {
				b.Fatalf("%+v", d)
			}
		}
	})
}
