package ceremony

import "errors"

// ChallengeOf returns the challenge that an answer claims to answer. Nothing is
// proved yet: the caller asks Challenges.Check about it.
func ChallengeOf(responseJSON []byte) ([]byte, error) {
	return nil, errors.New("ceremony: not built yet")
}

// CredentialOf returns the id of the credential that an answer claims to come
// from, by which the caller finds the stored one.
func CredentialOf(responseJSON []byte) ([]byte, error) {
	return nil, errors.New("ceremony: not built yet")
}
