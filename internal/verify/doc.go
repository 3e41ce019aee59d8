// Package verify is the built-in application behind a route with "verify:
// true": it shows a person what any application behind Cardea receives.
//
// What comes in is a request as Envoy passes it on; what goes out is a page, or
// the same as JSON, that says whether the assertion verifies against the
// published keys, or exactly why not, and whether anything arrived that could
// open a session. It trusts nothing but those keys, as an application should.
//
//	verify.go     Options, Settings, Handler
//	facts.go      the request, its headers in groups, secrets left out
//	assertion.go  the signed identity: verified, or why not
//	leak.go       credentials that must not have arrived
//	show.go       facts -> page or JSON
//	echo.go       /ws and /sse, to try long-lived requests
//
// Who may come here is the route's policy to say. Nothing is stored.
package verify
