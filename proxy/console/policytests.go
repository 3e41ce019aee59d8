package console

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// ListPolicyTests is RouteService.ListPolicyTests.
func (s *Service) ListPolicyTests(ctx context.Context, a Actor, r *consolepb.ListPolicyTestsRequest) (*consolepb.ListPolicyTestsResponse, error) {
	if err := s.may(a, "ListPolicyTests"); err != nil {
		return nil, err
	}
	search, err := searchText(r.GetSearch())
	if err != nil {
		return nil, err
	}
	at := map[*consolepb.PolicyTest]int64{} // its place among all
	l, err := newListing(r.GetPage(),
		order[consolepb.PolicyTest]{"result", func(t *consolepb.PolicyTest) place { return place{Number: at[t]} }, false},
		order[consolepb.PolicyTest]{"subject", func(t *consolepb.PolicyTest) place {
			return place{Text: sortText(t.Subject), ID: fmt.Sprintf("%09d", at[t])}
		}, false})
	if err != nil {
		return nil, err
	}
	all, err := s.o.Configuration.PolicyTests(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all.Tests, func(a, b *consolepb.PolicyTest) int {
		if a.Problem == "" != (b.Problem == "") {
			return cmp.Compare(b.Problem, a.Problem) // what failed comes first
		}
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	for i, t := range all.Tests {
		at[t] = int64(i)
		if (t.Problem != "" || !r.GetFailed()) && matchTest(t, search) {
			l.add(t)
		}
	}
	all.Tests, all.Page = l.page()
	return all, nil
}

func matchTest(t *consolepb.PolicyTest, search string) bool {
	return strings.Contains(strings.ToLower(t.Name+"\n"+t.File+"\n"+t.Subject), search)
}
