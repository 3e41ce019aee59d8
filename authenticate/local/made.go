package local

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
)

// alphabet leaves out what is mistaken for something else when it is read from
// a screen: i l o 0 1. 20 of its 31 signs are 99 bits.
const alphabet = "abcdefghjkmnpqrstuvwxyz23456789"

// madeGroups of four signs are what a person types.
const madeGroups = 5

// made is the record of a password that was made here. Its fields are sealed a
// second time, by the databroker's client.
type made struct {
	Hash databroker.Secret `json:"hash"`
	// Shown is the password until it has been shown, then "". It is kept that
	// long so that a program that dies between the two does not lock its first
	// user out.
	Shown databroker.Secret `json:"shown"`
}

// hashOf returns the hash of a user: the one of the configuration, or that of a
// password made for them. A hash in the configuration removes a made one, so
// that it does not come back to life when the hash is taken out again.
func (p *Provider) hashOf(ctx context.Context, u config.User) (hash, error) {
	email, _ := canonicalEmail(u.Email)
	if u.PasswordHash != "" {
		if err := p.remove(ctx, typeMade, email); err != nil {
			return hash{}, err
		}
		return parseHash(u.PasswordHash.Reveal())
	}
	m, version, err := p.loadMade(ctx, email)
	if errors.Is(err, databroker.ErrNotFound) {
		m, version, err = p.makePassword(ctx, email)
	}
	if err != nil {
		return hash{}, err
	}
	if !m.Shown.IsZero() {
		p.o.Reveal(email, m.Shown.Reveal())
		m.Shown = databroker.Secret{}
		// Another replica may have shown it in the same moment: no harm.
		if err := p.saveMade(ctx, email, m, version); err != nil && !errors.Is(err, databroker.ErrConflict) {
			return hash{}, err
		}
	}
	return parseHash(m.Hash.Reveal())
}

// makePassword stores a new password, or returns the one that another replica
// stored first.
func (p *Provider) makePassword(ctx context.Context, email string) (made, uint64, error) {
	password := newPassword()
	text, err := Hash(password)
	if err != nil {
		return made{}, 0, err
	}
	err = p.saveMade(ctx, email, made{Hash: databroker.NewSecret(text), Shown: databroker.NewSecret(password)}, 0)
	if err != nil && !errors.Is(err, databroker.ErrConflict) {
		return made{}, 0, err
	}
	return p.loadMade(ctx, email)
}

func (p *Provider) loadMade(ctx context.Context, email string) (made, uint64, error) {
	var m made
	version, err := p.load(ctx, typeMade, email, &m)
	return m, version, err
}

func (p *Provider) saveMade(ctx context.Context, email string, m made, version uint64) error {
	return p.save(ctx, typeMade, email, m, version, time.Time{})
}

// newPassword returns a random password such as "k7m2-x9qd-4hpw-t3vn-8rcf".
func newPassword() string {
	groups := make([]string, madeGroups)
	for i := range groups {
		groups[i] = randomSigns(4)
	}
	return strings.Join(groups, "-")
}

func randomSigns(n int) string {
	// Bytes at or above limit are thrown away: with them, the first signs of
	// the alphabet would come up more often.
	const limit = 256 - 256%len(alphabet)
	out := make([]byte, 0, n)
	for len(out) < n {
		var b [1]byte
		rand.Read(b[:])
		if int(b[0]) < limit {
			out = append(out, alphabet[int(b[0])%len(alphabet)])
		}
	}
	return string(out)
}
