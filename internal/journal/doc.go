// Package journal keeps what was decided, and everything each decision read,
// sealed on disk and bounded in size and in time.
//
// What comes in are entries, one for each decision, from the request path,
// which never waits for it. What goes out are the same entries, found by the
// id of their request or read in order of time, by the process that keeps the
// journal or by another that holds the key. What an entry means, whether it
// may be recorded at all and what must be hidden in it belong to the caller:
// this package knows nothing of policy.
//
//	entry.go    Entry, Person: what is recorded
//	journal.go  Open, Add, Stats: the queue that the request path meets
//	write.go    Run: the queue -> blocks -> the newest segment
//	keep.go     the segments there are; which must go
//	line.go     an entry as JSON, exact for every string of bytes
//	append.go   the same written fast
//	again.go    entries that are alike are written once
//	block.go    entries and persons <-> one compressed block
//	segment.go  the form of a file; which of its blocks are whole
//	read.go     OpenReader, Find, Read: segments -> entries
//	merge.go    blocks -> entries in order of time
//	newest.go   Newest: the same from the newest on
//	text.go     Export, Import: plain JSON lines
//
// A segment is a file of up to 8 MiB. It opens with its form, a random id and a
// seal that shows whether the key is the right one. Blocks follow: the id of
// the file again, the block's number, its sealed head (how many entries, of
// which times, how long) and its sealed body, entries as JSON compressed with
// zstd (RFC 8878). Seals are XChaCha20-Poly1305 with the form, the id and the
// number as additional data, so a block opens only where it was written, and a
// gap shows. Cutting whole blocks off the end of a file, or removing a file, is
// what a killed process and the bounds do too: it is not noticed.
//
// An entry that differs from one before it in its block in the id of its request
// and the time alone is written as those two: nothing is lost by it.
//
// What was added more than a second ago outlives a process that is killed. A
// loss of power may take more: nobody waits for the disk here.
package journal
