package console

import (
	"context"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

type sessionServer struct {
	consolepb.UnimplementedSessionServiceServer
	s *Service
}

func (g sessionServer) ListSessions(ctx context.Context, r *consolepb.ListSessionsRequest) (*consolepb.ListSessionsResponse, error) {
	return call(ctx, r, g.s.ListSessions)
}

func (g sessionServer) RevokeSession(ctx context.Context, r *consolepb.RevokeSessionRequest) (*consolepb.RevokeSessionResponse, error) {
	return call(ctx, r, g.s.RevokeSession)
}

func (g sessionServer) RevokeUserSessions(ctx context.Context, r *consolepb.RevokeUserSessionsRequest) (*consolepb.RevokeUserSessionsResponse, error) {
	return call(ctx, r, g.s.RevokeUserSessions)
}

func (g sessionServer) RevokeAllSessions(ctx context.Context, r *consolepb.RevokeAllSessionsRequest) (*consolepb.RevokeAllSessionsResponse, error) {
	return call(ctx, r, g.s.RevokeAllSessions)
}

type userServer struct {
	consolepb.UnimplementedUserServiceServer
	s *Service
}

func (g userServer) ListUsers(ctx context.Context, r *consolepb.ListUsersRequest) (*consolepb.ListUsersResponse, error) {
	return call(ctx, r, g.s.ListUsers)
}

func (g userServer) GetUser(ctx context.Context, r *consolepb.GetUserRequest) (*consolepb.GetUserResponse, error) {
	return call(ctx, r, g.s.GetUser)
}

func (g userServer) ListGroups(ctx context.Context, r *consolepb.ListGroupsRequest) (*consolepb.ListGroupsResponse, error) {
	return call(ctx, r, g.s.ListGroups)
}

func (g userServer) DisableUser(ctx context.Context, r *consolepb.DisableUserRequest) (*consolepb.DisableUserResponse, error) {
	return call(ctx, r, g.s.DisableUser)
}

func (g userServer) EnableUser(ctx context.Context, r *consolepb.EnableUserRequest) (*consolepb.EnableUserResponse, error) {
	return call(ctx, r, g.s.EnableUser)
}

type auditServer struct {
	consolepb.UnimplementedAuditServiceServer
	s *Service
}

func (g auditServer) ListAudit(ctx context.Context, r *consolepb.ListAuditRequest) (*consolepb.ListAuditResponse, error) {
	return call(ctx, r, g.s.ListAudit)
}

func (g auditServer) VerifyAudit(ctx context.Context, r *consolepb.VerifyAuditRequest) (*consolepb.VerifyAuditResponse, error) {
	return call(ctx, r, g.s.VerifyAudit)
}

type deviceServer struct {
	consolepb.UnimplementedDeviceServiceServer
	s *Service
}

func (g deviceServer) ListDevices(ctx context.Context, r *consolepb.ListDevicesRequest) (*consolepb.ListDevicesResponse, error) {
	return call(ctx, r, g.s.ListDevices)
}

func (g deviceServer) GetDevice(ctx context.Context, r *consolepb.GetDeviceRequest) (*consolepb.GetDeviceResponse, error) {
	return call(ctx, r, g.s.GetDevice)
}

func (g deviceServer) ApproveDevice(ctx context.Context, r *consolepb.ApproveDeviceRequest) (*consolepb.ApproveDeviceResponse, error) {
	return call(ctx, r, g.s.ApproveDevice)
}

func (g deviceServer) DisapproveDevice(ctx context.Context, r *consolepb.DisapproveDeviceRequest) (*consolepb.DisapproveDeviceResponse, error) {
	return call(ctx, r, g.s.DisapproveDevice)
}

func (g deviceServer) DeleteDevice(ctx context.Context, r *consolepb.DeleteDeviceRequest) (*consolepb.DeleteDeviceResponse, error) {
	return call(ctx, r, g.s.DeleteDevice)
}

func (g deviceServer) ListEnrollmentLinks(ctx context.Context, r *consolepb.ListEnrollmentLinksRequest) (*consolepb.ListEnrollmentLinksResponse, error) {
	return call(ctx, r, g.s.ListEnrollmentLinks)
}

func (g deviceServer) CreateEnrollmentLink(ctx context.Context, r *consolepb.CreateEnrollmentLinkRequest) (*consolepb.CreateEnrollmentLinkResponse, error) {
	return call(ctx, r, g.s.CreateEnrollmentLink)
}

func (g deviceServer) RevokeEnrollmentLink(ctx context.Context, r *consolepb.RevokeEnrollmentLinkRequest) (*consolepb.RevokeEnrollmentLinkResponse, error) {
	return call(ctx, r, g.s.RevokeEnrollmentLink)
}

type impersonationServer struct {
	consolepb.UnimplementedImpersonationServiceServer
	s *Service
}

func (g impersonationServer) StartImpersonation(ctx context.Context, r *consolepb.StartImpersonationRequest) (*consolepb.StartImpersonationResponse, error) {
	return call(ctx, r, g.s.StartImpersonation)
}

func (g impersonationServer) StopImpersonation(ctx context.Context, r *consolepb.StopImpersonationRequest) (*consolepb.StopImpersonationResponse, error) {
	return call(ctx, r, g.s.StopImpersonation)
}
