package policy

import (
	"cmp"
	"container/heap"
	"context"
	"maps"
	"slices"
	"strings"
)

// A Change is what would have to be otherwise for a request to be allowed.
// Whoever reads it can rely on it: the program was asked.
type Change struct {
	// Needs are what has to be, all of it, such as `member of group "ops"`.
	Needs []string `json:"needs"`
	// Satisfies are the rules that allow then, with their places.
	Satisfies []string `json:"satisfies"`
	// Cost is how much is asked: the less, the easier for whoever is denied.
	Cost int `json:"cost"`
}

// What changes cost. Signing in again is nothing; a group is an administrator's
// minute; another address may be a journey; and nobody becomes somebody else.
const (
	costSignIn      = 1
	costGroup       = 2 // a grant and a device as well
	costClaim       = 3 // a record, the time and a certificate as well
	costAddress     = 4
	costRequest     = 5
	costPerson      = 8
	costFreePerson  = 2 // who is not signed in can still be anybody
	maxEdits        = 8
	maxOptions      = 16 // ways to make one rule true that are looked at
	maxPool         = 64 // edits that are tried in all combinations
	maxSearchWork   = 40_000
	maxSearchSteps  = 400
	minSearchSteps  = 24
	maxGuidedSteps  = 120
	maxChangedFacts = 3 // edits that are combined without regard to the rules
)

// An edit changes one fact of a scenario.
type edit struct {
	key    string // which fact; two edits of one fact exclude each other
	cost   int
	text   string
	person bool // it is of a person, and there must be one
	apply  func(*Scenario)
}

// keyOfTime is the key of the edits that say when.
const keyOfTime = "time"

// edits are several, each of another fact, in the order in which they are
// applied.
type edits []edit

func (es edits) cost() int {
	sum := 0
	for _, e := range es {
		sum += e.cost
	}
	return sum
}

// with adds others; ok is false where one fact would be changed in two ways.
func (es edits) with(others edits) (out edits, ok bool) {
	out = slices.Clip(es)
	for _, o := range others {
		i := slices.IndexFunc(out, func(e edit) bool { return e.key == o.key })
		switch {
		case i < 0:
			out = append(out, o)
		case out[i].text != o.text:
			return nil, false
		}
	}
	return out, len(out) <= maxEdits
}

// name tells sets of edits apart, whatever their order.
func (es edits) name() string {
	texts := make([]string, len(es))
	for i, e := range es {
		texts[i] = e.text
	}
	slices.Sort(texts)
	return strings.Join(texts, "\x00")
}

// applied is the scenario with all edits; nil where one is of a person and
// there is none. The time is set first: who signs in again does so then.
func (es edits) applied(s *Scenario) *Scenario {
	out := s.clone()
	for _, e := range es {
		if e.key == keyOfTime { // first: a sign-in and a grant are made then
			e.apply(out)
		}
	}
	for _, e := range es {
		if e.person && out.Person == nil {
			return nil
		}
		if e.key != keyOfTime {
			e.apply(out)
		}
	}
	return out
}

// A foundChange is one that the program allows.
type foundChange struct {
	edits edits
	cost  int
	after *valuation
}

func (f *foundChange) needs() []string {
	sorted := slices.Clone(f.edits)
	slices.SortStableFunc(sorted, func(a, b edit) int { return cmp.Compare(a.cost, b.cost) })
	out := make([]string, len(sorted))
	for i, e := range sorted {
		out[i] = e.text
	}
	return out
}

// A searcher looks for the smallest change.
type searcher struct {
	p        *Program
	e        *explainer
	base     *Scenario
	stranger bool // nobody was signed in at first
	moments  []moment
	asked    int // scenarios that were evaluated
}

func newSearcher(ctx context.Context, p *Program, e *explainer, s Scenario) *searcher {
	x := &searcher{p: p, e: e, base: &s, stranger: s.Person == nil}
	x.moments = x.findMoments(ctx)
	return x
}

