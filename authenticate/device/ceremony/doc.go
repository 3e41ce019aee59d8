// Package ceremony makes the questions of WebAuthn and checks the answers.
//
// It is the pure half: bytes in, facts or a refusal out. Who asks, where
// credentials are kept, and that a challenge counts once are the caller's; no
// page, no store and no HTTP are in here. A registration goes
//
//	Challenges.Make -> Party.CreationOptions -> the browser
//	ChallengeOf(answer) -> Challenges.Check -> the caller uses its id up
//	Party.VerifyRegistration -> Registered, to be stored
//
// and a touch of a device that is known goes the same way through
// Party.RequestOptions and Party.VerifyAssertion.
//
// The files stand in the order an answer meets them:
//
//	ceremony.go   Options, New, Party, User, Credential
//	errors.go     every refusal that a page explains in its own words
//	challenge.go  challenges that carry their own proof
//	options.go    what the browser is asked for
//	response.go   the JSON the page posts
//	client.go     clientDataJSON: type, challenge, origin
//	strict.go     JSON and CBOR that two readers cannot read differently
//	authdata.go   authenticator data: flags, counter, credential
//	key.go        the credential's public key
//	register.go   VerifyRegistration
//	library.go    the second opinion of github.com/pomerium/webauthn
//	statement.go  attestation: which format, what it says
//	packed.go, apple.go, android.go, tpm.go, u2f.go  one format each
//	trust.go      from the certificates to a root that was configured
//	assert.go     VerifyAssertion
//	models.go     the names of models
//
// The library runs the steps of the specification over every answer, and the
// checks here surround it: docs/decisions/0015-webauthn.md lists what it leaves
// undone. Both have to agree, and doubt denies.
//
// Sources: Web Authentication Level 3 (W3C), sections 7.1, 7.2 and 8; RFC 9052
// and 9053 for keys; TPM 2.0 Library, part 2, for what a TPM signs.
package ceremony
