// Package policy turns the policy language of routes (PPL) into decisions.
package policy

// A Document is one parsed PPL document.
type Document struct{}
