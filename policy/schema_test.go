package policy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/cardea-proxy/cardea/internal/schematest"
)

// asJSON is a tree as an editor gives it to a validator: dates are text.
func asJSON(t testing.TB, n *yaml.Node) any {
	t.Helper()
	switch n.Kind {
	case yaml.DocumentNode:
		return asJSON(t, n.Content[0])
	case yaml.AliasNode:
		return asJSON(t, n.Alias)
	case yaml.SequenceNode:
		out := []any{}
		for _, item := range n.Content {
			out = append(out, asJSON(t, item))
		}
		return out
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			out[n.Content[i].Value] = asJSON(t, n.Content[i+1])
		}
		return out
	}
	if n.ShortTag() == "!!timestamp" {
		return n.Value
	}
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSchemaAgreesWithParse gives the same policies to both.
func TestSchemaAgreesWithParse(t *testing.T) {
	t.Parallel()
	s := schematest.Compile(t, Schema())
	criterion := func(texts ...string) []string {
		for i, text := range texts {
			texts[i] = "allow: {or: [" + text + "]}"
		}
		return texts
	}
	digits := strings.Repeat("12", 32)
	good := slices.Concat([]string{
		"", "[]", "null",
		"allow: {and: [accept: true], not: [reject: 1], nor: [accept: ]}\ndeny: {action: Deny, or: [{email: a@b.c}]}",
		"[{allow: {or: [accept: yes]}}, {deny: {or: [{accept: {}}]}}]",
	}, criterion(
		"user: a", "email: {is: a, not: b, contains: c, starts_with: d, ends_with: e, in: [f], not_in: [g, h]}",
		"domain: example.com", "groups: ops", "groups: 7", "groups: {has: 1, is: true, exclude: b}",
		"claim/a/b.c: x", "claim/https://example.com/roles: {has: x}",
		"grant: x", "grant: {has: x, exclude: y}",
		"http_method: POST", "http_method: {in: [GET, M-SEARCH]}",
		"http_path: /a", "http_path: {contains: a, ends_with: b, starts_with: /c}",
		"http_header/accept-language: {contains: de}", "http_query/tab: x",
		"source_ip: 10.0.0.0/8", "source_ip: ['::1', 192.0.2.1]", "cors_preflight: true", "authenticated_user: {}",
		"client_certificate: {fingerprint: "+digits+"}",
		"client_certificate: {fingerprint: ['"+digits+"', '"+strings.Repeat("aB:", 31)+"00'], san_dns: {ends_with: .example.com}}",
		"client_certificate: {spki_hash: '"+strings.Repeat("A", 43)+"=', san_email: a, san_uri: {is: b}}",
		"invalid_client_certificate: true",
		"date: {after: 2030-01-31, before: 2031-01-31T09:00:00Z}", "date: {after: '2030-01-31T09:00'}", "date: {before: 2030-01-31T09:00:00.5+01:00}",
		"day_of_week: 'mon-fri, Sunday'", "day_of_week: '*'", "day_of_week: [sat, SUN]", "day_of_week: {days: fri-mon, timezone: Europe/Berlin}",
		"time_of_day: {timezone: UTC, after: 9:00, before: '17:30:15'}", "time_of_day: {timezone: UTC, after: 9 pm}",
		"device: true", "device: {}", "device: {is: x, approved: true, type: enclave_only}", "device: {is: [x, y], approved: false, type: any}",
		"device: {within: 5m}", "device: {is: x, within: 1d12h, user_verified: true}",
		"signed_in_within: 30m", "signed_in_within: 30d", "signed_in_within: 1d12h30m", "signed_in_within: 1.5h",
		"record: {type: mdm, field: os.version, key: user.id, is: 3}", "record: {type: mdm, field: a, exists: false}",
		"record: {type: mdm, field: a, '>=': 3.5, in: [1, 2], not: true, starts_with: x}",
	))
	for _, text := range good {
		parsed, valid := parsedAndValid(t, s, text)
		if parsed != nil || valid != nil {
			t.Errorf("%s: parse %v, schema %v", text, parsed, valid)
		}
	}
	bad := slices.Concat([]string{
		"text", "7", "{}", "[null]", "[[]]", "permit: {or: [accept: true]}", "allow: {}", "allow: {or: []}", "allow: {or: {}}", "allow: {xor: [accept: true]}",
		"allow: {or: [accept: true], action: deny}",
	}, criterion(
		"accept: false", "{}", "{accept: 1, reject: 1}", "emial: a", "claim: x", "claim/: x", "email/x: a", "ssh_ca: x", "mcp_tool: x",
		"email: ''", "email: 7", "email: []", "email: {}", "email: {regex: x}", "email: {in: x}", "email: {in: []}", "email: {is: null}",
		"domain: a@b", "groups: {}", "groups: [a]", "groups: {in: [a]}", "groups: {has: 1.5}", "grant: {exclude: x}",
		"http_method: post", "http_path: admin", "http_path: {in: [/a, b]}", "source_ip: host", "source_ip: []",
		"client_certificate: {}", "client_certificate: {fingerprint: abc}", "client_certificate: {san: x}", "client_certificate: {spki_hash: x}",
		"date: {}", "date: {after: tomorrow}", "date: {since: 2030-01-31}", "day_of_week: someday", "day_of_week: []", "day_of_week: {timezone: UTC}",
		"time_of_day: {after: 9:00}", "time_of_day: {timezone: UTC}", "time_of_day: {timezone: UTC, after: noon}",
		"device: false", "device: x", "device: {type: phone}", "device: {approved: x}", "device: {within: 5}", "device: {within: month}", "device: {user_verified: false}", "signed_in_within: 30", "signed_in_within: month",
		"record: {type: mdm, field: a}", "record: {type: mdm, is: a, not: b}", "record: {type: mdm, field: a, '>': x}", "record: {type: mdm, field: a, exists: 1}",
		"record: {type: mdm, field: a, key: user.name, is: x}",
	))
	for _, text := range bad {
		if parsed, valid := parsedAndValid(t, s, text); parsed == nil || valid == nil {
			t.Errorf("%s: parse %v, schema %v", text, parsed, valid)
		}
	}
}

