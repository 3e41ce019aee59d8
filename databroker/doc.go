// Package databroker keeps what the program has to remember: sessions, users,
// directory data, leases, and whatever record type another room invents.
//
// It owns the records, their sealing, the gRPC service around them and the
// local view that the hot path reads. What comes in are typed values; what
// goes out are the same values, sentinel errors that say why not, and a feed
// of changes. Where bytes finally rest is a Store's affair (NewMemoryStore
// here, databroker/bolt on disk); what a session may do is policy's.
//
//	record.go     Record: type, id, version, data, times
//	session.go    typed values: Session; user.go: User, DirectoryUser, ...;
//	              external.go: what others know, for policies; device.go,
//	              enrollment.go, grant.go: Device, EnrollmentLink, Grant
//	secret.go     Secret: text sealed a second time, never printed
//	codec.go      typed value <-> data, its secrets sealed field by field
//	client.go     Client: typed values over gRPC
//	status.go     sentinel errors <-> gRPC status
//	server.go     Server: the gRPC service, limits, leases, sweeps
//	vault.go      plain record <-> sealed entry; keyring.go: its keys
//	store.go      Store: what a place of rest must promise
//	view.go       View: the bounded local copy, kept honest by the feed
//
// A write travels Client -> codec -> gRPC -> Server -> vault -> Store; a read
// comes back the same way, or out of the View. A Store sees only keyed hashes
// of types and ids and sealed values.
package databroker
