package policy

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/cardea-proxy/cardea/internal/schematest"
)

func sprint(v any) string { return fmt.Sprintf("%+v", v) }

// FuzzParse: whatever is taken compiles, prints back to itself, means the same
// then, is taken by the schema, and decides without an error.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"allow: {or: [{email: {is: a@example.com}}]}",
		"- allow: {and: [{domain: {in: [a, B]}}, {claim/a.b/C: {has: 3}}], nor: [{accept: }]}\n  deny: {not: [{source_ip: ['::ffff:1.2.3.0/120', 10.0.0.1]}]}",
		"- &a {allow: {or: [{groups: {is: x, exclude: y}}]}}\n- {<<: *a}\n- *a",
		"deny: {or: [{client_certificate: {san_uri: {contains: x}, fingerprint: 0000000000000000000000000000000000000000000000000000000000000000}}]}",
		`allow: {or: [{"claim/\"\u2028\\": "${x}"}, {http_path: {starts_with: "/\0\n"}}, {http_method: {not_in: [GET]}}]}`,
		"allow: {or: [{invalid_client_certificate: }, {cors_preflight: 1}, {user: {not: x}}, {reject: []}, {authenticated_user: {}}]}",
		"allow: {and: [{date: {after: 2030-01-31, before: 2030-02-01T10:00:00.5+01:00}}, {day_of_week: {days: [mon, fri-sun], timezone: Asia/Tokyo}}]}",
		"allow: {or: [{time_of_day: {timezone: Europe/Berlin, after: 10 PM, before: 06:00:00.250}}, {day_of_week: '*'}, {signed_in_within: 1d12h}]}",
		"allow: {nor: [{http_header/x-env: {not: a}}, {http_query/q: {contains: b}}, {grant: {has: ops, exclude: dba}}]}",
		"deny: {or: [{device: {is: [a, b], approved: false, type: enclave_only}}, {device: {}}]}",
		"deny: {not: [{record: {type: laptop, field: score, '>=': 1.5e3, '<': -7, not_in: [1, 2.5]}}, {record: {type: laptop, field: owner.team, key: user.id, exclude: true}}]}",
		"allow: {or: [{record: {type: laptop, field: tags, has: a, exclude: c}}, {record: {type: laptop, field: os, exists: false}}, {record: {type: laptop, field: mixed, is: x}}]}",
		"allow: {or: [{mcp_tool: x}, {ssh_ca: [" + sshKey + "]}, {ssh_publickey: x}, {ssh_username: {in: [a]}}, {ssh_username_matches_email: 1}, {ssh_username_matches_claim: c}]}",
		"[]", "null", "{}", "allow", "? {a: b}\n: c", `allow: {or: [{http_method: "a\u202e"}, {"b\e": 1}]}`,
	} {
		f.Add([]byte(seed))
	}
	d := ada()
	d.SignedInAt, d.Grants, d.Devices = modelBase, []Grant{{"ops", modelBase.Add(1)}}, []Device{{ID: "a", Type: DeviceEnclave, ShownAt: modelBase}}
	person, records := NewPerson(d), onceThere{newRecord(f, laptopData())}
	valid := schematest.Compile(f, Schema())
	f.Fuzz(func(t *testing.T, text []byte) {
		var n yaml.Node
		if yaml.Unmarshal(text, &n) != nil {
			return
		}
		doc, err := ParseNode(&n)
		if err != nil {
			told(t, err)
			return
		}
		first, err := doc.Format()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parsedAndValid(t, valid, string(first)); err != nil {
			t.Fatalf("the schema refuses it: %v\n%s", err, first)
		}
		again, err := parseText(string(first))
		if err != nil {
			t.Fatalf("its own form is refused: %v\n%s", err, first)
		}
		second, err := again.Format()
		if err != nil || string(first) != string(second) {
			t.Fatalf("two forms: %v\n%s\n%s", err, first, second)
		}
		p, err := Compile(t.Context(), Source{Documents: []*Document{doc}})
		if err != nil {
			t.Fatalf("Compile: %v\n%s", err, first)
		}
		q, err := Compile(t.Context(), Source{Documents: []*Document{again}})
		if err != nil || p.Digest() != q.Digest() {
			t.Fatalf("two meanings: %v\n%s\n%s", err, p.Rego(), q.Rego())
		}
		asked := get()
		asked.RawQuery, asked.Header = "q=a&q=b;c&%", headers(map[string]string{"X-Env": "a"})
		for _, facts := range []Facts{{Request: get()}, {Request: get(), Person: person}, {Request: asked, Person: person, Now: modelBase, Records: records}} {
			if d := p.Decide(t.Context(), facts); d.Err != nil {
				t.Fatalf("Decide: %v\n%s", d.Err, p.Rego())
			}
		}
	})
}

