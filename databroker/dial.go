package databroker

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
)

// DialOptions returns how a client's connection should behave: try again
// within a second of a lost broker, where gRPC by itself would come to wait
// two minutes, and notice a peer that vanished. Credentials are the caller's
// to add.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second,
			},
			MinConnectTimeout: 5 * time.Second,
		}),
		// A peer that vanished without a goodbye leaves calls that time out one
		// by one on a connection that looks alive. Pings are sent only when a
		// watch is silent for so long, which no server in order is: no server
		// needs to be told to take them.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
	}
}
