package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

func TestParseForms(t *testing.T) {
	t.Parallel()
	const one = "- allow:\n    or:\n      - email:\n          is: \"a@example.com\"\n"
	for _, tc := range []struct {
		name string
		ppl  string
		want string // Format
	}{
		{"an object is a list of one", "allow: {or: [{email: {is: a@example.com}}]}", one},
		{"a list is taken as it is", "[{allow: {or: [{email: {is: a@example.com}}]}}]", one},
		{"a bare string means is", "allow: {or: [{email: a@example.com}]}", one},
		{"words of the language have no case", "Allow: {OR: [{Email: {IS: a@example.com}}]}", one},
		{"a body may repeat its action", "allow: {action: allow, or: [{email: a@example.com}]}", one},
		{"an alias is what it names", "allow: {or: &x [{email: a@example.com}]}\ndeny: {or: *x}",
			strings.TrimSuffix(one, "\n") + "\n" + strings.TrimPrefix(strings.Replace(one, "- allow", "  deny", 1), "")},
		{"an own key beats a merged one", "- &base {allow: {or: [{email: a@example.com}]}}\n- {<<: *base, allow: {or: [{accept: }]}}",
			one + "- allow:\n    or:\n      - accept: true\n"},
		{"an empty list has no rule", "[]", "[]\n"},
		{"null has no rule", "null", "[]\n"},
		{"a claim keeps the case and the slashes of its name", "allow: {or: [{Claim/A/b.C: x}]}",
			"- allow:\n    or:\n      - \"claim/A/b.C\":\n          has: \"x\"\n"},
		{"numbers and booleans of claims are their text", "allow: {or: [{claim/n: 0x10}, {claim/b: True}]}",
			"- allow:\n    or:\n      - \"claim/n\":\n          has: \"16\"\n      - \"claim/b\":\n          has: \"true\"\n"},
		{"groups of operators keep their order", "allow: {not: [{reject: }], and: [{accept: {}}]}",
			"- allow:\n    not:\n      - reject: true\n    and:\n      - accept: true\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := document(t, tc.ppl).Format()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("Format (-want +got):\n%s", diff)
			}
		})
	}
	if doc, err := ParseNode(nil); err != nil || len(doc.rules) != 0 {
		t.Errorf("ParseNode(nil) = %v, %v", doc, err)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const operand = "want a string that is not empty, or an object of is, not, contains, starts_with, ends_with, in, not_in"
	runBad(t, []badCase{
		{"a document that is text", "hello", "1:1: policy: want an object of allow and deny"},
		{"a rule that says nothing", "[{}]", "1:2: policy[0]: want an object of allow and deny"},
		{"a list in a list", "[[]]", "1:2: policy[0]: want an object of allow and deny"},
		{"an unknown action", "alow: {or: [{accept: }]}", `1:1: policy: unknown key "alow" (did you mean "allow"?), want one of allow, deny`},
		{"an action of nothing", "allow:", "1:7: policy.allow: want an object of and, or, not, nor"},
		{"an action that is empty", "deny: {}", "1:7: policy.deny: want an object of and, or, not, nor"},
		{"an action that is a list", "allow: [{accept: }]", "1:8: policy.allow: want an object of and, or, not, nor"},
		{"an action without operators", "allow: {action: allow}", "1:8: policy.allow: want one of and, or, not, nor"},
		{"an action that contradicts itself", "allow: {action: deny, or: [{accept: }]}", `1:17: policy.allow.action: want "allow"`},
		{"an unknown operator", "allow: {ro: [{accept: }]}", `1:9: policy.allow: unknown operator "ro" (did you mean "or"?), want one of and, or, not, nor`},
		{"an operator with an object", "allow: {or: {accept: }}", "1:13: policy.allow.or: want a list of at least one criterion"},
		{"an and of nothing, which would be true", "allow: {and: []}", "1:14: policy.allow.and: want a list of at least one criterion"},
		{"a not of nothing, which would be true", "allow: {not: }", "1:14: policy.allow.not: want a list of at least one criterion"},
		{"a criterion that is text", "allow: {or: [accept]}", "1:14: policy.allow.or[0]: want an object with one criterion, such as {email: {is: someone@example.com}}"},
		{"a criterion that is null", "allow: {or: [null]}", "1:14: policy.allow.or[0]: want an object with one criterion, such as {email: {is: someone@example.com}}"},
		{"two criteria in one object", "allow: {or: [{email: a, user: b}]}", "1:14: policy.allow.or[0]: want exactly one criterion in each object of the list"},
		{"an unknown criterion", "allow: {or: [{emial: a}]}",
			`1:15: policy.allow.or[0]: unknown criterion "emial" (did you mean "email"?), want one of ` + strings.Join(criterionNames(), ", ")},
		{"a criterion far from all", "allow: {or: [{astrology: a}]}",
			`1:15: policy.allow.or[0]: unknown criterion "astrology", want one of ` + strings.Join(criterionNames(), ", ")},
		{"a criterion still to come", "allow: {or: [{mcp_tool: read}]}", "1:15: policy.allow.or[0].mcp_tool: not supported yet"},
		{"a criterion of the past", "allow: {or: [{pomerium_routes: true}]}",
			"1:15: policy.allow.or[0].pomerium_routes: is no criterion any more: the reserved paths need no rule"},
		{"a path on a criterion that has none", "allow: {or: [{email/work: a}]}", "1:15: policy.allow.or[0].email/work: email takes nothing after a slash, want email"},
		{"a claim without a name", "allow: {or: [{claim: a}]}", "1:15: policy.allow.or[0].claim: want claim/<name>, such as claim/department"},
		{"a claim with an empty name", "allow: {or: [{claim/: a}]}", "1:15: policy.allow.or[0].claim/: want claim/<name>, such as claim/department"},
		{"a key that is a number", "allow: {1: [{accept: }]}", "1:9: policy.allow: want a key that is a string"},
		{"a key twice", "allow: {or: [{accept: }]}\nallow: {or: [{reject: }]}", "2:1: policy.allow: the key stands twice, want each key once"},
		{"a key twice in another case", "allow: {or: [{accept: }]}\nAllow: {or: [{reject: }]}", "2:1: policy.Allow: the key stands twice, want each key once"},
		{"an operator twice", "allow: {or: [{accept: }], or: [{reject: }]}", "1:27: policy.allow.or: the key stands twice, want each key once"},
		{"a matcher's operator twice", "allow: {or: [{email: {is: a, is: b}}]}", "1:30: policy.allow.or[0].email.is: the key stands twice, want each key once"},
		{"accept: false", "allow: {or: [{accept: false}]}",
			"1:23: policy.allow.or[0].accept: the operand is ignored, so false would mean the same as true, want true, or no such rule"},
		{"a string that is empty", `allow: {or: [{email: ""}]}`, "1:22: policy.allow.or[0].email: " + operand},
		{"a string that is null", "allow: {or: [{email: null}]}", "1:22: policy.allow.or[0].email: " + operand},
		{"a string that is a number", "allow: {or: [{user: 12}]}", "1:21: policy.allow.or[0].user: " + strings.Replace(operand, "a string that is not empty", "a string: put it in quotes", 1)},
		{"a string that is a list", "allow: {or: [{email: [a]}]}", "1:22: policy.allow.or[0].email: a list stands where one value does, want for any of several {in: [a, b]}"},
		{"a string that is an empty list", "allow: {or: [{email: []}]}", "1:22: policy.allow.or[0].email: " + operand},
		{"is with a list", "allow: {or: [{email: {is: [a]}}]}", "1:27: policy.allow.or[0].email.is: is takes one value, and this is a list, want in, which takes a list"},
		{"not with a list", "allow: {or: [{email: {not: [a]}}]}", "1:28: policy.allow.or[0].email.not: not takes one value, and this is a list, want not_in, which takes a list"},
		{"the beginning of a text with a list", "allow: {or: [{email: {starts_with: [a]}}]}", "1:36: policy.allow.or[0].email.starts_with: starts_with takes one value, and this is a list, want for any of several one criterion each under or"},
		{"an operator in an operator", "allow: {and: [{email: a}, {not: [{groups: b}]}]}", "1:28: policy.allow.and[1]: not stands in a list of criteria, and operators do not nest, want a criterion. " + insteadOfNesting},
		{"groups that are a list", "allow: {or: [{groups: [a, b]}]}", "1:23: policy.allow.or[0].groups: a list stands where one value does, want " + severalOf["has"]},
		{"groups that are one of a list", "allow: {or: [{groups: {is: [a, b]}}]}", "1:28: policy.allow.or[0].groups.is: is takes one value, and this is a list, want " + severalOf["is"]},
		{"groups that are none of a list", "allow: {or: [{groups: {exclude: [a, b]}}]}", "1:33: policy.allow.or[0].groups.exclude: exclude takes one value, and this is a list, want " + severalOf["exclude"]},
		{"groups that are not", "allow: {or: [{groups: {NOT: a}}]}", `1:24: policy.allow.or[0].groups: unknown operator "NOT" (did you mean "exclude"?), want one of has, is, exclude`},
		{"a matcher without operators", "allow: {or: [{email: {}}]}", "1:22: policy.allow.or[0].email: " + operand},
		{"an operator with an empty string, true of everybody", `allow: {or: [{email: {starts_with: ""}}]}`,
			"1:36: policy.allow.or[0].email.starts_with: want a string that is not empty"},
		{"an unknown string operator", "allow: {or: [{email: {start_with: a}}]}",
			`1:23: policy.allow.or[0].email: unknown operator "start_with" (did you mean "starts_with"?), want one of is, not, contains, starts_with, ends_with, in, not_in`},
		{"in with a string", "allow: {or: [{email: {in: a}}]}", "1:27: policy.allow.or[0].email.in: want a list of at least one string"},
		{"not_in with nothing, true of everybody", "allow: {or: [{email: {not_in: []}}]}", "1:31: policy.allow.or[0].email.not_in: want a list of at least one string"},
		{"in with something else", "allow: {or: [{email: {in: [a, null, 3]}}]}",
			"1:31: policy.allow.or[0].email.in[1]: want a string that is not empty\n1:37: policy.allow.or[0].email.in[2]: want a string: put it in quotes"},
		{"a string operator on a list", "allow: {or: [{groups: {in: [a]}}]}", `1:24: policy.allow.or[0].groups: unknown operator "in" (did you mean "has"?), want one of has, is, exclude`},
		{"has with a list", "allow: {or: [{groups: {has: [a]}}]}", "1:29: policy.allow.or[0].groups.has: has takes one value, and this is a list, want " + severalOf["has"]},
		{"a list matcher of nothing", "allow: {or: [{groups: }]}", "1:23: policy.allow.or[0].groups: want a string that is not empty, or an object of has, is, exclude"},
		{"a claim that is a fraction", "allow: {or: [{claim/x: 1.5}]}", "1:24: policy.allow.or[0].claim/x: want a string: put it in quotes, or an object of has, is, exclude"},
	})
}

