package config

import (
	"bytes"
	"errors"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"gopkg.in/yaml.v3"
)

// A tomlReader builds the tree of a TOML document that was found correct: no
// key is defined twice, and no table is opened over a value.
type tomlReader struct {
	text   []byte
	root   *yaml.Node
	table  *yaml.Node                           // where key = value goes now
	index  map[*yaml.Node]map[string]*yaml.Node // of every mapping
	offset int                                  // what has been counted into line
	line   int
}

func parseTOML(text []byte) (*yaml.Node, error) {
	// The decoder proper knows what may be defined twice and what may not; the
	// parser below it knows positions. The document passes both.
	var whole map[string]any
	if err := toml.Unmarshal(text, &whole); err != nil {
		e := &syntaxError{text: "not TOML: " + strings.TrimPrefix(err.Error(), "toml: ")}
		var decode *toml.DecodeError
		if errors.As(err, &decode) {
			e.line, _ = decode.Position()
		}
		return nil, e
	}
	if len(whole) == 0 {
		return nil, nil
	}
	r := &tomlReader{text: text, line: 1, index: make(map[*yaml.Node]map[string]*yaml.Node)}
	r.root = r.mapping()
	r.table = r.root
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		r.expression(p.Expression())
	}
	if err := p.Error(); err != nil {
		return nil, &syntaxError{line: r.line, text: "not TOML"}
	}
	return r.root, nil
}

func (r *tomlReader) mapping() *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: r.line}
	r.index[n] = make(map[string]*yaml.Node)
	return n
}

// seen moves the line on to where n stands; nodes without a place of their
// own keep the line of the one before.
func (r *tomlReader) seen(n *unstable.Node) {
	if at := int(n.Raw.Offset); at > r.offset && at <= len(r.text) {
		r.line += bytes.Count(r.text[r.offset:at], []byte("\n"))
		r.offset = at
	}
}

// expression takes one line of the document: a table header or key = value.
func (r *tomlReader) expression(e *unstable.Node) {
	switch e.Kind {
	case unstable.Table:
		r.table = r.open(r.root, r.names(e.Key()))
	case unstable.ArrayTable:
		names := r.names(e.Key())
		last := len(names) - 1
		in := r.open(r.root, names[:last])
		list := r.index[in][names[last]]
		if list == nil {
			list = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: r.line}
			r.set(in, names[last], r.line, list)
		}
		r.table = r.mapping()
		list.Content = append(list.Content, r.table)
	case unstable.KeyValue:
		r.keyValue(r.table, e)
	}
}

func (r *tomlReader) names(it unstable.Iterator) []string {
	var names []string
	for it.Next() {
		r.seen(it.Node())
		names = append(names, string(it.Node().Data))
	}
	return names
}

// open goes down the names from in, making tables on the way; in an array of
// tables the last one is meant.
func (r *tomlReader) open(in *yaml.Node, names []string) *yaml.Node {
	for _, name := range names {
		next := r.index[in][name]
		if next == nil {
			next = r.mapping()
			r.set(in, name, r.line, next)
		}
		if next.Kind == yaml.SequenceNode && len(next.Content) > 0 {
			next = next.Content[len(next.Content)-1]
		}
		in = next
	}
	return in
}

func (r *tomlReader) set(in *yaml.Node, name string, line int, value *yaml.Node) {
	in.Content = append(in.Content, scalar("!!str", name, line), value)
	if names := r.index[in]; names != nil {
		names[name] = value
	}
}

func (r *tomlReader) keyValue(in *yaml.Node, e *unstable.Node) {
	names := r.names(e.Key())
	last := len(names) - 1
	in = r.open(in, names[:last])
	line := r.line
	r.set(in, names[last], line, r.value(e.Value()))
}

func (r *tomlReader) value(n *unstable.Node) *yaml.Node {
	r.seen(n)
	switch n.Kind {
	case unstable.Array:
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: r.line}
		for it := n.Children(); it.Next(); {
			if it.Node().Kind != unstable.Comment {
				list.Content = append(list.Content, r.value(it.Node()))
			}
		}
		return list
	case unstable.InlineTable:
		m := r.mapping()
		for it := n.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				r.keyValue(m, it.Node())
			}
		}
		return m
	case unstable.Bool:
		return scalar("!!bool", string(n.Data), r.line)
	case unstable.Integer:
		return scalar("!!int", strings.ReplaceAll(strings.TrimPrefix(string(n.Data), "+"), "_", ""), r.line)
	case unstable.Float:
		return scalar("!!float", string(n.Data), r.line)
	}
	return scalar("!!str", string(n.Data), r.line)
}
