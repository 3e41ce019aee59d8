package main

import (
	"context"
	"maps"
	"strings"

	"github.com/cardea-proxy/cardea/proxy/console"
	"github.com/cardea-proxy/cardea/proxy/console/audit"
)

// A consoleAudit writes what is done through the console to the audit.
type consoleAudit struct{ log *audit.Log }

// Append is that of console.Audit.
func (a consoleAudit) Append(ctx context.Context, e console.AuditEntry) error {
	typ, id, _ := strings.Cut(e.Target, "/")
	details := maps.Clone(e.Detail)
	if e.Err != "" {
		if details == nil {
			details = map[string]string{}
		}
		details["problem"] = e.Err
	}
	result := audit.Result(e.Outcome) // begun, done, failed
	if e.Outcome == console.OutcomeDenied {
		result = audit.Refused
	}
	_, err := a.log.Append(ctx, audit.Entry{
		Time: e.At, Change: e.ID, Action: audit.ActionOf(string(e.Action)), ObjectType: typ, ObjectID: id,
		Subject: e.Subject, Result: result, RequestID: e.Actor.RequestID, Details: details,
		Actor: audit.Actor{
			Name: e.Actor.Name, Email: e.Actor.Email, UserKey: e.Actor.UserKey, SessionID: e.Actor.SessionID,
			Role: e.Actor.Role.String(), Via: string(e.Actor.Via), Address: e.Actor.Address,
		},
	})
	return err
}