// parsedAndValid parses a policy and validates it.
func parsedAndValid(t testing.TB, s *jsonschema.Schema, text string) (parsed, valid error) {
	t.Helper()
	n := &yaml.Node{}
	if err := yaml.Unmarshal([]byte(text), n); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if n.Kind == 0 {
		n = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	}
	_, parsed = ParseNode(n)
	return parsed, s.Validate(asJSON(t, n))
}

// TestSchemaTakesRandomPolicies gives it what parses for certain.
func TestSchemaTakesRandomPolicies(t *testing.T) {
	t.Parallel()
	s, r := schematest.Compile(t, Schema()), rand.New(rand.NewPCG(1, 2))
	for range 300 {
		text := randomText(r, explainedCriteria(), 3, 4)
		if parsed, valid := parsedAndValid(t, s, text); parsed != nil || valid != nil {
			t.Fatalf("parse %v, schema %v\n%s", parsed, valid, text)
		}
	}
}

// TestEverythingIsDescribed wants a sentence for each criterion and operator,
// and none for what there is not.
func TestEverythingIsDescribed(t *testing.T) {
	t.Parallel()
	for name, k := range criteria {
		if described := strings.HasSuffix(k.summary, "."); described == k.notYet || (k.form == nil) != k.notYet {
			t.Errorf("%s: summary %q, a form: %t", name, k.summary, k.form != nil)
		}
	}
	for of, names := range map[string][]string{
		"text": stringOperators, "list": listOperators, "certificate": certificateFields,
		"device": deviceTests, "record": slices.Concat(recordKeys, valueOperators),
	} {
		got := slices.Sorted(maps.Keys(operatorSummaries[of]))
		if want := slices.Sorted(slices.Values(names)); !slices.Equal(got, want) {
			t.Errorf("%s: described are %q, want %q", of, got, want)
		}
	}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, group := range []string{"properties", "patternProperties"} {
				properties, _ := v[group].(map[string]any)
				for name, p := range properties {
					if p.(schema)["description"] == nil && name != "^action$" {
						t.Errorf("%s.%s has no description", at, name)
					}
				}
			}
			for name, below := range v {
				walk(at+"."+name, below)
			}
		case []any:
			for i, below := range v {
				walk(fmt.Sprintf("%s[%d]", at, i), below)
			}
		}
	}
	walk("", Schema())
}
