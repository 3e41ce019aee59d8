package policy

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxWidth is how long a line with a criterion gets, in bytes, before its
// operand is put on several.
const maxWidth = 100

// A layout sets the style of the nodes of one file. Nodes behind an alias are
// set where their anchor is.
type layout struct {
	aliases bool // the file has some, and then nothing changes its place
}

func layOut(doc *yaml.Node) {
	l := layout{aliases: hasAlias(doc)}
	plainMerges(doc)
	root := doc.Content[0]
	if !beside(root) {
		l.document(root, 0)
		return
	}
	block(root)
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == "ppl" {
			l.document(root.Content[i+1], 2)
		}
	}
}

func hasAlias(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, hasAlias)
}

// plainMerges keeps the library from writing "!!merge <<".
func plainMerges(n *yaml.Node) {
	if n.Tag == "!!merge" && n.Value == "<<" {
		n.Tag = ""
	}
	for _, item := range n.Content {
		plainMerges(item)
	}
}

func block(n *yaml.Node) { n.Style &^= yaml.FlowStyle }

func (l layout) document(n *yaml.Node, indent int) {
	if n.Kind != yaml.SequenceNode {
		l.ruleSet(n, indent)
		return
	}
	if len(n.Content) > 0 {
		block(n)
	}
	for _, item := range n.Content {
		l.ruleSet(item, indent+2)
	}
}

func (l layout) ruleSet(n *yaml.Node, indent int) {
	if n.Kind != yaml.MappingNode {
		return
	}
	block(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		lowerKey(n.Content[i])
		l.body(n.Content[i+1], indent+2)
	}
	if !l.aliases && len(n.Content) == 4 && n.Content[0].Value == "deny" {
		// The comment above the rules stays above them.
		n.Content[0], n.Content[1], n.Content[2], n.Content[3] = n.Content[2], n.Content[3], n.Content[0], n.Content[1]
	}
}

func (l layout) body(n *yaml.Node, indent int) {
	if n.Kind != yaml.MappingNode {
		return
	}
	block(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		lowerKey(n.Content[i])
		list := n.Content[i+1]
		switch list.Kind {
		case yaml.SequenceNode:
			block(list)
			for _, item := range list.Content {
				l.criterion(item, indent+4)
			}
		case yaml.MappingNode: // merged
			l.body(list, indent)
		}
	}
}

func (l layout) criterion(n *yaml.Node, indent int) {
	if n.Kind != yaml.MappingNode {
		return
	}
	block(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if name, sub, found := strings.Cut(key.Value, "/"); key.ShortTag() == "!!str" {
			if key.Value = strings.ToLower(name); found {
				key.Value += "/" + sub
			}
		}
		value := n.Content[i+1]
		l.operand(value, indent+len(key.Value)+2)
		if value.LineComment != "" && value.Style&yaml.FlowStyle == 0 && len(value.Content) > 0 {
			// What stood behind the operand has no line any more.
			n.HeadComment = strings.TrimPrefix(n.HeadComment+"\n"+value.LineComment, "\n")
			value.LineComment = ""
		}
	}
}

// operand puts an operand on the line of its criterion, if it has the room.
func (l layout) operand(n *yaml.Node, indent int) {
	if n.Kind != yaml.MappingNode && n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return
	}
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			lowerOperator(n.Content[i])
		}
	}
	line := *n
	line.LineComment = "" // it stands behind the whole
	if width, ok := flowWidth(&line); ok && indent+width <= maxWidth {
		flowing(n)
		return
	}
	block(n)
	const below = 14 // about as far in as what is under an operator
	for i, item := range n.Content {
		if n.Kind == yaml.SequenceNode || i%2 == 1 {
			l.operand(item, below)
		}
	}
}

func flowing(n *yaml.Node) {
	if n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode {
		n.Style |= yaml.FlowStyle
	}
	for _, item := range n.Content {
		flowing(item)
	}
}

// flowWidth is about how many bytes the node takes on one line, and whether it
// can stand there: with no comment, and with nothing that needs its own line.
func flowWidth(n *yaml.Node) (int, bool) {
	if n.HeadComment+n.LineComment+n.FootComment != "" || n.Anchor != "" || n.Kind == yaml.AliasNode ||
		n.Style&(yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) != 0 || strings.Contains(n.Value, "\n") {
		return 0, false
	}
	width := len(n.Value)
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		width += 2
	}
	for _, item := range n.Content {
		w, ok := flowWidth(item)
		if !ok {
			return 0, false
		}
		width += w + 2
	}
	return width, true
}

// lowerKey puts a word of the language in lower case.
func lowerKey(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		n.Value = strings.ToLower(n.Value)
	}
}

// lowerOperator does so where the word is an operator of a matcher that has no
// other kind of keys.
func lowerOperator(n *yaml.Node) {
	lower := strings.ToLower(n.Value)
	if n.Kind == yaml.ScalarNode && (slices.Contains(stringOperators, lower) ||
		slices.Contains(listOperators, lower) || slices.Contains(certificateFields, lower)) {
		n.Value = lower
	}
}
