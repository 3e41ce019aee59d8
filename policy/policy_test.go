package policy

import (
	"net/netip"
	"testing"

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
