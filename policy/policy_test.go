package policy

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// document parses PPL that is right.
func document(t testing.TB, text string) *Document {
	t.Helper()
	doc, err := parseText(text)
	if err != nil {
		t.Fatalf("ParseNode(%s): %v", text, err)
	}
	return doc
}

func parseText(text string) (*Document, error) {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		return nil, err
	}
	return ParseNode(&n)
}

// program compiles PPL that is right.
func program(t testing.TB, text string) *Program {
	t.Helper()
	return compiled(t, Source{Documents: []*Document{document(t, text)}})
}

func compiled(t testing.TB, s Source) *Program {
	t.Helper()
	p, err := Compile(t.Context(), s)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	return p
}

// ada is an ordinary person.
func ada() PersonData {
	return PersonData{
		SessionID:       "session-1",
		UserID:          "u-1",
		Email:           "ada@example.com",
		Name:            "Ada",
		Groups:          []string{"engineers"},
		DirectoryGroups: []DirectoryGroup{{ID: "g-7", Name: "admins"}},
		Claims: map[string]any{
			"department":                "research",
			"level":                     float64(3),
			"staff":                     true,
			"nothing":                   nil,
			"tags":                      []any{"a", "b", float64(7), map[string]any{"x": "y"}},
			"one":                       []any{"only"},
			"none":                      []any{},
			"realm_access":              map[string]any{"roles": []any{"reader", "writer"}},
			"https://example.com/roles": []any{"owner"},
			"Case":                      "kept",
			"a":                         map[string]any{"b": map[string]any{"c": map[string]any{"d": map[string]any{"e": "deep", "f": map[string]any{"g": "deeper"}}}}},
			"a/b":                       "flat",
			"https://example.com":       map[string]any{"team": "blue"},
		},
	}
}

// get is a plain request.
func get() Request {
	return Request{
		Method: "GET", Scheme: "https", Host: "app.example.com", Hostname: "app.example.com",
		Path: "/reports/1", RawPath: "/reports/1",
		IP: netip.MustParseAddr("192.0.2.7"),
	}
}

// headers is a Request.Header over a map of canonical names.
func headers(m map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := m[name]
		return v, ok
	}
}

// signedIn are the facts of a plain request by the person.
func signedIn(d PersonData) Facts { return Facts{Request: get(), Person: NewPerson(d)} }

// A criterionCase puts one criterion under allow.or and tells what it comes to.
type criterionCase struct {
	name    string
	ppl     string
	facts   Facts
	truth   bool
	reasons []string
}

func runCriterion(t *testing.T, cases []criterionCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := program(t, "allow: {or: [{"+tc.ppl+"}]}").Decide(t.Context(), tc.facts)
			if d.Err != nil {
				t.Fatalf("Decide: %v", d.Err)
			}
			if d.Allow != tc.truth || !slices.Equal(d.AllowReasons, tc.reasons) {
				t.Errorf("%s is %v %v, want %v %v", tc.ppl, d.Allow, d.AllowReasons, tc.truth, tc.reasons)
			}
			want := Deny
			switch {
			case tc.truth:
				want = Allow
			case slices.Contains(tc.reasons, "user-unauthenticated"):
				want = SignIn
			case slices.Contains(tc.reasons, "signed-in-within-unauthorized"):
				want = SignInAgain
			}
			if d.Outcome != want {
				t.Errorf("%s comes out as %v, want %v", tc.ppl, d.Outcome, want)
			}
		})
	}
}

// A badCase is a document that is refused, with the whole of what is said.
type badCase struct {
	name string
	ppl  string
	want string
}

func runBad(t *testing.T, cases []badCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			doc, err := parseText(tc.ppl)
			if err == nil {
				t.Fatalf("ParseNode(%s) took it", tc.ppl)
			}
			if doc != nil {
				t.Errorf("ParseNode(%s) returned a document beside its errors", tc.ppl)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("ParseNode(%s) (-want +got):\n%s", tc.ppl, diff)
			}
		})
	}
}

// reasons makes a list that reads like the case it stands in.
func reasons(r ...string) []string { return r }
