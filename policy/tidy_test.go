package policy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTidy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, file, text, want string
	}{
		{"the layout of the manual", "p.yaml", `- deny: {or: [{http_path: {starts_with: /admin}}]}
  Allow:
       AND:
       - {Domain: {Is: example.com}}
       - groups:
           HAS: finance
`, `- allow:
    and:
      - domain: {is: example.com}
      - groups: {has: finance}
  deny:
    or:
      - http_path: {starts_with: /admin}
`},
		{"comments and blank lines", "p.yaml", `# Who may read.


# The finance people.
allow:
  # any of these
  or:
  - domain: example.com # ours

  # two of theirs
  - email:
      in: # by name
      # the first
      - a@example.org
      - b@example.org # the second
  # and that is all

# Nobody from outside.
deny:
  or:
  - {source_ip: [192.0.2.0/24]}
# the end
`, `# Who may read.

# The finance people.
allow:
  # any of these
  or:
    - domain: example.com # ours

    # two of theirs
    - email:
        in: # by name
          # the first
          - a@example.org
          - b@example.org # the second
          # and that is all

# Nobody from outside.
deny:
  or:
    - source_ip: [192.0.2.0/24]
# the end
`},
		{"what is long goes below", "p.yaml", "allow: {or: [{email: {in: [a-long-name-of-somebody@example.com, another-long-name-of-somebody@example.com, c@example.com]}}]}",
			`allow:
  or:
    - email:
        in:
          - a-long-name-of-somebody@example.com
          - another-long-name-of-somebody@example.com
          - c@example.com
`},
		{"values keep their case and quotes", "p.yaml", `allow: {or: [{Claim/Dept/X: {has: 'Yes'}}, {claim/n: "3"}, {accept: }, {claim/b: true}, {"claim/a: b": x}]}`,
			`allow:
  or:
    - claim/Dept/X: {has: 'Yes'}
    - claim/n: "3"
    - accept:
    - claim/b: true
    - "claim/a: b": x
`},
		{"an object with the policy in it", "p.yaml", `explanation: |
  Ask **finance**.

  # Who
  They know.
ppl: {allow: {or: [{groups: {has: finance}}]}}
remediation: >-
  Write to
  them.
`, `explanation: |
  Ask **finance**.

  # Who
  They know.
ppl:
  allow:
    or:
      - groups: {has: finance}
remediation: >-
  Write to them.
`},
		{"anchors stay where they are", "p.yaml", `- deny: &d {or: [&c {email: a@x.example}]}
  allow: {or: [*c, {groups: g}]}
- <<: {deny: *d}
  allow: {or: [{domain: x}]}
`, `- deny: &d
    or:
      - &c
        email: a@x.example
  allow:
    or:
      - *c
      - groups: g
- <<:
    deny: *d
  allow:
    or:
      - domain: x
`},
		{"nothing", "p.yaml", "", ""},
		{"no rule", "p.yaml", "[ ]\n", "[]\n"},
		{"comments alone", "p.yaml", "# later\n", "# later\n"},
		{"Rego without its package", "p.rego", "# Who\nallow if   input.http.method==\"GET\"\n# End\n", "# Who\nallow if input.http.method == \"GET\"\n\n# End\n"},
		{"Rego with it", "p.rego", "package pomerium.policy\nallow:=true\n", "package pomerium.policy\n\nallow := true\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := Tidy(tc.file, []byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("Tidy (-want +got):\n%s", diff)
			}
			again, err := Tidy(tc.file, got)
			if err != nil || string(again) != string(got) {
				t.Errorf("again (%v):\n%s", err, again)
			}
		})
	}
}

func TestTidySaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, file, text, want string }{
		{"no YAML", "p.yaml", "allow:\n  or: [", "2:1: policy: "},
		{"a list in a mapping", "p.yaml", "allow:\n  or:\n  - email: x\n   - email: y\n", "4:1: policy: did not find expected"},
		{"no policy", "p.yaml", "allow: {or: [{emial: x}]}", `1:15: policy.allow.or[0]: unknown criterion "emial"`},
		{"one in an object", "p.yaml", "name: x\nppl: {allow: {or: []}}", "2:19: policy.allow.or: want a list"},
		{"two documents", "p.yaml", "allow: {or: [{accept: }]}\n---\nallow: {or: [{accept: }]}\n", "policy: more than one document"},
		{"no Rego", "p.rego", "allow if {\n  x ==\n}\n", "3:1: rego: "},
		{"no Rego after its package", "p.rego", "package pomerium.policy\n\nallow = = 1\n", "3:9: rego: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := Tidy(tc.file, []byte(tc.text))
			var all Errors
			if !errors.As(err, &all) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Tidy = %q, %v, want %s", got, err, tc.want)
			}
		})
	}
}

