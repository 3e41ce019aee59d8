package console

import (
	"context"
	"errors"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
)

type actorKey struct{}

// withActor is the door by which who acts comes to a gRPC method: the Service
// itself takes nobody from a context.
func withActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// actorOf is the zero Actor, who may do nothing, where nobody was settled.
func actorOf(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}

type againKey struct{}

// withAgain is the same door for streams: how it is found out later whether who
// acts still may.
func withAgain(ctx context.Context, again Again) context.Context {
	return context.WithValue(ctx, againKey{}, again)
}

// againOf knows nobody where nothing was said.
func againOf(ctx context.Context) Again {
	if again, ok := ctx.Value(againKey{}).(Again); ok {
		return again
	}
	return func(context.Context) (Actor, error) { return Actor{}, ErrNobody }
}

// newGRPC returns a server of console.v1 with reflection. o settle who acts,
// for calls that do not come by ServeHTTP.
func (s *Service) newGRPC(o ...grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(o...)
	consolepb.RegisterSessionServiceServer(server, sessionServer{s: s})
	consolepb.RegisterUserServiceServer(server, userServer{s: s})
	consolepb.RegisterImpersonationServiceServer(server, impersonationServer{s: s})
	consolepb.RegisterAuditServiceServer(server, auditServer{s: s})
	consolepb.RegisterDeviceServiceServer(server, deviceServer{s: s})
	consolepb.RegisterAccessServiceServer(server, accessServer{s: s})
	consolepb.RegisterServiceAccountServiceServer(server, accountServer{s: s})
	consolepb.RegisterDecisionServiceServer(server, decisionServer{s: s})
	consolepb.RegisterExplainServiceServer(server, explainServer{s: s})
	consolepb.RegisterRouteServiceServer(server, routeServer{s: s})
	consolepb.RegisterStatusServiceServer(server, statusServer{s: s})
	consolepb.RegisterReplayServiceServer(server, replayServer{s: s})
	reflection.Register(server)
	return server
}

// NewGRPC returns a server of console.v1 on which everybody who may connect is
// who settle says.
func (s *Service) NewGRPC(settle func(context.Context) Actor, o ...grpc.ServerOption) *grpc.Server {
	return s.newGRPC(append(o,
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			return next(withActor(ctx, settle(ctx)), req)
		}),
		grpc.ChainStreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			again := Again(func(ctx context.Context) (Actor, error) { return settle(ctx), nil })
			return next(srv, actingStream{ss, withAgain(withActor(ss.Context(), settle(ss.Context())), again)})
		}))...)
}

type actingStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s actingStream) Context() context.Context { return s.ctx }

// call is one gRPC method: who acts from the context, errors in the words of
// gRPC.
func call[Req, Resp any](ctx context.Context, req *Req, do func(context.Context, Actor, *Req) (*Resp, error)) (*Resp, error) {
	out, err := do(ctx, actorOf(ctx), req)
	if err != nil {
		return nil, statusOf(err)
	}
	return out, nil
}

// statusOf is the one table of what callers are told of errors. What is not in
// it is our fault and says nothing.
func statusOf(err error) error {
	var invalid *Invalid
	var conflict *Conflict
	switch {
	case errors.Is(err, ErrForbidden), errors.Is(err, ErrNobody):
		return status.Error(codes.PermissionDenied, "the role does not reach that far")
	case errors.Is(err, ErrNotFound):
		return status.Error(codes.NotFound, "not there, or not any more")
	case errors.As(err, &conflict):
		return status.Error(codes.FailedPrecondition, conflict.Why)
	case errors.As(err, &invalid):
		st := status.New(codes.InvalidArgument, invalid.Error())
		full, detailErr := st.WithDetails(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: invalid.Field, Description: invalid.Want},
		}})
		if detailErr != nil {
			return st.Err()
		}
		return full.Err()
	case errors.Is(err, ErrUnavailable):
		return status.Error(codes.Unavailable, "the records or the audit cannot be reached; nothing was changed")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	}
	return status.Error(codes.Internal, "internal error")
}
