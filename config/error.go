package config

import "fmt"

// An Error says which key of which file is wrong and what would be right.
type Error struct {
	File string // as given on the command line
	Line int    // 1-based; 0 when the key is absent
	Key  string // dotted path, such as "routes[2].to"
	Want string // what would be accepted, such as "an absolute https URL"
}

// Error is the line a person reads.
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d: %s: want %s", e.File, e.Line, e.Key, e.Want)
}
