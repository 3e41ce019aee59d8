// Command bench measures Cardea against what it is built on.
//
// It owns the method; in go a built cardea and an Envoy, out comes a Markdown
// table of ratios. Absolute figures mean nothing on another machine, and little
// on the same one an hour later: client, proxy and upstream share its cores.
// So every round visits every target once, for a few seconds each, and a ratio
// is the median over the rounds of two figures of the same round. What disturbs
// one target for a while disturbs all.
//
// The targets, over HTTPS with the same certificate, TLS settings, cookies and
// upstream, connections kept alive:
//
//	bare      Envoy as a reverse proxy, nothing else
//	floor     the same, and an ext_authz service over a unix socket that always
//	          says yes: what any design with an authorization service pays
//	e-mail    Cardea, a policy that allows by e-mail address
//	identity  the same, and a signed assertion with claim headers for the upstream
//
//	main.go      flags, and what is measured in which order
//	world.go     everything that runs, child.go: one process of it
//	upstream.go  the application: answers "ok"; null.go: the service that says yes
//	baseline.go  the bare Envoy and the floor
//	cardea.go    Cardea's configuration and process; authority.go: certificates
//	signin.go    a person's way through the sign-in pages
//	target.go    what is shot at, and whether it answers as it should
//	load.go      one shot with h2load; procs.go: processor time and memory
//	table.go     figures -> ratios -> Markdown
//	start.go     from the start of the program to its first answer
//	routes.go    many routes: start, change, memory, the last against the first
//
// It is run by "make bench". Load goes to loopback alone.
package main
