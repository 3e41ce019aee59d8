package console

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/cardea-proxy/cardea/proxy/console/audit"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// AuditReader reads what Audit keeps. An *audit.Log is one.
type AuditReader interface {
	Read(ctx context.Context, q audit.Query) (audit.Page, error)
	Export(ctx context.Context) iter.Seq2[audit.Line, error]
	PublicKey() ed25519.PublicKey
}

// maxFindings bounds what is told of a damaged audit, in sentences.
const maxFindings = 100

// ListAudit is AuditService.ListAudit.
func (s *Service) ListAudit(ctx context.Context, a Actor, r *consolepb.ListAuditRequest) (*consolepb.ListAuditResponse, error) {
	if err := s.may(a, "ListAudit"); err != nil {
		return nil, err
	}
	q := audit.Query{
		Limit: int(r.GetPage().GetSize()), Actor: r.GetActor(), Action: r.GetAction(), Object: r.GetObject(), Subject: r.GetSubject(),
		Since: timeOf(r.GetSince()), Until: timeOf(r.GetUntil()),
	}
	if cursor := r.GetPage().GetCursor(); cursor != "" {
		before, err := strconv.ParseUint(cursor, 10, 64)
		if err != nil || before == 0 {
			return nil, &Invalid{"page.cursor", "the next of an answer"}
		}
		q.Before = before
	}
	if r.GetPage().GetOrder() != "" || r.GetPage().GetDescending() {
		return nil, &Invalid{"page.order", "nothing: the newest come first"}
	}
	page, err := s.o.AuditReader.Read(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	out := &consolepb.ListAuditResponse{
		Page:         &consolepb.PageResponse{Total: int32(min(page.Total, 1<<31-1))},
		HeadSequence: page.Head.Sequence, HeadHash: hex.EncodeToString(page.Head.Hash[:]),
	}
	if page.Next != 0 {
		out.Page.Next = strconv.FormatUint(page.Next, 10)
	}
	for i := range page.Rows {
		out.Entries = append(out.Entries, auditEntry(&page.Rows[i]))
	}
	return out, nil
}

func auditEntry(r *audit.Row) *consolepb.AuditEntry {
	if r.Damaged != "" {
		return &consolepb.AuditEntry{Sequence: r.Sequence, Damaged: r.Damaged}
	}
	return &consolepb.AuditEntry{
		Sequence: r.Sequence, Time: stamp(r.Time), ActorName: r.Actor.Name, ActorEmail: r.Actor.Email, ActorKey: r.Actor.UserKey,
		Role: r.Actor.Role, Via: r.Actor.Via, Address: r.Actor.Address, Action: string(r.Action),
		ObjectType: r.ObjectType, ObjectId: r.ObjectID, Subject: r.Subject, Outcome: string(r.Outcome), Problem: r.Problem,
		RequestId: r.RequestID, Details: r.Details, Hash: hex.EncodeToString(r.Hash[:]),
	}
}

// timeOf is the zero time where there is none.
func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// VerifyAudit is AuditService.VerifyAudit.
func (s *Service) VerifyAudit(ctx context.Context, a Actor, _ *consolepb.VerifyAuditRequest) (*consolepb.VerifyAuditResponse, error) {
	if err := s.may(a, "VerifyAudit"); err != nil {
		return nil, err
	}
	report, err := audit.Verify(s.o.AuditReader.Export(ctx), s.o.AuditReader.PublicKey(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	out := &consolepb.VerifyAuditResponse{
		Intact: report.Intact(), Entries: report.Entries, Remarks: report.Remarks,
		HeadSequence: report.Head.Sequence, HeadHash: hex.EncodeToString(report.Head.Hash[:]),
	}
	for _, f := range report.Findings[:min(len(report.Findings), maxFindings)] {
		out.Findings = append(out.Findings, f.Text)
	}
	return out, nil
}