func TestAllErrorsComeAtOnce(t *testing.T) {
	t.Parallel()
	_, err := parseText(`
- allow:
    or:
      - emial: a
      - email: {is: 3}
  denny: {}
- deny:
    xor: [{accept: true}]
`)
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("ParseNode returned %T", err)
	}
	type short struct {
		Line, Column int
		Path         string
	}
	var got []short
	for _, e := range all {
		got = append(got, short{e.Line, e.Column, e.Path})
	}
	want := []short{{4, 9, "policy[0].allow.or[0]"}, {5, 21, "policy[0].allow.or[1].email.is"}, {6, 3, "policy[0]"}, {8, 5, "policy[1].deny"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	var one *Error
	if !errors.As(err, &one) || one.Line != 4 {
		t.Errorf("errors.As found %+v", one)
	}
}

func TestAliasesAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("- &c {email: {in: &v [" + strings.Repeat("a, ", 999) + "a]}}\n")
	b.WriteString("- &l [" + strings.Repeat("*c, ", 999) + "*c]\n")
	b.WriteString("- &r {allow: {or: *l, and: *l}}\n")
	b.WriteString("- [" + strings.Repeat("*r, ", 999) + "*r]\n")
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(b.String()), &n); err != nil {
		t.Fatal(err)
	}
	_, err := ParseNode(n.Content[0].Content[3])
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("want a document of fewer than %d nodes", maxNodes)) {
		t.Errorf("a billion nodes: %.200v", err)
	}
}

func TestANodeThatContainsItselfEnds(t *testing.T) {
	t.Parallel()
	list := &yaml.Node{Kind: yaml.SequenceNode}
	list.Content = []*yaml.Node{{Kind: yaml.AliasNode, Alias: list}}
	alias := &yaml.Node{Kind: yaml.AliasNode}
	alias.Alias = alias
	merge := &yaml.Node{Kind: yaml.MappingNode}
	merge.Content = []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!merge", Value: "<<"}, {Kind: yaml.AliasNode, Alias: merge}}
	for name, n := range map[string]*yaml.Node{"list": list, "merge": merge} {
		if _, err := ParseNode(n); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// An alias of itself is nothing, and nothing has no rule.
	if doc, err := ParseNode(alias); err != nil || len(doc.rules) != 0 {
		t.Errorf("alias: %v, %v", doc, err)
	}
}
