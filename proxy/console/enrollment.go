package console

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// Bounds of how long an enrollment link holds, and what it does where nothing is
// said.
const (
	minValidity     = time.Second
	defaultValidity = 24 * time.Hour
	maxValidity     = 7 * 24 * time.Hour
)

// ListEnrollmentLinks is DeviceService.ListEnrollmentLinks.
func (s *Service) ListEnrollmentLinks(ctx context.Context, a Actor, r *consolepb.ListEnrollmentLinksRequest) (*consolepb.ListEnrollmentLinksResponse, error) {
	if err := s.may(a, "ListEnrollmentLinks"); err != nil {
		return nil, err
	}
	search, err := searchText(r.GetSearch())
	if err != nil {
		return nil, err
	}
	out := &consolepb.ListEnrollmentLinksResponse{}
	err = s.index.read(ctx, func(m *summaries) error {
		l, err := newListing(r.GetPage(), linkOrders(m)...)
		if err != nil {
			return err
		}
		now := s.o.Now()
		for _, row := range m.links {
			if m.matchLink(row, r, search, now) {
				l.add(row)
			}
		}
		var rows []*linkRow
		rows, out.Page = l.page()
		for _, row := range rows {
			out.Links = append(out.Links, m.link(row, now))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// linkOrders are the orders of links, their own first.
func linkOrders(m *summaries) []order[linkRow] {
	return []order[linkRow]{
		{"created", func(r *linkRow) place { return place{Number: r.CreatedAt.UnixMilli(), ID: r.ID} }, true},
		{"expires", func(r *linkRow) place { return place{Number: r.ExpiresAt.UnixMilli(), ID: r.ID} }, false},
		{"person", func(r *linkRow) place { return place{Text: m.sortOf(r.UserKey), ID: r.ID} }, false},
	}
}

func (m *summaries) matchLink(row *linkRow, r *consolepb.ListEnrollmentLinksRequest, search string, now time.Time) bool {
	if key := r.GetUserKey(); key != "" && key != row.UserKey {
		return false
	}
	if want := r.GetState(); want != consolepb.EnrollmentLinkState_ENROLLMENT_LINK_STATE_UNSPECIFIED && want != linkState(&row.EnrollmentLink, now) {
		return false
	}
	return search == "" || strings.Contains(row.find, search) || m.matchUser(row.UserKey, search)
}

func linkState(l *databroker.EnrollmentLink, now time.Time) consolepb.EnrollmentLinkState {
	switch {
	case !l.UsedAt.IsZero():
		return consolepb.EnrollmentLinkState_ENROLLMENT_LINK_STATE_USED
	case !now.Before(l.ExpiresAt):
		return consolepb.EnrollmentLinkState_ENROLLMENT_LINK_STATE_EXPIRED
	}
	return consolepb.EnrollmentLinkState_ENROLLMENT_LINK_STATE_WAITING
}

func (m *summaries) link(row *linkRow, now time.Time) *consolepb.EnrollmentLink {
	u, _ := m.user(row.UserKey)
	return linkOf(&row.EnrollmentLink, u, now)
}

func linkOf(l *databroker.EnrollmentLink, u userRow, now time.Time) *consolepb.EnrollmentLink {
	return &consolepb.EnrollmentLink{
		Id: l.ID, UserKey: l.UserKey, UserEmail: u.email, UserName: u.name, Type: l.Type, RedirectUrl: l.RedirectURL,
		State: linkState(l, now), CreatedBy: l.CreatedBy, CreatedAt: stamp(l.CreatedAt), ExpiresAt: stamp(l.ExpiresAt),
		UsedAt: stamp(l.UsedAt), DeviceId: l.DeviceID,
	}
}

// CreateEnrollmentLink is DeviceService.CreateEnrollmentLink.
func (s *Service) CreateEnrollmentLink(ctx context.Context, a Actor, r *consolepb.CreateEnrollmentLinkRequest) (*consolepb.CreateEnrollmentLinkResponse, error) {
	link := &databroker.EnrollmentLink{ID: rand.Text(), UserKey: r.GetUserKey(), CreatedBy: a.Label(), CreatedAt: s.o.Now().UTC()}
	out := &consolepb.CreateEnrollmentLinkResponse{}
	if a.May("CreateEnrollmentLink") { // what is wrong with the wish is not for the audit
		var err error
		if out.Url, err = s.planLink(link, r); err == nil {
			err = s.mayEnroll(ctx, link.UserKey)
		}
		if err != nil {
			return nil, err
		}
	}
	c := change{action: "CreateEnrollmentLink", target: databroker.TypeEnrollmentLink + "/" + link.ID, subject: link.UserKey, detail: map[string]string{
		"type": link.Type, "redirect_url": link.RedirectURL, "expires_at": link.ExpiresAt.Format(time.RFC3339),
	}}
	err := s.change(ctx, a, c, func(ctx context.Context) error {
		return fromBroker(s.o.Broker.PutEnrollmentLink(ctx, link))
	})
	if err != nil {
		return nil, err
	}
	out.Link = s.named(ctx, link)
	return out, nil
}

// named is l with the name of its person, where that can be read.
func (s *Service) named(ctx context.Context, l *databroker.EnrollmentLink) *consolepb.EnrollmentLink {
	var u userRow
	_ = s.index.read(ctx, func(m *summaries) error { u, _ = m.user(l.UserKey); return nil })
	return linkOf(l, u, s.o.Now())
}

// link returns one link as lists show it.
func (s *Service) link(ctx context.Context, id string) (*consolepb.EnrollmentLink, error) {
	l, err := s.o.Broker.EnrollmentLink(ctx, id)
	if err != nil {
		return nil, fromBroker(err)
	}
	return s.named(ctx, l), nil
}

// planLink fills link by the wishes of r, and returns its address.
func (s *Service) planLink(link *databroker.EnrollmentLink, r *consolepb.CreateEnrollmentLinkRequest) (string, error) {
	if s.o.EnrollmentURL == nil || s.o.Config == nil || s.o.Config() == nil || s.o.Config().AuthenticateServiceURL.IsZero() {
		return "", ErrUnavailable
	}
	if link.UserKey == "" {
		return "", &Invalid{"user_key", "the key of a person"}
	}
	switch link.Type = r.GetType(); link.Type {
	case "":
		link.Type = typeAny
	case typeAny, typeEnclave:
	default:
		return "", &Invalid{"type", "any or enclave_only"}
	}
	valid := defaultValidity
	if r.GetValidFor() != nil {
		valid = r.GetValidFor().AsDuration()
	}
	if valid < minValidity || valid > maxValidity {
		return "", &Invalid{"valid_for", "a time from one second to seven days"}
	}
	link.ExpiresAt = link.CreatedAt.Add(valid)
	link.RedirectURL = strings.TrimSpace(r.GetRedirectUrl())
	if link.RedirectURL != "" && !s.mayLeadTo(link.RedirectURL) {
		return "", &Invalid{"redirect_url", "an https address of a configured route"}
	}
	return s.o.EnrollmentURL(s.o.Config().AuthenticateServiceURL.URL, link.ID), nil
}

// mayLeadTo reports whether raw is an https address of a route. It is looked at
// once more when the link is followed: routes may have gone by then.
func (s *Service) mayLeadTo(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || !s.o.Config().ServesHost(u.Host) {
		return false
	}
	_, err = handoff.CheckRedirect(raw, u.Host)
	return err == nil
}

// mayEnroll is an error where a link would be of no use to the person.
func (s *Service) mayEnroll(ctx context.Context, key string) error {
	if isAccountKey(key) {
		return &Invalid{"user_key", "the key of a person, and of no program"}
	}
	user, err := s.o.Broker.User(ctx, key)
	if errors.Is(err, databroker.ErrNotFound) {
		_, err = s.o.Broker.DirectoryUser(ctx, key) // has not signed in so far
	}
	err = fromBroker(err)
	switch {
	case errors.Is(err, ErrNotFound):
		return &Invalid{"user_key", "the key of a person who has signed in, or whom a directory knows"}
	case err == nil && user != nil && user.Disabled:
		return &Conflict{"this person is shut out: let them in first"}
	}
	return err
}

// RevokeEnrollmentLink is DeviceService.RevokeEnrollmentLink. The record goes:
// who follows the link is told that it is not valid.
func (s *Service) RevokeEnrollmentLink(ctx context.Context, a Actor, r *consolepb.RevokeEnrollmentLinkRequest) (*consolepb.RevokeEnrollmentLinkResponse, error) {
	c := change{action: "RevokeEnrollmentLink", target: databroker.TypeEnrollmentLink + "/" + r.GetId()}
	var link *databroker.EnrollmentLink
	if a.May(c.action) { // else nothing is said of whether it is there
		var err error
		if link, err = s.o.Broker.EnrollmentLink(ctx, r.GetId()); err != nil {
			return nil, fromBroker(err)
		}
		c.subject = link.UserKey
	}
	err := s.change(ctx, a, c, func(ctx context.Context) error {
		switch linkState(link, s.o.Now()) {
		case consolepb.EnrollmentLinkState_ENROLLMENT_LINK_STATE_USED:
			return errLinkUsed
		case consolepb.EnrollmentLinkState_ENROLLMENT_LINK_STATE_EXPIRED:
			return &Conflict{"the link has expired already"}
		}
		err := s.o.Broker.Delete(ctx, databroker.TypeEnrollmentLink, link.ID, link.Version)
		if errors.Is(err, databroker.ErrConflict) { // a link changes when it is used, and only then
			return errLinkUsed
		}
		return fromBroker(err)
	})
	if err != nil {
		return nil, err
	}
	return &consolepb.RevokeEnrollmentLinkResponse{}, nil
}

var errLinkUsed = &Conflict{"the link has been used already: disapprove or delete the device that was enrolled by it"}
