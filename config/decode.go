package config

import (
	"fmt"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

// A scope is what may stand in one kind of object besides its tagged fields.
type scope struct {
	extra   map[string]func(n *yaml.Node, key string) // keys that are read elsewhere
	later   map[string]laterKey
	removed map[string]string
}

// object reads a mapping into a struct by its yaml tags. Unlike a lenient
// decoder it refuses keys it does not know. Keys are compared without regard
// to case, since the configurations we take were always read that way.
func (l *loading) object(n *yaml.Node, into reflect.Value, key string, s scope) {
	if n.Kind != yaml.MappingNode {
		l.refuse(key, "", "an object with keys")
		return
	}
	fields := l.fields(into.Type())
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := strings.ToLower(n.Content[i].Value), n.Content[i+1]
		under, line := join(key, name), n.Content[i].Line
		if first, twice := seen[name]; twice {
			l.refuseAt(line, under, fmt.Sprintf("given twice, first on line %d", first), "")
			continue
		}
		seen[name] = line
		if isNull(value) {
			line = -line // known or not is still asked; the value counts as absent
		}
		l.entry(name, value, under, line, entryPlace{into: into, fields: fields, scope: s})
	}
}

// An entryPlace is where a key of an object belongs.
type entryPlace struct {
	into   reflect.Value
	fields map[string]int
	scope  scope
}

// entry reads one key of an object; a negative line marks a null.
func (l *loading) entry(name string, value *yaml.Node, key string, line int, p entryPlace) {
	null := line < 0
	line = max(line, -line)
	if advice, removed := p.scope.removed[name]; removed {
		if !null {
			l.refuseAt(line, key, "removed from the configuration", advice)
		}
		return
	}
	if k, later := p.scope.later[name]; later {
		if !null && !k.off(value) {
			l.refuseAt(line, key, notYet, k.instead)
		}
		return
	}
	field, known := p.fields[name]
	read, extra := p.scope.extra[name]
	switch {
	case !known && !extra:
		l.refuseAt(line, key, "unknown key"+didYouMean(name, p.names()), "")
	case null:
	case extra:
		l.lines[key] = line
		read(value, key)
	default:
		l.lines[key] = line
		l.value(value, p.into.Field(field), key)
	}
}

// names are all keys an entry may have.
func (p entryPlace) names() []string {
	var names []string
	for name := range p.fields {
		names = append(names, name)
	}
	for name := range p.scope.extra {
		names = append(names, name)
	}
	for name := range p.scope.later {
		names = append(names, name)
	}
	return names
}

// fields returns the index of each tagged field of t.
func (l *loading) fields(t reflect.Type) map[string]int {
	if known := l.tags[t]; known != nil {
		return known
	}
	known := make(map[string]int)
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag != "" && tag != "-" {
			known[tag] = i
		}
	}
	l.tags[t] = known
	return known
}

// value reads n into v. Types with a form of their own are in special and
// scalarInto; the rest goes by kind.
func (l *loading) value(n *yaml.Node, v reflect.Value, key string) {
	if l.special(n, v, key) {
		return
	}
	if want, ok := l.scalarInto(n, v); ok {
		if want != "" {
			l.refuse(key, "", want)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		l.value(n, p.Elem(), key)
		v.Set(p)
	case reflect.Struct:
		l.object(n, v, key, scope{})
	case reflect.Slice:
		l.list(n, v, key)
	default:
		// A field of a type that nothing reads is a mistake in this package,
		// and the test that fills every field finds it.
		l.refuse(key, "cannot be read", "")
	}
}

// list reads a sequence of objects.
func (l *loading) list(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.SequenceNode {
		l.refuse(key, "", "a list")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		under := fmt.Sprintf("%s[%d]", key, i)
		l.lines[under] = item.Line
		if isNull(item) {
			l.refuse(under, "", "a value, not null")
			continue
		}
		l.value(item, out.Index(i), under)
	}
	v.Set(out)
}
