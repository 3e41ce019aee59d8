package console

import (
	"context"

	"google.golang.org/grpc"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

type decisionServer struct {
	consolepb.UnimplementedDecisionServiceServer
	s *Service
}

func (g decisionServer) ListDecisions(ctx context.Context, r *consolepb.ListDecisionsRequest) (*consolepb.ListDecisionsResponse, error) {
	return call(ctx, r, g.s.ListDecisions)
}

func (g decisionServer) FollowDecisions(r *consolepb.FollowDecisionsRequest, ss grpc.ServerStreamingServer[consolepb.FollowDecisionsResponse]) error {
	ctx := ss.Context()
	if err := g.s.FollowDecisions(ctx, actorOf(ctx), r, againOf(ctx), ss.Send); err != nil {
		return statusOf(err)
	}
	return nil
}
