package policy

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A query is what is known of the parameters of a query (URL Standard,
// "application/x-www-form-urlencoded parsing").
type query struct {
	pairs []parameter
	// several says that programs differ in how they read some of it.
	several bool
	// any says that a name in it cannot be read, so that it may be any.
	any bool
}

// A parameter is one of the query. doubtful says that there are readings
// without it.
type parameter struct {
	name, value string
	doubtful    bool
}

// parseQuery reads a query once, in all the ways that we know programs to.
func parseQuery(raw string) query {
	var q query
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		// A semicolon is a separator to some and text to others.
		whole := !strings.Contains(pair, ";")
		q.add(pair, !whole)
		if whole {
			continue
		}
		q.several = true
		for part := range strings.SplitSeq(pair, ";") {
			q.add(part, true)
		}
	}
	return q
}

func (q *query) add(pair string, doubtful bool) {
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, ok := decodeQuery(rawName)
	if !ok {
		q.several, q.any = true, true
		return
	}
	value, ok := decodeQuery(rawValue)
	if !ok {
		q.several, doubtful = true, true
	}
	q.pairs = append(q.pairs, parameter{name, value, doubtful})
	// "debug[]" and "debug[0]" are debug to those that make lists of them.
	if base, _, found := strings.Cut(name, "["); found {
		q.pairs = append(q.pairs, parameter{base, value, true})
	}
}

// decodeQuery decodes a name or a value, and reports whether every program
// comes to the same: not where an escape is broken, and not where bytes are no
// text or end it.
func decodeQuery(s string) (string, bool) {
	text, err := url.QueryUnescape(s)
	return text, err == nil && utf8.ValidString(text) && strings.IndexByte(text, 0) < 0
}

// queryTerm is what is read of the query as Rego reads it: by name, the values
// that the parameter has, doubtful, and only, its value where it is certain.
func queryTerm(raw string, names []string) *ast.Term {
	q := parseQuery(raw)
	items := make([][2]*ast.Term, len(names))
	for i, name := range names {
		items[i] = ast.Item(ast.StringTerm(name), q.of(name).term())
	}
	return ast.ObjectTerm(items...)
}

// A reading is what is known of one parameter.
type reading struct {
	values   []string
	doubtful bool // it may have other values, or be there where it seems not to be
	certain  bool // it is there, once, with this value
}

func (q query) of(name string) reading {
	r := reading{doubtful: q.any}
	for _, p := range q.pairs {
		if p.name == name {
			r.values = append(r.values, p.value)
			r.doubtful = r.doubtful || p.doubtful
		}
	}
	r.certain = len(r.values) == 1 && !r.doubtful && !q.several
	return r
}

func (r reading) term() *ast.Term {
	items := [][2]*ast.Term{ast.Item(keyValues, textsTerm(r.values)), ast.Item(keyDoubtful, ast.BooleanTerm(r.doubtful))}
	if r.certain {
		items = append(items, ast.Item(keyOnly, ast.StringTerm(r.values[0])))
	}
	return ast.ObjectTerm(items...)
}

var (
	keyValues   = ast.StringTerm("values")
	keyDoubtful = ast.StringTerm("doubtful")
	keyOnly     = ast.StringTerm("only")
)
