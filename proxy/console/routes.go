package console

import (
	"context"
	"slices"
	"strings"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// Configuration is what is in force, and what could be.
type Configuration interface {
	// Routes are those in force, in the order in which they are tried. They belong
	// to the reader.
	Routes(ctx context.Context) ([]*consolepb.Route, error)
	// Route returns ErrNotFound for an id that no route has.
	Route(ctx context.Context, id string) (*consolepb.GetRouteResponse, error)
	// PolicyTests runs the tests beside the policies in force, all of them, in no
	// order. The answer belongs to the reader.
	PolicyTests(ctx context.Context) (*consolepb.ListPolicyTestsResponse, error)
	// Replay decides recorded requests again by the configuration text, which is
	// not kept and reads no file. What is wrong with it is part of the answer.
	Replay(ctx context.Context, r *consolepb.ReplayConfigRequest) (*consolepb.ReplayConfigResponse, error)
}

// ListRoutes is RouteService.ListRoutes.
func (s *Service) ListRoutes(ctx context.Context, a Actor, r *consolepb.ListRoutesRequest) (*consolepb.ListRoutesResponse, error) {
	if err := s.may(a, "ListRoutes"); err != nil {
		return nil, err
	}
	search, err := searchText(r.GetSearch())
	if err != nil {
		return nil, err
	}
	by := func(number func(*consolepb.Route) int64) func(*consolepb.Route) place {
		return func(r *consolepb.Route) place { return place{Number: number(r), ID: r.Id} }
	}
	l, err := newListing(r.GetPage(),
		order[consolepb.Route]{"position", by(func(r *consolepb.Route) int64 { return int64(r.Position) }), false},
		order[consolepb.Route]{"from", func(r *consolepb.Route) place { return place{Text: sortText(r.From), ID: r.Id} }, false},
		order[consolepb.Route]{"rules", by(func(r *consolepb.Route) int64 { return int64(r.Rules) }), true},
		order[consolepb.Route]{"shadow", by(func(r *consolepb.Route) int64 { return int64(r.ShadowDisagreements) }), true})
	if err != nil {
		return nil, err
	}
	all, err := s.o.Configuration.Routes(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if matchRoute(one, search, r.GetPolicy()) {
			l.add(one)
		}
	}
	out := &consolepb.ListRoutesResponse{}
	out.Routes, out.Page = l.page()
	return out, nil
}

func matchRoute(r *consolepb.Route, search, policy string) bool {
	if policy != "" && !slices.Contains(r.Policies, policy) {
		return false
	}
	return slices.ContainsFunc(append([]string{r.From, r.Name, r.Description}, r.Policies...), func(s string) bool {
		return strings.Contains(strings.ToLower(s), search)
	})
}

// GetRoute is RouteService.GetRoute.
func (s *Service) GetRoute(ctx context.Context, a Actor, r *consolepb.GetRouteRequest) (*consolepb.GetRouteResponse, error) {
	if err := s.may(a, "GetRoute"); err != nil {
		return nil, err
	}
	done, err := s.slow.take(ctx, a)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, explainPatience)
	defer cancel()
	return s.o.Configuration.Route(ctx, r.GetId())
}
