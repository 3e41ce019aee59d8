package local

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/cardea-proxy/cardea/databroker"
)

// errShut is returned by what the library may ask for but no open door leads to.
var errShut = errors.New("not offered")

// storage is the provider as the protocol library wants to see it.
type storage struct{ p *Provider }

var (
	_ op.Storage                   = storage{}
	_ op.CanSetUserinfoFromRequest = storage{}
)

// AuthRequestByCode opens an authorization code. It does not use it up: that
// happens when everything else about the token request was found right.
func (s storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	g, err := s.p.openCode(code)
	if err != nil {
		return nil, err
	}
	return &granted{g: g, client: s.p.o.ClientID}, nil
}

// CreateAccessToken answers a code that asked for no refresh token.
func (s storage) CreateAccessToken(ctx context.Context, in op.TokenRequest) (string, time.Time, error) {
	g, ok := in.(*granted)
	if !ok {
		return "", time.Time{}, oidc.ErrInvalidRequest().WithParent(errShut)
	}
	if err := s.useCode(ctx, g.g); err != nil {
		return "", time.Time{}, err
	}
	id, expires := s.newAccess(g.g.Epoch, g.g.Sitting, g.g.Scopes)
	return id, expires, nil
}

// CreateAccessAndRefreshTokens answers a code with offline_access, or a refresh
// token.
func (s storage) CreateAccessAndRefreshTokens(ctx context.Context, in op.TokenRequest, current string) (string, string, time.Time, error) {
	var token string
	var err error
	var epoch, sitting string
	switch in := in.(type) {
	case *granted:
		if err = s.useCode(ctx, in.g); err != nil {
			return "", "", time.Time{}, err
		}
		token, err = s.p.newFamily(ctx, in.g, in.client)
		epoch, sitting = in.g.Epoch, in.g.Sitting
	case *refreshing:
		token, err = s.p.rotate(ctx, in, current)
		epoch, sitting = in.Epoch, in.Sitting
	default:
		err = errShut
	}
	if err != nil {
		return "", "", time.Time{}, oidc.ErrInvalidGrant().WithParent(err)
	}
	id, expires := s.newAccess(epoch, sitting, in.GetScopes())
	return id, token, expires, nil
}

// useCode uses a code up. A second use ends what the first one got (RFC 6749,
// section 4.1.2): one of the two has stolen it.
func (s storage) useCode(ctx context.Context, g grant) error {
	err := s.p.o.Records.UseOnce(ctx, useCode, g.ID, time.Unix(g.Expires, 0).Add(time.Minute))
	if errors.Is(err, databroker.ErrUsed) {
		s.p.o.Log.Warn().Str("user", g.Sub).Msg("authorization code used again, what it gave ends")
		if err := s.p.remove(ctx, typeFamily, s.p.familyOf(g)); err != nil {
			return err
		}
		return oidc.ErrInvalidGrant()
	}
	if err != nil {
		return noteOutage(ctx, err)
	}
	if s.p.person(g.Sub, g.Epoch) == nil {
		return oidc.ErrInvalidGrant()
	}
	if _, err := s.p.liveSitting(ctx, g.Sitting); err != nil {
		return oidc.ErrInvalidGrant().WithParent(err)
	}
	return nil
}

func (s storage) newAccess(epoch, sitting string, scopes []string) (string, time.Time) {
	expires := s.p.o.Now().Add(tokenLifetime)
	return access{Epoch: epoch, Sitting: sitting, Scopes: scopes, Expires: expires.Unix()}.id(), expires
}

// TokenRequestByRefreshToken is asked after the client has shown its secret.
func (s storage) TokenRequestByRefreshToken(ctx context.Context, token string) (op.RefreshTokenRequest, error) {
	return s.p.openRefresh(ctx, token)
}

// SetUserinfoFromRequest fills the ID token.
func (s storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, in op.IDTokenRequest, scopes []string) error {
	var epoch, sitting string
	switch in := in.(type) {
	case *granted:
		epoch, sitting = in.g.Epoch, in.g.Sitting
	case *refreshing:
		epoch, sitting = in.Epoch, in.Sitting
	default:
		return errShut
	}
	who := s.p.person(in.GetSubject(), epoch)
	if who == nil {
		return oidc.ErrInvalidGrant()
	}
	who.claims(info, scopes)
	info.AppendClaims("sid", sitting) // by which end_session knows what to end
	return nil
}

// claims fills info with what the scopes ask for.
func (who *person) claims(info *oidc.UserInfo, scopes []string) {
	info.Subject = who.Sub
	if slices.Contains(scopes, oidc.ScopeEmail) {
		info.Email, info.EmailVerified = who.Email, true
	}
	if slices.Contains(scopes, oidc.ScopeProfile) {
		info.Name, info.PreferredUsername = who.Name, who.Email
	}
	if slices.Contains(scopes, oidc.ScopeProfile) || slices.Contains(scopes, "groups") {
		info.AppendClaims("groups", append([]string{}, who.Groups...)) // a list, never null
	}
}

// GetClientByClientID knows one client.
func (s storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != s.p.o.ClientID {
		return nil, oidc.ErrInvalidClient()
	}
	return client(s), nil
}

// AuthorizeClientIDSecret compares hashes in constant time, so that neither the
// secret nor its length can be timed.
func (s storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	want, got := sha256.Sum256([]byte(s.p.o.ClientSecret.Reveal())), sha256.Sum256([]byte(secret))
	if id != s.p.o.ClientID || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return oidc.ErrInvalidClient()
	}
	return nil
}

func (s storage) SigningKey(context.Context) (op.SigningKey, error) { return s.p.keys.signing, nil }

func (s storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

func (s storage) KeySet(context.Context) ([]op.Key, error) {
	key := s.p.keys.signing
	key.public = true
	return []op.Key{key}, nil
}

// Nothing is stored for a request or a code, so nothing is to be deleted.
func (s storage) DeleteAuthRequest(context.Context, string) error { return nil }
func (s storage) Health(context.Context) error                    { return nil }

// SetUserinfoFromScopes is the library's older way to fill an ID token.
func (s storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// The doors below are shut: no route leads to them.

func (s storage) AuthRequestByID(context.Context, string) (op.AuthRequest, error) {
	return nil, errShut
}
func (s storage) SaveAuthCode(context.Context, string, string) error     { return errShut }
func (s storage) TerminateSession(context.Context, string, string) error { return errShut }
func (s storage) RevokeToken(context.Context, string, string, string) *oidc.Error {
	return oidc.ErrInvalidRequest()
}
func (s storage) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", errShut
}
func (s storage) SetUserinfoFromToken(context.Context, *oidc.UserInfo, string, string, string) error {
	return errShut
}
func (s storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errShut
}
func (s storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, errShut
}
func (s storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errShut
}
func (s storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errShut
}
