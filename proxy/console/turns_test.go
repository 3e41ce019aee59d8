package console

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// slowDecisions take as long as somebody waits for them.
type slowDecisions struct {
	memoryDecisions
	under atomic.Int64 // searches under way
}

func (d *slowDecisions) Newest(ctx context.Context, _ time.Time) iter.Seq2[*consolepb.Decision, error] {
	return func(yield func(*consolepb.Decision, error) bool) {
		d.wait(ctx)
		yield(nil, ctx.Err())
	}
}

func (d *slowDecisions) Find(ctx context.Context, _ string) (*consolepb.Decision, error) {
	d.wait(ctx)
	return nil, ctx.Err()
}

func (d *slowDecisions) wait(ctx context.Context) {
	d.under.Add(1)
	defer d.under.Add(-1)
	<-ctx.Done()
}

// TestAttackManySearchesAtOnce: decisions are made by the processors that a
// viewer's searches would keep busy.
func TestAttackManySearchesAtOnce(t *testing.T) {
	t.Parallel()
	for name, filter := range map[string]*consolepb.DecisionFilter{"a search": {Search: "nothing"}, "a request": {RequestId: "nothing"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				made := new(slowDecisions)
				s := &Service{o: ServiceOptions{Decisions: made}, slow: newTurns(slowEach, slowAll)}
				ctx, leave := context.WithCancel(t.Context())
				left := make(chan error)
				begin := func(who string, n int) {
					for range n {
						go func() {
							_, err := s.ListDecisions(ctx, Actor{Role: RoleViewer, UserKey: who}, &consolepb.ListDecisionsRequest{Filter: filter})
							left <- err
						}()
					}
					synctest.Wait()
				}
				for _, one := range []struct {
					who  string
					want int64
				}{{"eve", slowEach}, {"bob", 2 * slowEach}, {"carol", slowAll}} {
					if begin(one.who, 20); made.under.Load() != one.want {
						t.Fatalf("after %s's: %d searches under way, want %d", one.who, made.under.Load(), one.want)
					}
				}
				leave()
				for range 60 {
					if err := <-left; !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
				}
				if len(s.slow.of) != 0 || len(s.slow.all) != 0 {
					t.Errorf("kept: %v", s.slow.of)
				}
			})
		})
	}
}

// TestAttackAFindWithoutEnd: a request that was never made is looked for in all
// that is recorded, and not for ever.
func TestAttackAFindWithoutEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Service{o: ServiceOptions{Decisions: new(slowDecisions)}, slow: newTurns(slowEach, slowAll)}
		req := &consolepb.ListDecisionsRequest{Filter: &consolepb.DecisionFilter{RequestId: "nothing"}}
		if _, err := s.ListDecisions(t.Context(), Actor{Role: RoleViewer}, req); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// TestAttackOnePersonFollowsInAllPlaces: there is room left for others.
func TestAttackOnePersonFollowsInAllPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		made := new(slowDecisions)
		s := &Service{o: ServiceOptions{Decisions: made}, following: newTurns(followEach, 0), followCheck: time.Second}
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 100)
		begin := func(a Actor) {
			again := func(context.Context) (Actor, error) { return a, nil }
			go func() {
				left <- s.FollowDecisions(ctx, a, nil, again, func(*consolepb.FollowDecisionsResponse) error { return nil })
			}()
		}
		for range 50 {
			begin(Actor{Role: RoleViewer, UserKey: "eve"})
		}
		synctest.Wait()
		if n := made.following(); n != followEach {
			t.Errorf("eve follows in %d places", n)
		}
		for len(left) > 0 {
			if err := <-left; !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
		}
		begin(Actor{Role: RoleManager, UserKey: "bob"})
		synctest.Wait()
		if n := made.following(); n != followEach+1 {
			t.Errorf("with Bob %d follow", n)
		}
		leave()
		synctest.Wait()
		if n := made.following(); n != 0 || len(s.following.of) != 0 {
			t.Errorf("%d follow still: %v", n, s.following.of)
		}
	})
}
