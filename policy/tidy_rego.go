package policy

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// packageClause begins a text that names its package.
var packageClause = regexp.MustCompile(`(?m)^\s*package\b`)

// tidyRego makes one pass over Rego. A text without its package line stays
// without one.
func tidyRego(name string, text []byte) ([]byte, error) {
	head := ""
	if !packageClause.Match(text) {
		head = "package " + packageName + "\n\n"
	}
	options := ast.ParserOptions{Capabilities: writtenCapabilities(), RegoVersion: ast.RegoV1}
	full := head + string(text)
	before, err := ast.ParseModuleWithOpts(name, full, options)
	if err != nil {
		return nil, shifted(regoErrors(err), strings.Count(head, "\n"))
	}
	if before == nil || head != "" && len(before.Rules) == 0 {
		return text, nil // nothing, or comments alone
	}
	out, err := format.SourceWithOpts(name, []byte(full), format.Opts{RegoVersion: ast.RegoV1, ParserOptions: &options})
	if err != nil {
		return nil, Errors{newError(1, 1, "rego", err.Error(), "")}
	}
	after, err := ast.ParseModuleWithOpts(name, string(out), options)
	if err != nil || !sameModule(before, after) {
		return nil, Errors{{Line: 1, Column: 1, Path: "rego", Problem: "tidying would change its meaning"}}
	}
	if head == "" {
		return out, nil
	}
	rest, found := bytes.CutPrefix(out, []byte(strings.TrimSuffix(head, "\n")))
	if !found {
		return nil, Errors{{Line: 1, Column: 1, Path: "rego", Problem: "cannot be tidied without its package", Want: "package " + packageName}}
	}
	return bytes.TrimLeft(rest, "\n"), nil
}

// sameModule reports whether two modules have the same rules and comments.
func sameModule(a, b *ast.Module) bool {
	if a == nil || b == nil || len(a.Comments) != len(b.Comments) {
		return false
	}
	for i := range a.Comments {
		if string(bytes.TrimSpace(a.Comments[i].Text)) != string(bytes.TrimSpace(b.Comments[i].Text)) {
			return false
		}
	}
	return a.Equal(b)
}

// shifted takes off the lines that stand before the text.
func shifted(err error, lines int) error {
	all, ok := err.(Errors)
	for i := range all {
		all[i].Line = max(all[i].Line-lines, 1)
	}
	if !ok {
		return err
	}
	return all
}
