package local

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/cardea-proxy/cardea/databroker"
)

// overlap is how long the refresh token before the newest is still taken, as
// long as the newest was not used. The answer that carried the newest may have
// been lost with the connection or with our process, and a hundred tabs may
// have asked at once: all of them get the same newest token. After that, an old
// token is a stolen one (RFC 9700, section 4.14.2).
const overlap = 30 * time.Minute

// A family is all refresh tokens that came from one code.
type family struct {
	Sub        string   `json:"u"`
	Epoch      string   `json:"e"`
	Sitting    string   `json:"t"`
	Client     string   `json:"c"`
	Scopes     []string `json:"o"`
	AuthTime   int64    `json:"a"` // unix seconds
	Born       int64    `json:"b"` // unix seconds
	Generation uint64   `json:"g"` // of the newest token
	Rotated    int64    `json:"r"` // unix seconds; when Generation was made
}

// refresh is what a refresh token says; sealed.
type refresh struct {
	Family     string `json:"f"`
	Generation uint64 `json:"g"`
}

// familyOf returns the id of the family of a code. It follows from the code, so
// that a second use of the code finds what the first one got.
func (p *Provider) familyOf(g grant) string {
	return base64.RawURLEncoding.EncodeToString(mac(p.keys.familyKey, g.ID)[:18])
}

// newFamily records the family of a grant and returns its first token.
func (p *Provider) newFamily(ctx context.Context, g grant, client string) (string, error) {
	now := p.o.Now()
	id := p.familyOf(g)
	f := family{
		Sub: g.Sub, Epoch: g.Epoch, Sitting: g.Sitting, Client: client, Scopes: g.Scopes,
		AuthTime: g.AuthTime, Born: now.Unix(), Generation: 1, Rotated: now.Unix(),
	}
	if err := p.save(ctx, typeFamily, id, f, 0, now.Add(p.o.Lifetime)); err != nil {
		return "", err
	}
	return p.keys.seal(sealRefresh, refresh{Family: id, Generation: 1}), nil
}

// refreshing is a refresh token that was found good, as the library wants to
// see it.
type refreshing struct {
	family
	id      string
	version uint64 // of the record
	scopes  []string
}

func (f *refreshing) GetAMR() []string             { return []string{"pwd"} }
func (f *refreshing) GetAudience() []string        { return []string{f.Client} }
func (f *refreshing) GetAuthTime() time.Time       { return time.Unix(f.AuthTime, 0) }
func (f *refreshing) GetClientID() string          { return f.Client }
func (f *refreshing) GetScopes() []string          { return f.scopes }
func (f *refreshing) GetSubject() string           { return f.Sub }
func (f *refreshing) SetCurrentScopes(to []string) { f.scopes = to }

// openRefresh finds the family of a refresh token. A token that was replaced
// ends the family: one of the two who have it is a thief. It returns
// op.ErrInvalidRefreshToken for every token that opens nothing.
func (p *Provider) openRefresh(ctx context.Context, token string) (*refreshing, error) {
	var t refresh
	if p.keys.open(sealRefresh, token, &t) != nil {
		return nil, op.ErrInvalidRefreshToken
	}
	f := &refreshing{id: t.Family}
	var err error
	if f.version, err = p.load(ctx, typeFamily, t.Family, &f.family); errors.Is(err, databroker.ErrNotFound) {
		return nil, op.ErrInvalidRefreshToken
	} else if err != nil {
		return nil, err
	}
	now := p.o.Now()
	if !now.Before(time.Unix(f.Born, 0).Add(p.o.Lifetime)) || p.person(f.Sub, f.Epoch) == nil {
		return nil, op.ErrInvalidRefreshToken
	}
	if _, err := p.liveSitting(ctx, f.Sitting); errors.Is(err, errNoSitting) {
		return nil, op.ErrInvalidRefreshToken
	} else if err != nil {
		return nil, err
	}
	if !f.takes(t.Generation, now) {
		p.o.Log.Warn().Str("user", f.Sub).Msg("refresh token used again, its family ends")
		if err := p.remove(ctx, typeFamily, t.Family); err != nil {
			return nil, err
		}
		return nil, op.ErrInvalidRefreshToken
	}
	f.scopes = f.Scopes
	return f, nil
}

// takes reports whether a token of that generation is good at now.
func (f *family) takes(generation uint64, now time.Time) bool {
	if generation == f.Generation {
		return true
	}
	return generation+1 == f.Generation && now.Before(time.Unix(f.Rotated, 0).Add(overlap))
}

// rotate returns the token that follows token: a new one for the newest, the
// newest for the one before. Two who rotate at once end with the same token.
func (p *Provider) rotate(ctx context.Context, f *refreshing, token string) (string, error) {
	var t refresh
	if p.keys.open(sealRefresh, token, &t) != nil || t.Family != f.id {
		return "", op.ErrInvalidRefreshToken
	}
	for t.Generation == f.Generation {
		next, now := f.family, p.o.Now()
		next.Generation, next.Rotated = f.Generation+1, now.Unix()
		err := p.save(ctx, typeFamily, f.id, next, f.version, time.Unix(f.Born, 0).Add(p.o.Lifetime))
		switch {
		case err == nil:
			f.family = next
		case !errors.Is(err, databroker.ErrConflict):
			return "", err
		default: // somebody else was first: look again
			again, err := p.openRefresh(ctx, token)
			if err != nil {
				return "", err
			}
			f.family, f.version = again.family, again.version
		}
	}
	return p.keys.seal(sealRefresh, refresh{Family: f.id, Generation: f.Generation}), nil
}
