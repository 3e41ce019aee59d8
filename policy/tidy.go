package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"gopkg.in/yaml.v3"
)

// maxTidy bounds the passes of Tidy. The first does the work; where comments
// stand oddly, it takes another until nothing changes any more.
const maxTidy = 6

// Tidy returns the text of a policy file in its one form: two spaces for each
// level, one criterion on a line, allow before deny, the words of the language
// in lower case. Values, comments, anchors and single blank lines stay, and so
// does the meaning; tidying again changes nothing. name tells by its end what
// the text is: Rego for .rego, else YAML, which is PPL or an object with PPL
// under the key ppl. What is wrong is in the returned Errors.
func Tidy(name string, text []byte) (tidied []byte, err error) {
	// The parsers are not ours, and a policy in an editor is often half a one.
	defer func() {
		if r := recover(); r != nil {
			tidied, err = nil, Errors{newError(0, 0, "policy", fmt.Sprintf("cannot be read: %v", r), "")}
		}
	}()
	source := text
	pass := func(text []byte) ([]byte, error) { return tidyYAML(text, source) }
	if filepath.Ext(name) == ".rego" {
		pass = func(text []byte) ([]byte, error) { return tidyRego(name, text) }
	}
	for range maxTidy {
		tidied, err = pass(text)
		if err != nil || bytes.Equal(tidied, text) {
			return tidied, err
		}
		text = tidied
	}
	return nil, Errors{{Path: "policy", Problem: "has no settled form", Want: "comments on lines of their own"}}
}

// tidyYAML makes one pass and sees to it that nothing is lost by it. source is
// the text before the first pass, of which errors tell the places.
func tidyYAML(text, source []byte) ([]byte, error) {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	before, err := readYAML(text)
	if err != nil {
		return nil, err
	}
	if before == nil {
		return text, nil // nothing, or comments alone
	}
	policy := pplNode(before)
	meaning, err := pplMeaning(policy)
	if err != nil {
		return nil, err
	}
	want, lost := comments(text, before), ""
	for _, from := range [][]byte{text, liftComments(text, before)} {
		out, after, err := laidOut(from)
		if err != nil {
			return nil, err
		}
		again, err := pplMeaning(pplNode(after))
		switch {
		case err != nil || !bytes.Equal(meaning, again) || !sameBeside(before, after):
			return nil, errUnkept(before, "tidying would change its meaning")
		}
		kept := comments(out, after)
		if slices.Equal(want, kept) {
			return out, nil
		}
		lost = missing(want, kept)
	}
	return nil, errLost(source, lost)
}

// laidOut is the text in its layout, and what it says then.
func laidOut(text []byte) ([]byte, *yaml.Node, error) {
	n, err := readYAML(text)
	if err == nil {
		n, err = readYAML(markBlank(text, n))
	}
	if err != nil {
		return nil, nil, err
	}
	layOut(n)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return nil, nil, Errors{newError(0, 0, "policy", err.Error(), "")}
	}
	out := unmarkBlank(b.String())
	after, err := readYAML(out)
	if err != nil || after == nil {
		return nil, nil, errUnkept(n, "its layout cannot be tidied")
	}
	return out, after, nil
}

func errUnkept(n *yaml.Node, problem string) error {
	return Errors{{Line: n.Line, Column: n.Column, Path: "policy", Problem: problem, Want: "plain block style, with comments on lines of their own"}}
}

// readYAML returns the one document of the text, or nil where it has none.
func readYAML(text []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var n, more yaml.Node
	err := dec.Decode(&n)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		line, problem := SyntaxError(text, err)
		return nil, Errors{newError(line, min(line, 1), "policy", problem, "")}
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, Errors{{Line: max(more.Line, 1), Column: 1, Path: "policy", Problem: "more than one document", Want: "one policy in a file"}}
	}
	return &n, nil
}

// besideKeys are the keys of a file that holds more than the policy.
var besideKeys = []string{"name", "ppl", "rego", "file", "explanation", "remediation", "shadow", "enforced"}

// beside reports whether the node is an object with the policy in it.
func beside(n *yaml.Node) bool {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if slices.Contains(besideKeys, n.Content[i].Value) {
			return true
		}
	}
	return false
}

// pplNode is where the PPL of a file stands; nil where it has none.
func pplNode(doc *yaml.Node) *yaml.Node {
	root := doc.Content[0]
	if !beside(root) {
		return root
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == "ppl" {
			return root.Content[i+1]
		}
	}
	return nil
}

// pplMeaning is the canonical form of the PPL.
func pplMeaning(n *yaml.Node) ([]byte, error) {
	if n == nil {
		return nil, nil
	}
	doc, err := ParseNode(n)
	if err != nil {
		return nil, err
	}
	return doc.Format()
}

// sameBeside reports whether two files say the same beside their PPL.
func sameBeside(a, b *yaml.Node) bool {
	x, y := a.Content[0], b.Content[0]
	if !beside(x) {
		return !beside(y)
	}
	if len(x.Content) != len(y.Content) {
		return false
	}
	for i := 0; i+1 < len(x.Content); i += 2 {
		if !sameNode(x.Content[i], y.Content[i]) || x.Content[i].Value != "ppl" && !sameNode(x.Content[i+1], y.Content[i+1]) {
			return false
		}
	}
	return true
}

// sameNode compares values. It follows no alias, so it ends.
func sameNode(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.ShortTag() == b.ShortTag() && a.Value == b.Value && a.Anchor == b.Anchor &&
		slices.EqualFunc(a.Content, b.Content, sameNode)
}
