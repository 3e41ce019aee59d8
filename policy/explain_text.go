package policy

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Text writes the explanation for a terminal.
func (x *Explanation) Text(w io.Writer) error {
	b := bufio.NewWriter(w) // keeps the first error for Flush
	fmt.Fprintf(b, "%s: %s\n", x.Outcome, x.Why)
	for _, rule := range x.Decided {
		fmt.Fprintf(b, "  %s\n", rule)
	}
	if x.Err != "" {
		fmt.Fprintf(b, "error: %s\n", x.Err)
	}
	if x.Disagrees {
		b.WriteString("WARNING: the rules below do not come to this decision. That is a defect; trust the decision and report it.\n")
	}
	x.Change.text(b)
	if x.NoChange != "" {
		fmt.Fprintf(b, "to be allowed: %s\n", x.NoChange)
	}
	for _, n := range []*Node{x.Allow, x.Deny} {
		if n != nil {
			b.WriteByte('\n')
			n.text(b, 0)
		}
	}
	if len(x.Extra) > 0 {
		b.WriteByte('\n')
		extraText(b, "", x.Extra)
	}
	for _, s := range x.Shadows {
		fmt.Fprintf(b, "\nshadow policy %s: with it the outcome would be %s\n", s.Name, s.Would)
		if s.Err != "" {
			fmt.Fprintf(b, "  error: %s\n", s.Err)
		}
		for _, n := range []*Node{s.Allow, s.Deny} {
			if n != nil {
				n.text(b, 1)
			}
		}
		extraText(b, "  ", s.Extra)
	}
	return b.Flush()
}

func (c *Change) text(b *bufio.Writer) {
	if c == nil {
		return
	}
	b.WriteString("to be allowed:\n")
	for _, need := range c.Needs {
		fmt.Fprintf(b, "  %s\n", need)
	}
	for _, rule := range c.Satisfies {
		fmt.Fprintf(b, "  which satisfies %s\n", rule)
	}
}

// text writes a node and all below it, one rule on a line and one fact on a
// line.
func (n *Node) text(b *bufio.Writer, depth int) {
	indent := strings.Repeat("  ", depth)
	mark := "✗"
	if n.Value {
		mark = "✓"
	}
	fmt.Fprintf(b, "%s%s %s", indent, mark, n.label())
	if n.Kind == KindRego {
		fmt.Fprintf(b, " in %s", n.Name)
	}
	if n.Enforced {
		b.WriteString(" (enforced)")
	}
	if place := n.place(); place != "" && n.Kind != KindRego {
		fmt.Fprintf(b, "  %s", place)
	}
	// Those of whatever is above are the same ones again.
	if len(n.Children) == 0 && len(n.Reasons) > 0 {
		fmt.Fprintf(b, "  [%s]", strings.Join(n.Reasons, ", "))
	}
	if n.Decided {
		b.WriteString("  <- decided")
	}
	b.WriteByte('\n')
	if n.Err != "" {
		fmt.Fprintf(b, "%s    error: %s\n", indent, n.Err)
	}
	for _, r := range n.Read {
		fmt.Fprintf(b, "%s    read: %s\n", indent, r)
	}
	for _, child := range n.Children {
		child.text(b, depth+1)
	}
}

// String is the fact as people read it.
func (r Read) String() string {
	switch {
	case r.Absent && r.Value != "":
		return r.Value
	case r.Absent:
		return r.Name + " is not there"
	}
	return r.Name + " = " + r.Value
}

// text is the criterion as a policy writes it, in one line.
func (c criterion) text() string {
	name := c.kind.name
	if c.kind.subPath {
		name += "/" + Visible(c.subPath)
	}
	n := c.operand.node()
	if m, ok := c.operand.(listMatcher); ok {
		n = m.anyOfNode()
	}
	return name + ": " + flow(n)
}

// anyOfNode is node, but with all the values of a joined "has", which the
// language has no word for.
func (m listMatcher) anyOfNode() *yaml.Node {
	n := m.node()
	for i, t := range m {
		if len(t.values) > 1 {
			n.Content[2*i+1] = listNode(t.values)
		}
	}
	return n
}

// flow is a node of YAML in one line; a long list is cut.
func flow(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		var items []string
		for i := 0; i+1 < len(n.Content); i += 2 {
			items = append(items, flow(n.Content[i])+": "+flow(n.Content[i+1]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	case yaml.SequenceNode:
		var items []string
		for _, item := range n.Content {
			if len(items) == maxShownElements {
				items = append(items, fmt.Sprintf("… %d more", len(n.Content)-maxShownElements))
				break
			}
			items = append(items, flow(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return cut(plainWord(n.Value))
}

// writtenText is the result of a hand-written rule.
func writtenText(deny bool, h half) string {
	name := "allow"
	if deny {
		name = "deny"
	}
	return fmt.Sprintf("%s = %t", name, h.truth)
}

// plainWord is s as a value among others: in quotes unless it is one plain
// word.
func plainWord(s string) string {
	for _, r := range s {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("@._/:+-*", r):
		default:
			return strconv.Quote(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}
