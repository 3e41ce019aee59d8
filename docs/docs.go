// Package docs holds what the program says of itself in the words of its
// documentation, so that they stand in one place.
package docs

import _ "embed"

// Reference is the reference of the configuration.
//
//go:embed reference.md
var Reference string
