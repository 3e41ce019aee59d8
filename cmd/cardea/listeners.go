package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/cardea-proxy/cardea/envoy/xds"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

// sockets are the private sockets of one run. The folder is ours alone (0700),
// which is what keeps other users of the machine out of them.
type sockets struct {
	dir    string
	broker string
	xds.Sockets
}

// testSockets stand in where nothing is served.
var testSockets = xds.Sockets{Control: "/run/cardea/control.sock", Leash: "/run/cardea/leash.sock", HTTP: "/run/cardea/http.sock", Verify: "/run/cardea/verify.sock", Console: "/run/cardea/console.sock"}

// newSockets makes the folder. It lies in the system's temporary folder: paths
// of unix sockets are short (108 bytes), and a data folder may be deep.
func newSockets() (*sockets, error) {
	dir, err := os.MkdirTemp("", "cardea-")
	if err != nil {
		return nil, fmt.Errorf("make the folder for sockets: %w", err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	return &sockets{
		dir: dir, broker: in("broker.sock"),
		Sockets: xds.Sockets{Control: in("control.sock"), Leash: in("leash.sock"), HTTP: in("http.sock"), Verify: in("verify.sock"), Console: in("console.sock")},
	}, nil
}

func (s *sockets) remove() { _ = os.RemoveAll(s.dir) } // temporary files; nothing depends on it

// serveGRPC serves until ctx ends.
func serveGRPC(ctx context.Context, g *errgroup.Group, server *grpc.Server, path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	g.Go(func() error {
		<-ctx.Done()
		server.Stop() // watches never end by themselves
		return nil
	})
	g.Go(func() error { return server.Serve(l) })
	return nil
}

// serveHTTP serves HTTP/1.1 until ctx ends, then finishes what is under way.
func serveHTTP(ctx context.Context, g *errgroup.Group, handler http.Handler, network, address string) error {
	return serveProtocols(ctx, g, handler, network, address, nil)
}

// serveProtocols is serveHTTP for other protocols; nil is HTTP/1.1.
func serveProtocols(ctx context.Context, g *errgroup.Group, handler http.Handler, network, address string, protocols *http.Protocols) error {
	l, err := net.Listen(network, address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 256 << 10,
		Protocols:   protocols,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	g.Go(func() error {
		<-ctx.Done()
		// The requests under way get a moment; Envoy has drained before.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(last) != nil {
			return server.Close()
		}
		return nil
	})
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

// awaitListening connects until somebody accepts. Envoy says that it is ready a
// moment before its workers listen, and who is told to come should find the door
// open.
func awaitListening(ctx context.Context, address string) error {
	if _, port, err := net.SplitHostPort(address); err != nil || port == "0" {
		return nil // there is none, or it is any port, known to Envoy alone
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		// Without a host, or with that of every address, this machine is meant.
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("envoy does not listen on %s: %w", address, err)
		}
	}
}
