package console

import (
	"context"
	"errors"
	"time"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// followCheck is how often the role of who follows is looked at again, and how
// long nothing may be sent.
const followCheck = 2 * time.Second

// Again settles anew who acts, while something is being streamed to them. It
// fails as the first settling would.
type Again func(context.Context) (Actor, error)

// FollowDecisions is DecisionService.FollowDecisions. It sends until ctx ends,
// send fails, or again is no longer somebody who may.
func (s *Service) FollowDecisions(ctx context.Context, a Actor, r *consolepb.FollowDecisionsRequest, again Again, send func(*consolepb.FollowDecisionsResponse) error) error {
	if err := s.may(a, "FollowDecisions"); err != nil {
		return err
	}
	if !s.recorded() {
		return errNotRecorded
	}
	f, err := newDecisionFilter(r.GetFilter())
	if err != nil {
		return err
	}
	done, ok := s.following.try(a)
	if !ok {
		return &Conflict{"you follow the decisions in many places already: close one of them"}
	}
	defer done()
	heard, err := s.o.Decisions.Follow()
	if err != nil {
		return err
	}
	defer heard.Close()
	if err := send(&consolepb.FollowDecisionsResponse{}); err != nil {
		return err
	}
	for {
		if err := s.followUntil(ctx, time.Now().Add(s.followCheck), f, heard, send); err != nil {
			return err
		}
		a, err := again(ctx)
		if err != nil {
			return err
		}
		if err := s.may(a, "FollowDecisions"); err != nil {
			return err
		}
		if err := send(&consolepb.FollowDecisionsResponse{}); err != nil {
			return err
		}
	}
}

// followUntil sends what is decided until a time.
func (s *Service) followUntil(ctx context.Context, end time.Time, f *decisionFilter, heard Follower, send func(*consolepb.FollowDecisionsResponse) error) error {
	patient, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	var missed uint64
	for patient.Err() == nil {
		d, lost, err := heard.Next(patient)
		missed += lost
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return nil
		case err != nil:
			return err
		case f.match(d):
			if err := send(&consolepb.FollowDecisionsResponse{Decision: d, Missed: missed}); err != nil {
				return err
			}
			missed = 0
		}
	}
	return ctx.Err()
}
