package policy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxNodes bounds the nodes read for one document, aliases counted each time
// they are used: a few lines of nested aliases name billions of nodes.
const maxNodes = 200_000

// maxMerges bounds how deep merge keys ("<<") may refer to each other.
const maxMerges = 8

// An entry is one key of a mapping; its value is resolved.
type entry struct {
	key   *yaml.Node
	name  string
	value *yaml.Node
}

// resolve follows aliases and the document node. It returns nil, after a
// report, when the document is larger than maxNodes.
func (p *parser) resolve(path string, n *yaml.Node) *yaml.Node {
	for hops := 0; n != nil && hops < maxMerges; hops++ {
		p.visited++
		switch {
		case p.visited == maxNodes:
			p.want(path, n, fmt.Sprintf("a document of fewer than %d nodes", maxNodes))
			return nil
		case p.visited > maxNodes:
			return nil
		case n.Kind == yaml.AliasNode:
			n = n.Alias
		case n.Kind == yaml.DocumentNode && len(n.Content) > 0:
			n = n.Content[0]
		default:
			return n
		}
	}
	return nil
}

// mapping reports whether n is a mapping with at least one key, and reports it
// as an error where it is not.
func (p *parser) mapping(path string, n *yaml.Node, want string) bool {
	if n.Kind == yaml.MappingNode && len(n.Content) > 0 {
		return true
	}
	p.want(path, n, want)
	return false
}

// entries returns the keys of a mapping in their order, merged ones last, and
// reports keys that are no strings and keys that come twice. Case does not
// make two keys different here: no place of the language has two keys that
// differ in case alone.
func (p *parser) entries(path string, n *yaml.Node) []entry {
	seen := map[string]bool{}
	return p.addEntries(nil, seen, path, n, 0)
}

func (p *parser) addEntries(out []entry, seen map[string]bool, path string, n *yaml.Node, depth int) []entry {
	var merged []*yaml.Node
	own := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := p.resolve(path, n.Content[i]), p.resolve(path, n.Content[i+1])
		if key == nil || value == nil {
			return out
		}
		if key.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		if !isString(key) {
			p.want(path, key, "a key that is a string")
			continue
		}
		folded := strings.ToLower(key.Value)
		switch {
		case own[folded]:
			p.report(path+"."+key.Value, key, "the key stands twice", "each key once")
		case !seen[folded]:
			out = append(out, entry{key, key.Value, value})
		}
		own[folded], seen[folded] = true, true
	}
	for _, m := range merged {
		out = p.merge(out, seen, path, m, depth)
	}
	return out
}

// merge adds the keys of the mapping, or of the list of mappings, that a merge
// key names. Keys already there win.
func (p *parser) merge(out []entry, seen map[string]bool, path string, n *yaml.Node, depth int) []entry {
	switch {
	case depth >= maxMerges:
		p.want(path, n, fmt.Sprintf("merge keys nested at most %d deep", maxMerges))
	case n.Kind == yaml.MappingNode:
		return p.addEntries(out, seen, path, n, depth+1)
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			if item = p.resolve(path, item); item != nil {
				out = p.merge(out, seen, path, item, depth+1)
			}
		}
	default:
		p.want(path, n, "a mapping to merge")
	}
	return out
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// isString reports whether n is a string that says something. An empty string
// is nearly always a template that found no value, and "starts with nothing"
// is true of everybody.
func isString(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && n.Value != "" && utf8.ValidString(n.Value)
}

// wantString says what is wanted where n is no string.
func wantString(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && !isNull(n) && n.ShortTag() != "!!str" {
		return "a string: put it in quotes"
	}
	return "a string that is not empty"
}

// scalarText returns the text of a string, and of a boolean or a whole number
// the text that the same value has inside a claim.
func scalarText(n *yaml.Node) (string, bool) {
	if isString(n) {
		return n.Value, true
	}
	if n.Kind != yaml.ScalarNode {
		return "", false
	}
	switch n.ShortTag() {
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return strconv.FormatBool(b), true
		}
	case "!!int":
		var i int64
		if n.Decode(&i) == nil {
			return strconv.FormatInt(i, 10), true
		}
	}
	return "", false
}

// stringNode is a string as Format writes it: always quoted, so that no value
// turns into a number, a boolean or a comment.
func stringNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: s}
}

func truthNode(v bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
}

// nameNode is a key or word of the language itself.
func nameNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

func listNode(values []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, v := range values {
		n.Content = append(n.Content, stringNode(v))
	}
	return n
}

func mappingNode(content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: content}
}