// FuzzTidy: no text breaks it, what it gives is settled and means the same.
func FuzzTidy(f *testing.F) {
	for _, seed := range []string{
		"allow: {or: [{email: {is: a@example.com}}]}",
		"# a\n\nallow: # b\n  or: # c\n  # d\n  - email: {in: [a, # e\n    b]}\n\n  # f\n# g\ndeny: {or: [{reject: }]}\n",
		"- &a {allow: {or: [{groups: {is: x, exclude: y}}]}}\n- {<<: *a}\n- *a",
		"explanation: |+\n  a\n\n  # b\n\nppl: [{deny: {NOT: [{user: {not: x}}]}}]\nname: \"a\n\n  b\"\n",
		"? allow\n: or:\n  - ? email\n    : |\n      x\n", "--- # x\nallow: !!map {or: [!!map {user: !!str 3}]}\n...\n", "[]", "null", "", "#", "\t", "a: *b", "a: *b\u202e",
	} {
		f.Add(false, []byte(seed))
	}
	f.Add(true, []byte("# a\nallow := [true, {\"x\"}] if { input.session }\n"))
	f.Add(true, []byte("package pomerium.policy\nimport rego.v1\ndeny contains x if x := 1 # y\n"))
	f.Fuzz(func(t *testing.T, rego bool, text []byte) {
		name := "p.yaml"
		if rego {
			name = "p.rego"
		}
		got, err := Tidy(name, text)
		if err != nil {
			told(t, err)
			return
		}
		again, err := Tidy(name, got)
		if err != nil || string(again) != string(got) {
			t.Fatalf("not settled (%v):\n%q\n%q", err, got, again)
		}
		if rego {
			return
		}
		before, err := parseText(string(text))
		if err != nil {
			return // an object with the policy in it
		}
		after, err := parseText(string(got))
		if err != nil {
			t.Fatalf("refused after: %v\n%s", err, got)
		}
		p, q := compiled(t, Source{Documents: []*Document{before}}), compiled(t, Source{Documents: []*Document{after}})
		if p.Digest() != q.Digest() {
			t.Fatalf("two meanings:\n%s\n%s", text, got)
		}
	})
}

// Ordinary files with comments and blank lines anywhere are never refused, and
// keep all of them.
func TestTidyKeepsCommentsAnywhere(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 120 {
		var b strings.Builder
		comments := 0
		for _, line := range strings.Split(strings.TrimSpace(lintDocument(r)), "\n") {
			for range r.IntN(3) {
				if r.IntN(2) == 0 {
					b.WriteString("\n")
					continue
				}
				b.WriteString(indentOf(line) + fmt.Sprintf("# comment %d.\n", comments))
				comments++
			}
			b.WriteString(line)
			if r.IntN(4) == 0 {
				b.WriteString(fmt.Sprintf(" # comment %d.", comments))
				comments++
			}
			b.WriteString("\n")
		}
		text := b.String()
		got, err := Tidy("p.yaml", []byte(text))
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		for i := range comments {
			if !strings.Contains(string(got), fmt.Sprintf("# comment %d.\n", i)) {
				t.Fatalf("seed %d: comment %d is lost:\n%s\n%s", seed, i, text, got)
			}
		}
		if a, b := program(t, text), program(t, string(got)); a.Digest() != b.Digest() {
			t.Fatalf("seed %d: two meanings:\n%s\n%s", seed, text, got)
		}
	}
}

// A comment that would be lost is told with its place in the text as it was.
func TestALostCommentHasItsPlace(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		want, kept []string
		place      string
	}{
		{[]string{"# a", "# b", "# c"}, []string{"# a", "# c"}, "3:6"},
		{[]string{"# a", "# b", "# c"}, []string{"# 0", "# a", "# aa", "# b"}, "4:1"},
		{[]string{"# a", "# a"}, []string{"# a"}, "1:1"},
		{[]string{"# a"}, []string{"# a", "# b"}, "1:1"}, // one too many: no comment is lost
	} {
		err := errLost([]byte("# a\nx: 1\ny: 2 # b\n# c\n"), missing(tc.want, tc.kept))
		if !strings.HasPrefix(err.Error(), tc.place+": policy: this comment would be lost") {
			t.Errorf("of %q is kept %q: %v, want it at %s", tc.want, tc.kept, err, tc.place)
		}
	}
}
