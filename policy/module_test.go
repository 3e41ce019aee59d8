package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// handWritten parses Rego that is right.
func handWritten(t testing.TB, text string) *Module {
	t.Helper()
	m, err := ParseRego("policies/hand.rego", text)
	if err != nil {
		t.Fatalf("ParseRego(%s): %v", text, err)
	}
	return m
}

// writtenProgram is a program of one module.
func writtenProgram(t testing.TB, text string) *Program {
	t.Helper()
	return compiled(t, Source{Policies: []*Policy{{Name: "hand", Rego: []*Module{handWritten(t, text)}}}})
}

func TestWhatAModuleMayComeTo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, rego string
		want       Decision
	}{
		{"a boolean", "allow := true", Decision{Allow: true, Outcome: Allow}},
		{"undefined is false", "allow if input.http.method == \"PUT\"", Decision{}},
		{"a false one", "allow := false", Decision{}},
		{"an array of one", "allow := [true]", Decision{Allow: true, Outcome: Allow}},
		{"reasons in a set", `allow := [true, {"b", "a"}]`, Decision{Allow: true, AllowReasons: reasons("a", "b"), Outcome: Allow}},
		{"reasons in an array", `allow := [true, ["b", "a", "b"]]`, Decision{Allow: true, AllowReasons: reasons("a", "b"), Outcome: Allow}},
		{"no reasons", `allow := [true, set()]`, Decision{Allow: true, Outcome: Allow}},
		{"an object", `allow := [true, ["a"], {"n": {"m": ["x"]}}]`, Decision{Allow: true, AllowReasons: reasons("a"),
			Extra: map[string]any{"n": map[string]any{"m": []any{"x"}}}, Outcome: Allow}},
		{"an empty object", `allow := [true, [], {}]`, Decision{Allow: true, Outcome: Allow}},
		{"deny outranks", "allow := true\ndeny := [true, {\"no\"}]", Decision{Allow: true, Deny: true, DenyReasons: reasons("no")}},
		{"objects of both", "allow := [true, [], {\"a\": \"1\", \"b\": \"1\"}]\ndeny := [false, [], {\"b\": \"2\"}]",
			Decision{Allow: true, Outcome: Allow, Extra: map[string]any{"a": "1", "b": "2"}}},
		{"a reason that signs in", `allow := [false, {"user-unauthenticated"}]`,
			Decision{AllowReasons: reasons("user-unauthenticated"), Outcome: SignIn}},
		{"a default", "default allow := true\nallow := false if input.http.method == \"PUT\"", Decision{Allow: true, Outcome: Allow}},
		{"only deny", "deny := false", Decision{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.want.Reusable = true
			p := writtenProgram(t, tc.rego)
			for range 2 {
				got := p.Decide(t.Context(), Facts{Request: get()})
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("Decide (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestAModuleThatErrsDeniesItsWholeRoute(t *testing.T) {
	t.Parallel()
	for name, rego := range map[string]string{
		"a text, seen late":      `allow := input.http.method`,
		"an empty array":         `x := []` + "\nallow := x",
		"four parts":             `x := [true, [], {}, 1]` + "\nallow := x",
		"a truth that is text":   `x := "true"` + "\nallow := [x]",
		"a reason of a number":   `allow := [true, [1]]`,
		"reasons of text":        `allow := [true, "a"]`,
		"the third a list":       `allow := [true, [], []]`,
		"two values":             "allow := true\nallow := false if input.http.method",
		"a function that fails":  `allow if not net.cidr_contains("no network", input.http.ip)`,
		"a failure in deny":      "allow := true\ndeny if 1 / count(input.http.raw_query) == 1",
		"large reasons":          `allow := [true, [concat("", [x | some i in numbers.range(1, 5000); x := "a"])]]`,
		"a large object":         `allow := [true, [], {"a": concat("", [x | some i in numbers.range(1, 5000); x := "a"])}]`,
		"a sum beyond reckoning": `allow if to_number("1e99999999") + 1 > 2`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad, err := ParseRego("bad.rego", rego)
			if err != nil {
				t.Fatal(err)
			}
			p := compiled(t, Source{
				Shorthand: Shorthand{Public: true},
				Policies:  []*Policy{{Rego: []*Module{handWritten(t, "allow := true")}}, {Rego: []*Module{bad}}},
			})
			d := p.Decide(t.Context(), Facts{Request: get()})
			denied(t, d)
			if d.Err != nil && !strings.Contains(d.Err.Error(), "bad.rego") {
				t.Errorf("Err = %v, want the file's name in it", d.Err)
			}
		})
	}
}

func TestModulesAreOneUnion(t *testing.T) {
	t.Parallel()
	one := func(rego string) *Policy { return &Policy{Rego: []*Module{handWritten(t, rego)}} }
	for _, tc := range []struct {
		name     string
		policies []*Policy
		want     Outcome
	}{
		{"any allow suffices", []*Policy{one("allow := false"), one("allow := true")}, Allow},
		{"a deny beats the allow of another", []*Policy{one("allow := true"), one("deny := true")}, Deny},
		{"a deny beats the allow of PPL", []*Policy{{Shorthand: Shorthand{Public: true}}, one("deny := true")}, Deny},
		{"a deny of PPL beats that of Rego", []*Policy{one("allow := true"),
			{Documents: []*Document{document(t, "deny: {or: [{accept: }]}")}}}, Deny},
		{"none", []*Policy{one("allow := false")}, Deny},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := compiled(t, Source{Policies: tc.policies}).Decide(t.Context(), Facts{Request: get()})
			if d.Err != nil || d.Outcome != tc.want {
				t.Errorf("Decide = %+v, want %v", d, tc.want)
			}
		})
	}
	shadow := one("deny := true")
	shadow.Shadow = true
	if d := compiled(t, Source{Policies: []*Policy{one("allow := true"), shadow}}).Decide(t.Context(), Facts{Request: get()}); d.Outcome != Allow {
		t.Errorf("a shadow decides: %+v", d)
	}
}

