// Package certs makes the certificates that nobody gave us.
//
// It owns two things. The local authority is made on the first start of a
// quickstart, kept in the data folder, and speaks for localhost alone: whoever
// steals its key can pretend to be this machine to itself and nothing else. The
// fallback certificate is derived from the shared secret, so that every replica
// shows the same one to a client whose host has no certificate.
//
// In come a folder or a secret, and host names. Out go chains with their keys,
// and changes to the trust stores of the system and the browsers, each reported
// and undone as exactly as it was made. Which certificate a listener shows is
// cmd's to choose and envoy/xds's to say.
//
//	authority.go  the local authority: made once, read and checked after that
//	leaf.go       certificates for hosts, signed by it
//	fallback.go   the derived self-signed certificate
//	trust.go      the trust stores: which there are, put in, take out
//	system.go     the system's own store
//	nss.go        the stores of Chromium and Firefox
//
// Sources: RFC 5280 (name constraints: section 4.2.1.10), RFC 6125 (names of
// servers), RFC 6761, section 6.3 (localhost).
package certs
