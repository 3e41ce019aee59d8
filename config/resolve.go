package config

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Bounds of one document. They are far above any real one and far below what
// would take the process down.
const (
	maxBytes = 16 << 20  // of the document, and of each file it names
	maxDepth = 100       // levels of nesting, aliases followed
	maxNodes = 4_000_000 // values, aliases counted each time they are used
)

// A resolver makes a plain tree of a document: aliases stand for their
// anchors, merges are applied, and no mapping has a key twice. Subtrees behind
// an alias are shared, not copied, so that a small document stays small; their
// size is counted as if they were copied, since that is what reading them costs.
type resolver struct {
	refuse func(line int, key, found, want string)
	done   map[*yaml.Node]extent
	open   map[*yaml.Node]bool // on the way from the root to here
	merged int                 // pairs brought in by merges so far
	full   bool                // a bound was refused; the tree is not to be read
}

// An extent is the size of a subtree with all aliases followed.
type extent struct {
	nodes  int64
	height int
}

func newResolver(refuse func(line int, key, found, want string)) *resolver {
	return &resolver{
		refuse: refuse,
		done:   make(map[*yaml.Node]extent),
		open:   make(map[*yaml.Node]bool),
	}
}

// resolve returns n as a plain tree; what cannot be read becomes a null after
// it has been refused.
func (r *resolver) resolve(n *yaml.Node, key string, depth int) (*yaml.Node, extent) {
	if n.Kind == yaml.AliasNode {
		if n.Alias == nil {
			return r.drop(n, key, "alias without anchor", "")
		}
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && (n.Tag == "!!str" || n.Tag == "!!int" || n.Tag == "!!bool") {
		return n, extent{nodes: 1} // most of a document: nothing to do or to remember
	}
	if r.open[n] {
		return r.drop(n, key, "anchor that holds itself", "a plain value")
	}
	e, ok := r.done[n]
	if !ok {
		r.open[n] = true
		e = r.inside(n, key, depth)
		delete(r.open, n)
		r.done[n] = e
	}
	if depth+e.height > maxDepth {
		return r.drop(n, key, "", fmt.Sprintf("at most %d levels", maxDepth))
	}
	if e.nodes > maxNodes {
		return r.drop(n, key, "", fmt.Sprintf("at most %d values, aliases counted each time", maxNodes))
	}
	return n, e
}

// drop refuses n and puts a null in its place.
func (r *resolver) drop(n *yaml.Node, key, found, want string) (*yaml.Node, extent) {
	if !r.full { // one complaint about size or depth is enough
		r.refuse(n.Line, key, found, want)
	}
	r.full = true
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line}, extent{nodes: 1}
}

// inside resolves what n holds, in place.
func (r *resolver) inside(n *yaml.Node, key string, depth int) extent {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") || n.Tag == "!!binary" {
		r.refuse(n.Line, key, "tag", "a value without a tag")
	}
	e := extent{nodes: 1}
	if depth > maxDepth { // the caller refuses it; going on could exhaust the stack
		return extent{nodes: 1, height: 1}
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for i, c := range n.Content {
			child, ce := r.resolve(c, fmt.Sprintf("%s[%d]", key, i), depth+1)
			n.Content[i] = child
			e.add(ce)
		}
	case yaml.MappingNode:
		r.mapping(n, key, depth, &e)
	}
	return e
}

// add counts a child.
func (e *extent) add(child extent) {
	e.nodes = min(e.nodes+child.nodes, maxNodes+1) // never overflows
	e.height = max(e.height, child.height+1)
}

// mapping resolves keys and values, refuses what stands there twice, and
// brings in what `<<` names: an own key wins, then the first merge that has it.
func (r *resolver) mapping(n *yaml.Node, key string, depth int, e *extent) {
	seen := make(map[string]int, len(n.Content)/2)
	kept := make([]*yaml.Node, 0, len(n.Content))
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, _ := r.resolve(n.Content[i], key, depth+1)
		if name.Kind != yaml.ScalarNode || isNull(name) {
			r.refuse(n.Content[i].Line, key, "", "keys that are plain text")
			continue
		}
		under := join(key, name.Value)
		value, ve := r.resolve(n.Content[i+1], under, depth+1)
		e.add(ve)
		if first, twice := seen[name.Value]; twice {
			r.refuse(n.Content[i].Line, under, fmt.Sprintf("given twice, first on line %d", first), "")
			continue
		}
		seen[name.Value] = n.Content[i].Line
		if name.Value == "<<" && name.Style == 0 {
			merges = append(merges, r.sources(value, under)...)
			continue
		}
		kept = append(kept, name, value)
	}
	for _, m := range merges {
		if r.merged += len(m.Content) / 2; r.merged > maxNodes {
			r.drop(n, key, "", fmt.Sprintf("at most %d merged keys", maxNodes))
			break
		}
		for i := 0; i+1 < len(m.Content); i += 2 {
			if _, own := seen[m.Content[i].Value]; !own {
				seen[m.Content[i].Value] = m.Content[i].Line
				kept = append(kept, m.Content[i], m.Content[i+1])
			}
		}
	}
	n.Content = kept
}

// sources returns the mappings that a `<<` names.
func (r *resolver) sources(value *yaml.Node, key string) []*yaml.Node {
	list := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		list = value.Content
	}
	for _, m := range list {
		if m.Kind != yaml.MappingNode {
			r.refuse(value.Line, key, "", "a mapping to merge")
			return nil
		}
	}
	return list
}

// join makes the dotted path of a key below another.
func join(parent, key string) string {
	if parent == "" {
		return key
	}
	return parent + "." + key
}

// isNull reports whether n says nothing: `key:`, `null` or `~`.
func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == 0 || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}
