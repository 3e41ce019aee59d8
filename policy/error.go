package policy

import (
	"fmt"
	"strings"
)

// An Error says which part of a document is wrong and what would be right. Its
// texts are as Visible returns them: they quote the document, and whoever reads
// them reads them on a terminal.
type Error struct {
	Line    int    // 1-based, as the YAML node says; 0 when unknown
	Column  int    // 1-based; 0 when unknown
	Path    string // such as "policy[0].allow.and[1].email"
	Problem string // what is wrong, such as `unknown criterion "emial"`; may be empty
	Want    string // what would be accepted, such as "a string"; may be empty
}

// newError returns an Error whose texts may be shown.
func newError(line, column int, path, problem, want string) *Error {
	return &Error{Line: line, Column: column, Path: Visible(path), Problem: Visible(problem), Want: Visible(want)}
}

// Message is the error without its position.
func (e *Error) Message() string {
	switch {
	case e.Problem == "":
		return "want " + e.Want
	case e.Want == "":
		return e.Problem
	}
	return e.Problem + ", want " + e.Want
}

// Error is the line a person reads where no file name is known.
func (e *Error) Error() string {
	return fmt.Sprintf("%d:%d: %s: %s", e.Line, e.Column, e.Path, e.Message())
}

// Errors are all the errors of one document, in the order of the document.
type Errors []*Error

// Error puts every error on a line of its own.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find one *Error.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, one := range e {
		out[i] = one
	}
	return out
}
