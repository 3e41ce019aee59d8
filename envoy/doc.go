// Package envoy finds, starts and watches Envoy, and serves it its
// configuration.
//
// In come the place of an executable (or the one embedded at build time), a
// private folder for sockets, and finished snapshots of package envoy/xds. Out
// go a running Envoy that takes its configuration from us and dies with us, its
// log lines among ours, and for every snapshot the word that Envoy took it, or
// its reason for refusing.
//
//	find.go       which executable: envoy_path, embedded, or one that make fetched
//	unpack.go     the embedded one, unpacked once and verified at every start
//	bootstrap.go  the little that Envoy must know before it asks us
//	process.go    start, watch, restart
//	drain.go      end without dropping what is under way
//	admin.go      questions to Envoy's admin socket
//	logs.go       Envoy's two outputs become ours
//	ads.go        snapshots to Envoy over ADS (incremental xDS)
//	served.go     a snapshot in the form that the library serves
//	stream.go     what passes on Envoy's stream
//	acks.go       what Envoy took, and what it refused
//	ports.go      is an address free, before Envoy is told to listen there
//
// What a snapshot holds is envoy/xds's to say; whether a request may pass is
// authorize's. While Envoy is down nothing listens, so nothing is open.
//
// Sources: the Envoy 1.40 documentation, "xDS REST and gRPC protocol"
// (incremental variant, aggregated streams) and "Draining".
package envoy
