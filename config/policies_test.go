package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pack writes files into a new folder and returns the path of config.yaml.
func pack(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, name), content)
	}
	return filepath.Join(dir, "config.yaml")
}

// said are errors or warnings, without the folder they are in.
func said(file string, list []*Error) []string {
	var out []string
	for _, e := range list {
		out = append(out, strings.TrimPrefix(e.Error(), filepath.Dir(file)+"/"))
	}
	return out
}

const (
	opsPPL   = "allow: {or: [{groups: {has: ops}}]}\n"
	denyRego = "package pomerium.policy\n\ndeny if input.http.method == \"DELETE\"\n"
	oneRoute = "routes:\n- {from: 'https://a.localhost', to: 'http://b', policies: %s}\n"
	provider = "idp_provider: local\nusers: [{email: a@example.com}]\n"
)

func TestPoliciesByName(t *testing.T) {
	t.Parallel()
	file := pack(t, map[string]string{
		"config.yaml": provider + `policies:
- {name: inline, ppl: {allow: {or: [{email: {is: a@example.com}}]}}}
- {name: text, ppl: "allow: {or: [{email: {is: b@example.com}}]}", shadow: true}
- {name: filed, file: more/filed.json, explanation: Why., remediation: How.}
- {name: last/enforced, rego: "package pomerium.policy\ndeny if false", enforced: true}
policy_dir: policies
routes:
- {from: 'https://a.localhost', to: 'http://b', policies: [ops, inline]}
- {from: 'https://b.localhost', to: 'http://b', policies: 'text, filed,last/enforced', allowed_users: [x]}
- {from: 'https://c.localhost', to: 'http://b', allow_any_authenticated_user: true}
- {from: 'https://d.localhost', to: 'http://b', policies: [around, ops.v2]}
`,
		"more/filed.json":             `{"allow": {"or": [{"email": {"is": "c@example.com"}}]}}`,
		"policies/ops.yml":            opsPPL,
		"policies/ops.v2.yaml":        "- " + opsPPL,
		"policies/block.REGO":         denyRego,
		"policies/around.yaml":        "ppl: {allow: {or: [{accept: true}]}}\nexplanation: Because.\nremediation: Do.\n",
		"policies/all.yaml":           "enforced: true\nppl:\n- deny: {or: [{http_path: {is: /x}}]}\n",
		"policies/ops_test.yaml":      "nonsense",
		"policies/ops_test.rego":      "nonsense",
		"policies/.hidden.yaml":       "nonsense",
		"policies/README.md":          "nonsense",
		"policies/deeper.yaml/x.yaml": "nonsense",
	})
	c, err := Load(t.Context(), Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range c.Policies {
		all = append(all, p.Name)
	}
	var used [][]string
	for _, r := range c.Routes {
		used = append(used, names(r))
	}
	dir := filepath.Dir(file)
	around := c.Policies[5]
	for _, tc := range []struct {
		name      string
		got, want any
	}{
		{"those of the list come first, then files by name", all,
			[]string{"inline", "text", "filed", "last/enforced", "all", "around", "block", "ops.v2", "ops"}},
		{"enforced ones are on every route, once and first", used, [][]string{
			{"last/enforced", "all", "ops", "inline"}, {"last/enforced", "all", "text", "filed"},
			{"last/enforced", "all"}, {"last/enforced", "all", "around", "ops.v2"}}},
		{"routes share them", c.Routes[0].Policy.Policies[0] == c.Routes[1].Policy.Policies[0] && c.Routes[0].Policy.Policies[3] == c.Policies[0], true},
		{"a file says what a policy is for", around.Explanation + around.Remediation, "Because.Do."},
		{"an entry too", c.Policies[2].Explanation + c.Policies[2].Remediation, "Why.How."},
		{"a policy knows its file", around.File, filepath.Join(dir, "policies/around.yaml")},
		{"a document does", c.Policies[2].Documents[0].File(), filepath.Join(dir, "more/filed.json")},
		{"one of the configuration knows that", []string{c.Policies[0].File, c.Policies[0].Documents[0].File()}, []string{file, file}},
		{"it has a line", c.Policies[1].Line, 5},
		{"all files are known", len(c.Files), 7},
		{"Rego is parsed", len(c.Policies[6].Rego), 1},
		{"remarks", said(file, c.Warnings), []string{filepath.Join("policies", "block.REGO") + ": no route uses this policy"}},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// TestPolicyErrorsNameTheirPlace: of whatever file and text they are in.
func TestPolicyErrorsNameTheirPlace(t *testing.T) {
	t.Parallel()
	unknown := `: unknown criterion "emial" (did you mean "email"?)`
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  []string // beginnings
	}{
		{"all errors of all files", map[string]string{
			"config.yaml":    "policies: [{name: p, file: p/x.yaml}, {name: q, file: q.rego}]\npolicy_dir: p\n",
			"p/x.yaml":       "allow:\n  or:\n  - emial: {is: a}\n  nand: []\n",
			"p/empty.yaml":   "# later\n",
			"p/void.rego":    "\n",
			"p/meta.yaml":    "ppl: []\nshadow: perhaps\nexplanations: x\n",
			"p/nothing.yaml": "shadow: true\n",
			"p/syntax.yaml":  "a: 1\n\tb: 2\n",
			"p/twice.yaml":   "allow: {or: [{accept: true}]}\nallow: {or: [{accept: true}]}\n",
			"p/a b.yaml":     opsPPL,
			"q.rego":         "package pomerium.policy\n\nallow if {\n  input.x = = 1\n}\n",
		}, []string{
			"p/a b.yaml: the file's name is no name of a policy; want letters, digits and - _ . / (at most 128)",
			"p/empty.yaml: empty file; want a policy",
			"p/meta.yaml:2: shadow: want true or false",
			`p/meta.yaml:3: explanations: unknown key (did you mean "explanation"?)`,
			"p/nothing.yaml: ppl: missing; want the policy",
			"p/syntax.yaml:2: not YAML: found a tab",
			"p/twice.yaml:2: allow: given twice, first on line 1",
			"p/void.rego: empty file; want text in Rego",
			"p/x.yaml:3:5: allow.or[0]" + unknown,
			`p/x.yaml:4:3: allow: unknown operator "nand"`,
			"q.rego:4:",
		}},
		{"a name in two places", map[string]string{
			"config.yaml": "policies:\n- {name: ops, ppl: {allow: {or: [{accept: true}]}}}\npolicy_dir: p\n",
			"p/ops.rego":  denyRego,
		}, []string{"p/ops.rego: same name as policies[0] (line 2); want a name of its own"}},
		{"blocks in the configuration", map[string]string{"config.yaml": `policies:
- name: a
  ppl: |

    - allow:
        or:
        - emial: {is: a}
- name: b
  rego: |
    package pomerium.policy

    allow if {
      input.x = = 1
    }
routes:
- from: https://a.localhost
  to: http://b
  sub_policies:
  - name: a
    rego:
    - |
      package pomerium.policy
      allow if = 1
    source_ppl: "deny: {or: [{emial: {is: a}}]}"
  - name: b
    source_ppl: >
      allow: {or:
      [{emial: x}]}
    rego: "package pomerium.policy\nallow if = 1"
  - name: c
    source_ppl: |2
        allow: {or: [{emial: x}]}
  - name: d
    source_ppl: |
      a: 1
      	b: 2
`}, []string{
			"config.yaml:7:11: policies[0].ppl[0].allow.or[0]" + unknown,
			"config.yaml:13:17: policies[1].rego: ",
			"config.yaml:23:16: routes[0].sub_policies[0].rego[0]: ",
			"config.yaml:24:31: routes[0].sub_policies[0].source_ppl.deny.or[0]" + unknown,
			"config.yaml:26: routes[0].sub_policies[1].source_ppl.allow.or[0]" + unknown,
			"config.yaml:29: routes[0].sub_policies[1].rego: line 2, column 10 of the text: ",
			"config.yaml:32:23: routes[0].sub_policies[2].source_ppl.allow.or[0]" + unknown,
			"config.yaml:36: routes[0].sub_policies[3].source_ppl: not YAML: found a tab",
		}},
		{"a file that is not there", map[string]string{
			"config.yaml": "policies:\n- name: a\n  file: a.rego\n- name: b\n  file: b.txt\npolicy_dir: nowhere\n" + fmt.Sprintf(oneRoute, "[a, what]"),
		}, []string{
			"config.yaml:3: policies[0].file: no such file; want a readable file",
			"config.yaml:5: policies[1].file: want a file that ends in .rego, .yaml, .yml or .json",
			"config.yaml:6: policy_dir: no such folder; want a readable folder",
		}},
		{"a folder that is none", map[string]string{"config.yaml": "\npolicy_dir: a.yaml\n", "a.yaml": opsPPL},
			[]string{"config.yaml:2: policy_dir: not a directory; want a readable folder"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			file := pack(t, tc.files)
			_, err := Load(t.Context(), Options{File: file})
			var faults Errors
			if !errors.As(err, &faults) {
				t.Fatalf("Load: %v, want Errors", err)
			}
			got := said(file, faults)
			for i, want := range tc.want {
				if i < len(got) && strings.HasPrefix(got[i], want) {
					got[i] = want
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPolicyWarnings(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, provider+`policies:
- {name: open, enforced: false, ppl: {allow: {or: [{accept: true}]}}}
- {name: shade, shadow: true, ppl: {allow: {or: [{accept: true}]}}}
- {name: no, ppl: {deny: {or: [{accept: true}]}}}
- {name: idle, ppl: {deny: {or: [{accept: true}]}}}
- {name: written, rego: "package pomerium.policy\nallow if input.http.method == \"GET\""}
routes:
- {from: 'https://a.localhost', to: 'http://b', policies: [open, no]}
- {from: 'https://b.localhost', to: 'http://b', policies: [shade]}
- {from: 'https://c.localhost', to: 'http://b', policies: [shade, no]}
- {from: 'https://d.localhost', to: 'http://b', policies: [written]}
- {from: 'https://e.localhost', to: 'http://b', sub_policies: [{allowed_users: [a]}]}
- {from: 'https://f.localhost', to: 'http://b', sub_policies: [{source_ppl: {deny: {or: [{accept: true}]}}}]}
- {from: 'https://g.localhost', to: 'http://b'}
- {from: 'https://h.localhost', to: 'http://b', policy: {deny: {or: [{accept: true}]}}}
`)
	var got []string
	for _, w := range c.Warnings {
		_, text, _ := strings.Cut(w.Error(), "config.yaml")
		got = append(got, text)
	}
	const nobody = "nobody may use this route: "
	if diff := cmp.Diff([]string{
		":7: policies[3]: no route uses this policy",
		":11: routes[1]: " + nobody + "its policies are shadows, which let nobody in",
		":12: routes[2]: " + nobody + "no policy of it allows anything",
		":15: routes[5]: " + nobody + "no policy of it allows anything",
		":16: routes[6]: " + nobody + "it has no policy",
		":17: routes[7]: " + nobody + "no policy of it allows anything",
	}, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	c = mustLoad(t, provider+`policies:
- {name: open, enforced: true, ppl: {allow: {or: [{accept: true}]}}}
- {name: shade, enforced: true, shadow: true, ppl: {allow: {or: [{accept: true}]}}}
- {name: written, enforced: true, rego: "package pomerium.policy\ndefault allow := false\ndeny if true"}
routes: [{from: 'https://a.localhost', to: 'http://b'}]
`)
	if len(c.Warnings) != 1 || c.Warnings[0].Key != "policies[0]" || !strings.Contains(c.Warnings[0].Found, "on every route") {
		t.Errorf("warnings %v, want one of the enforced policy that allows", c.Warnings)
	}
}

// TestPoliciesOfTheEnvironment: like other lists of objects, and without lines.
func TestPoliciesOfTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "ops.yaml"), opsPPL)
	text := fmt.Sprintf(oneRoute, "[ops, env]")
	c, err := loadEnv(t, "policies: [{name: replaced, nonsense: 1}]\n"+text, map[string]string{
		"POLICY_DIR": dir, "POLICIES": `[{"name":"env","rego":"package pomerium.policy\ndeny if false"}]`,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(c.Routes[0]); !slices.Equal(got, []string{"ops", "env"}) {
		t.Errorf("policies %q", got)
	}
	put(t, filepath.Join(dir, "ops.yaml"), "alow: 1\n")
	_, err = loadEnv(t, text, map[string]string{
		"POLICY_DIR": dir, "POLICIES": `[{"name":"env","ppl":{"allow":{"or":[{"emial":"a"}]}}},{"name":"b","rego":"package pomerium.policy\nallow if = 1"}]`,
	})
	var faults Errors
	if !errors.As(err, &faults) || len(faults) != 3 {
		t.Fatalf("errors %v, want three", err)
	}
	for i, want := range []string{
		dir + `/ops.yaml:1:1: unknown key "alow" (did you mean "allow"?)`,
		`environment: POLICIES[0].ppl.allow.or[0]: unknown criterion "emial"`,
		"environment: POLICIES[1].rego: line 2, column 10 of the text: ",
	} {
		if !strings.HasPrefix(faults[i].Error(), want) {
			t.Errorf("error %q, want %q", faults[i], want)
		}
	}
}

// TestManyRoutesShareAPolicy: what is written once is parsed once.
func TestManyRoutesShareAPolicy(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString(provider + "policies: [{name: all, enforced: true, ppl: {deny: {or: [{http_path: {is: /x}}]}}}, {name: ops, ppl: {allow: {or: [{groups: {has: ops}}]}}}]\nroutes:\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "- {from: 'https://r%d.localhost', to: 'http://b', policies: [ops], sub_policies: [{name: s, rego: \"package pomerium.policy\\ndeny if false\"}]}\n", i)
	}
	c := mustLoad(t, text.String())
	first, last := c.Routes[0].Policy.Policies, c.Routes[9_999].Policy.Policies
	if len(first) != 3 || first[0] != last[0] || first[1] != last[1] || first[2].Rego[0] != last[2].Rego[0] {
		t.Error("routes do not share their policies")
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]Size{"64MiB": 64 << 20, "1 gib": 1 << 30, "1536KiB": 1536 << 10, "4294967295GiB": 4294967295 << 30} {
		var got Size
		if wish := intoSize(scalar("!!str", given, 1), &got); wish != "" || got != want {
			t.Errorf("%s is %d, want %d (%s)", given, got, want, wish)
		}
		var again Size
		if wish := intoSize(scalar("!!str", got.String(), 1), &again); wish != "" || again != got {
			t.Errorf("%s prints as %s", given, got)
		}
	}
	for _, given := range []string{"", "64", "64MB", "MiB", "-1MiB", "1.5GiB", "4294967296GiB", "+1MiB", "0x1MiB"} {
		var got Size
		if wish := intoSize(scalar("!!str", given, 1), &got); wish == "" {
			t.Errorf("%q was taken as %d", given, got)
		}
	}
}

func TestDecisionLog(t *testing.T) {
	t.Parallel()
	if c := mustLoad(t, ""); c.DecisionLogMaxAge.Hours() != 24 || c.DecisionLogMaxSize != 64<<20 {
		t.Errorf("defaults %v, %v", c.DecisionLogMaxAge, c.DecisionLogMaxSize)
	}
	if c := mustLoad(t, "decision_log_max_age: 0s\ndecision_log_max_size: 8MiB\n"); c.DecisionLogMaxAge != 0 || c.DecisionLogMaxSize != 8<<20 {
		t.Errorf("off is %v, %v", c.DecisionLogMaxAge, c.DecisionLogMaxSize)
	}
}
