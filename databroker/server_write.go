package databroker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-proxy/cardea/databroker/brokerpb"
)

// tombstoneTime is how long a tombstone stays at least. It must outlast every
// ticket and cache that may still name the record's versions.
const tombstoneTime = 24 * time.Hour

// maxRounds bounds how often a write is decided anew because somebody else
// wrote the record between reading and writing.
const maxRounds = 16

// Write implements the service.
func (s *Server) Write(ctx context.Context, req *brokerpb.WriteRequest) (*brokerpb.WriteResponse, error) {
	if n := len(req.GetWrites()); n == 0 || n > MaxWrites {
		return nil, s.fail(ctx, "write", fmt.Errorf("%w: %d writes, want 1 to %d", ErrInvalid, n, MaxWrites))
	}
	writes := make([]Write, len(req.GetWrites()))
	for i, w := range req.GetWrites() {
		writes[i] = writeFrom(w)
	}
	results, err := s.write(ctx, writes)
	if err != nil {
		return nil, s.fail(ctx, "write", err)
	}
	resp := &brokerpb.WriteResponse{Results: make([]*brokerpb.WriteResult, len(results))}
	for i, r := range results {
		out := &brokerpb.WriteResult{Version: r.Version, ModifiedAt: timeProto(r.ModifiedAt)}
		if r.Err != nil {
			code, text := statusOf(r.Err)
			out = &brokerpb.WriteResult{Code: uint32(code), Message: text}
			_ = s.fail(ctx, "write", r.Err) // for the log
		}
		resp.Results[i] = out
	}
	return resp, nil
}

// write decides each write against the record as it is, seals the outcome and
// hands all of them to the store at once. What another writer got in between
// is decided again.
func (s *Server) write(ctx context.Context, writes []Write) ([]Result, error) {
	results := make([]Result, len(writes))
	open := make([]int, len(writes)) // those not decided yet
	for i := range open {
		open[i] = i
	}
	for range maxRounds {
		var puts []Put
		var asked []int
		for _, i := range open {
			put, modified, err := s.prepare(ctx, &writes[i])
			if err != nil {
				results[i] = Result{Err: err}
				continue
			}
			results[i] = Result{Version: put.Entry.Version, ModifiedAt: modified}
			puts, asked = append(puts, put), append(asked, i)
		}
		open = open[:0]
		if len(puts) == 0 {
			return results, nil
		}
		errs, err := s.vault.store.Write(ctx, puts)
		if err != nil {
			return nil, err
		}
		for j, err := range errs {
			switch {
			case errors.Is(err, ErrConflict):
				results[asked[j]] = Result{Err: ErrConflict}
				open = append(open, asked[j])
			case err != nil:
				results[asked[j]] = Result{Err: err}
			}
		}
		if len(open) == 0 {
			return results, nil
		}
	}
	return results, nil // what is still open has lost maxRounds times: a conflict
}

// prepare decides one write: what to put, or why not.
func (s *Server) prepare(ctx context.Context, w *Write) (Put, time.Time, error) {
	now := s.now().UTC().Truncate(time.Millisecond)
	if err := checkWrite(w, now); err != nil {
		return Put{}, time.Time{}, err
	}
	key := s.vault.key(w.Type, w.ID)
	e, _, err := s.vault.store.Get(ctx, key)
	if err != nil && !errors.Is(err, ErrNoEntry) {
		return Put{}, time.Time{}, err
	}
	var current *Record
	if err == nil {
		current, err = s.vault.open(ctx, e)
		// A record that does not open can only be overwritten, as by the
		// deletion of a session whose record was damaged.
		if err != nil && !(w.Overwrite && errors.Is(err, ErrTampered)) {
			return Put{}, time.Time{}, err
		}
	}
	live := e.Version > 0 && (current == nil || !current.Deleted && !current.Expired(now))
	if err := admit(w, live, e.Version); err != nil {
		return Put{}, time.Time{}, err
	}
	next := &Record{
		Type: w.Type, ID: w.ID, Version: e.Version + 1, Data: w.Data,
		ModifiedAt: now, ExpiresAt: w.ExpiresAt.UTC().Truncate(time.Millisecond),
	}
	if w.ExpiresAt.IsZero() {
		next.ExpiresAt = time.Time{}
	}
	if w.Delete {
		next.Deleted, next.Data, next.ExpiresAt = true, nil, tombstoneEnd(w, e, now)
	}
	sealed, err := s.vault.seal(key, next)
	if err != nil {
		return Put{}, time.Time{}, err
	}
	return Put{Entry: sealed, Expected: e.Version, Quiet: w.Quiet}, now, nil
}

func checkWrite(w *Write, now time.Time) error {
	if err := checkKey(w.Type, w.ID); err != nil {
		return err
	}
	if len(w.Data) > MaxDataSize {
		return fmt.Errorf("%w: %s: %d bytes of data, at most %d are allowed", ErrInvalid, w.Type, len(w.Data), MaxDataSize)
	}
	// A record that is void from the start would be no record: a single use
	// written so would admit the second one.
	if !w.Delete && !w.ExpiresAt.IsZero() && !now.Before(w.ExpiresAt.Truncate(time.Millisecond)) {
		return fmt.Errorf("%w: %s: it has expired before it is written", ErrInvalid, w.Type)
	}
	return nil
}

// admit says whether w may be written over a record that is live or not.
func admit(w *Write, live bool, version uint64) error {
	switch {
	case w.Delete && !live:
		return ErrNotFound
	case w.Overwrite:
		return nil
	case w.Expected == 0 && live:
		return ErrConflict
	case w.Expected != 0 && (!live || w.Expected != version):
		return ErrConflict
	}
	return nil
}

// tombstoneEnd says when the tombstone over e may leave: no sooner than the
// record itself would have, and never when that would have stayed for ever.
// A quiet record's tombstone tells nobody anything and leaves with the next
// sweep.
func tombstoneEnd(w *Write, e Entry, now time.Time) time.Time {
	switch least := now.Add(tombstoneTime); {
	case w.Quiet:
		return now
	case e.ExpiresAt.IsZero():
		return time.Time{}
	case e.ExpiresAt.After(least):
		return e.ExpiresAt
	default:
		return least
	}
}
