package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/proxy/console"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// adminGRPC is where a running instance answers console.v1 to its administrator,
// beside adminSocket and as private.
func adminGRPC(cfg *config.Config) string { return filepath.Join(cfg.DataDir, "admin", "grpc") }

// serveAdminGRPC opens it. The folder has been made private by serveAdmin, unless
// the path of its own socket, which is the longer one, is too long.
func (h *house) serveAdminGRPC(ctx context.Context, g *errgroup.Group, cfg *config.Config) error {
	path := adminGRPC(cfg)
	if len(adminSocket(cfg)) > maxSocketPath {
		return nil // serveAdmin says so
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the old administrator's gRPC socket: %w", err)
	}
	server := h.consoleService.NewGRPC(operator, grpc.Creds(peerCredentials{}))
	if err := serveGRPC(ctx, g, server, path); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("make the administrator's gRPC socket private: %w", err)
	}
	return nil
}

// operator is who calls by that socket.
func operator(ctx context.Context) console.Actor {
	uid := -1
	if p, ok := peer.FromContext(ctx); ok {
		if info, ok := p.AuthInfo.(peerInfo); ok {
			uid = info.uid
		}
	}
	return console.Operator(uid, rand.Text())
}

// peerCredentials note which user's process has connected. They keep nobody out:
// the socket's mode does.
type peerCredentials struct{}

type peerInfo struct {
	credentials.CommonAuthInfo
	uid int // -1 where it is not known
}

// AuthType is that of credentials.AuthInfo.
func (peerInfo) AuthType() string { return "peer" }

// ServerHandshake is that of credentials.TransportCredentials.
func (peerCredentials) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return c, peerInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}, peerUID(c)}, nil
}

// ClientHandshake is that of credentials.TransportCredentials.
func (peerCredentials) ClientHandshake(_ context.Context, _ string, c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return c, peerInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}, -1}, nil
}

// Info is that of credentials.TransportCredentials.
func (peerCredentials) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "peer"}
}

// Clone is that of credentials.TransportCredentials.
func (p peerCredentials) Clone() credentials.TransportCredentials { return p }

// OverrideServerName is that of credentials.TransportCredentials.
func (peerCredentials) OverrideServerName(string) error { return nil }
