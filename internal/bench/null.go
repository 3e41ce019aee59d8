package main

import (
	"context"
	"fmt"
	"net"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
)

// modeNull makes this program the service that always says yes.
const modeNull = "serve-null"

// A null is an authorization service that does no work: the floor of every
// design in which Envoy asks somebody.
type null struct {
	authv3.UnimplementedAuthorizationServer
	yes *authv3.CheckResponse
}

// Check says yes.
func (n *null) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return n.yes, nil
}

// serveNull says yes on the unix socket at path until ctx ends.
func serveNull(ctx context.Context, path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := grpc.NewServer(grpc.MaxConcurrentStreams(1 << 16))
	authv3.RegisterAuthorizationServer(server, &null{yes: &authv3.CheckResponse{
		Status:       &status.Status{},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}},
	}})
	defer context.AfterFunc(ctx, server.Stop)()
	if err := server.Serve(l); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
