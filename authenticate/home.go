package authenticate

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
)

// home shows a person their session, on the one host where it can be changed.
func (s *Server) home(v visit) {
	mine, err := s.mine(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	if len(mine) == 0 {
		s.o.Pages.WhoAmI(pages.WhoAmI{Frame: pages.Frame{RequestID: v.requestID()}}).Send(v.w)
		return
	}
	session := mine[0]
	user, err := s.o.Broker.User(v.r.Context(), session.UserKey())
	if err != nil && !errors.Is(err, databroker.ErrNotFound) {
		s.fail(v, err)
		return
	}
	who := pages.WhoAmI{
		SessionID: session.ID, Provider: v.config.IDPProvider, SignedInAt: session.IssuedAt, ExpiresAt: session.ExpiresAt,
		Claims: session.Claims,
	}
	who.RequestID = v.requestID()
	who.Person.ID = session.UserID
	if user != nil {
		who.Person.Name, who.Person.Email, who.Groups = user.Name, user.Email, user.Groups
		for _, one := range slices.Backward(user.Impersonated) {
			who.Impersonated = append(who.Impersonated, pages.ImpersonatedRow{By: one.By, At: one.At, Until: one.Until})
		}
	}
	who.SignOutURL, who.RequestsURL, who.DevicesURL = handoff.SignOutPath, requestsPath, devicesPath
	list, err := s.o.Devices.List(v.r.Context(), session)
	if err != nil {
		s.fail(v, err)
		return
	}
	who.Devices = deviceRows(list)
	if limit := v.config.SessionIdleTimeout; limit > 0 {
		who.IdleUntil = s.o.Now().Add(limit)
	}
	s.o.Pages.WhoAmI(who).Send(v.w)
}

func (v visit) requestID() string { return v.r.Header.Get("X-Request-Id") }

// clearCookies makes the browser forget its tickets.
func (s *Server) clearCookies(v visit) {
	for id := range v.providers {
		http.SetCookie(v.w, s.ticketCookie(v.ticketName(id), "", -time.Second))
	}
}
