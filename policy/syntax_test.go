package policy

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestSyntaxErrorsHaveTheirLine(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       int
	}{
		{"a list in a mapping", "a: 1\nb: 2\n- c\n", 3},
		{"a mapping in a list", "- a\n- b\nc: 1\n", 3},
		{"an item too far in", "allow:\n  or:\n  - email: x\n   - email: y\n", 4},
		{"an item too far out", "allow:\n  or:\n    - email: x\n  - email: y\n", 4},
		{"an open list", "a: 1\nb: [1, 2\nc: 3\n", 2},
		{"an open list after one that is closed", "a: [1,\n  2]\nb: [1, 2\nc: 3\n", 3},
		{"an open object", "a: 1\nb: {x: 1\nc: 3\n", 2},
		{"an open list at the end", "a: 1\nb: [\n", 2},
		{"a bracket that closes nothing", "a: 1\nb: ]\n", 2},
		{"an open quote", "a: 1\nb: \"x\nc: 2\n", 2},
		{"two keys in one line", "a: 1\nb: c: d\n", 2},
		{"a tabulator", "a: 1\nb:\n\t- x\n", 3},
		{"an alias of nothing", "a: 1\nb: 2\nc: *nope\n", 3},
		{"a control character", "a: 1\nb: \x01\n", 2},
		{"what is not UTF-8", "a: 1\nb: \xff\n", 2},
		{"a block with a wrong sign", "a: 1\nb: |x\n  c\n", 2},
		{"without a line end", "a: 1\n- b", 2},
		{"lines of windows", "a: 1\r\nb: 2\r\n- c\r\n", 3},
		{"in the first line", "a: [", 1},
	} {
		err := yaml.Unmarshal([]byte(tc.text), new(yaml.Node))
		if err == nil {
			t.Errorf("%s: taken", tc.name)
			continue
		}
		line, problem := SyntaxError([]byte(tc.text), err)
		if line != tc.want || problem == "" || strings.Contains(problem, "yaml:") || strings.HasPrefix(problem, "line ") {
			t.Errorf("%s: line %d: %s, want line %d (%v)", tc.name, line, problem, tc.want, err)
		}
	}
}

func TestTheSearchForALineEnds(t *testing.T) {
	t.Parallel()
	text := []byte("a: [\n" + strings.Repeat("- b\n", 100_000))
	if line, problem := SyntaxError(text, yaml.Unmarshal(text, new(yaml.Node))); line > 100_001 || problem == "" {
		t.Errorf("line %d: %s", line, problem)
	}
}
