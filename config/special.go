package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// special reads n into v when v is a list or map of text, or a type with a
// form of its own. It reports whether it did, well or badly.
func (l *loading) special(n *yaml.Node, v reflect.Value, key string) bool {
	switch p := v.Addr().Interface().(type) {
	case *[]string:
		*p = l.texts(n, key)
	case *[]URL:
		l.urls(n, p, key)
	case *map[string]string:
		*p = l.textMap(n, key)
	case *map[string][]string:
		l.listMap(n, p, key)
	case *map[string]bool:
		l.flagMap(n, p, key)
	case *ClaimHeaders:
		l.claimHeaders(n, p, key)
	case *[]Upstream:
		l.upstreams(n, p, key)
	case *SANMatcher:
		l.sanMatcher(n, p, key)
	case *Criteria:
		l.criteria(n, p, key)
	case *PPL:
		p.node = n
	case *Rego:
		p.node = n
	default:
		return false
	}
	return true
}

// texts reads a list of text, or one text with commas. The result is never
// nil: an empty list says something else than no list.
func (l *loading) texts(n *yaml.Node, key string) []string {
	list := []string{}
	if s, ok := text(n); ok && n.ShortTag() == "!!str" {
		for part := range strings.SplitSeq(s, ",") {
			if s != "" {
				list = append(list, strings.TrimSpace(part))
			}
		}
		return list
	}
	if n.Kind != yaml.SequenceNode {
		l.refuse(key, "", "a list of text")
		return list
	}
	for i, item := range n.Content {
		under := fmt.Sprintf("%s[%d]", key, i)
		l.lines[under] = item.Line
		var s string
		if want := intoText(item, &s); want != "" {
			l.refuse(under, "", want)
		}
		list = append(list, s)
	}
	return list
}

func (l *loading) urls(n *yaml.Node, p *[]URL, key string) {
	for i, s := range l.texts(n, key) {
		var u URL
		if want := intoURL(scalar("!!str", s, n.Line), &u); want != "" || u.IsZero() {
			l.refuse(fmt.Sprintf("%s[%d]", key, i), "", wantURL)
			continue
		}
		*p = append(*p, u)
	}
}

// pairs calls f for each key of a mapping, with the key's line remembered.
func (l *loading) pairs(n *yaml.Node, key, want string, f func(name string, value *yaml.Node, under string)) {
	if n.Kind != yaml.MappingNode {
		l.refuse(key, "", want)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		under := join(key, n.Content[i].Value)
		l.lines[under] = n.Content[i].Line
		f(n.Content[i].Value, n.Content[i+1], under)
	}
}

func (l *loading) textMap(n *yaml.Node, key string) map[string]string {
	m := make(map[string]string)
	l.pairs(n, key, "a mapping from text to text", func(name string, value *yaml.Node, under string) {
		var s string
		if want := intoText(value, &s); want != "" {
			l.refuse(under, "", want)
		}
		m[name] = s
	})
	return m
}

func (l *loading) listMap(n *yaml.Node, p *map[string][]string, key string) {
	m := make(map[string][]string)
	l.pairs(n, key, "a mapping from a claim to a list of values", func(name string, value *yaml.Node, under string) {
		// One value needs no list; text is not split, since a value may hold a comma.
		if value.Kind == yaml.ScalarNode && !isNull(value) {
			m[name] = []string{value.Value}
			return
		}
		m[name] = l.texts(value, under)
	})
	*p = m
}

// flagMap reads runtime flags; their names have no case.
func (l *loading) flagMap(n *yaml.Node, p *map[string]bool, key string) {
	m := make(map[string]bool)
	l.pairs(n, key, "a mapping from a flag to true or false", func(name string, value *yaml.Node, under string) {
		var b bool
		if want := intoBool(value, &b); want != "" {
			l.refuse(under, "", want)
		}
		m[strings.ToLower(name)] = b
	})
	*p = m
}

// claimHeaders reads header -> claim, or a list of claims whose headers are
// then named after them.
func (l *loading) claimHeaders(n *yaml.Node, p *ClaimHeaders, key string) {
	headers := make(ClaimHeaders)
	*p = headers
	if n.Kind == yaml.MappingNode {
		for name, claim := range l.textMap(n, key) {
			if _, twice := headers[strings.ToLower(name)]; twice {
				l.refuse(join(key, name), "given twice", "each header once, whatever its case")
			}
			headers[strings.ToLower(name)] = claim
		}
		return
	}
	var claims []string
	if s, ok := text(n); ok {
		claims = strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
	} else {
		claims = l.texts(n, key)
	}
	for _, claim := range claims {
		headers["x-pomerium-claim-"+strings.ToLower(claim)] = claim
	}
}

// sanKinds are the kinds of subject alternative names, as they are written.
var sanKinds = []string{"dns", "email", "ip_address", "uri", "user_principal_name"}

// sanMatcher reads {kind: regular expression}, which must match a whole name.
func (l *loading) sanMatcher(n *yaml.Node, p *SANMatcher, key string) {
	want := "one of " + oneOf(sanKinds) + ", with a regular expression"
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		l.refuse(key, "", want)
		return
	}
	p.Kind = strings.ToLower(n.Content[0].Value)
	known := false
	for _, k := range sanKinds {
		known = known || k == p.Kind
	}
	pattern, ok := text(n.Content[1])
	if !known || !ok {
		l.refuse(key, "", want)
		return
	}
	// Compiled alone too: "a)(b" would be correct between the anchors.
	if l.expression(join(key, p.Kind), pattern) == nil {
		return
	}
	whole, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		l.refuse(join(key, p.Kind), "", wantRegexp)
		return
	}
	p.Pattern = whole
}
