// Package authenticate serves the sign-in host: it turns a signed request of a
// route host into a session, with the help of an identity provider, and hands
// the browser back.
//
// In the order a sign-in meets the files:
//
//	authenticate.go  Server, Options, New, Apply
//	handler.go       path -> step
//	start.go         signed request -> session at hand, or off to the provider
//	state.go         what the provider is given to bring back: sealed, bound to the browser
//	callback.go      the provider's answer -> session record -> back to the route host
//	session.go       identity -> session and user records; the ticket of this host
//	home.go          who am I, on this host
//	signout.go       the session ends, here and at the provider
//	devices.go       one's own devices, on the one host where they can be changed
//	ceremony.go      registering and showing a device, and the links for it
//	requests.go      asking for access after a refusal, and what became of it
//	refresh.go       sessions are renewed before their tokens expire, by one replica
//	schedule.go      which session is due next
//	people.go        sessions follow the people that the configuration names
//	builtin.go       the built-in provider, when it is configured
//	errors.go        the one mapping of errors to what strangers see
//
// It leaves to others: who may open what (authorize), the cookie of a route
// host (proxy), the provider's word itself (authenticate/idp).
package authenticate
