package authenticate

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
)

const requestsPath = "/.pomerium/requests"

// maxWaiting bounds the requests of one person that wait for a decision.
const maxWaiting = 10

// A plea is somebody who was refused, with what they may ask for.
type plea struct {
	handoff.AskAccess
	session *databroker.Session // of the sign-in host
	route   *config.Route
}

// askAccess shows the page on which somebody who was refused asks for access.
func (s *Server) askAccess(v visit) {
	p, ok := s.plead(v)
	if !ok {
		return
	}
	mine, err := s.o.Broker.AccessRequests(v.r.Context(), p.session.UserKey())
	if err != nil {
		s.fail(v, fmt.Errorf("read requests for access: %w", err))
		return
	}
	// What waits already is not asked for again.
	p.Grants = slices.DeleteFunc(p.Grants, func(name string) bool {
		return slices.ContainsFunc(mine.Requests, func(r databroker.AccessRequest) bool {
			return r.State == databroker.AccessWaiting && r.RouteID == p.RouteID && r.Grant == name
		})
	})
	if len(p.Grants) == 0 {
		seeOther(v, requestsPath+"?done=again")
		return
	}
	s.showAsk(v, p, "", "", false)
}

// plead reads the signed address and finds out who asks. It answers by itself,
// and returns false, where that cannot go on.
func (s *Server) plead(v visit) (p plea, ok bool) {
	var err error
	if p.AskAccess, err = s.o.Handoff.ParseAccess(v.asked()); err != nil {
		s.fail(v, err)
		return p, false
	}
	if p.session, err = s.current(v, p.ProviderID); err == nil && p.session != nil {
		err = s.samePerson(v, p.SessionID, p.session)
	}
	if i := slices.IndexFunc(v.config.Routes, func(r *config.Route) bool { return r.ID == p.RouteID }); i >= 0 {
		p.route = v.config.Routes[i]
	} else if err == nil {
		err = errNotFound // the route is gone, and with it what there was to ask for
	}
	switch {
	case err != nil:
		s.fail(v, err)
		return p, false
	case p.session == nil:
		s.signInFirst(v, p.ProviderID, v.r.URL.RequestURI())
		return p, false
	}
	return p, true
}

func (s *Server) showAsk(v visit, p plea, grant, reason string, bad bool) {
	page := pages.AskAccess{
		Frame: s.frame(v, p.session), App: appName(p.route), Grants: p.Grants, Action: v.r.URL.RequestURI(),
		Grant: grant, Reason: reason, BadReason: bad,
	}
	if from := p.route.From; !p.route.IsTCP() && !strings.Contains(from.Host, "*") {
		host := from.Host
		if port := cmp.Or(from.Port, v.base.Port()); port != "" { // behind the same listener as this host
			host = net.JoinHostPort(host, port)
		}
		page.BackURL = "https://" + host + homePath
	}
	s.o.Pages.AskAccess(page).Send(v.w)
}

// appName is what people call the application behind a route.
func appName(r *config.Route) string {
	if r.Name != "" {
		return r.Name
	}
	return r.From.Host
}

// askAccessNow takes the form.
func (s *Server) askAccessNow(v visit) {
	if !v.ownForm() {
		s.fail(v, errForeignForm)
		return
	}
	p, ok := s.plead(v)
	if !ok {
		return
	}
	grant, reason := v.r.PostFormValue("grant"), strings.TrimSpace(v.r.PostFormValue("reason"))
	if !slices.Contains(p.Grants, grant) {
		s.fail(v, handoff.ErrShape)
		return
	}
	if !readable(reason) {
		s.showAsk(v, p, grant, strings.ToValidUTF8(reason[:min(len(reason), 4*pages.MaxReason)], ""), true)
		return
	}
	fresh, err := s.ask(v.r.Context(), p.session.UserKey(), databroker.AccessRequest{
		ID: rand.Text(), RouteID: p.RouteID, Grant: grant, Reason: oneLine(reason), State: databroker.AccessWaiting, CreatedAt: s.o.Now().UTC(),
	})
	if err != nil {
		s.fail(v, err)
		return
	}
	done := "again"
	if fresh {
		done = "asked"
		s.o.Log.Info().Str("user", p.session.UserID).Str("route", p.RouteID).Str("grant", grant).
			Str("session_id", p.session.ID).Str("request_id", v.requestID()).Msg("access asked for")
	}
	seeOther(v, requestsPath+"?done="+done)
}

// oneLine is a reason as lists show it.
func oneLine(reason string) string { return strings.Join(strings.Fields(reason), " ") }

// readable reports whether a reason is one that somebody can read: 1 to
// pages.MaxReason characters, no control characters but ends of lines and tabs.
func readable(reason string) bool {
	bad := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }
	n := utf8.RuneCountInString(strings.ReplaceAll(reason, "\r\n", "\n")) // as the browser counts
	return n > 0 && n <= pages.MaxReason && utf8.ValidString(reason) && !strings.ContainsFunc(reason, bad)
}