// smallestChange returns nil where none was found. First it follows the rules:
// which edits make what false that must be false, and true that must be true.
// Then it tries whether fewer do, in all combinations that cost less. Both are
// bounded, the more so the larger the policy is.
func (x *searcher) smallestChange(ctx context.Context) *foundChange {
	best := x.guided(ctx)
	if cheaper := x.combined(ctx, best); cheaper != nil {
		best = cheaper
	}
	if best == nil {
		return nil
	}
	var err error
	if best.after, err = x.value(ctx, best.edits.applied(x.base)); err != nil {
		return nil
	}
	return best
}

// value evaluates the rules one by one.
func (x *searcher) value(ctx context.Context, s *Scenario) (*valuation, error) {
	x.asked++
	f := s.Facts()
	return x.e.value(ctx, &f)
}

// allows asks the program that decides.
func (x *searcher) allows(ctx context.Context, es edits) bool {
	s := es.applied(x.base)
	if s == nil {
		return false
	}
	x.asked++
	return x.p.Evaluate(ctx, s.Facts()).Outcome == Allow
}

// steps bounds a search by the size of what is evaluated in each step.
func (x *searcher) steps(most int) int {
	return min(most, max(minSearchSteps, maxSearchWork/(len(x.e.criteria)+1)))
}

// A queue gives the cheapest first, and among those of one cost the oldest.
type queue []queued

type queued struct {
	edits edits
	cost  int
	age   int
	next  int // for combined: the first edit of the pool that may be added
}

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q queue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[i].cost, q[j].cost), cmp.Compare(q[i].age, q[j].age)) < 0
}
func (q *queue) Push(v any) { *q = append(*q, v.(queued)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// guided follows the rules. Edits may undo each other's work, so every
// scenario is explained anew before the next are chosen.
func (x *searcher) guided(ctx context.Context) *foundChange {
	q := &queue{{}}
	seen := map[string]bool{}
	age := 0
	for range x.steps(maxGuidedSteps) {
		if q.Len() == 0 {
			return nil
		}
		at := heap.Pop(q).(queued)
		s := at.edits.applied(x.base)
		if s == nil {
			continue
		}
		v, err := x.value(ctx, s)
		if err != nil {
			return nil
		}
		d := v.decision(x.e)
		if d.Outcome == Allow && x.allows(ctx, at.edits) {
			return &foundChange{edits: at.edits, cost: at.cost}
		}
		for _, o := range x.next(s, v, &d) {
			together, ok := at.edits.with(o)
			if !ok || len(together) == len(at.edits) || seen[together.name()] {
				continue
			}
			seen[together.name()] = true
			age++
			heap.Push(q, queued{edits: together, cost: together.cost(), age: age})
		}
	}
	return nil
}

// combined tries what costs less than best, whatever the rules say of it.
func (x *searcher) combined(ctx context.Context, best *foundChange) *foundChange {
	pool := x.pool(ctx)
	q := &queue{}
	age := 0
	push := func(from queued) {
		for i := from.next; i < len(pool) && len(from.edits) < maxChangedFacts; i++ {
			together, ok := from.edits.with(edits{pool[i]})
			if !ok || len(together) == len(from.edits) {
				continue
			}
			cost := from.cost + pool[i].cost
			if best != nil && cost >= best.cost {
				break // the pool is sorted: the rest costs no less
			}
			age++
			heap.Push(q, queued{edits: together, cost: cost, age: age, next: i + 1})
		}
	}
	push(queued{})
	for range x.steps(maxSearchSteps) {
		if q.Len() == 0 {
			break
		}
		at := heap.Pop(q).(queued)
		if x.allows(ctx, at.edits) {
			return &foundChange{edits: at.edits, cost: at.cost}
		}
		push(at)
	}
	return nil
}

// pool are the edits that turn one criterion round each, the cheapest first.
func (x *searcher) pool(ctx context.Context) edits {
	s := x.base
	byText := map[string]edit{}
	if x.stranger {
		in := signInEdit()
		byText[in.text] = in
		s = edits{in}.applied(s)
	}
	v, err := x.value(ctx, s)
	if err != nil {
		return nil
	}
	for _, r := range x.e.criteria {
		for _, e := range x.edits(r, !v.halves[r.index].truth, s) {
			byText[e.text] = e
		}
	}
	out := slices.SortedFunc(maps.Values(byText), func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.text, b.text))
	})
	return out[:min(len(out), maxPool)]
}
