// Package brokerpb is the databroker's wire form. It is generated from
// broker.proto, imported by package databroker alone, and never edited.
// Generating needs protoc on the PATH; its two plugins come with the module.
package brokerpb

//go:generate sh generate.sh
