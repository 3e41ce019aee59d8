package console

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// Bounds of service accounts.
const (
	maxAccounts      = 1000
	maxAccountName   = 64
	maxAccountGroups = 32
	minAccount       = time.Hour // of its life
)

// isAccount reports whether it is a service account that acts.
func (a Actor) isAccount() bool { return isAccountKey(a.UserKey) }

func isAccountKey(userKey string) bool {
	return strings.HasPrefix(userKey, databroker.AccountProvider+"/")
}

// ListServiceAccounts is ServiceAccountService.ListServiceAccounts.
func (s *Service) ListServiceAccounts(ctx context.Context, a Actor, r *consolepb.ListServiceAccountsRequest) (*consolepb.ListServiceAccountsResponse, error) {
	if err := s.may(a, "ListServiceAccounts"); err != nil {
		return nil, err
	}
	search, err := searchText(r.GetSearch())
	if err != nil {
		return nil, err
	}
	type account = databroker.ServiceAccount
	l, err := newListing(r.GetPage(),
		order[account]{"name", func(a *account) place { return place{Text: sortText(a.Name), ID: a.ID} }, false},
		order[account]{"expires", func(a *account) place { return place{Number: a.ExpiresAt.UnixMilli(), ID: a.ID} }, false},
		order[account]{"created", func(a *account) place { return place{Number: a.CreatedAt.UnixMilli(), ID: a.ID} }, true})
	if err != nil {
		return nil, err
	}
	all, err := s.accounts(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		find := strings.ToLower(strings.Join([]string{one.ID, one.Name, one.Owner, strings.Join(one.Groups, "\n")}, "\n"))
		if strings.Contains(find, search) {
			l.add(one)
		}
	}
	out := &consolepb.ListServiceAccountsResponse{}
	rows, page := l.page()
	out.Page = page
	for _, one := range rows {
		shown, err := s.accountOf(ctx, one)
		if err != nil {
			return nil, err
		}
		out.Accounts = append(out.Accounts, shown)
	}
	return out, nil
}

// accounts are all there are: few, so that no index keeps them.
func (s *Service) accounts(ctx context.Context) (all []*databroker.ServiceAccount, err error) {
	var after []byte
	for first := true; first || len(after) > 0; first = false {
		page, err := s.o.Broker.List(ctx, databroker.TypeServiceAccount, 0, after)
		if err != nil {
			return nil, fromBroker(err)
		}
		for _, r := range page.Records {
			one := &databroker.ServiceAccount{ID: r.ID, Version: r.Version}
			if err := s.o.Broker.Decode(r, one); err != nil { // one that is damaged must not hide the others
				s.o.Log.Error().Err(err).Str("type", r.Type).Msg("record for the console does not open")
				continue
			}
			all = append(all, one)
		}
		after = page.Next
	}
	return all, nil
}

// accountOf is an account as lists show it. Its session says whether it still
// opens anything.
func (s *Service) accountOf(ctx context.Context, one *databroker.ServiceAccount) (*consolepb.ServiceAccount, error) {
	out := &consolepb.ServiceAccount{
		Id: one.ID, Name: one.Name, Owner: one.Owner, Groups: one.Groups, CreatedAt: stamp(one.CreatedAt), CreatedBy: one.CreatedBy,
		ExpiresAt: stamp(one.ExpiresAt), State: consolepb.ServiceAccountState_SERVICE_ACCOUNT_STATE_ACTIVE,
	}
	switch _, err := s.o.Broker.Session(ctx, one.SessionID); {
	case !s.o.Now().Before(one.ExpiresAt):
		out.State = consolepb.ServiceAccountState_SERVICE_ACCOUNT_STATE_EXPIRED
	case errors.Is(err, databroker.ErrNotFound):
		out.State = consolepb.ServiceAccountState_SERVICE_ACCOUNT_STATE_ENDED
	case err != nil:
		return nil, fromBroker(err)
	}
	if at, err := s.o.View.LastAccess(ctx, one.SessionID); err == nil { // else it is left out
		out.LastUsedAt = stamp(at)
	}
	if one.Owner == "" {
		return out, nil
	}
	return out, s.index.read(ctx, func(m *summaries) error {
		u, _ := m.user(one.Owner)
		out.OwnerEmail = u.email
		return nil
	})
}

// GetServiceAccount is ServiceAccountService.GetServiceAccount.
func (s *Service) GetServiceAccount(ctx context.Context, a Actor, r *consolepb.GetServiceAccountRequest) (*consolepb.GetServiceAccountResponse, error) {
	if err := s.may(a, "GetServiceAccount"); err != nil {
		return nil, err
	}
	one, err := s.o.Broker.ServiceAccount(ctx, r.GetId())
	if err != nil {
		return nil, fromBroker(err)
	}
	out, err := s.accountOf(ctx, one)
	if err != nil {
		return nil, err
	}
	return &consolepb.GetServiceAccountResponse{Account: out}, nil
}

