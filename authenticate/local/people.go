package local

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cardea-proxy/cardea/config"
)

// maxEmail is the longest address in bytes (RFC 5321, section 4.5.3.1.3, less
// the angle brackets).
const maxEmail = 254

// A person is a user of the configuration, ready to be asked for. People are
// shared and never change; Apply makes new ones.
type person struct {
	Sub    string // stable for one e-mail, tells nothing about it
	Email  string // canonical
	Name   string
	Groups []string
	hash   hash
	// epoch changes with the password. Sittings and refresh families remember
	// it, so that a new password voids what the old one opened.
	epoch string
}

// people is one generation of users; the zero value knows nobody.
type people struct {
	byEmail map[string]*person
	bySub   map[string]*person
	inOrder []*person
}

// CheckUsers returns what is wrong with users, all at once; nil means that
// Apply will take them. The errors name a user by index and hold no secret.
func CheckUsers(users []config.User) error {
	var errs []error
	seen := make(map[string]int, len(users)) // by what the address looks like
	for i, u := range users {
		email, ok := canonicalEmail(u.Email)
		if !ok {
			errs = append(errs, fmt.Errorf("users[%d].email: want an e-mail address such as ann@example.com", i))
		} else if first, taken := seen[skeleton(email)]; taken {
			errs = append(errs, fmt.Errorf("users[%d].email: want an address that cannot be taken for users[%d].email", i, first))
		} else {
			seen[skeleton(email)] = i
		}
		if u.PasswordHash != "" {
			if _, err := parseHash(u.PasswordHash.Reveal()); err != nil {
				errs = append(errs, fmt.Errorf("users[%d].password_hash: %w", i, err))
			}
		}
		if slices.Contains(u.Groups, "") {
			errs = append(errs, fmt.Errorf("users[%d].groups: want names that are not empty", i))
		}
	}
	return errors.Join(errs...)
}

// newPerson puts a checked user and its hash together.
func (k *keys) newPerson(u config.User, h hash) *person {
	email, _ := canonicalEmail(u.Email)
	return &person{
		Sub: k.subject(email), Email: email, Name: u.Name, Groups: slices.Clone(u.Groups),
		hash: h, epoch: k.epoch(h),
	}
}

func newPeople(all []*person) *people {
	p := &people{byEmail: make(map[string]*person), bySub: make(map[string]*person), inOrder: all}
	for _, one := range all {
		p.byEmail[one.Email] = one
		p.bySub[one.Sub] = one
	}
	return p
}

// decoy returns the hash that a guess for an unknown e-mail is held against.
// It has the cost of one of the people, always the same one for one e-mail:
// were it a fixed cost, an address whose answer takes another time would be
// known to exist.
func (p *people) decoy(k *keys, email string) hash {
	h := hash{memory: hashMemory, time: hashTime, threads: hashThreads}
	sum := mac(k.decoyKey, email)
	if n := uint64(len(p.inOrder)); n > 0 {
		h = p.inOrder[binary.BigEndian.Uint64(sum[:8])%n].hash
	}
	return hash{memory: h.memory, time: h.time, threads: h.threads, salt: sum[:hashSalt], key: make([]byte, hashKey)}
}

// canonicalEmail returns the one spelling by which an address is known: without
// space around it, ASCII letters in lower case, in Unicode form NFC. Letters
// outside ASCII keep their case: folding them would make twins, such as the
// Kelvin sign and k. It refuses what is no address or could hide something.
func canonicalEmail(text string) (string, bool) {
	text = norm.NFC.String(strings.Trim(text, " \t\r\n"))
	if len(text) > maxEmail || !utf8.ValidString(text) || strings.Count(text, "@") != 1 {
		return "", false
	}
	for _, r := range text {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) || strings.ContainsRune(`<>()[]\,;:"`, r) {
			return "", false
		}
	}
	name, host, _ := strings.Cut(text, "@")
	if name == "" || host == "" || host[0] == '.' || host[len(host)-1] == '.' {
		return "", false
	}
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text), true
}

// skeleton is equal for addresses that people take for one another: compatible
// characters (NFKC) and all letter cases are one. It is used to refuse twins in
// the configuration, never to find a person.
func skeleton(email string) string {
	return strings.ToLower(norm.NFKC.String(email))
}