// FuzzFacts: whatever a request, an identity provider and a source of records
// send, a decision of ours comes out, and the same from memory.
func FuzzFacts(f *testing.F) {
	f.Add("GET", "/a", "q=a", "prod", "x@y.example", "g", "v", int64(0), int64(0), `{"score": 5}`)
	f.Add("", "", "", "", "", "", "", int64(-1), int64(1), "")
	f.Add("\xff", "/\x00\xff", "q=%ff;q=a&%zz", "\xff", "a@b@c", "\"", "\xf0", int64(1900000000000), int64(1900000000001), `{"score": [5, "x", {}, null], "os": {"a": 1e999}}`)
	f.Add("GET", "/", "a[]=1&q[=a&+=", "", "", "g", "v", int64(1<<62), int64(-1<<62), `{"score": 1e400, "os": false}`)
	doc, err := parseText(`
- allow:
    and: [{domain: {ends_with: example}}, {http_path: {starts_with: /a, contains: b}}, {http_method: {not: PUT}}]
    nor: [{groups: {is: g}}, {claim/c/d: {has: v}}, {email: {not_in: [x@y.example]}}]
    or: [{http_header/x-env: {not: test}}, {http_query/q: {in: [a, b]}}, {record: {type: r, field: score, '<': 3}}, {grant: ops}]
    not: [{http_query/q: {starts_with: a}}, {record: {type: r, field: os, exclude: x}}, {signed_in_within: 1h}, {device: {is: a, within: 1h}}]
  deny:
    or: [{time_of_day: {timezone: Pacific/Apia, after: 22:00, before: 06:00}}, {day_of_week: sun}, {date: {after: 2500-01-01}}]
`)
	if err != nil {
		f.Fatal(err)
	}
	p, err := Compile(f.Context(), Source{Documents: []*Document{doc}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, query, header, email, group, claim string, now, then int64, record string) {
		facts := Facts{Request: get(), Now: time.UnixMilli(now), Person: NewPerson(PersonData{
			UserID: claim, Email: email, Groups: []string{group},
			Claims:     map[string]any{"c": map[string]any{"d": claim, claim: group}, group: []any{claim, email}},
			SignedInAt: time.UnixMilli(then), Grants: []Grant{{group, time.UnixMilli(then)}}, Devices: []Device{{ID: claim, Type: group, Approved: then > 0, ShownAt: time.UnixMilli(then)}},
		})}
		facts.Request.Method, facts.Request.Path, facts.Request.RawQuery = method, path, query
		facts.Request.Header = headers(map[string]string{"X-Env": header})
		var data map[string]any
		if json.Unmarshal([]byte(record), &data) == nil {
			facts.Records = onceThere{newRecord(t, data)}
		}
		want := p.Evaluate(t.Context(), facts)
		if want.Err != nil {
			t.Fatalf("Decide: %v", want.Err)
		}
		if !want.holds(facts.Now.Round(0)) {
			t.Fatalf("from %v until %v at %v", want.Since, want.Until, facts.Now)
		}
		compare(t, want, p.Decide(t.Context(), facts))
		compare(t, want, p.Decide(t.Context(), facts))
	})
}

// FuzzQuery: a name in a query is found however it is written, and where only
// one value is certain it is the one that Go finds.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"q=a", "q=a&q=b", "%71=a", "q=a;b", "q[]=1", "q=%", "&=&&", "q=+%2b", "a=1&q"} {
		f.Add(seed, "q")
	}
	f.Fuzz(func(t *testing.T, raw, name string) {
		if !utf8.ValidString(name) {
			return
		}
		got := parseQuery(raw).of(name)
		values, err := url.ParseQuery(raw)
		if err == nil && !strings.ContainsRune(raw, 0) && len(values[name]) > 0 && len(got.values) == 0 && !got.doubtful {
			t.Errorf("?%s has %q and it is not seen", raw, name)
		}
		if got.certain && (err != nil || len(values[name]) != 1 || values[name][0] != got.values[0]) {
			t.Errorf("?%s: %q is not certain: %q, %v", raw, name, values[name], err)
		}
	})
}
