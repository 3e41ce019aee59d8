package console

import (
	"context"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

type explainServer struct {
	consolepb.UnimplementedExplainServiceServer
	s *Service
}

func (g explainServer) ExplainDecision(ctx context.Context, r *consolepb.ExplainDecisionRequest) (*consolepb.ExplainDecisionResponse, error) {
	return call(ctx, r, g.s.ExplainDecision)
}

func (g explainServer) ExplainRequest(ctx context.Context, r *consolepb.ExplainRequestRequest) (*consolepb.ExplainRequestResponse, error) {
	return call(ctx, r, g.s.ExplainRequest)
}
