// Package consolepb is the wire form of the console: console.v1. It is
// generated from the .proto files beside it, one for each subject, and never
// edited. Generating needs protoc on the PATH; its two plugins come with the
// module.
package consolepb

//go:generate sh generate.sh
