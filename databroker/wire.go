package databroker

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cardea-proxy/cardea/databroker/brokerpb"
)

// The wire form stays behind this file: generated types on one side, ours on
// the other.

func recordFrom(p *brokerpb.Record) *Record {
	return &Record{
		Type: p.GetType(), ID: p.GetId(), Version: p.GetVersion(), Data: p.GetData(),
		ModifiedAt: timeFrom(p.GetModifiedAt()), ExpiresAt: timeFrom(p.GetExpiresAt()), Deleted: p.GetDeleted(),
	}
}

func (r *Record) proto() *brokerpb.Record {
	return &brokerpb.Record{
		Type: r.Type, Id: r.ID, Version: r.Version, Data: r.Data,
		ModifiedAt: timeProto(r.ModifiedAt), ExpiresAt: timeProto(r.ExpiresAt), Deleted: r.Deleted,
	}
}

func (w *Write) proto() *brokerpb.Write {
	return &brokerpb.Write{
		Type: w.Type, Id: w.ID, Data: w.Data, ExpiresAt: timeProto(w.ExpiresAt),
		ExpectedVersion: w.Expected, Overwrite: w.Overwrite, Delete: w.Delete, Quiet: w.Quiet,
	}
}

func writeFrom(p *brokerpb.Write) Write {
	return Write{
		Type: p.GetType(), ID: p.GetId(), Data: p.GetData(), ExpiresAt: timeFrom(p.GetExpiresAt()),
		Expected: p.GetExpectedVersion(), Overwrite: p.GetOverwrite(), Delete: p.GetDelete(), Quiet: p.GetQuiet(),
	}
}

func positionFrom(p *brokerpb.Position) Position {
	return Position{Epoch: p.GetEpoch(), Number: p.GetNumber()}
}

func (p Position) proto() *brokerpb.Position {
	if p == (Position{}) {
		return nil
	}
	return &brokerpb.Position{Epoch: p.Epoch, Number: p.Number}
}

// timeFrom returns the zero time for an unset or impossible timestamp. Times
// of records are wall clock in UTC.
func timeFrom(t *timestamppb.Timestamp) time.Time {
	if t == nil || !t.IsValid() {
		return time.Time{}
	}
	return t.AsTime()
}

func timeProto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
