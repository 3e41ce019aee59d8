// Package handoff makes and checks the signed URLs by which a route host and
// the sign-in host hand a browser to each other.
//
//	authorize     SignInURL      nobody signed in   -> 302 to the sign-in host
//	proxy         SignInURL      programmatic login -> text
//	authenticate  ParseSignIn    at /.pomerium/sign_in
//	authenticate  CallbackURL    a session exists   -> 302 to the route host
//	proxy         ParseCallback  at /.pomerium/callback/
//	authorize     PromptURL      a device is asked for -> 302 on the route host
//	proxy         ParsePrompt, CeremonyURL  at /.pomerium/webauthn -> 302 to the sign-in host
//	authenticate  ParseCeremony  there
//
// A signature covers scheme, host, path and the whole query, so a parameter
// that was changed, added or left out is refused, and a URL for one place is
// worth nothing at another. It is bound to one browser by the hash of a cookie
// (package ticket, BinderHash) and holds for five minutes. That a callback is
// used once is for the caller to see to, by its ID: nothing is stored here.
package handoff
