package policy

import (
	"bufio"
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// shownExtra is what hand-written Rego adds to a decision, by name. It comes
// from whoever wrote the Rego and from what the request holds: names and values
// are escaped and cut, and so is their number.
func shownExtra(extra map[string]any) []Read {
	var out []Read
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if len(out) == maxShownElements {
			out = append(out, Read{Name: fmt.Sprintf("… %d more", len(extra)-maxShownElements)})
			break
		}
		r := Read{Name: cut(Visible(name)), Value: "[redacted]"}
		if !SecretHeader(name) {
			r.Value = shownAny(extra[name])
		}
		out = append(out, r)
	}
	return out
}

func shownAny(v any) string {
	value, err := ast.InterfaceToValue(v)
	if err != nil {
		return "a value that cannot be shown"
	}
	return shown(value, 0) // of at most maxExtra bytes
}

// extraText writes what shownExtra returned.
func extraText(b *bufio.Writer, indent string, extra []Read) {
	if len(extra) == 0 {
		return
	}
	fmt.Fprintf(b, "%sthe Rego adds:\n", indent)
	for _, r := range extra {
		if r.Value == "" { // how many more there are
			fmt.Fprintf(b, "%s  %s\n", indent, r.Name)
			continue
		}
		fmt.Fprintf(b, "%s  %s\n", indent, r)
	}
}
