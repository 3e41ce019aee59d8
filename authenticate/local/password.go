package local

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// ErrHash is returned for a password hash that is not an argon2id hash in the
// PHC string format, or whose parameters are outside the bounds below.
var ErrHash = errors.New("want an argon2id hash as printed by \"cardea user hash\"")

// ErrPassword is returned for a password that cannot be hashed: empty, or
// longer than maxPassword.
var ErrPassword = errors.New("want a password of 1 to 1024 bytes")

// What Hash asks for. It is above the second recommendation of RFC 9106,
// section 4, divided by its lanes: one guess costs 64 MiB and about a tenth of
// a second of one core, and two at once still fit a small machine.
const (
	hashMemory  = 64 << 10 // KiB
	hashTime    = 2        // passes
	hashThreads = 1        // lanes
	hashSalt    = 16       // bytes
	hashKey     = 32       // bytes
)

// What a hash in the configuration may ask for. The upper bounds keep one
// sign-in from taking the memory or the minute of everybody else; the lower
// ones refuse a hash that a stolen configuration would give away.
const (
	minMemory, maxMemory = 7 << 10, 256 << 10 // KiB
	maxTime              = 16                 // passes
	maxThreads           = 8                  // lanes
	maxWork              = 1 << 20            // KiB times passes: 1 GiB written
	minSalt, maxSalt     = 8, 64              // bytes
	minKey, maxKey       = 16, 64             // bytes
	maxHashText          = 512                // bytes of the whole string
	maxPassword          = 1 << 10            // bytes
)

// A hash is an argon2id hash in its parts.
type hash struct {
	memory  uint32 // KiB
	time    uint32 // passes
	threads uint8  // lanes
	salt    []byte
	key     []byte
}

// Hash returns the argon2id hash of password as a PHC string, with a fresh
// salt. It returns ErrPassword for an empty or overlong password.
func Hash(password string) (string, error) {
	if password == "" || len(password) > maxPassword {
		return "", ErrPassword
	}
	h := hash{memory: hashMemory, time: hashTime, threads: hashThreads, salt: make([]byte, hashSalt)}
	rand.Read(h.salt) // never fails: crypto/rand stops the program instead
	h.key = h.derive(password, hashKey)
	return h.String(), nil
}

// Verify reports whether password is the one that text was made from. It
// returns ErrHash for a text that parseHash refuses.
func Verify(text, password string) (bool, error) {
	h, err := parseHash(text)
	if err != nil {
		return false, err
	}
	return h.matches(password), nil
}

// matches does the whole work of a guess whatever the password is, so that its
// time says nothing.
func (h hash) matches(password string) bool {
	if len(password) > maxPassword {
		password = password[:maxPassword+1] // cannot match: Hash refuses that length
	}
	got := h.derive(password, len(h.key))
	return subtle.ConstantTimeCompare(got, h.key) == 1
}

// derive runs argon2id. The password is brought to NFC first, as RFC 8265,
// section 4.2.2 asks: two keyboards may spell one letter in two ways.
func (h hash) derive(password string, keyBytes int) []byte {
	normal := norm.NFC.Bytes([]byte(password))
	return argon2.IDKey(normal, h.salt, h.time, h.memory, h.threads, uint32(keyBytes))
}

// String prints h in the PHC string format.
func (h hash) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.memory, h.time, h.threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

// parseHash reads a PHC string. It accepts exactly what String prints, so that
// one hash has one spelling. The error is ErrHash and never holds the text: a
// hash is a secret.
func parseHash(text string) (hash, error) {
	if len(text) > maxHashText {
		return hash{}, fmt.Errorf("%w: it is longer than %d bytes", ErrHash, maxHashText)
	}
	part := strings.Split(text, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" {
		return hash{}, ErrHash
	}
	if part[2] != "v="+strconv.Itoa(argon2.Version) {
		return hash{}, fmt.Errorf("%w: the version is not %d", ErrHash, argon2.Version)
	}
	h, err := parseCost(part[3])
	if err != nil {
		return hash{}, err
	}
	b64 := base64.RawStdEncoding.Strict()
	if h.salt, err = b64.DecodeString(part[4]); err != nil || len(h.salt) < minSalt || len(h.salt) > maxSalt {
		return hash{}, fmt.Errorf("%w: the salt is not %d to %d bytes in base64", ErrHash, minSalt, maxSalt)
	}
	if h.key, err = b64.DecodeString(part[5]); err != nil || len(h.key) < minKey || len(h.key) > maxKey {
		return hash{}, fmt.Errorf("%w: the hash is not %d to %d bytes in base64", ErrHash, minKey, maxKey)
	}
	if h.String() != text { // such as m=065536, or a line break inside base64
		return hash{}, ErrHash
	}
	return h, nil
}

// parseCost reads "m=65536,t=2,p=1" and holds it against the bounds.
func parseCost(text string) (hash, error) {
	var n [3]uint64
	part := strings.Split(text, ",")
	if len(part) != len(n) {
		return hash{}, ErrHash
	}
	for i, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(part[i], name)
		if !ok {
			return hash{}, ErrHash
		}
		var err error
		if n[i], err = strconv.ParseUint(digits, 10, 31); err != nil {
			return hash{}, ErrHash
		}
	}
	memory, passes, threads := n[0], n[1], n[2]
	switch {
	case memory < minMemory || memory > maxMemory:
		return hash{}, fmt.Errorf("%w: m is not %d to %d", ErrHash, minMemory, maxMemory)
	case passes < 1 || passes > maxTime || memory*passes > maxWork:
		return hash{}, fmt.Errorf("%w: t is not 1 to %d, or m times t is over %d", ErrHash, maxTime, maxWork)
	case threads < 1 || threads > maxThreads:
		return hash{}, fmt.Errorf("%w: p is not 1 to %d", ErrHash, maxThreads)
	}
	return hash{memory: uint32(memory), time: uint32(passes), threads: uint8(threads)}, nil
}
