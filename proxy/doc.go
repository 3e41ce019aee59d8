// Package proxy serves the paths that Cardea reserves on every route host:
// /.pomerium, /.well-known/pomerium, /ping and /healthz.
//
//	proxy.go      Server, Options, New, Apply
//	handler.go    path -> step
//	session.go    who is asking, by the ticket in the cookie
//	callback.go   the end of a sign-in: the ticket of this host
//	signin.go     programmatic login; the beginning of a sign-in for depends_on
//	device.go     off to the sign-in host to show or register a device, and back
//	signout.go    off to the sign-in host
//	home.go       who am I; the claims an upstream would get
//	portal.go     the routes a person may open, by their real policies
//	wellknown.go  the keys of assertions, and where things are
//	errors.go     the one mapping of errors to what strangers see
//
// Everything here is read-only for whoever is signed in: an upstream shares its
// origin with these paths and could press any button. What changes something
// stands on the sign-in host. Whether a request may reach these paths at all
// was decided by authorize.
package proxy
