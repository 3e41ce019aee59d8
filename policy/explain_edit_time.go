package policy

import (
	"context"
	"slices"
	"time"
)

// Bounds of the search for a better moment: how far ahead, in how many steps,
// and for how many criteria.
const (
	maxWait    = 8 * 24 * time.Hour
	maxMoments = 64
	maxClocked = 32
)

// A moment is a time to come, with what the criteria that read the time come
// to then.
type moment struct {
	at     time.Time
	text   string
	truths map[int]bool // by the place of the criterion's rule
}

// timed are the criteria that time alone can turn, each with a program of its
// own.
type timed struct {
	rule    *rule
	program *Program
}

// findMoments looks ahead from one boundary to the next, and keeps the first
// of those moments that do not differ.
func (x *searcher) findMoments(ctx context.Context) []moment {
	var clocked []timed
	for _, r := range x.e.criteria {
		if r.criterion.kind.until == nil || editors(r.criterion.kind.name) != nil || len(clocked) == maxClocked {
			continue
		}
		p, err := x.p.compiler.Compile(ctx, Source{Documents: []*Document{{rules: []ruleSet{{
			allow: []group{{operator: operatorOr, criteria: []criterion{*r.criterion}}}}}}}})
		if err == nil {
			clocked = append(clocked, timed{r, p})
		}
	}
	if len(clocked) == 0 {
		return nil
	}
	zone := time.UTC
	for _, c := range clocked {
		for _, name := range c.rule.criterion.reads().Zones {
			if found, err := time.LoadLocation(name); err == nil && zone == time.UTC {
				zone = found
			}
		}
	}
	var out []moment
	for _, at := range x.boundaries(clocked) {
		m := moment{at: at, text: "at " + at.In(zone).Format("15:04:05 on Mon 2 Jan 2006") + " in " + zone.String(), truths: map[int]bool{}}
		s := x.base.clone()
		s.Now = at
		f := s.Facts()
		for _, c := range clocked {
			x.asked++
			m.truths[c.rule.index] = c.program.Evaluate(ctx, f).Allow
		}
		if !slices.ContainsFunc(out, m.same) {
			out = append(out, m)
		}
	}
	return out
}

func (m moment) same(o moment) bool {
	for i, truth := range m.truths {
		if o.truths[i] != truth {
			return false
		}
	}
	return true
}

// boundaries are the moments at which something may change: all of the days to
// come, and after them the next of each criterion, such as a date next year.
func (x *searcher) boundaries(clocked []timed) []time.Time {
	next := func(at time.Time, cs []timed) (first time.Time) {
		f := x.base.Facts()
		f.Now = at
		for _, c := range cs {
			first = earliest(first, c.rule.criterion.kind.until(*c.rule.criterion, &f))
		}
		return first
	}
	var out []time.Time
	end := x.base.Now.Add(maxWait)
	for at := next(x.base.Now, clocked); !at.IsZero() && at.Before(end) && len(out) < maxMoments; at = next(at, clocked) {
		out = append(out, at)
	}
	for i := range clocked {
		if at := next(x.base.Now, clocked[i:i+1]); !at.IsZero() && !at.Before(end) {
			out = append(out, at)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

// timeEdits wait for a moment at which the criterion is as wanted.
func (x *searcher) timeEdits(r *rule, want bool) []edit {
	var out []edit
	for _, m := range x.moments {
		if truth, known := m.truths[r.index]; known && truth == want {
			out = append(out, edit{key: keyOfTime, cost: costClaim, text: m.text, apply: func(s *Scenario) { s.Now = m.at }})
		}
	}
	return out
}
