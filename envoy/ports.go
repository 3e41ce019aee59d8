package envoy

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// ProbePorts reports the first of addrs (host:port) that cannot be listened on,
// in a sentence for the person who wrote it.
//
// Envoy sets SO_REUSEPORT on its listeners, and with that a second program may
// bind a port in use and take part of its connections. A plain bind may not, so
// it tells what Envoy would hide. Addresses that our own Envoy already listens
// on must be left out.
func ProbePorts(addrs []string) error {
	for _, addr := range addrs {
		listener, err := net.Listen("tcp", addr)
		switch {
		case err == nil:
			listener.Close()
		case errors.Is(err, syscall.EADDRINUSE):
			return fmt.Errorf("the address %s is in use by another program: stop that program, or choose another port", addr)
		case errors.Is(err, syscall.EACCES):
			return fmt.Errorf("not allowed to listen on %s: ports below 1024 need root or the capability net_bind_service", addr)
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			return fmt.Errorf("cannot listen on %s: this machine does not have that address", addr)
		default:
			return fmt.Errorf("cannot listen on %s: %w", addr, err)
		}
	}
	return nil
}
