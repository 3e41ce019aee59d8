package idp

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/oauth2"
)

// githubMetadata: GitHub has OAuth 2.0 and an API, and no discovery.
func (p *Provider) githubMetadata() *metadata {
	base := strings.TrimSuffix(p.preset.url, "/")
	return &metadata{
		issuer:   base + "/login/oauth", // as it names itself at the return (RFC 9207)
		endpoint: oauth2.Endpoint{AuthURL: base + "/login/oauth/authorize", TokenURL: base + "/login/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams},
	}
}

// githubAPI returns the API's address: of github.com a host of its own, of an
// Enterprise Server a path.
func (p *Provider) githubAPI() string {
	u, err := url.Parse(p.preset.url)
	if err == nil && u.Host == "github.com" {
		return "https://api.github.com"
	}
	return strings.TrimSuffix(p.preset.url, "/") + "/api/v3"
}

type githubUser struct {
	ID        int64  `json:"id"`
	Login     string `json:"login"`
	Name      string `json:"name"`
	AvatarURL string `json:"avatar_url"`
}

type githubEmail struct {
	Email    string `json:"email"`
	Primary  bool   `json:"primary"`
	Verified bool   `json:"verified"`
}

type githubTeam struct {
	Slug         string `json:"slug"`
	Organization struct {
		Login string `json:"login"`
	} `json:"organization"`
}

// githubIdentity asks the API who the token's owner is. The subject is the
// login, as policies name it; the numeric id, which survives a renaming, is the
// claim "id". Groups are the teams as "organization/team", and organizations.
func (p *Provider) githubIdentity(ctx context.Context, m *metadata, token *oauth2.Token) (*Identity, error) {
	var user githubUser
	if err := p.getJSON(ctx, p.githubAPI()+"/user", token.AccessToken, &user); err != nil {
		return nil, err
	}
	if user.Login == "" || user.ID == 0 {
		return nil, refuse("the API names no user")
	}
	email, err := p.githubEmail(ctx, token.AccessToken)
	if err != nil {
		return nil, err
	}
	claims := map[string]any{
		"sub": user.Login, "id": strconv.FormatInt(user.ID, 10), "name": user.Name, "nickname": user.Login, "picture": user.AvatarURL,
	}
	if email != "" {
		claims["email"], claims["email_verified"] = email, true
	}
	id, err := p.identityFrom(m, user.Login, claims)
	if err != nil {
		return nil, err
	}
	if slices.Contains(p.preset.scopes, "read:org") {
		if id.Groups, err = p.githubGroups(ctx, token.AccessToken); err != nil {
			return nil, err
		}
		id.Claims["groups"] = id.Groups
	}
	id.Tokens = p.tokensOf(token)
	return id, nil
}

// githubEmail returns the primary address if GitHub verified it, else "".
func (p *Provider) githubEmail(ctx context.Context, token string) (string, error) {
	var emails []githubEmail
	if err := p.getJSON(ctx, p.githubAPI()+"/user/emails", token, &emails); err != nil {
		return "", err
	}
	for _, e := range emails {
		if e.Primary && e.Verified {
			return e.Email, nil
		}
	}
	return "", nil
}

func (p *Provider) githubGroups(ctx context.Context, token string) ([]string, error) {
	groups := []string{}
	for page := 1; page <= 10; page++ { // a thousand teams; a bound, so that no answer keeps us asking
		var teams []githubTeam
		if err := p.getJSON(ctx, p.githubAPI()+"/user/teams?per_page=100&page="+strconv.Itoa(page), token, &teams); err != nil {
			return nil, err
		}
		for _, t := range teams {
			groups = append(groups, t.Organization.Login+"/"+t.Slug)
			if !slices.Contains(groups, t.Organization.Login) {
				groups = append(groups, t.Organization.Login)
			}
		}
		if len(teams) < 100 {
			break
		}
	}
	slices.Sort(groups)
	return groups, nil
}