// CreateServiceAccount is ServiceAccountService.CreateServiceAccount. Groups may
// give it any role that policies know, which is why its maker has the highest.
func (s *Service) CreateServiceAccount(ctx context.Context, a Actor, r *consolepb.CreateServiceAccountRequest) (*consolepb.CreateServiceAccountResponse, error) {
	c := change{action: "CreateServiceAccount", subject: r.GetOwner()}
	var one *databroker.ServiceAccount
	if a.May(c.action) {
		var err error
		if one, err = s.newAccount(a, r); err != nil {
			return nil, err
		}
		c.target = databroker.TypeServiceAccount + "/" + one.ID
		c.detail = map[string]string{"name": one.Name, "groups": strings.Join(one.Groups, ", "), "until": one.ExpiresAt.Format(time.RFC3339)}
	}
	var token string
	err := s.change(ctx, a, c, func(ctx context.Context) (err error) {
		token, err = s.makeAccount(ctx, a, one)
		return err
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.accountOf(ctx, one)
	if err != nil {
		return nil, err
	}
	return &consolepb.CreateServiceAccountResponse{Account: shown, Token: token}, nil
}

// newAccount checks a request and makes a record of it.
func (s *Service) newAccount(a Actor, r *consolepb.CreateServiceAccountRequest) (*databroker.ServiceAccount, error) {
	cfg := s.inForce()
	if cfg == nil || s.o.IssueToken == nil {
		return nil, ErrUnavailable
	}
	life, err := lengthWithin("lifetime", r.GetLifetime(), minAccount, cfg.Console.MaxServiceAccount)
	if err == nil {
		err = checkText("name", r.GetName(), maxAccountName, false)
	}
	if err == nil && len(r.GetGroups()) > maxAccountGroups {
		err = &Invalid{"groups", fmt.Sprintf("at most %d", maxAccountGroups)}
	}
	for _, group := range r.GetGroups() {
		err = cmp.Or(err, checkText("groups", group, maxName, false))
	}
	if err == nil && isAccountKey(r.GetOwner()) {
		err = &Invalid{"owner", "the key of a person"}
	}
	if err != nil {
		return nil, err
	}
	now := s.o.Now().UTC()
	groups := slices.Compact(slices.Sorted(slices.Values(r.GetGroups())))
	return &databroker.ServiceAccount{
		ID: "sa-" + strings.ToLower(rand.Text()), Name: strings.TrimSpace(r.GetName()), Owner: r.GetOwner(), Groups: groups, SessionID: rand.Text(),
		CreatedAt: now, CreatedBy: a.Label(), ExpiresAt: now.Add(life),
	}, nil
}

// makeAccount writes the records of an account and returns its token. The
// session comes last: without it nothing is opened.
func (s *Service) makeAccount(ctx context.Context, a Actor, one *databroker.ServiceAccount) (string, error) {
	if a.isAccount() {
		return "", &Conflict{"a service account makes no others: a person has to"}
	}
	if one.Owner != "" {
		owner, err := s.o.Broker.User(ctx, one.Owner)
		if errors.Is(err, databroker.ErrNotFound) || err == nil && owner.Disabled {
			return "", &Conflict{"the owner is nobody who may come in"}
		}
		if err != nil {
			return "", fromBroker(err)
		}
	}
	all, err := s.accounts(ctx)
	if err != nil {
		return "", err
	}
	if len(all) >= maxAccounts {
		return "", &Conflict{fmt.Sprintf("there are %d service accounts already: delete some first", len(all))}
	}
	session := &databroker.Session{
		ID: one.SessionID, UserID: one.ID, IDPID: databroker.AccountProvider, RefreshDisabled: true,
		IssuedAt: one.CreatedAt, ExpiresAt: one.ExpiresAt,
	}
	user := &databroker.User{Key: session.UserKey(), ID: one.ID, Name: one.Name, Groups: one.Groups}
	err = s.o.Broker.PutServiceAccount(ctx, one)
	if err == nil {
		err = s.o.Broker.PutUser(ctx, user)
	}
	if err == nil {
		err = s.o.Broker.PutSession(ctx, session)
	}
	if err != nil {
		_ = s.removeAccount(context.WithoutCancel(ctx), one) // nobody has its token
		return "", fromBroker(err)
	}
	return s.o.IssueToken(session), nil
}

// DeleteServiceAccount is ServiceAccountService.DeleteServiceAccount.
func (s *Service) DeleteServiceAccount(ctx context.Context, a Actor, r *consolepb.DeleteServiceAccountRequest) (*consolepb.DeleteServiceAccountResponse, error) {
	c := change{action: "DeleteServiceAccount", target: databroker.TypeServiceAccount + "/" + r.GetId()}
	var one *databroker.ServiceAccount
	if a.May(c.action) {
		var err error
		if one, err = s.o.Broker.ServiceAccount(ctx, r.GetId()); err != nil {
			return nil, fromBroker(err)
		}
		c.subject, c.detail = one.Owner, map[string]string{"name": one.Name}
	}
	err := s.change(ctx, a, c, func(ctx context.Context) error {
		if one.SessionID == a.SessionID {
			return &Conflict{"a service account cannot delete itself: the answer would not reach it"}
		}
		return s.removeAccount(ctx, one)
	})
	if err != nil {
		return nil, err
	}
	return &consolepb.DeleteServiceAccountResponse{}, nil
}

// removeAccount deletes the records of an account, what opens something first.
func (s *Service) removeAccount(ctx context.Context, one *databroker.ServiceAccount) error {
	err := s.o.Broker.DeleteSession(ctx, one.SessionID)
	if err == nil {
		err = s.o.Broker.Remove(ctx, databroker.TypeUser, databroker.UserKey(databroker.AccountProvider, one.ID))
	}
	if err == nil {
		err = s.o.Broker.Remove(ctx, databroker.TypeServiceAccount, one.ID)
	}
	return fromBroker(err)
}

// endAccounts ends the sessions of the accounts that a person answers for.
func (s *Service) endAccounts(ctx context.Context, a Actor, owner string) (ended int32, err error) {
	all, err := s.accounts(ctx)
	if err != nil {
		return 0, err
	}
	for _, one := range all {
		if one.Owner != owner {
			continue
		}
		if one.SessionID == a.SessionID {
			s.part(ctx, one.SessionID)
		} else if err := s.o.Broker.DeleteSession(ctx, one.SessionID); err != nil {
			return ended, fromBroker(err)
		}
		ended++
	}
	return ended, nil
}