// ask adds r to the requests of a person; fresh is false where the same waits
// already, which then stays as it is.
func (s *Server) ask(ctx context.Context, userKey string, r databroker.AccessRequest) (fresh bool, err error) {
	for range maxWrites {
		mine, err := s.o.Broker.AccessRequests(ctx, userKey)
		if err != nil {
			return false, fmt.Errorf("read requests for access: %w", err)
		}
		waiting := 0
		for _, old := range mine.Requests {
			if old.State != databroker.AccessWaiting {
				continue
			}
			if waiting++; old.RouteID == r.RouteID && old.Grant == r.Grant {
				return false, nil
			}
		}
		if waiting >= maxWaiting {
			return false, errTooManyAsked
		}
		mine.Requests = append(mine.Requests, r)
		err = s.o.Broker.PutAccessRequests(ctx, mine)
		if errors.Is(err, databroker.ErrConflict) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("write requests for access: %w", err)
		}
		return true, nil
	}
	return false, fmt.Errorf("write requests for access: %w", databroker.ErrConflict)
}

// maxWrites bounds how often a write is tried whose record changes meanwhile.
const maxWrites = 20

// ownRequests shows a person what they have asked for.
func (s *Server) ownRequests(v visit) {
	session, err := s.first(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	if session == nil {
		s.signInFirst(v, config.ProviderID(v.config, nil), requestsPath)
		return
	}
	page := pages.AccessRequests{Frame: s.frame(v, session), Action: requestsPath}
	switch v.r.URL.Query().Get("done") {
	case "asked":
		page.Done = pages.AccessAsked
	case "again":
		page.Done = pages.AccessAgain
	case "withdrawn":
		page.Done = pages.AccessWithdrawn
	}
	// A route may have a provider of its own: the person has a session of each,
	// and asks as whom they were refused.
	mine, err := s.mine(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	for _, one := range mine {
		list, err := s.o.Broker.AccessRequests(v.r.Context(), one.UserKey())
		if err != nil {
			s.fail(v, err)
			return
		}
		for _, r := range list.Requests {
			page.Requests = append(page.Requests, s.accessRow(v, r))
		}
	}
	slices.SortStableFunc(page.Requests, func(a, b pages.AccessRow) int { return b.Asked.Compare(a.Asked) })
	s.o.Pages.AccessRequests(page).Send(v.w)
}

func (s *Server) accessRow(v visit, r databroker.AccessRequest) pages.AccessRow {
	row := pages.AccessRow{ID: r.ID, App: r.RouteID, Grant: r.Grant, Reason: r.Reason, Asked: r.CreatedAt, Until: r.Until, Note: r.Note}
	for _, route := range v.config.Routes {
		if route.ID == r.RouteID {
			row.App = appName(route)
			if r.State == databroker.AccessGranted && s.o.Now().Before(r.Until) && !strings.Contains(route.From.Host, "*") && !route.IsTCP() {
				row.URL = route.From.String()
			}
		}
	}
	switch r.State {
	case databroker.AccessGranted:
		row.State = pages.AccessStateGranted
		if !s.o.Now().Before(r.Until) {
			row.State = pages.AccessStateOver
		}
	case databroker.AccessRefused:
		row.State = pages.AccessStateRefused
	case databroker.AccessWithdrawn:
		row.State = pages.AccessStateWithdrawn
	default:
		row.State = pages.AccessStateWaiting
	}
	return row
}

// withdrawRequest takes the form of that page.
func (s *Server) withdrawRequest(v visit) {
	if !v.ownForm() {
		s.fail(v, errForeignForm)
		return
	}
	mine, err := s.mine(v)
	if err == nil && len(mine) == 0 {
		s.signInFirst(v, config.ProviderID(v.config, nil), requestsPath)
		return
	}
	if err == nil && v.r.PostFormValue("action") != "withdraw" {
		err = errNotFound
	}
	if err == nil {
		err = s.withdraw(v.r.Context(), mine, v.r.PostFormValue("id"), s.o.Now().UTC())
	}
	if err != nil {
		s.fail(v, err)
		return
	}
	s.o.Log.Info().Str("user", mine[0].UserID).Str("access_request", v.r.PostFormValue("id")).Str("request_id", v.requestID()).
		Msg("request for access withdrawn")
	seeOther(v, requestsPath+"?done=withdrawn")
}

// withdraw ends a request that waits, of one of the people whose sessions these
// are.
func (s *Server) withdraw(ctx context.Context, mine []*databroker.Session, id string, now time.Time) error {
	for _, session := range mine {
		for range maxWrites {
			list, err := s.o.Broker.AccessRequests(ctx, session.UserKey())
			if err != nil {
				return fmt.Errorf("read requests for access: %w", err)
			}
			r := list.Find(id)
			if r == nil || r.State != databroker.AccessWaiting {
				break
			}
			r.State, r.DecidedAt = databroker.AccessWithdrawn, now
			err = s.o.Broker.PutAccessRequests(ctx, list)
			if errors.Is(err, databroker.ErrConflict) {
				continue
			}
			if err != nil {
				return fmt.Errorf("write requests for access: %w", err)
			}
			return nil
		}
	}
	return errNotFound // another's, decided meanwhile, or none
}
