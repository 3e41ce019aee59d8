// Package pages renders everything that a person or a program reads from
// Cardea itself: pages, errors, and the bodies of Envoy's own refusals.
//
// What comes in are plain view structs and the few facts of a request that
// choose a format; what goes out is an Answer: status, headers and body. An
// Answer can be written to an http.ResponseWriter or copied into an ext_authz
// denial, byte for byte the same. The package knows no other room: who may see
// what, and where a form goes, is decided by its callers.
//
// In the order an answer is made:
//
//	pages.go      Pages, Options, New: templates parsed, stylesheet hashed
//	branding.go   colours, logo and words of the operator
//	negotiate.go  Request -> Format; may this client be sent to sign in?
//	words.go      every sentence, in one place
//	problem.go    Kind, Problem: what can go wrong, and its words
//	reason*.go    the reasons of policies -> sentences that hold no rule
//	note.go       Note: what an administrator wrote at a policy
//	markdown*.go  Markdown -> a few elements, or plain text
//	error.go      Problem -> HTML, problem+json, text, gRPC, Kubernetes Status
//	person.go ... the pages, one file each, each with its view
//	console.go    the frame and the kinds of pages of the console
//	text.go       hostile text made harmless
//	answer.go     Answer and the headers that every answer bears
//	local.go      templates for the local replies of Envoy
//
// Claims, names, hosts and user agents are hostile text. html/template escapes
// them; text.go makes control and direction characters visible and bounds the
// length; the content security policy allows one stylesheet and one script by
// hash and nothing else. No page shows a token.
package pages
