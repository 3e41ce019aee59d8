package policy

import (
	"testing"

	"gopkg.in/yaml.v3"
)

func TestDocument(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"{allow: {or: [{accept: true}]}}": true, "[{deny: {or: [{accept: true}]}}, {allow: {or: [{accept: true}]}}]": true,
		"{deny: {or: [{accept: true}]}}": false, "[]": false, "null": false,
	} {
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		d, err := ParseFile("ops.yaml", &n)
		if err != nil || d.Allows() != want || d.File() != "ops.yaml" {
			t.Errorf("%s: allows %t, file %q, error %v", text, d.Allows(), d.File(), err)
		}
		if d, err := ParseNode(&n); err != nil || d.File() != "" {
			t.Errorf("%s: file %q, error %v", text, d.File(), err)
		}
	}
}
