package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/open-policy-agent/opa/v1/ast"
)

// literals turns the texts of a policy into Rego. Written in place they make
// the module that a person reads. Gathered they make its shape, a module that
// takes them from the input instead: a thousand routes that differ in names
// alone are one module to compile and to hold.
type literals struct {
	gather bool
	terms  []*ast.Term
}

// text is one string.
func (l *literals) text(s string) string {
	if !l.gather {
		return quote(s)
	}
	return l.add(ast.StringTerm(s))
}

// set is a set of strings. Written in place it is sorted, each string once.
func (l *literals) set(values []string) string {
	if l.gather {
		return l.add(ast.NewTerm(ast.NewSet(stringTerms(values)...)))
	}
	values = slices.Clone(values)
	slices.Sort(values)
	return "{" + quoteAll(slices.Compact(values)) + "}"
}

// number is one whole number.
func (l *literals) number(n int64) string {
	if !l.gather {
		return strconv.FormatInt(n, 10)
	}
	return l.add(ast.NumberTerm(jsonNumber(n)))
}

// truth is true or false.
func (l *literals) truth(v bool) string {
	if !l.gather {
		return strconv.FormatBool(v)
	}
	return l.add(ast.BooleanTerm(v))
}

// scalar is one value of its type.
func (l *literals) scalar(s scalar) string {
	switch s.typ {
	case typeText:
		return l.text(s.text)
	case typeTruth:
		return l.truth(s.text == "true")
	}
	if !l.gather {
		return s.text
	}
	return l.add(s.term())
}

// scalars is a set of values.
func (l *literals) scalars(values []scalar) string {
	if l.gather {
		set := ast.NewSet()
		for _, v := range values {
			set.Add(v.term())
		}
		return l.add(ast.NewTerm(set))
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = l.scalar(v)
	}
	slices.Sort(texts)
	return "{" + strings.Join(slices.Compact(texts), ", ") + "}"
}

func (s scalar) term() *ast.Term {
	switch s.typ {
	case typeText:
		return ast.StringTerm(s.text)
	case typeTruth:
		return ast.BooleanTerm(s.text == "true")
	}
	return ast.NumberTerm(json.Number(s.text))
}

// list is an array of strings in their order.
func (l *literals) list(values []string) string {
	if l.gather {
		return l.add(ast.ArrayTerm(stringTerms(values)...))
	}
	return "[" + quoteAll(values) + "]"
}

func (l *literals) add(t *ast.Term) string {
	l.terms = append(l.terms, t)
	return fmt.Sprintf("input.literals[%d]", len(l.terms)-1)
}

func stringTerms(values []string) []*ast.Term {
	terms := make([]*ast.Term, len(values))
	for i, v := range values {
		terms[i] = ast.StringTerm(v)
	}
	return terms
}

func quoteAll(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return strings.Join(quoted, ", ")
}

// quote returns s as a Rego string. Everything that is not plain to the eye is
// escaped, so that no text ends the string or hides in it.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r <= 0xffff && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