func TestThePackageLine(t *testing.T) {
	t.Parallel()
	for name, rego := range map[string]string{
		"absent":                      "allow if true",
		"there":                       "package pomerium.policy\nallow if true",
		"with what others write":      "package pomerium.policy\n\nimport rego.v1\n\nallow if true",
		"absent, with an import":      "import rego.v1\nallow if true",
		"absent, after comments":      "# about\n\n  # more\n\n  allow if true",
		"absent, with an alias":       "import input.http as h\nallow if h.method == \"GET\"",
		"a rule that begins like one": "packages := {\"a\"}\nallow if \"a\" in packages",
		"after a mark of windows":     "# a\r\nallow if true\r\n",
		"metadata of a rule":          "# METADATA\n# scope: rule\n# title: x\nallow if true",
		"metadata of the package":     "# METADATA\n# scope: package\n# title: x\nallow if true",
	} {
		m, err := ParseRego("x.rego", rego)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p := compiled(t, Source{Policies: []*Policy{{Rego: []*Module{m}}}})
		if d := p.Decide(t.Context(), Facts{Request: get()}); d.Outcome != Allow {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestBadRegoIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, rego, want string }{
		{"another package", "package other\nallow := true", "1:1: rego: package other is not read, want package pomerium.policy or no package line"},
		{"a package below", "package pomerium.policy.x\nallow := true", "1:1: rego: package pomerium.policy.x is not read, want package pomerium.policy or no package line"},
		{"neither half", "x := 1", "1:1: rego: the text defines neither allow nor deny"},
		{"nothing", "", "1:1: rego: the text defines neither allow nor deny"},
		{"a set", "# about\nallow contains \"x\" if true", "2:1: rego: allow is a set, " + wantResult},
		{"an object", "deny[\"x\"] := 1", "1:1: rego: deny is an object, " + wantResult},
		{"a function", "deny(x) if x", "1:1: rego: deny is a function, " + wantResult},
		{"text", "allow := \"yes\"", "1:10: rego: allow is a string, " + wantResult},
		{"text in the else", "allow if false else := \"yes\"", "1:24: rego: allow is a string, " + wantResult},
		{"a long array", "allow := [true, [], {}, 1]", "1:10: rego: allow is an array of 4, " + wantResult},
		{"the network", "allow if {\n\thttp.send({\"url\": \"x\"}).body\n}", "2:2: rego: the function http.send is closed: it reaches the network"},
		{"two at once", "allow if opa.runtime().env\n\ndeny if uuid.rfc4122(\"\") == \"\"",
			"1:10: rego: the function opa.runtime is closed: it shows the environment of the process\n" +
				"3:9: rego: the function uuid.rfc4122 is closed: it is not supported"},
		{"the certificate check of ssh", "allow if ssh_verify_user_cert(\"\", \"\", [])", "1:10: rego: the function ssh_verify_user_cert is not supported yet"},
		{"the mint", "allow if get_google_cloud_serverless_headers(\"\", \"\")", "1:10: rego: the function get_google_cloud_serverless_headers is not supported yet"},
		{"the body", "allow if input.http.body == \"\"", "1:10: rego: input.http.body is not supported yet"},
		{"ssh by an alias", "import input.ssh as s\nallow if s.username == \"x\"", "2:10: rego: input.ssh is not supported yet"},
		{"mcp", "deny if input[\"mcp\"].method", "1:9: rego: input.mcp is not supported yet"},
		{"a wrong name", "deny if input.http.metod == \"PUT\"", "1:9: rego: input.http.metod does not exist, want input.http.method"},
		{"a header in small letters", "deny if input.http.headers[\"x-y\"]", "1:9: rego: header names are canonical here, want \"X-Y\""},
		{"the cookie", "deny if input.http.headers.Cookie", "1:9: rego: the header Cookie is not shown to policies"},
		{"with", "deny if x with input as {}\nx := input.http.path", "1:11: rego: \"with\" is for tests and changes what others are asked, want a function with arguments"},
		{"other documents", "allow if data.users[input.session.id]", "1:10: rego: data.users does not exist: there are no documents but the rules of this text"},
		{"a rule that is not there", "allow if data.pomerium.policy.x", "1:10: rego: data.pomerium.policy.x does not exist: there are no documents but the rules of this text"},
		{"an unsafe name", "allow if {\n\tx == y\n}", "2:2: rego: var x is unsafe"},
		{"old syntax", "allow {\n\ttrue\n}", "1:1: rego: `if` keyword is required before rule body"},
		{"no syntax", "# a\nallow if {", "2:10: rego: unexpected eof token"},
		{"not text", "allow if \"\xff\"", "1:1: rego: the text is not valid UTF-8"},
		{"custom metadata of the wrong kind", "# METADATA\n# custom:\n#   shadow: perhaps\nallow := true", "1:1: rego: custom.shadow is perhaps, want true or false"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m, err := ParseRego("x.rego", tc.rego)
			if err == nil || m != nil {
				t.Fatalf("ParseRego took it")
			}
			var all Errors
			if !errors.As(err, &all) {
				t.Fatalf("%T is not Errors", err)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("ParseRego (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLargeTextsAreRefused(t *testing.T) {
	t.Parallel()
	for name, rego := range map[string]string{
		"bytes":       "allow := true\n#" + strings.Repeat("x", maxModule),
		"nesting":     "allow := " + strings.Repeat("[", 1000),
		"operators":   "allow if 1 == 1" + strings.Repeat("+1", 120_000),
		"elses":       "allow if false" + strings.Repeat(" else if 1==2", 15_000),
		"expressions": "allow if {" + strings.Repeat("1==1;", 30_000) + "true}",
		"rules":       strings.Repeat("allow if 1==1\n", 10_000),
	} {
		if _, err := ParseRego("x", rego); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	text := "x := `" + strings.Repeat("[", 1000) + "`\ny := \"" + strings.Repeat("{\\\"", 1000) + "\" # " + strings.Repeat("(", 1000) + "\nallow if x != y"
	handWritten(t, text)
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	const comment = "# METADATA\n# title: T\n# description: D\n# custom:\n#   explanation: E\n#   remediation: R\n#   shadow: true\n#   enforced: true\n"
	want := Metadata{"T", "D", "E", "R", true, true}
	for _, text := range []string{comment + "allow := true", comment + "package pomerium.policy\nallow := true", "package pomerium.policy\n\n" + comment + "allow := true"} {
		if got := handWritten(t, text).Metadata(); got != want {
			t.Errorf("Metadata() = %+v of\n%s", got, text)
		}
	}
	if got := handWritten(t, "allow := true").Metadata(); got != (Metadata{}) {
		t.Errorf("Metadata() = %+v of nothing", got)
	}
}

func TestPrintGoesToItsHook(t *testing.T) {
	t.Parallel()
	p := writtenProgram(t, "# about\nallow if {\n\tprint(\"path\", input.http.path, input.http.headers[\"X-Y\"])\n\tevery i in numbers.range(1, 500) { print(i) }\n}")
	f := Facts{Request: get()}
	var lines []string
	f.Print = func(file string, line int, text string) {
		if file != "policies/hand.rego" || line != 3 && line != 4 {
			t.Errorf("printed at %s:%d", file, line)
		}
		lines = append(lines, text)
	}
	if d := p.Evaluate(t.Context(), f); d.Outcome != Allow {
		t.Fatalf("Evaluate = %+v", d)
	}
	if len(lines) != maxPrinted || lines[0] != "path /reports/1 <undefined>" || lines[1] != "1" {
		t.Errorf("%d lines: %q", len(lines), lines[:min(3, len(lines))])
	}
	f.Print = nil
	if d := p.Evaluate(t.Context(), f); d.Outcome != Allow {
		t.Errorf("without a hook: %+v", d)
	}
	long := writtenProgram(t, "allow if print(concat(\"\", [\"a\" | some i in numbers.range(1, 5000)]))")
	f.Print = func(_ string, _ int, text string) { lines = []string{text} }
	long.Evaluate(t.Context(), f)
	if len(lines[0]) > maxLine+3 {
		t.Errorf("a line of %d bytes", len(lines[0]))
	}
}

func TestFunctionsAreOpenOrClosedAndNothingElse(t *testing.T) {
	t.Parallel()
	caps := writtenCapabilities()
	for _, b := range caps.Builtins {
		if !slices.Contains(openFunctions, b.Name) && boundedFunctions[b.Name].size == nil && b.Name != "print" && b.Name != "internal.print" && b != recordFunction {
			t.Errorf("%s is there and stands nowhere", b.Name)
		}
		for _, door := range []string{"http.", "opa.", "rego.", "net.lookup", "uuid.", "trace", "providers.", "graphql.", "yaml.", "crypto.parse", "io.jwt.encode"} {
			if strings.HasPrefix(b.Name, door) {
				t.Errorf("%s is a door", b.Name)
			}
		}
	}
	// Beside those of the lists print, what the compiler makes of it, and ours.
	want := len(openFunctions) + len(boundedFunctions) + 3
	if len(caps.Builtins) != want {
		t.Errorf("%d functions, want %d: a name is misspelt", len(caps.Builtins), want)
	}
	if caps.AllowNet == nil || len(caps.AllowNet) > 0 {
		t.Errorf("allowed hosts: %v", caps.AllowNet)
	}
	for _, call := range []string{
		`http.send({"method": "GET", "url": "http://127.0.0.1"})`, `opa.runtime()`, `net.lookup_ip_addr("localhost")`,
		`net.cidr_expand("10.0.0.0/8")`, `trace("x")`, `rego.parse_module("x", "package x")`, `io.jwt.encode_sign({}, {}, {})`,
		`providers.aws.sign_req({}, {}, 1)`, `graphql.is_valid("", "")`, `json.match_schema({}, {})`, `json.patch({}, [])`,
		`yaml.unmarshal("a: 1")`, `crypto.parse_private_keys("")`, `uuid.rfc4122("x")`, `bits.lsh(1, 2)`,
		`strings.render_template("", {})`, `regex.globs_match("a", "a")`, `rego.metadata.rule()`, `units.parse("1")`,
	} {
		_, err := ParseRego("x", "allow if "+call)
		if name := call[:strings.IndexByte(call, '(')]; err == nil || !strings.Contains(err.Error(), name+" is closed") {
			t.Errorf("%s: %v", call, err)
		}
	}
}
