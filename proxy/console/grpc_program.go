package console

import (
	"context"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

type routeServer struct {
	consolepb.UnimplementedRouteServiceServer
	s *Service
}

func (g routeServer) ListRoutes(ctx context.Context, r *consolepb.ListRoutesRequest) (*consolepb.ListRoutesResponse, error) {
	return call(ctx, r, g.s.ListRoutes)
}

func (g routeServer) GetRoute(ctx context.Context, r *consolepb.GetRouteRequest) (*consolepb.GetRouteResponse, error) {
	return call(ctx, r, g.s.GetRoute)
}

func (g routeServer) ListPolicyTests(ctx context.Context, r *consolepb.ListPolicyTestsRequest) (*consolepb.ListPolicyTestsResponse, error) {
	return call(ctx, r, g.s.ListPolicyTests)
}

type statusServer struct {
	consolepb.UnimplementedStatusServiceServer
	s *Service
}

func (g statusServer) GetStatus(ctx context.Context, r *consolepb.GetStatusRequest) (*consolepb.GetStatusResponse, error) {
	return call(ctx, r, g.s.GetStatus)
}

func (g statusServer) GetActivity(ctx context.Context, r *consolepb.GetActivityRequest) (*consolepb.GetActivityResponse, error) {
	return call(ctx, r, g.s.GetActivity)
}

type replayServer struct {
	consolepb.UnimplementedReplayServiceServer
	s *Service
}

func (g replayServer) ReplayConfig(ctx context.Context, r *consolepb.ReplayConfigRequest) (*consolepb.ReplayConfigResponse, error) {
	return call(ctx, r, g.s.ReplayConfig)
}
