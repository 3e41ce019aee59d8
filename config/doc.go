// Package config holds the values of a configuration: read, defaulted, checked.
//
// A document (YAML, JSON or TOML) and the environment come in; one immutable
// Config, or every fault in it with file and line, goes out. A file is read in
// this order:
//
//	document.go  bytes -> tree of nodes with lines; json.go and toml.go likewise
//	resolve.go   aliases, merges and bounds; duplicate keys are refused
//	decode.go    tree -> Settings and Route, strictly; scalar.go, enum.go, special.go
//	env.go       environment variables over the document
//	policies.go  policies by name, of the document and of a folder; origin.go
//	             gives what stands in another file or text its place
//	defaults.go  what a key means when it is absent
//	check_*.go   what is refused, and the finished fields of Config and Route
//	source.go    where a configuration comes from and when it changed
//	schema.go    the configuration as JSON Schema, for editors; schema_value.go: its values
//
// later.go and removed.go name the keys that are known and refused. The order
// of the finished routes is the order in which they are tried.
//
// What a configuration does is for the parts to say: nothing is opened,
// listened on or asked over the network here. Policies are parsed by package
// policy and compiled by whoever applies a configuration.
package config
