package policy

import (
	"bytes"
	"fmt"

	"gopkg.in/yaml.v3"
)

// Format returns the document as YAML in its one canonical form, such that
// parsing it and formatting again gives the same text.
func (d *Document) Format() ([]byte, error) {
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, set := range d.rules {
		n := mappingNode()
		if len(set.allow) > 0 {
			n.Content = append(n.Content, nameNode("allow"), groupsNode(set.allow))
		}
		if len(set.deny) > 0 {
			n.Content = append(n.Content, nameNode("deny"), groupsNode(set.deny))
		}
		list.Content = append(list.Content, n)
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(list); err != nil {
		return nil, fmt.Errorf("format policy: %w", err)
	}
	return b.Bytes(), nil
}

func groupsNode(groups []group) *yaml.Node {
	n := mappingNode()
	for _, g := range groups {
		items := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, c := range g.criteria {
			name := nameNode(c.kind.name)
			if c.kind.subPath {
				name = stringNode(c.kind.name + "/" + c.subPath)
			}
			items.Content = append(items.Content, mappingNode(name, c.operand.node()))
		}
		n.Content = append(n.Content, nameNode(string(g.operator)), items)
	}
	return n
}
