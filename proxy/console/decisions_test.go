package console

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// memoryDecisions are recorded decisions in memory, the oldest first.
type memoryDecisions struct {
	mu        sync.Mutex
	all       []*consolepb.Decision
	followers map[*memoryFollower]bool
	damage    error
}

// decide records d, a second after the one before unless it says when.
func (w *world) decide(d *consolepb.Decision) {
	m := w.made
	m.mu.Lock()
	defer m.mu.Unlock()
	if d.Time == nil {
		d.Time = timestamppb.New(w.clock.now().Add(time.Duration(len(m.all)-3600) * time.Second))
	}
	m.all = append(m.all, d)
	for f := range m.followers {
		f.heard <- d
	}
}

func (m *memoryDecisions) Newest(ctx context.Context, before time.Time) iter.Seq2[*consolepb.Decision, error] {
	m.mu.Lock()
	all, damage := slices.Clone(m.all), m.damage
	m.mu.Unlock()
	slices.SortStableFunc(all, func(a, b *consolepb.Decision) int { return a.Time.AsTime().Compare(b.Time.AsTime()) })
	return func(yield func(*consolepb.Decision, error) bool) {
		if damage != nil && !yield(nil, damage) {
			return
		}
		for _, d := range slices.Backward(all) {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if (before.IsZero() || d.Time.AsTime().Before(before)) && !yield(proto.Clone(d).(*consolepb.Decision), nil) {
				return
			}
		}
	}
}

func (m *memoryDecisions) Find(_ context.Context, id string) (*consolepb.Decision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.all {
		if d.RequestId == id {
			return d, nil
		}
	}
	return nil, ErrNotFound
}

type memoryFollower struct {
	of    *memoryDecisions
	heard chan *consolepb.Decision
}

func (m *memoryDecisions) Follow() (Follower, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.followers == nil {
		m.followers = map[*memoryFollower]bool{}
	}
	f := &memoryFollower{m, make(chan *consolepb.Decision, 100)}
	m.followers[f] = true
	return f, nil
}

func (m *memoryDecisions) following() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.followers)
}

func (f *memoryFollower) Next(ctx context.Context) (*consolepb.Decision, uint64, error) {
	select {
	case d := <-f.heard:
		return d, 0, nil
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

func (f *memoryFollower) Close() {
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	delete(f.of.followers, f)
}

func idsOf(all []*consolepb.Decision) []string {
	var out []string
	for _, d := range all {
		out = append(out, d.RequestId)
	}
	return out
}

// TestDecisionsArePagedWholly: each once, also those of one moment.
func TestDecisionsArePagedWholly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 23 {
		at := w.clock.now().Add(time.Duration(i/4) * time.Millisecond) // four of each moment
		w.decide(&consolepb.Decision{RequestId: fmt.Sprint(i), Outcome: "allow", Time: timestamppb.New(at)})
	}
	for _, size := range []int32{1, 3, 4, 5, 22, 23, 24} {
		var got []string
		req := &consolepb.ListDecisionsRequest{Size: size}
		for range 30 {
			out, err := w.ListDecisions(t.Context(), as(RoleViewer), req)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, idsOf(out.Decisions)...)
			if req.Cursor = out.Next; out.Next == "" {
				break
			}
		}
		var want []string
		for i := range 23 {
			want = append(want, fmt.Sprint(22-i))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", size, diff)
		}
	}
}

func TestDecisionsAreNarrowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := func(second int) *timestamppb.Timestamp {
		return timestamppb.New(w.clock.now().Add(time.Duration(second) * time.Second))
	}
	w.decide(&consolepb.Decision{RequestId: "a", Time: at(1), Outcome: "allow", Email: "Ada@example.com", UserId: "u1", RouteId: "r1", Route: "https://app.example.com", Path: "/one"})
	w.decide(&consolepb.Decision{RequestId: "b", Time: at(2), Outcome: "deny", Email: "bob@example.com", UserId: "u2", RouteId: "r1", Route: "https://app.example.com", Path: "/two", ImpersonatedBy: "root@example.com"})
	w.decide(&consolepb.Decision{RequestId: "c", Time: at(3), Outcome: "sign-in", RouteId: "r2", Route: "https://wiki.example.com", Path: "/ada"})
	for _, tc := range []struct {
		name   string
		filter *consolepb.DecisionFilter
		want   string
	}{
		{"nothing", nil, "cba"},
		{"outcome", &consolepb.DecisionFilter{Outcome: "deny"}, "b"},
		{"refused", &consolepb.DecisionFilter{Outcome: "refused"}, "cb"},
		{"person by address", &consolepb.DecisionFilter{Person: "ADA@"}, "a"},
		{"person by id", &consolepb.DecisionFilter{Person: "u2"}, "b"},
		{"person by who acts as them", &consolepb.DecisionFilter{Person: "root@"}, "b"},
		{"anything, by who acts", &consolepb.DecisionFilter{Search: "ROOT"}, "b"},
		{"route by text", &consolepb.DecisionFilter{Route: "wiki"}, "c"},
		{"route by id", &consolepb.DecisionFilter{Route: "r1"}, "ba"},
		{"request", &consolepb.DecisionFilter{RequestId: "b"}, "b"},
		{"a request that is none", &consolepb.DecisionFilter{RequestId: "x"}, ""},
		{"request and another outcome", &consolepb.DecisionFilter{RequestId: "b", Outcome: "allow"}, ""},
		{"anything", &consolepb.DecisionFilter{Search: "ada"}, "ca"},
		{"since", &consolepb.DecisionFilter{Since: at(2)}, "cb"},
		{"until is not in it", &consolepb.DecisionFilter{Until: at(2)}, "a"},
	} {
		out, err := w.ListDecisions(t.Context(), as(RoleViewer), &consolepb.ListDecisionsRequest{Filter: tc.filter})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(idsOf(out.Decisions), ""); got != tc.want || out.Next != "" {
			t.Errorf("%s: %q, next %q", tc.name, got, out.Next)
		}
	}
	for name, req := range map[string]*consolepb.ListDecisionsRequest{
		"an outcome that is none": {Filter: &consolepb.DecisionFilter{Outcome: "maybe"}},
		"a long text":             {Filter: &consolepb.DecisionFilter{Person: strings.Repeat("a", 300)}},
		"a cursor that is none":   {Cursor: "%"},
		"a cursor of before time": {Cursor: decisionCursor{At: -1}.String()},
		"a size that is none":     {Size: -1},
	} {
		if _, err := w.ListDecisions(t.Context(), as(RoleViewer), req); status.Code(statusOf(err)) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamageIsSaidAndReadOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.decide(&consolepb.Decision{RequestId: "a", Outcome: "allow"})
	w.made.damage = fmt.Errorf("a file is broken")
	out, err := w.ListDecisions(t.Context(), as(RoleViewer), &consolepb.ListDecisionsRequest{})
	if err != nil || !out.Damaged || len(out.Decisions) != 1 {
		t.Errorf("%v, %v", out, err)
	}
}

func TestWithoutARecordThePageSaysHow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Service.o.Decisions = nil
	out := w.get(w.signIn("viewer", nil), "/decisions")
	if out.Code != http.StatusOK || !strings.Contains(out.Body.String(), "decision_log_max_age") {
		t.Errorf("status %d:\n%s", out.Code, out.Body)
	}
	_, err := w.ListDecisions(t.Context(), as(RoleViewer), &consolepb.ListDecisionsRequest{})
	if st := status.Convert(statusOf(err)); st.Code() != codes.FailedPrecondition || !strings.Contains(st.Message(), "decision_log_max_age") {
		t.Error(err)
	}
}
