package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cardea-proxy/cardea/authorize"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console"
	"golang.org/x/sync/errgroup"
)

// openConsole builds what administrators work with. Its service answers on the
// administrator's socket too, without a route that leads to the console.
func (h *house) openConsole(context.Context, *config.Config) (err error) {
	o := console.ServiceOptions{
		Broker: h.client, View: h.view, Audit: consoleAudit{h.audit}, AuditReader: h.audit, Log: h.log,
		Config:        func() *config.Config { return h.reloader.inForce() },
		EnrollmentURL: handoff.New(h.keys.handoffMAC, h.keys.handoffSeal, nil).EnrollmentURL,
		IssueToken:    h.accountToken,
		Explainer:     insight{h}, Configuration: insight{h}, Instance: insight{h},
	}
	if h.journal != nil {
		o.Decisions = &decisions{journal: h.journal, tail: &h.tail}
	}
	if h.consoleService, err = console.NewService(o); err != nil {
		return err
	}
	h.console, err = console.New(console.Options{
		Service: h.consoleService, Pages: h.pages, Identify: h.identify, FormKey: h.keys.consoleForm,
		Records: h.authorize.Records(), Log: h.log,
	})
	return err
}

// accountToken is that of console.ServiceOptions. Route hosts open it.
func (h *house) accountToken(s *databroker.Session) string {
	return ticket.New(h.keys.routeTicket).Issue(ticket.Ticket{Kind: ticket.ForAccount, SessionID: s.ID, Version: s.Version, IssuedAt: s.IssuedAt})
}

// identify is that of console.Options, as decisions see people.
func (h *house) identify(ctx context.Context, sessionID string) (console.Person, error) {
	a, err := h.authorize.Asker(ctx, sessionID)
	if errors.Is(err, authorize.ErrNobody) {
		return console.Person{}, console.ErrNobody
	}
	if err != nil {
		return console.Person{}, err
	}
	p := console.Person{UserKey: a.UserKey, Email: a.Email, Name: a.Name, Facts: a.Facts}
	if a.ActsAs != nil {
		p.ActsAs, p.ActsUntil = a.ActsAs.Label(), a.ActsAs.Until
	}
	return p, nil
}

// actsAs is that of proxy.Options. Where nobody can tell, nobody acts as anybody.
func (h *house) actsAs(ctx context.Context, sessionID string) (string, time.Time) {
	a, err := h.authorize.Asker(ctx, sessionID)
	if err != nil || a.ActsAs == nil {
		return "", time.Time{}
	}
	return a.ActsAs.Label(), a.ActsAs.Until
}

// compileRoles compiles who may do what in the console.
func compileRoles(ctx context.Context, cfg *config.Config, compiler *policy.Compiler) (console.Roles, error) {
	var roles console.Roles
	for _, one := range []struct {
		key  string
		from policy.Source
		into **policy.Program
	}{
		{"admins", cfg.ConsoleRoles.Admin, &roles.Admin},
		{"managers", cfg.ConsoleRoles.Manager, &roles.Manager},
		{"viewers", cfg.ConsoleRoles.Viewer, &roles.Viewer},
	} {
		p, err := compiler.Compile(ctx, one.from)
		if err != nil {
			return roles, fmt.Errorf("console.%s: %w", one.key, err)
		}
		*one.into = p
	}
	return roles, nil
}

// serveConsole serves HTTP/2 without TLS, as Envoy speaks it on a socket of ours,
// since gRPC needs it.
func (h *house) serveConsole(ctx context.Context, g *errgroup.Group) error {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return serveProtocols(ctx, g, h.console.Handler(), "unix", h.sockets.Console, &protocols)
}
