package policy

import (
	"errors"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// listed parses text as ParseCriteria does.
func listed(t *testing.T, text string) (*Document, error) {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	return ParseCriteria("", &n)
}

func TestCriteriaAllowWhomAnyIsTrueOf(t *testing.T) {
	t.Parallel()
	ada := PersonData{SessionID: "s", UserID: "u", Email: "ada@example.com", Groups: []string{"doors"}}
	for _, tc := range []struct {
		name, list string
		want       bool
	}{
		{"the first is true", "[{email: {is: ada@example.com}}, {groups: {has: none}}]", true},
		{"the last is true", "[{email: {is: bob@example.com}}, {groups: {has: doors}}]", true},
		{"none is true", "[{email: {is: bob@example.com}}, {groups: {has: none}}]", false},
		{"an empty list is nobody", "[]", false},
		{"null is nobody", "null", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			doc, err := listed(t, tc.list)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Compile(t.Context(), Source{Documents: []*Document{doc}})
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Decide(t.Context(), Facts{Person: NewPerson(ada)}); got.Outcome == Allow != tc.want {
				t.Errorf("Decide: %+v, want allowed %t", got, tc.want)
			}
			if got := p.Decide(t.Context(), Facts{}); got.Outcome == Allow {
				t.Errorf("nobody is allowed: %+v", got)
			}
		})
	}
}

// TestCriteriaRefuseRequests goes through the whole language, so that a new
// criterion that reads a request is refused too.
func TestCriteriaRefuseRequests(t *testing.T) {
	t.Parallel()
	for name, operand := range map[string]string{
		"source_ip": "10.0.0.0/8", "http_path": "{is: /a}", "http_method": "{is: GET}", "http_query/a": "{is: b}",
		"http_header/X-A": "{is: b}", "cors_preflight": "true", "client_certificate": "{fingerprint: " + strings.Repeat("a", 64) + "}",
		"invalid_client_certificate": "true", "record": "{type: t, field: f, is: x}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := listed(t, "- {email: {is: a@example.com}}\n- {"+name+": "+operand+"}")
			var all Errors
			if !errors.As(err, &all) || len(all) != 1 {
				t.Fatalf("%v, want one error", err)
			}
			bare, _, _ := strings.Cut(name, "/")
			if e := all[0]; e.Path != "policy[1]."+bare || e.Line != 2 || e.Column != 3 || !strings.Contains(e.Problem, "about a request") {
				t.Errorf("%+v", e)
			}
		})
	}
	for _, name := range criterionNames() {
		r := criteria[name].reads
		if (r.Method || r.Path || r.Address || r.Certificate) && !(criterion{kind: &kind{reads: r}}).asksRequest() {
			t.Errorf("%s reads a request and would be taken", name)
		}
	}
}

func TestCriteriaSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, list, want string }{
		{"an object", "{email: {is: a}}", "1:1: policy: want a list of criteria"},
		{"an unknown criterion", "- {emial: {is: a}}", `1:4: policy[0]: unknown criterion "emial" (did you mean "email"?)`},
		{"two at once", "- {email: {is: a}, user: {is: b}}", "1:3: policy[0]: want exactly one criterion"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := listed(t, tc.list); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
}
