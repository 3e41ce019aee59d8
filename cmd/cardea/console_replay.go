package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/journal"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// uploaded is the name of a configuration that is tried, in messages.
const uploaded = "uploaded.yaml"

// spare is what of a deadline is left for the answer.
const spare = 2 * time.Second

// Replay is that of console.Configuration. What has not been tried by the
// deadline of ctx is left out; the newest is tried first.
func (h insight) Replay(ctx context.Context, r *consolepb.ReplayConfigRequest) (*consolepb.ReplayConfigResponse, error) {
	cfg, err := config.Load(ctx, config.Options{File: uploaded, Text: r.Config})
	var all config.Errors
	switch {
	case errors.As(err, &all):
		out := &consolepb.ReplayConfigResponse{}
		for _, e := range all {
			out.Problems = append(out.Problems, policy.Visible(e.Error()))
		}
		return out, nil
	case err != nil:
		return nil, err
	}
	o, err := prepareOffline(ctx, cfg)
	if ctx.Err() != nil {
		return nil, &console.Conflict{Why: "the configuration takes longer to prepare than a replay may"}
	}
	if err != nil {
		return &consolepb.ReplayConfigResponse{Problems: []string{policy.Visible(err.Error())}}, nil
	}
	whole := true
	result, err := o.replay(ctx, h.recent(ctx, r.Since.AsTime(), &whole))
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return replayedOf(result, whole), nil
}

// recent are the entries since a time, the newest first, until a moment before
// the deadline of ctx. What cannot be read is passed over. whole becomes false
// where something is missing.
func (h insight) recent(ctx context.Context, since time.Time, whole *bool) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		end, bounded := ctx.Deadline()
		for e, err := range h.journal.Newest(ctx, time.Time{}) {
			switch {
			case bounded && time.Until(end) < spare:
				*whole = false
				return
			case ctx.Err() != nil:
				yield(journal.Entry{}, ctx.Err())
				return
			case err != nil:
				*whole = false
				continue
			case e.Time.Before(since):
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// shownFlips bounds the flips of an answer.
const shownFlips = 500

func replayedOf(r *replayed, whole bool) *consolepb.ReplayConfigResponse {
	out := &consolepb.ReplayConfigResponse{
		Decisions: int32(r.Decisions), Same: int32(r.Same), Flipped: int32(r.Flipped), CannotTell: int32(r.CannotTell),
		PassedOver: int32(r.PassedOver), Whole: whole,
	}
	for _, f := range r.Flips[:min(len(r.Flips), shownFlips)] {
		out.Flips = append(out.Flips, &consolepb.Flip{
			Person: policy.Visible(f.Person), Route: policy.Visible(f.Route), Before: policy.Visible(f.Before), After: f.After, Why: allVisible(f.Why),
			Count: int32(f.Count), RequestId: policy.Visible(f.Request), Time: timestamppb.New(f.Time), Method: policy.Visible(f.Method), Path: policy.Visible(f.Path),
		})
	}
	for _, u := range r.Unknown {
		out.Doubts = append(out.Doubts, &consolepb.Doubt{Why: policy.Visible(u.Why), Count: int32(u.Count)})
	}
	return out
}
