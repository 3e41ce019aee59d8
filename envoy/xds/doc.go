// Package xds turns a configuration into what Envoy is told: a pure function.
//
// In comes an Input: the checked configuration, the listener certificates, the
// digest of each route's policy, pages for Envoy's own errors, and where our
// sockets are. Out goes a Snapshot of listeners, clusters, route configurations
// and secrets. Equal input gives equal bytes, and a change of one thing leaves
// the bytes of unrelated resources as they were, so that no listener drains and
// no stream drops. Who serves the snapshot, and what happens when Envoy refuses
// it, is the business of package envoy.
//
// A request meets the files in this order:
//
//	listener.go      where connections come in
//	downstream.go    TLS with clients, their certificates
//	connection.go    HTTP: limits, paths, forwarded headers
//	filter_*.go      what happens to every request, in order
//	tables.go        which routes each listener has
//	host.go          which hosts there are; exact before wildcard
//	misdirected.go   421 for a host that the connection is not for
//	internal.go      paths of our own on every host
//	match.go         which requests a route takes
//	route.go         what a route does: redirect.go, forward.go, rewrite.go
//	header.go        headers that a route sets and removes
//	cluster.go       where a route goes; endpoint.go, upstream.go (TLS), dns.go,
//	                 health.go, outlier.go, builtin.go
//	localreply.go    pages for errors that Envoy finds itself
//	accesslog.go     one JSON line per request
//
// The other way round, matcher.go and matcher_*.go read a snapshot and say which
// route Envoy would choose, for tools that have no Envoy to ask.
//
// Nothing here decides whether a request is let in: each goes through
// ext_authz, and what names no route is answered with 404 by Envoy itself.
package xds
