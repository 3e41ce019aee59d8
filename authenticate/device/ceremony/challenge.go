package ceremony

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

const (
	challengeIDSize = 16                                // bytes; random
	challengeSize   = challengeIDSize + 8 + sha256.Size // id, expiry, MAC: 56 bytes
)

// What a challenge is made for.
const (
	PurposeRegister = "register"
	PurposeAssert   = "assert"
)

// Challenges makes and knows challenges without a store: each carries a code
// over itself and over what it was made for. That one counts once is the
// caller's, who uses up the id that Check returns.
type Challenges struct {
	key [32]byte
	now func() time.Time
}

// NewChallenges returns Challenges under key; now nil means time.Now.
func NewChallenges(key [32]byte, now func() time.Time) *Challenges {
	if now == nil {
		now = time.Now
	}
	return &Challenges{key: key, now: now}
}

// Make returns a new challenge of 56 bytes, good for Timeout, for this purpose,
// session, origin and type of device.
func (c *Challenges) Make(purpose, sessionID, origin, deviceType string) []byte {
	challenge := make([]byte, challengeIDSize, challengeSize)
	_, _ = rand.Read(challenge) // never fails since Go 1.24
	challenge = binary.BigEndian.AppendUint64(challenge, uint64(c.now().Add(Timeout).Unix()))
	return append(challenge, c.code(challenge, purpose, sessionID, origin, deviceType)...)
}

// Check returns the id of a challenge and when it ends. ErrChallenge: it is not
// ours or was made for something else. ErrExpired: it ended; the id and the time
// are returned all the same.
func (c *Challenges) Check(challenge []byte, purpose, sessionID, origin, deviceType string) (id string, expires time.Time, err error) {
	if len(challenge) != challengeSize {
		return "", time.Time{}, ErrChallenge
	}
	head, code := challenge[:challengeIDSize+8], challenge[challengeIDSize+8:]
	if !hmac.Equal(code, c.code(head, purpose, sessionID, origin, deviceType)) {
		return "", time.Time{}, ErrChallenge
	}
	id = base64.RawURLEncoding.EncodeToString(head[:challengeIDSize])
	expires = time.Unix(int64(binary.BigEndian.Uint64(head[challengeIDSize:])), 0)
	if !c.now().Before(expires) {
		return id, expires, ErrExpired
	}
	return id, expires, nil
}

// code authenticates head together with the bindings. Each part is preceded by
// its length, so that no two lists of parts are the same bytes.
func (c *Challenges) code(head []byte, bindings ...string) []byte {
	mac := hmac.New(sha256.New, c.key[:])
	mac.Write([]byte("cardea webauthn challenge 1\x00"))
	mac.Write(head)
	for _, binding := range bindings {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(binding))))
		mac.Write([]byte(binding))
	}
	return mac.Sum(nil)
}
