// Package authorize answers Envoy's question about every request: may it pass,
// and what is its upstream to be told?
//
// It owns the way from a CheckRequest of ext_authz (envoy.service.auth.v3) to a
// CheckResponse and the audit line about it, and the watch over what it let in
// and lasts (ext_proc, envoy.service.ext_proc.v3). In come configurations with
// their compiled policies, questions, leashes, and word of changed records; out
// go allowances with identity headers, redirects to sign in, errors, and the ends
// of streams. Which route a request belongs to is Envoy's
// to say, what a policy means policy's, whether a session lives the
// databroker's, how a person signs in authenticate's.
//
// In the order a question meets them:
//
//	authorize.go    Server, Options, New, Apply, Check
//	generation.go   State -> what decisions under it need; which one counts
//	wire.go         gRPC: bytes -> exchange, response -> bytes
//	message.go      the bytes of a CheckRequest -> what a decision reads of it
//	check.go        what follows from that: host name, path, address
//	identify.go     cookie, handle or token -> session, user, directory -> person
//	holdings.go     the devices and grants that go with them
//	impersonate.go  whose stand-in an administrator is, where consent was given
//	asker.go        the same for the console: session -> person
//	person.go       person: made once for one version of the records
//	certificate.go  the client's certificate -> valid or not; certname.go: its names
//	decide.go       request, person, certificate -> policy -> verdict
//	answer.go       allowed: the headers, remembered for a person on a route
//	clean.go        our cookies out of what goes upstream
//	headers.go      the assertion, claim headers, what of the client's may go up
//	claims.go       claims as text; template.go: ${pomerium.*} in set headers
//	device.go       the devices that a page tells of, and where to show one
//	access.go       what somebody who is refused may ask for
//	respond.go      refused: redirect or page; errors.go: the one table of them
//	audit.go        one line for each decision; lines.go writes them
//	shadow.go       what shadow policies would have decided: counts and lines
//	record.go       the decision and its facts, for who keeps them
//
// A stream that lasts meets, after that:
//
//	leash_facts.go  which requests last; the question, to come back with the leash
//	leash_serve.go  gRPC: one call for each stream, which ends with it
//	leash.go        all that are held, by what they depend on
//	leash_watch.go  a change, or the time -> decided anew, by decide.go; or ended
//
// Doubt denies: the zero verdict is a fault and a fault is 503, a route that
// neither the newest generation nor the one before knows is 404, a path that
// two servers could read differently is 400, sessions that cannot be read let
// nobody in where it matters who asks.
package authorize
