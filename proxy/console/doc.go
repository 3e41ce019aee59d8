// Package console is what administrators work with: who is signed in, who may
// come in, and what has been done about it. It is the upstream of routes with
// "console: true".
//
// What comes in is a request with the assertion that every upstream gets, or a
// gRPC call; what goes out are pages, or console.v1. Who may open the console at
// all is its route's policy to say; what they may do in it is decided here, at
// every request, by the policies of console.admins, managers and viewers over
// the records as they are then. Every action is one method of Service, which
// pages, gRPC and commands share, so that none can do more than another; the
// messages of console.v1 are its requests and answers.
//
// In the order a request meets them:
//
//	console.go        Options, State, Server, New, Apply, Handler
//	identify.go       assertion -> session -> person -> Actor with a Role
//	actor.go          Role, Via, Actor: who acts
//	web.go            the pages and their actions; web_form.go: whose form it is
//	web_errors.go     error -> page
//	web_query.go      the address of a table -> filters, order and page
//	web_*.go          one subject each: request -> action -> page
//	words.go          every sentence
//	grpc.go           console.v1: who calls, errors; grpc_servers.go: its methods
//	action.go         which role each action needs
//	service.go        Service: role, audit, change
//	audit.go          what is written down of a change, before it is made
//	sessions.go ...   the actions, one subject each; what is beside records (what
//	                  was decided, why, what is in force) the program hands in
//	part.go           the end of one's own session, after the answer
//	access.go         requests for access; grants.go: what came of them
//	accounts.go       service accounts
//	list.go           rows -> the page that was asked for
//	index.go          summaries of records in memory; index_*.go keep them
//	errors.go         what actions fail with
//
// A denial is the zero value everywhere: a zero Actor may do nothing, an action
// that is not in the table is nobody's. Claims, names and user agents are
// hostile text.
package console
