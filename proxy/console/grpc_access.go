package console

import (
	"context"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

type accessServer struct {
	consolepb.UnimplementedAccessServiceServer
	s *Service
}

func (g accessServer) ListAccessRequests(ctx context.Context, r *consolepb.ListAccessRequestsRequest) (*consolepb.ListAccessRequestsResponse, error) {
	return call(ctx, r, g.s.ListAccessRequests)
}

func (g accessServer) GetAccessRequest(ctx context.Context, r *consolepb.GetAccessRequestRequest) (*consolepb.GetAccessRequestResponse, error) {
	return call(ctx, r, g.s.GetAccessRequest)
}

func (g accessServer) ApproveAccessRequest(ctx context.Context, r *consolepb.ApproveAccessRequestRequest) (*consolepb.ApproveAccessRequestResponse, error) {
	return call(ctx, r, g.s.ApproveAccessRequest)
}

func (g accessServer) RefuseAccessRequest(ctx context.Context, r *consolepb.RefuseAccessRequestRequest) (*consolepb.RefuseAccessRequestResponse, error) {
	return call(ctx, r, g.s.RefuseAccessRequest)
}

func (g accessServer) ListGrants(ctx context.Context, r *consolepb.ListGrantsRequest) (*consolepb.ListGrantsResponse, error) {
	return call(ctx, r, g.s.ListGrants)
}

func (g accessServer) CreateGrant(ctx context.Context, r *consolepb.CreateGrantRequest) (*consolepb.CreateGrantResponse, error) {
	return call(ctx, r, g.s.CreateGrant)
}

func (g accessServer) EndGrant(ctx context.Context, r *consolepb.EndGrantRequest) (*consolepb.EndGrantResponse, error) {
	return call(ctx, r, g.s.EndGrant)
}

type accountServer struct {
	consolepb.UnimplementedServiceAccountServiceServer
	s *Service
}

func (g accountServer) ListServiceAccounts(ctx context.Context, r *consolepb.ListServiceAccountsRequest) (*consolepb.ListServiceAccountsResponse, error) {
	return call(ctx, r, g.s.ListServiceAccounts)
}

func (g accountServer) GetServiceAccount(ctx context.Context, r *consolepb.GetServiceAccountRequest) (*consolepb.GetServiceAccountResponse, error) {
	return call(ctx, r, g.s.GetServiceAccount)
}

func (g accountServer) CreateServiceAccount(ctx context.Context, r *consolepb.CreateServiceAccountRequest) (*consolepb.CreateServiceAccountResponse, error) {
	return call(ctx, r, g.s.CreateServiceAccount)
}

func (g accountServer) DeleteServiceAccount(ctx context.Context, r *consolepb.DeleteServiceAccountRequest) (*consolepb.DeleteServiceAccountResponse, error) {
	return call(ctx, r, g.s.DeleteServiceAccount)
}
