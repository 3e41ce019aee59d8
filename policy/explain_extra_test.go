package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestWhatRegoAddsIsShown(t *testing.T) {
	t.Parallel()
	rego := func(text string) *Policy { return &Policy{Name: "p", Rego: []*Module{handWritten(t, text)}} }
	shadow := rego(`allow := [true, [], {"later": true}]`)
	shadow.Name, shadow.Shadow = "later", true
	p := compiled(t, Source{Policies: []*Policy{rego(`
allow := [true, ["x"], {"score": 7, "team": {"name": "blue", "Cookie": "s3cret"}, "authorization": "s3cret"}]
deny := [false, [], {"path": input.http.path, "e\u202evil": "a\u001b[2J", "long": concat("", ["x" | some i in numbers.range(1, 900)])}]
`), shadow}})
	s := by(ada())
	s.Request.Path = "/a\n\u202eb"
	x := explained(t, p, s)
	want := []Read{
		{Name: "authorization", Value: "[redacted]"},
		{Name: `e\u202evil`, Value: `"a\x1b[2J"`},
		{Name: "long"}, // looked at below
		{Name: "path", Value: `"/a\n\u202eb"`},
		{Name: "score", Value: "7"},
		{Name: "team", Value: `{Cookie: "[redacted]", name: blue}`},
	}
	if len(x.Extra) != len(want) {
		t.Fatalf("Extra = %q", x.Extra)
	}
	if long := x.Extra[2].Value; len(long) > maxShownText+40 || !strings.HasSuffix(long, "more characters") {
		t.Errorf("the long value is shown as %q", long)
	}
	want[2].Value = x.Extra[2].Value
	if !slices.Equal(x.Extra, want) {
		t.Errorf("Extra = %q\nwant %q", x.Extra, want)
	}
	text := explainedText(t, x)
	asJSON, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{text, string(asJSON)} {
		if !strings.Contains(out, "score") || !strings.Contains(out, "later") || strings.Contains(out, "s3cret") || strings.ContainsAny(out, "\x1b\u202e") {
			t.Errorf("explained as %s", out)
		}
	}
	if !strings.Contains(text, "the Rego adds:\n  authorization = [redacted]\n") || !strings.Contains(text, "\n    later = true\n") {
		t.Errorf("explained as %s", text)
	}
}

func TestManyThatRegoAddsAreCounted(t *testing.T) {
	t.Parallel()
	many := map[string]any{}
	for i := range 40 {
		many[fmt.Sprintf("name-%02d", i)] = i
	}
	got := shownExtra(many)
	if len(got) != maxShownElements+1 || got[maxShownElements].Name != "… 28 more" {
		t.Errorf("shownExtra = %q", got)
	}
	if got := shownExtra(nil); got != nil {
		t.Errorf("shownExtra(nil) = %q", got)
	}
}
