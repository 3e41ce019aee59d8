package console

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// Instance is the process that serves the console.
type Instance interface {
	// Status says how it is, but for the people and sessions.
	Status(ctx context.Context) *consolepb.GetStatusResponse
}

// GetStatus is StatusService.GetStatus.
func (s *Service) GetStatus(ctx context.Context, a Actor, _ *consolepb.GetStatusRequest) (*consolepb.GetStatusResponse, error) {
	if err := s.may(a, "GetStatus"); err != nil {
		return nil, err
	}
	out := s.o.Instance.Status(ctx)
	now := s.o.Now().UnixMilli()
	err := s.soon(ctx, func(m *summaries) error {
		for key := range m.users {
			if !isAccountKey(key) {
				out.People++
			}
		}
		for _, one := range m.sessions {
			if one.expires > now {
				out.Sessions++
			}
		}
		return nil
	})
	if errors.Is(err, ErrUnavailable) && ctx.Err() == nil { // all the more somebody wants to know the rest
		out.Sessions, out.People = -1, -1
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// listPatience is how long these wait for the first listing of records: whoever
// asks how things are does not want to wait for what is slow.
const listPatience = time.Second

func (s *Service) soon(ctx context.Context, fn func(*summaries) error) error {
	ctx, cancel := context.WithTimeout(ctx, listPatience)
	defer cancel()
	return s.index.read(ctx, fn)
}

// Bounds of what is counted: entries, time, and how long a count serves.
const (
	maxCounted    = 500_000
	countPatience = 4 * time.Second
	countKept     = 20 * time.Second
	countedHours  = 24
	shownReasons  = 12
)

// GetActivity is StatusService.GetActivity. Without recorded decisions it knows
// sign-ins alone.
func (s *Service) GetActivity(ctx context.Context, a Actor, _ *consolepb.GetActivityRequest) (*consolepb.GetActivityResponse, error) {
	if err := s.may(a, "GetActivity"); err != nil {
		return nil, err
	}
	s.counting.Lock() // one counts, the others wait for it
	defer s.counting.Unlock()
	if s.counted == nil || s.o.Now().Sub(s.countedAt) >= countKept {
		out, err := s.count(ctx)
		if err != nil {
			return nil, err
		}
		s.counted, s.countedAt = out, s.o.Now()
	}
	return s.counted, nil
}

// count goes through the last day, the newest first, as far as its bounds let it.
func (s *Service) count(ctx context.Context) (*consolepb.GetActivityResponse, error) {
	end := s.o.Now().Truncate(time.Hour).Add(time.Hour)
	start := end.Add(-countedHours * time.Hour)
	out := &consolepb.GetActivityResponse{Since: timestamppb.New(start), Whole: true}
	for h := range countedHours {
		out.Hours = append(out.Hours, &consolepb.Hour{Start: timestamppb.New(start.Add(time.Duration(h) * time.Hour))})
	}
	hour := func(at time.Time) *consolepb.Hour {
		if at.Before(start) || !at.Before(end) {
			return nil
		}
		return out.Hours[int(at.Sub(start)/time.Hour)]
	}
	err := s.soon(ctx, func(m *summaries) error {
		for _, one := range m.sessions {
			if h := hour(time.UnixMilli(one.issued)); h != nil {
				h.SignIns++
			}
		}
		return nil
	})
	if errors.Is(err, ErrUnavailable) && ctx.Err() == nil {
		out.Whole, err = false, nil
	}
	if err != nil || !s.recorded() {
		return out, err
	}
	return out, s.countDecisions(ctx, out, start, hour)
}

func (s *Service) countDecisions(ctx context.Context, out *consolepb.GetActivityResponse, start time.Time, hour func(time.Time) *consolepb.Hour) error {
	patient, cancel := context.WithTimeout(ctx, countPatience)
	defer cancel()
	reasons := map[string]uint64{}
	n := 0
	var last time.Time
	for d, err := range s.o.Decisions.Newest(patient, time.Time{}) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if n == maxCounted || patient.Err() != nil {
			out.Whole, out.Since = false, timestamppb.New(last)
			break
		}
		if err != nil {
			out.Whole = false
			continue
		}
		if last = d.Time.AsTime(); last.Before(start) {
			break
		}
		n++
		h := hour(last)
		switch {
		case h == nil:
		case d.Outcome == "allow":
			h.Allowed++
		case d.Outcome == "sign-in", d.Outcome == "sign-in-again":
			h.Asked++
		default:
			h.Refused++
			reasons[refusal(d)]++
		}
	}
	for reason, count := range reasons {
		out.Refusals = append(out.Refusals, &consolepb.ReasonCount{Reason: reason, Count: count})
	}
	slices.SortFunc(out.Refusals, func(a, b *consolepb.ReasonCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Reason, b.Reason))
	})
	if len(out.Refusals) > shownReasons {
		rest := uint64(0)
		for _, one := range out.Refusals[shownReasons-1:] {
			rest += one.Count
		}
		out.Refusals = append(out.Refusals[:shownReasons-1], &consolepb.ReasonCount{Reason: "others", Count: rest})
	}
	return nil
}

// refusal is why a request was refused, in one word: the outcome where that says
// more than the reasons, which of a denial are the rules' own.
func refusal(d *consolepb.Decision) string {
	if d.Outcome == "deny" && len(d.Reasons) > 0 {
		return d.Reasons[0]
	}
	return d.Outcome
}
