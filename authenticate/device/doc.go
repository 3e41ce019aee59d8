// Package device enrolls the devices of people and lets them show one.
//
// It owns what becomes of a WebAuthn ceremony: the device record, its owner's
// list, the proof in the session, the link of an administrator that is used up.
// In come a person with their session and what their browser answered; out go
// records and refusals. Whether an answer is right is for package ceremony to
// say; the pages and the ways between hosts are those of package authenticate.
//
//	device.go   Desk, Asker, the sheet of questions for a page
//	enroll.go   an answer -> a device
//	show.go     an answer -> a session that shows a device
//	keep.go     the owner's list: names, deletion
//	link.go     the link of an administrator, opened and used
//	name.go     what a device is called until its owner says otherwise
//	errors.go   refusals beside those of package ceremony
package device
