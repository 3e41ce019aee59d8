// Package audit keeps who did what in the console, so that a change of it shows.
//
// It owns the entries, the chain of hashes that binds each to the one before,
// and the signed head that says which is the last. What comes in are entries of
// what somebody is about to do; what goes out are pages of them, an export that
// can be checked elsewhere, and findings: what is missing, and what was changed.
// Who may do or read it is the console's to say; where entries rest, and that
// nobody without the shared secret can read them, is the databroker's.
//
//	entry.go      Entry: who did what, to what, and what became of it
//	action.go     Action: what was done, in two words
//	canonical.go  entry <-> the bytes that are hashed and stored
//	head.go       Head: the last entry, signed
//	log.go        Log: Append, the chain under several writers
//	change.go     Change: an entry before, the change, an entry after
//	fetch.go      entries by their numbers, many at once
//	index.go      what is remembered of each entry, so that a page is quick
//	read.go       Query -> Page, newest first
//	export.go     lines of JSON, from the store and back
//	verify.go     Verify: lines -> findings
//	mend.go       Mend: a way on, where doubt stopped appends
//	loglines.go   heads from lines of the program's log
//
// An append reads the head, writes the entry after it where there is none yet,
// and moves the head. Nobody waits for another writer: who finds the next place
// taken moves the head over what is there, and tries the place after it.
// docs/audit.md has the encoding, and what cannot be detected.
package audit
