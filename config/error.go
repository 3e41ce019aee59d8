package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// An Error says which key of which file is wrong and what would be right. It
// never holds a value: a value may be a secret.
type Error struct {
	File   string // as given on the command line or in the configuration, or "environment"
	Line   int    // 1-based, of the key or of what should hold it; 0 when neither is there
	Column int    // 1-based, of what is wrong inside a policy; 0 when unknown
	Key    string // dotted path, such as "routes[2].to", or the variable's name; "" for the whole file
	Found  string // what is wrong, where Want alone would not say it, such as "not supported yet"
	Want   string // what would be accepted, such as "an absolute https URL"
}

// Error is the line a person reads.
func (e *Error) Error() string {
	place := e.File
	if e.Line > 0 {
		place += ":" + strconv.Itoa(e.Line)
		if e.Column > 0 {
			place += ":" + strconv.Itoa(e.Column)
		}
	}
	what := e.Found
	switch {
	case e.Want == "":
	case e.Found == "":
		what = "want " + e.Want
	default:
		what += "; want " + e.Want
	}
	parts := slices.DeleteFunc([]string{place, e.Key, what}, func(s string) bool { return s == "" })
	return strings.Join(parts, ": ")
}

// Errors are all that is wrong with one configuration, by file, place and key.
type Errors []*Error

// Error prints one error per line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.As every single one.
func (es Errors) Unwrap() []error {
	list := make([]error, len(es))
	for i, e := range es {
		list[i] = e
	}
	return list
}

// sorted orders es and drops what is said twice.
func (es Errors) sorted() Errors {
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Key, b.Key))
	})
	return slices.CompactFunc(es, func(a, b *Error) bool { return *a == *b })
}
