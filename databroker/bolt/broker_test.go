package bolt_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/databroker/bolt"
)

// serve runs the whole databroker on the file, as the program does: gRPC over
// a unix socket. The returned function stops it and closes the file.
func serve(t *testing.T, file string, secret []byte) (*databroker.Client, func(), error) {
	t.Helper()
	store := open(t, bolt.Options{Path: file})
	server, err := databroker.NewServer(t.Context(), databroker.ServerOptions{Store: store, Secret: secret, Log: zerolog.Nop()})
	if err != nil {
		_ = store.Close()
		return nil, nil, err
	}
	socket := filepath.Join(t.TempDir(), "b.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	server.Register(g)
	done := make(chan struct{})
	go func() { defer close(done); _ = g.Serve(listener) }()
	conn, err := grpc.NewClient("unix://"+socket, append(databroker.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	client, err := databroker.NewClient(databroker.ClientOptions{Conn: conn, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	return client, func() {
		_ = conn.Close()
		g.Stop()
		<-done
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}, nil
}

func TestSessionsOutliveTheProgramAndTheFileHidesThem(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	secret := []byte("0123456789abcdef0123456789abcdef")
	client, stop, err := serve(t, file, secret)
	if err != nil {
		t.Fatal(err)
	}
	s := &databroker.Session{
		ID: "recognisable-id", UserID: "recognisable-user", IDPID: "idp", ExpiresAt: time.Now().Add(time.Hour),
		RefreshToken: databroker.NewSecret("recognisable-token"),
		Claims:       map[string]any{"email": "recognisable@example.com"},
	}
	if err := client.PutSession(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	stop()

	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range [][]byte{[]byte("recognisable"), []byte("session"), secret} {
		if bytes.Contains(raw, plain) {
			t.Errorf("the file holds %q", plain)
		}
	}
	if _, _, err := serve(t, file, []byte("another secret of thirty-two byte")); !errors.Is(err, databroker.ErrOtherKey) {
		t.Errorf("started with another secret: %v, want ErrOtherKey", err)
	}
	client, stop, err = serve(t, file, secret)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	got, err := client.Session(t.Context(), s.ID)
	if err != nil || got.Version != 1 || got.RefreshToken.Reveal() != "recognisable-token" {
		t.Errorf("Session after the restart = %v, %v", got, err)
	}
}
