// Package e2e tries the built program from outside, as people, programs and
// attackers meet it: the real Envoy, real TLS, real files.
//
// It holds tests only. Each starts "cardea --config FILE" on a free port of
// loopback with a data folder of its own, or shares the instance that most of
// them ask; nothing of the program is replaced. Tests read what a client, an
// upstream or an operator can read and nothing else.
//
//	main_test.go        builds the program once
//	instance_test.go    one running program: start, reload, stop, kill
//	output_test.go      what it writes, and waiting for a line of it
//	client_test.go      browsers and programs that call it
//	raw_test.go         bytes that no client library would send
//	upstream_test.go    the applications behind it
//	authority_test.go   certificates for all sides
//	shared_test.go      the instance that many tests share, and who signs in
//	household_test.go   an instance of a test's own, with people to sign in
//
//	quickstart_test.go  the configuration of docs/quickstart, as a newcomer meets it
//	routing_*_test.go   which request goes where, and what becomes of it
//	clean_test.go       what an upstream never sees
//	session_test.go     tabs, hosts that depend on each other, sessions that end
//	negotiation_test.go who is redirected, who is told, and in which words
//	listener_test.go    the other ways in, and what operators ask
//	start_test.go, reload_test.go, fault_test.go    bad input and broken parts
//	attack_*_test.go    what attackers try, one named test each
//	policy_*_test.go    policies by name, their folder, Rego, shadow; explain and replay
//	differential_test.go  what the policy saw is what the upstream received
//	mtls_test.go        client certificates in three modes
//	leash_test.go       streams that last, and what ends them
//	browser_test.go     the sign-in in Chromium
//
// The parts have tests of their own beside them; what stands here needs the
// whole.
package e2e
